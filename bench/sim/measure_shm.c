/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_shm.c - mcentral's operations, hot, on a heap inside this process
 * (tests/heaprig.h).  A list is short, so what is taken off here beside the
 * lock is little: with the lock held is all but a call and a look.
 */
#include "bench/sim/measure.h"

#include <stdlib.h>

#include "tests/heaprig.h"

#define SPANS	64u
#define ROUNDS	300u
#define MANY	64u		/* stripes */

struct bed {
	struct rig *r;
	struct party me;
	uint32_t spc;
	struct geom g[SPANS];
};

static struct rig *rig_with(uint32_t stripes)
{
	struct rig_opts o = { .reserve = 64u << 20, .stripes = stripes,
			      .no_guard = true };

	return rig_new(&o);
}

static uint32_t spc_of(unsigned bytes, uint32_t life)
{
	return span_class(life, sc_of(bytes));
}

static void dispose_all(struct bed *b, struct samples *s)
{
	double began = now_ns();

	for (unsigned i = 0; i < SPANS; i++)
		span_dispose(&b->r->sg, &b->g[i], b->me);
	sample(s, began, SPANS);
}

static void push_all(struct bed *b, struct samples *s)
{
	double began = now_ns();

	for (unsigned i = 0; i < SPANS; i++)
		central_push(&b->r->sg, b->me, b->spc, b->g[i].id);
	sample(s, began, SPANS);
}

static void pop_all(struct bed *b, struct samples *s)
{
	double began = now_ns();

	for (unsigned i = 0; i < SPANS; i++) {
		unsigned busy;
		bool low;

		if (!central_pop(&b->r->sg, b->me, b->spc, &b->g[i], &low,
				 &busy))
			abort();
	}
	sample(s, began, SPANS);
}

static void measure_moves(struct costs *c)
{
	struct samples pop = { .n = 0 }, push = { .n = 0 }, disp = { .n = 0 };
	struct bed b = { .r = rig_with(1) };

	b.spc = spc_of(64, LIFE_SHARED);
	b.me = rig_join(b.r);
	for (unsigned i = 0; i < SPANS; i++)
		b.g[i] = rig_span(b.r, b.me, b.spc);
	for (unsigned n = 0; n < ROUNDS; n++) {
		dispose_all(&b, &disp);
		push_all(&b, &push);
		pop_all(&b, &pop);
	}
	c->dispose = typical(&disp);
	c->push = typical(&push);
	c->pop = typical(&pop);
	rig_free(b.r);
}

/* A pop that finds all stripes empty. */
static double miss(uint32_t stripes)
{
	struct samples s = { .n = 0 };
	struct rig *r = rig_with(stripes);
	struct party me = rig_join(r);
	struct geom g;

	for (unsigned n = 0; n < ROUNDS; n++) {
		double began = now_ns();

		for (unsigned i = 0; i < SPANS; i++) {
			unsigned busy;
			bool low;

			central_pop(&r->sg, me, spc_of(64, LIFE_SHARED), &g,
				    &low, &busy);
		}
		sample(&s, began, SPANS);
	}
	rig_free(r);
	return typical(&s);
}

static void measure_scan(struct costs *c)
{
	struct samples s = { .n = 0 };
	struct rig *r = rig_with(1);
	struct party me = rig_join(r);
	_Atomic uint32_t cursor = 0;
	uint32_t top;
	struct geom g;

	for (unsigned i = 0; i < SPANS; i++)
		rig_span(r, me, spc_of(64, LIFE_SHARED));
	top = seg_span_top(&r->sg);
	for (unsigned n = 0; n < ROUNDS; n++) {
		double began = now_ns();

		central_scan(&r->sg, me, spc_of(64, LIFE_SHARED), &cursor, top,
			     &g);
		sample(&s, began, top);
	}
	c->scan = typical(&s);
	rig_free(r);
}

void measure_shm(struct costs *c)
{
	measure_moves(c);
	c->walk = (miss(MANY) - miss(1)) / (MANY - 1);
	measure_scan(c);
}
