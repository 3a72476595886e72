/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist.c - `mheap-trace hist`: how long each slow path took, by powers of two of
 * nanoseconds; for each probe, class and level, of all processes or of each.
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

#define BAR	40

static void print_title(struct session *s, const struct agg_row *r)
{
	const struct agg_key *k = &r->key;

	printf("\n%s", probe_names[k->probe].name);
	if (sub_name(k->probe, k->sub).s[0])
		printf(", %s", sub_name(k->probe, k->sub).s);
	if (k->level)
		printf(", from %s", level_name(k->level));
	if (k->tgid)
		printf(", %s", proc_text(s, k->tgid, 15).s);
	printf(": %" PRIu64 " times", r->val.count);
	if (r->val.errors)
		printf(", %" PRIu64 " failed", r->val.errors);
	printf(", mean %s, p99 < %s, longest %s\n",
	       ns_text(r->val.sum_ns / (r->val.count ? r->val.count : 1)).s,
	       ns_text(agg_quantile(&r->val, .99) + 1).s,
	       ns_text(r->val.max_ns).s);
}

static void print_slots(const struct agg *a)
{
	uint64_t most = 1;
	int first = HIST_SLOTS, last = 0;

	for (int i = 0; i < HIST_SLOTS; i++) {
		if (!a->hist[i])
			continue;
		first = i < first ? i : first;
		last = i;
		most = a->hist[i] > most ? a->hist[i] : most;
	}
	for (int i = first; i <= last; i++) {
		int len = (int)(a->hist[i] * BAR / most);

		printf("%9s .. %-9s %10" PRIu64 " |%.*s%*s|\n",
		       ns_text(i ? 1ULL << i : 0).s,
		       ns_text(agg_slot_end(a, i)).s,
		       a->hist[i], len,
		       "########################################", BAR - len,
		       "");
	}
}

static void json_row(struct session *s, const struct agg_row *r)
{
	struct json_object *o = json_new(), *list, *slot;
	const struct agg_key *k = &r->key;

	json_text(o, "type", "hist", 8);
	json_text(o, "probe", probe_names[k->probe].name, 32);
	if (probe_at[k->probe].class) {
		json_u64(o, "class", k->sub);
		json_text(o, "lifetime", class_life(k->sub), 8);
		json_u64(o, "size", class_size(k->sub));
	} else if (probe_at[k->probe].op) {
		json_text(o, "op", op_name(k->sub), 16);
	} else if (probe_at[k->probe].chan) {
		json_u64(o, "channel", k->sub >> 1);
		json_text(o, "waiter", k->sub & 1 ? "receiver" : "sender", 16);
	}
	json_u64(o, "level", k->level);
	if (k->tgid)
		proc_json(o, "pid", "command", s, k->tgid);
	json_u64(o, "count", r->val.count);
	json_u64(o, "objects", r->val.nobj);
	json_u64(o, "errors", r->val.errors);
	json_u64(o, "sum_ns", r->val.sum_ns);
	json_u64(o, "wait_ns", r->val.wait_ns);
	json_u64(o, "max_ns", r->val.max_ns);
	list = json_list(o, "hist");
	for (int i = 0; i < HIST_SLOTS; i++) {
		if (!r->val.hist[i])
			continue;
		slot = json_item(list);
		json_u64(slot, "from_ns", i ? 1ULL << i : 0);
		json_u64(slot, "count", r->val.hist[i]);
	}
	json_print(o);
}

static int show(struct session *s, void *arg)
{
	const struct options *o = s->o;
	uint32_t n;
	struct agg_row *rows = rows_agg(s, &n);

	(void)arg;
	if (!rows)
		return refuse(EXIT_FAULT, "out of memory");
	n = rows_fold(rows, n, o->by_process, true);
	for (uint32_t i = 0; i < n; i++) {
		if (o->json) {
			json_row(s, &rows[i]);
			continue;
		}
		print_title(s, &rows[i]);
		print_slots(&rows[i].val);
	}
	if (!n && !o->json)
		puts("nothing was seen");
	fflush(stdout);
	free(rows);
	return 0;
}

int trace_hist(const struct options *o)
{
	return session_whole(o, WISH_TIMES, o->interval_s > 0 ? show : NULL, show, NULL);
}
