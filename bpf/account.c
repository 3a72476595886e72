/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - what a session saw and what it lost:
 *
 *	hits = filtered + kept;  events wished for: kept = sent + ring full
 *
 * Histograms and tables lack only what map_full says, and stacks what stack_lost
 * says.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/names.h"
#include "bpf/session.h"
#include "tools/json.h"

static void add_probe(struct session *s, uint32_t probe, struct counts *sum)
{
	int n = libbpf_num_possible_cpus();
	struct counts *c = calloc((size_t)n, sizeof(*c));

	if (c && !bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.counts), &probe,
				      c))
		for (int i = 0; i < n; i++) {
			sum->hits += c[i].hits;
			sum->filtered += c[i].filtered;
			sum->sent += c[i].sent;
			sum->ring_full += c[i].ring_full;
			sum->map_full += c[i].map_full;
			sum->stack_lost += c[i].stack_lost;
			sum->seq += c[i].seq;
		}
	free(c);
}

static void ask_kernel(struct session *s, struct account *a)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(s->skel->progs.on_probe),
				   &info, &len))
		return;
	a->misses = info.recursion_misses;
	a->run_ns = info.run_time_ns;
	a->runs = info.run_cnt;
}

void session_account(struct session *s, struct account *ret_a)
{
	*ret_a = (struct account){ .ns = now_ns() - s->began_ns };
	for (uint32_t p = P_none + 1; p < P_COUNT; p++)
		if (p != P_selftest)
			add_probe(s, p, &ret_a->n);
	pthread_mutex_lock(&s->lock);
	ret_a->n.map_full += s->untold;
	pthread_mutex_unlock(&s->lock);
	ask_kernel(s, ret_a);
	ret_a->lossy = ret_a->n.ring_full || ret_a->n.map_full ||
		       ret_a->n.stack_lost || ret_a->misses;
}

/* Share of one CPU that the hits took. */
static double cost(const struct session *s, const struct account *a)
{
	return a->ns ? (double)a->n.hits * (double)s->hit_ns / (double)a->ns : 0;
}

static void report_json(const struct session *s, const struct account *a)
{
	struct json_object *o = json_new();

	json_text(o, "type", "stats", 8);
	json_u64(o, "hits", a->n.hits);
	json_u64(o, "filtered", a->n.filtered);
	json_u64(o, "kept", a->n.hits - a->n.filtered);
	json_u64(o, "events", a->n.sent);
	json_u64(o, "lost_ring_full", a->n.ring_full);
	json_u64(o, "lost_map_full", a->n.map_full);
	json_u64(o, "lost_stacks", a->n.stack_lost);
	json_u64(o, "lost_missed", a->misses);
	json_u64(o, "ns", a->ns);
	json_u64(o, "hit_ns", s->hit_ns);
	json_u64(o, "objects", s->find.ever);
	json_u64(o, "proven", s->proven);
	json_u64(o, "unattached", s->unattached);
	json_u64(o, "unknown_probes", s->unknown);
	json_u64(o, "unfit_sites", s->unfit);
	json_print(o);
}

static void report_text(const struct session *s, const struct account *a)
{
	fprintf(stderr, "%" PRIu64 " hits in %s: %" PRIu64 " filtered out, "
		"%" PRIu64 " kept", a->n.hits, ns_text(a->ns).s,
		a->n.filtered, a->n.hits - a->n.filtered);
	if (s->wish & WISH_EVENTS)
		fprintf(stderr, ", %" PRIu64 " events", a->n.sent);
	fprintf(stderr, "; lost: %" PRIu64 " events, %" PRIu64 " in tables, %"
		PRIu64 " stacks, %" PRIu64 " not run\n"
		"cost: %s a hit, %.2f %% of a CPU; %u of %u objects proven to "
		"fire, %u not attached\n", a->n.ring_full, a->n.map_full, a->n.stack_lost,
		a->misses, ns_text(s->hit_ns).s, 100 * cost(s, a), s->proven,
		s->find.ever, s->unattached);
	if (s->unknown || s->unfit)
		fprintf(stderr, "left alone: %u probes that are newer than this "
			"mheap-trace, %u sites that the kernel can't use safely\n",
			s->unknown, s->unfit);
}

int session_report(struct session *s)
{
	struct account a;

	session_account(s, &a);
	fflush(stdout);
	(s->o->json ? report_json : report_text)(s, &a);
	return s->o->strict && (a.lossy || s->unattached || s->unproven) ?
	       EXIT_LOSS : 0;
}
