/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows.c - see rows.h.  The maps change while they are read: what is read of each
 * key is as of its reading.
 */
#include "bpf/rows.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"

struct reading {
	const struct table *t;
	uint32_t n, room;
	char	*rows;
};

static bool more_room(struct reading *r)
{
	uint32_t room = r->room ? 2 * r->room : r->t->ngone + 64;
	char *rows;

	if (r->n < r->room)
		return true;
	rows = realloc(r->rows, room * (r->t->key + r->t->val));
	if (!rows)
		return false;
	r->rows = rows;
	r->room = room;
	return true;
}

/* Rows of the map, behind those of processes that are gone. */
static void *read_all(struct session *s, enum table_kind kind, uint32_t *ret_n)
{
	struct reading r = { .t = &s->table[kind] };
	size_t each = r.t->key + r.t->val;
	uint64_t last[8];
	bool first = true;

	*ret_n = 0;
	while (more_room(&r)) {
		char *row = r.rows + r.n * each;

		if (first && r.t->ngone) {
			memcpy(r.rows, r.t->gone, r.t->ngone * each);
			r.n = r.t->ngone;
			row += r.n * each;
		}
		if (bpf_map_get_next_key(r.t->fd, first ? NULL : last, row)) {
			*ret_n = r.n;
			return r.rows;
		}
		memcpy(last, row, r.t->key);
		first = false;
		if (!bpf_map_lookup_elem(r.t->fd, row, row + r.t->key))
			r.n++;
	}
	free(r.rows);
	return NULL;
}

struct agg_row *rows_agg(struct session *s, uint32_t *ret_n)
{
	struct agg_row *rows = read_all(s, TABLE_AGG, ret_n);
	uint32_t n = 0;

	for (uint32_t i = 0; i < *ret_n; i++)
		if (rows[i].key.probe != P_selftest)
			rows[n++] = rows[i];
	*ret_n = n;
	return rows;
}

struct lock_row *rows_locks(struct session *s, uint32_t *ret_n)
{
	return read_all(s, TABLE_LOCKS, ret_n);
}

struct free_row *rows_frees(struct session *s, uint32_t *ret_n)
{
	return read_all(s, TABLE_FREES, ret_n);
}

struct stack_row *rows_stacks(struct session *s, uint32_t *ret_n)
{
	struct stack_row *rows = read_all(s, TABLE_STACKS, ret_n);
	uint32_t n = 0;

	for (uint32_t i = 0; i < *ret_n; i++)
		if (rows[i].key.probe != P_selftest)
			rows[n++] = rows[i];
	*ret_n = n;
	return rows;
}

bool rows_stack(struct session *s, uint64_t key, struct stack *ret_stack)
{
	return !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.stacks), &key,
				    ret_stack);
}
