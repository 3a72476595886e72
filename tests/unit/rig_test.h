/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig_test.h - what the tests on a heaprig have in common.
 */
#ifndef TESTS_UNIT_RIG_TEST_H
#define TESTS_UNIT_RIG_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/heaprig.h"

#define N_OF(a)		(sizeof(a) / sizeof((a)[0]))
#define OWNED(sc)	span_class(LIFE_OWNED, sc)
#define SHARED(sc)	span_class(LIFE_SHARED, sc)
#define HELD(sc)	span_class(LIFE_HELD, sc)
#define SC_64		8u	/* 512 slots */
#define SC_1K		34u	/* 32 slots, threshold 8 */
#define MIB		(1ull << 20)

static inline void assert_sound(struct rig *r)
{
	const char *why = rig_check(r);

	if (why)
		fail_msg("%s", why);
}

static inline struct rig *rig_of(struct rig_opts o)
{
	return rig_new(&o);
}

/* The daemon takes a span and gives it back to the page heap. */
static inline void retire(struct rig *r, const struct geom *g)
{
	uint64_t w = span_load(&r->sg, g->id);

	assert_true(span_move(&r->sg, g->id, &w, SPAN_OWNED, r->h.me));
	assert_true(span_retire(&r->h, g));
}

static inline int try_span(struct rig *r, uint32_t spc, uint32_t *ret_reason)
{
	struct span_wish w = { .spc = spc };
	span_id id;

	return span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id, ret_reason);
}

/* A lease of all free slots, of which the first n are allocated. */
static inline void lease_take(struct rig *r, const struct geom *g, uint32_t n)
{
	rig_lease(r, g);
	for (uint32_t s = 0; s < g->nslots && s < n; s++)
		rig_alloc(r, g, s);
}

/* A span of the class with n objects in it, given up by p: LISTED or FULL. */
static inline struct geom given_up(struct rig *r, struct party p, uint32_t spc,
				   uint32_t n)
{
	struct geom g = rig_span(r, p, spc);

	for (uint32_t s = 0; s < n; s++)
		rig_share(r, &g, s);
	span_dispose(&r->sg, &g, p);
	return g;
}

static inline uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

#endif
