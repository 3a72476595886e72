/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_pass.c - objects that one worker allocates and writes, and another reads
 * and frees: the way shared memory is meant to be used.  Workers come in
 * pairs, each pair has a ring for either direction:
 *
 *	pass		the even worker sends, the odd one receives
 *	pass-both	each sends one, then receives one if there is one
 *
 * The receiver sums all bytes and stops the run if one is wrong.  What is
 * measured: objects passed per second, by all pairs together.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/calls.h"
#include "bench/exits.h"
#include "bench/payload.h"
#include "bench/ring.h"
#include "bench/wait.h"

/* One side of a pair. */
struct side {
	struct ring *out, *in;
	uint64_t objects, sent, received;
	unsigned peer;
	size_t size;
	struct patience patience;
};

/* What the words of the sender's n-th object say. */
B_INLINE uint64_t word_of(unsigned sender, uint64_t n)
{
	return (n << 8 | sender) * 0x9e3779b97f4a7c15ull;
}

B_INLINE struct side side_of(struct worker *w)
{
	struct ring *ring = b_area(w);

	return (struct side){
		.out = &ring[w->index], .in = &ring[w->index ^ 1],
		.objects = w->p->ops, .peer = w->index ^ 1, .size = w->p->size,
		.patience = patience_of(w->p->workers),
	};
}

/* Who can't send ends the run: the others would wait for it. */
B_INLINE void *next_object(struct worker *w, struct side *me)
{
	void *p = b_alloc(w, me->size);

	if (!p) {
		fprintf(stderr, "%s: %s has no %zu bytes, with at most %u "
			"objects on their way\n", w->p->workload,
			w->p->backend, me->size, RING_SLOTS);
		exit(EXIT_FAILED);
	}
	payload_write(p, me->size, word_of(w->index, me->sent));
	return p;
}

B_INLINE bool receive_one(struct worker *w, struct side *me)
{
	uint64_t handle, sum, right;
	void *p;

	if (!ring_receive(me->in, &handle))
		return false;
	p = b_deref(w, handle);
	sum = payload_sum(p, me->size);
	right = payload_expected(me->size, word_of(me->peer, me->received));
	if (sum != right) {
		fprintf(stderr, "%s: object %llu of worker %u sums up to %llx, "
			"it was written as %llx: %s corrupts memory\n",
			w->p->workload, (unsigned long long)me->received,
			me->peer, (unsigned long long)sum,
			(unsigned long long)right, w->p->backend);
		exit(EXIT_FAILED);
	}
	b_free(w, p);
	me->received++;
	wait_over(&me->patience);
	return true;
}

/* Waits while the ring is full: by receiving, if `both`. */
B_INLINE void send_one(struct worker *w, struct side *me, bool both)
{
	uint64_t handle = b_handle(w, next_object(w, me));

	while (!ring_send(me->out, handle))
		if (!both || !receive_one(w, me))
			wait_more(&me->patience);
	me->sent++;
	wait_over(&me->patience);
}

B_INLINE void send_all(struct worker *w, struct side *me)
{
	while (me->sent < me->objects)
		send_one(w, me, false);
}

B_INLINE void receive_all(struct worker *w, struct side *me)
{
	while (me->received < me->objects)
		if (!receive_one(w, me))
			wait_more(&me->patience);
}

B_INLINE void send_and_receive_all(struct worker *w, struct side *me)
{
	while (me->sent < me->objects) {
		send_one(w, me, true);
		receive_one(w, me);
	}
	receive_all(w, me);
}

RUN(pass)
{
	struct side me = side_of(w);

	b_start(w);
	if (w->index & 1)
		receive_all(w, &me);
	else
		send_all(w, &me);
	b_stop(w, me.received);
}

RUN(pass_both)
{
	struct side me = side_of(w);

	b_start(w);
	send_and_receive_all(w, &me);
	b_stop(w, me.received);
}

#if !BENCH_HEAP_FORM

static void defaults(struct bench_params *p)
{
	if (p->workers % 2) {
		fprintf(stderr, "%s: --workers %u: they work in pairs: one "
			"more or one less\n", p->workload, p->workers);
		exit(EXIT_USAGE);
	}
	p->size = p->size ? p->size : 64;
	p->ops = p->ops ? p->ops : 5000000;
}

static uint64_t area(const struct bench_params *p)
{
	return p->workers * sizeof(struct ring);
}

static uint64_t live(const struct bench_params *p)
{
	uint64_t room = (p->size + 15) & ~15ull;

	return p->workers * (RING_SLOTS + 1) * room;
}

static void report(struct bench_shared *s, struct bench_result *total)
{
	double ns = (double)(total->end_ns - total->start_ns);

	(void)s;
	bench_metric(total, "mobjs", (double)total->ops * 1e3 / ns);
}

extern const struct workload w_pass, w_pass_both;
const struct workload w_pass = {
	.name = "pass",
	.help = "one allocates and writes, the other reads and frees",
	.default_workers = 2,
	.passes = true,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(pass),
	.report = report,
};

const struct workload w_pass_both = {
	.name = "pass-both",
	.help = "the same in both directions at once",
	.default_workers = 2,
	.passes = true,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(pass_both),
	.report = report,
};

#endif
