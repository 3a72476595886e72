/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ahead_test.h - a heap that grows by spans of SC_1K, and who takes them: what
 * test_ahead.c and test_ahead_trim.c share.
 */
#ifndef TESTS_UNIT_AHEAD_TEST_H
#define TESTS_UNIT_AHEAD_TEST_H

#include "tests/unit/rig_test.h"

#define SECOND		1000000000ull
#define JOB		(MIB / 8 / PAGE_BYTES)	/* of a small heap */
#define JOB_MOST	(MIB / PAGE_BYTES)
#define SPAN		4u		/* pages of a span of SC_1K */

static struct party taker;

static inline int take_span(struct rig *r, uint32_t *ret_reason)
{
	struct span_wish w = { .spc = OWNED(SC_1K) };
	span_id id;
	int err = span_new(&r->h, &w, SPAN_OWNED, taker, &id, ret_reason);

	ahead_go(&r->h);
	return err;
}

static inline struct rig *rig_with_taker(struct rig_opts o)
{
	struct rig *r = rig_of(o);

	taker = rig_join(r);
	return r;
}

/* Takes spans until one has to wait; how many it got. */
static inline unsigned take_all(struct rig *r, unsigned most)
{
	uint32_t reason;
	unsigned n = 0;

	while (n < most && !take_span(r, &reason))
		n++;
	return n;
}

static inline struct rig *growing(struct rig_opts o)
{
	struct rig *r = rig_with_taker(o);
	uint32_t reason;

	if (o.queued) {
		assert_int_equal(take_span(r, &reason), -EAGAIN);
		rig_end_jobs(r);
	}
	assert_int_equal(take_span(r, &reason), 0);
	rig_end_jobs(r);
	return r;
}

/* Takes spans until there is a job, and nobody who waits for it; how many. */
static inline unsigned take_until_job(struct rig *r)
{
	uint32_t reason;
	unsigned n = 0;

	while (!r->njobs) {
		assert_int_equal(take_span(r, &reason), 0);
		n++;
	}
	return n;
}

static inline uint32_t ready(const struct rig *r)
{
	return pages_free_committed(r->h.pages).n;
}

static inline void pass(struct rig *r, uint64_t ns)
{
	r->now += ns;
	heap_tick(&r->h);
}

#endif
