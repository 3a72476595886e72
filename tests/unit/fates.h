/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fates.h - spans in every state that a process can leave them in when it is
 * killed, and what must have become of each.
 */
#ifndef TESTS_UNIT_FATES_H
#define TESTS_UNIT_FATES_H

#include "tests/unit/rig_test.h"

/* What the owner had done to its span of 32 slots when it was killed. */
static void nothing(struct rig *r, const struct geom *g)
{
	(void)r;
	(void)g;
}

static void shared_one(struct rig *r, const struct geom *g)
{
	rig_share(r, g, 5);
}

static void shared_all(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < g->nslots; s++)
		rig_share(r, g, s);
}

static void shared_to_threshold(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < g->nslots - span_threshold(g); s++)
		rig_share(r, g, s);
}

static void shared_beyond(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s <= g->nslots - span_threshold(g); s++)
		rig_share(r, g, s);
}

static void leased(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 0);
}

static void leased_one(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 1);
}

static void leased_all(struct rig *r, const struct geom *g)
{
	lease_take(r, g, g->nslots);
}

/* Allocated from a lease, then freed by others: not harvested yet. */
static void leased_freed(struct rig *r, const struct geom *g)
{
	lease_take(r, g, g->nslots);
	andnot_sc(&geom_live(&r->sg, g)[0], 0xfull);
}

/* Killed while it opened a lease: parked, live not set yet. */
static void opening(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < 7; s++)
		st_rlx(&geom_parked(&r->sg, g)[s], 1);
}

/* Killed while it closed one: live cleared, not all unparked. */
static void closing(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 3);
	andnot_sc(&geom_live(&r->sg, g)[0], 0xfffffff8ull);
	for (uint32_t s = 3; s < 20; s++)
		st_rlx(&geom_parked(&r->sg, g)[s], 0);
}

static const struct fate {
	const char *what;
	void (*make)(struct rig *r, const struct geom *g);
	uint32_t life, state, objects;
} fates[] = {
	{ "empty", nothing, LIFE_OWNED, SPAN_FREE, 0 },
	{ "one shared", shared_one, LIFE_OWNED, SPAN_LISTED, 1 },
	{ "all shared", shared_all, LIFE_OWNED, SPAN_FULL, 32 },
	{ "at the threshold", shared_to_threshold, LIFE_OWNED, SPAN_LISTED, 24 },
	{ "below it", shared_beyond, LIFE_OWNED, SPAN_FULL, 25 },
	{ "no lease", nothing, LIFE_SHARED, SPAN_FREE, 0 },
	{ "leased", leased, LIFE_SHARED, SPAN_FREE, 0 },
	{ "one taken", leased_one, LIFE_SHARED, SPAN_LISTED, 1 },
	{ "all taken", leased_all, LIFE_SHARED, SPAN_FULL, 32 },
	{ "freed by others", leased_freed, LIFE_SHARED, SPAN_FULL, 28 },
	{ "opening", opening, LIFE_SHARED, SPAN_FREE, 0 },
	{ "closing", closing, LIFE_SHARED, SPAN_LISTED, 3 },
};

/* Spans of every fate, OWNED by p; then one that is only GRANTED. */
static void make_fates(struct rig *r, struct party p, struct geom *g)
{
	for (unsigned i = 0; i < N_OF(fates); i++) {
		g[i] = rig_span(r, p, span_class(fates[i].life, SC_1K));
		assert_int_equal(g[i].nslots, 32);
		fates[i].make(r, &g[i]);
	}
}

static span_id grant(struct rig *r, struct party p)
{
	struct span_wish w = { .spc = OWNED(SC_64) };
	uint32_t reason;
	span_id id;

	assert_int_equal(span_new(&r->h, &w, SPAN_GRANTED, p, &id, &reason), 0);
	return id;
}

static void assert_fates(struct rig *r, const struct geom *g)
{
	for (unsigned i = 0; i < N_OF(fates); i++) {
		const struct fate *f = &fates[i];

		if (rig_state(r, g[i].id) != f->state)
			fail_msg("%s: state %u instead of %u", f->what,
				 rig_state(r, g[i].id), f->state);
		if (f->state != SPAN_FREE &&
		    span_free_slots(&r->sg, &g[i]) != 32 - f->objects)
			fail_msg("%s: %u slots are free", f->what,
				 span_free_slots(&r->sg, &g[i]));
	}
}

static struct rig *rig_big(void)
{
	return rig_new(&(struct rig_opts){ .reserve = 4u << 20 });
}

#endif
