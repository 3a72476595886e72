/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locks.c - `mheap-trace locks`: which lock was contended, who waited and how
 * long, and who held it.  A stripe is never waited for: who finds it busy takes
 * the next one; so it shows as passed, with the tries.  What is waited for is a class
 * of the process itself: who held it is one of its threads, by the number that the
 * process calls it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"
#include "shm/probe_ids.h"
#include "tools/json.h"
#include "tools/say.h"

#define COMMAND	15	/* bytes of one, at most */

static uint64_t weight(const struct options *o, const struct lock_row *r)
{
	return o->by == BY_COUNT ? r->val.count : r->val.sum_ns;
}

static const struct options *sort_for;

static int heavier(const void *a, const void *b)
{
	const struct lock_row *x = a, *y = b;
	uint64_t wx = weight(sort_for, x), wy = weight(sort_for, y);

	if (wx != wy)
		return wx > wy ? -1 : 1;
	if (x->val.count != y->val.count)
		return x->val.count > y->val.count ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static bool own_thread(const struct lock_key *k)
{
	return lock_kind(k->lock) == LOCK_CLASS && !(k->owner & PID_ENDED);
}

static struct name holder_text(struct session *s, const struct lock_key *k)
{
	struct name n = { "-" };

	if (k->owner && !own_thread(k))
		return proc_told(s, k->tgid, k->owner, COMMAND);
	if (k->owner)
		snprintf(n.s, sizeof(n.s), "%.*s[%u]", COMMAND,
			 name_cut(proc_name(s, k->tgid), COMMAND).s, k->owner);
	return n;
}

static void print_row(struct session *s, const struct lock_row *r)
{
	printf("%-28s %-23s %-23s %9" PRIu64 " %9" PRIu64 " %9s %9s %9s\n",
	       lock_name(r->key.lock).s, proc_text(s, r->key.tgid, COMMAND).s,
	       holder_text(s, &r->key).s, r->val.count, r->val.passed,
	       ns_text(r->val.count ? r->val.sum_ns / r->val.count : 0).s,
	       ns_text(r->val.max_ns).s, ns_text(r->val.sum_ns).s);
}

static void json_row(struct session *s, const struct lock_row *r)
{
	struct json_object *o = json_new();

	json_text(o, "type", "lock", 8);
	json_text(o, "lock", lock_name(r->key.lock).s, 40);
	json_u64(o, "lock_id", r->key.lock);
	proc_json(o, "pid", "command", s, r->key.tgid);
	proc_json(o, "holder", !own_thread(&r->key) &&
		  proc_sure(s, r->key.tgid, r->key.owner) ?
		  "holder_command" : NULL, s, r->key.owner);
	if (r->key.owner && own_thread(&r->key))
		json_text(o, "holder_command", proc_name(s, r->key.tgid).s, 40);
	json_u64(o, "count", r->val.count);
	json_u64(o, "passed", r->val.passed);
	json_u64(o, "tries", r->val.tries);
	json_u64(o, "wait_ns", r->val.sum_ns);
	json_u64(o, "max_ns", r->val.max_ns);
	json_print(o);
}

static int show(struct session *s, void *arg)
{
	const struct options *o = s->o;
	uint32_t n;
	struct lock_row *rows = rows_locks(s, &n);

	(void)arg;
	if (!rows)
		return refuse(EXIT_FAULT, "out of memory");
	sort_for = o;
	qsort(rows, n, sizeof(*rows), heavier);
	if (!o->json)
		printf("%-28s %-23s %-23s %9s %9s %9s %9s %9s\n", "LOCK",
		       "WHO WAITED", "WHO HELD IT", "TIMES", "PASSED", "MEAN",
		       "LONGEST", "TOTAL");
	for (uint32_t i = 0; i < n && i < o->rows; i++)
		(o->json ? json_row : print_row)(s, &rows[i]);
	fflush(stdout);
	free(rows);
	return 0;
}

int trace_locks(const struct options *o)
{
	return session_whole(o, WISH_LOCKS, o->interval_s > 0 ? show : NULL, show, NULL);
}
