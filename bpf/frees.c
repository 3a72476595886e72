/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frees.c - `mheap-trace frees`: who frees whose objects.  A matrix: who freed in
 * its rows, whose spans they were of in its columns; or a line for each pair and
 * class.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"
#include "tools/json.h"
#include "tools/say.h"

#define COLUMNS	10
#define COMMAND	12	/* bytes of one, at most */

/* The processes of one side, those with most objects first; who told of each. */
struct side {
	uint32_t pid[COLUMNS], by[COLUMNS];
	uint64_t nobj[COLUMNS];
	uint32_t n, all;
};

static int by_pair(const void *a, const void *b)
{
	return memcmp(&((const struct free_row *)a)->key,
		      &((const struct free_row *)b)->key,
		      sizeof(struct free_key));
}

static int by_objects(const void *a, const void *b)
{
	const struct free_row *x = a, *y = b;

	if (x->val.nobj != y->val.nobj)
		return x->val.nobj > y->val.nobj ? -1 : 1;
	return by_pair(a, b);
}

static struct name owner_text(struct session *s, uint32_t by, uint32_t owner)
{
	struct name unknown = { "unknown" };

	return owner ? proc_told(s, by, owner, COMMAND) : unknown;
}

/* Rows whose keys differ in what isn't told apart become one. */
static uint32_t fold_rows(const struct options *o, struct free_row *rows,
			  uint32_t n)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < n && !o->by_class; i++)
		rows[i].key.class = 0;
	qsort(rows, n, sizeof(*rows), by_pair);
	for (uint32_t i = 0; i < n; i++) {
		if (out && !by_pair(&rows[out - 1], &rows[i])) {
			rows[out - 1].val.calls += rows[i].val.calls;
			rows[out - 1].val.nobj += rows[i].val.nobj;
		} else {
			rows[out++] = rows[i];
		}
	}
	qsort(rows, out, sizeof(*rows), by_objects);
	return out;
}

static void side_add(struct side *d, uint32_t by, uint32_t pid, uint64_t nobj)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->pid[i] == pid) {
			d->nobj[i] += nobj;
			return;
		}
	d->all++;
	if (d->n == COLUMNS)
		return;
	d->pid[d->n] = pid;
	d->by[d->n] = by;
	d->nobj[d->n++] = nobj;
}

static uint64_t cell(const struct free_row *rows, uint32_t n, uint32_t freer,
		     uint32_t owner)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		if (rows[i].key.tgid == freer && rows[i].key.owner == owner)
			sum += rows[i].val.nobj;
	return sum;
}

static void print_matrix(struct session *s, const struct free_row *rows,
			 uint32_t n)
{
	struct side freer = { .n = 0 }, owner = { .n = 0 };

	for (uint32_t i = 0; i < n; i++) {
		side_add(&freer, 0, rows[i].key.tgid, rows[i].val.nobj);
		side_add(&owner, rows[i].key.tgid, rows[i].key.owner,
			 rows[i].val.nobj);
	}
	printf("%-21s", "WHO FREED / WHOSE");
	for (uint32_t j = 0; j < owner.n; j++)
		printf(" %20s", owner_text(s, owner.by[j], owner.pid[j]).s);
	putchar('\n');
	for (uint32_t i = 0; i < freer.n && i < s->o->rows; i++) {
		printf("%-21s", proc_text(s, freer.pid[i], COMMAND).s);
		for (uint32_t j = 0; j < owner.n; j++)
			printf(" %20" PRIu64, cell(rows, n, freer.pid[i],
						   owner.pid[j]));
		putchar('\n');
	}
	if (freer.all > freer.n || owner.all > owner.n)
		printf("more processes than this shows: --by-class or --json "
		       "lists them all\n");
}

static void print_lines(struct session *s, const struct free_row *rows,
			uint32_t n)
{
	printf("%-21s %-21s %-16s %12s %12s\n", "WHO FREED", "WHOSE", "CLASS",
	       "OBJECTS", "FREES");
	for (uint32_t i = 0; i < n && i < s->o->rows; i++)
		printf("%-21s %-21s %-16s %12" PRIu64 " %12" PRIu64 "\n",
		       proc_text(s, rows[i].key.tgid, COMMAND).s,
		       owner_text(s, rows[i].key.tgid, rows[i].key.owner).s,
		       class_name(rows[i].key.class).s, rows[i].val.nobj,
		       rows[i].val.calls);
}

static void json_row(struct session *s, const struct free_row *r)
{
	struct json_object *o = json_new();

	json_text(o, "type", "free", 8);
	proc_json(o, "pid", "command", s, r->key.tgid);
	proc_json(o, "owner", proc_sure(s, r->key.tgid, r->key.owner) ?
		  "owner_command" : NULL, s, r->key.owner);
	json_u64(o, "class", r->key.class);
	json_text(o, "lifetime", class_life(r->key.class), 8);
	json_u64(o, "size", class_size(r->key.class));
	json_u64(o, "objects", r->val.nobj);
	json_u64(o, "frees", r->val.calls);
	json_print(o);
}

static int show(struct session *s, void *arg)
{
	struct options o = *s->o;
	uint32_t n;
	struct free_row *rows = rows_frees(s, &n);

	(void)arg;
	if (!rows)
		return refuse(EXIT_FAULT, "out of memory");
	o.by_class |= o.json;
	n = fold_rows(&o, rows, n);
	for (uint32_t i = 0; i < n && i < o.rows && o.json; i++)
		json_row(s, &rows[i]);
	if (!n && !o.json)
		puts("nobody freed another's objects");
	else if (!o.json)
		(o.by_class ? print_lines : print_matrix)(s, rows, n);
	fflush(stdout);
	free(rows);
	return 0;
}

int trace_frees(const struct options *o)
{
	return session_whole(o, WISH_FREES, o->interval_s > 0 ? show : NULL, show, NULL);
}
