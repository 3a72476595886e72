/* SPDX-License-Identifier: Apache-2.0 */
/*
 * central_test.h - what the tests of mcentral have in common.
 */
#ifndef TESTS_UNIT_CENTRAL_TEST_H
#define TESTS_UNIT_CENTRAL_TEST_H

#include "tests/unit/rig_test.h"

static inline struct sh_stripe *stripe(struct rig *r, uint32_t spc, uint32_t s)
{
	return seg_stripe(&r->sg, spc, s);
}

static inline void lock(struct rig *r, uint32_t spc, uint32_t s, struct party p)
{
	if (p.slot <= r->sg.geo.nclients)
		slot_uses(&r->sg.slots[p.slot], spc_size_class(spc));
	st_rel(&stripe(r, spc, s)->lock, span_word(1, p, 0));
}

static inline void unlock(struct rig *r, uint32_t spc, uint32_t s)
{
	st_rel(&stripe(r, spc, s)->lock, 0);
}

/* LISTED, in no list. */
static inline struct geom listed(struct rig *r, struct party p, uint32_t spc)
{
	struct geom g = rig_span(r, p, spc);

	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
	return g;
}

static inline bool pop(struct rig *r, struct party p, uint32_t spc, struct geom *ret_g,
		unsigned *ret_busy)
{
	bool low;

	return central_pop(&r->sg, p, spc, ret_g, &low, ret_busy);
}

#endif
