/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_lend.c - small shared objects of others' spans: freed they are
 * borrowed, handed out again, sent home.
 */
#include "tests/crash/scene.h"

#include <stdlib.h>

/* FULL, with one slot less free than its threshold. */
static void full_setup(struct act *a)
{
	uint32_t n = sc_nslots(a->sc);
	struct geom g = span_with(a, n, false);

	for (uint32_t s = 1; s + 1 < span_threshold(&g); s++)
		andnot_sc(&geom_live(&a->r->sg, &g)[s / 64], 1ull << s % 64);
	if (span_dispose(&a->r->sg, &g, a->pb) != SPAN_FULL)
		abort();
	a->g = g;
}

static bool is_state(struct act *a, uint32_t state)
{
	return span_state(span_load(&a->r->sg, a->g.id)) == state;
}

static bool borrowed_one(struct act *a)
{
	return is_state(a, SPAN_FULL) && in_array(a) == 1;
}

static bool borrowed_two(struct act *a)
{
	return is_state(a, SPAN_FULL) && in_array(a) == 2;
}

/* The array has no room yet. */
static void first_prepare(struct act *a)
{
	lends(a);
	set_operand(a, slot_at(a, &a->g, 0));
}

/* It has one, and another borrowed slot in it. */
static void again_prepare(struct act *a)
{
	lends(a);
	mh_free(a->v, slot_at(a, &a->g, a->g.nslots - 1));
	set_operand(a, slot_at(a, &a->g, 0));
}

static void reuse_prepare(struct act *a)
{
	again_prepare(a);
	mh_free(a->v, a->p);
	a->p = NULL;
	a->operand = 0;
	NEED(a, borrowed_two(a));
}

static bool reused(struct act *a)
{
	return a->q && borrowed_one(a);
}

static void call_trim(struct act *a)
{
	a->q = mh_trim(a->v) ? NULL : a->v;
}

/* Two words' and two spans': b's, and one that gets to its threshold. */
static void home_prepare(struct act *a)
{
	NEED(a, (a->o[0] = make(a, a->b)) && (a->o[1] = make(a, a->b)));
	reuse_prepare(a);
	mh_free(a->v, a->o[0]);
	NEED(a, in_array(a) == 3 || sc_cache_max(a->sc) < 4);
}

static bool went_home(struct act *a)
{
	return a->q && !in_array(a) && is_state(a, SPAN_LISTED);
}

/* The array is full of b's. */
static void full_prepare(struct act *a)
{
	uint32_t most = sc_cache_max(a->sc), n = 0;

	lends(a);
	while (n <= most)
		a->o[n++] = make(a, a->b);
	mh_free(a->v, a->o[--n]);
	widen(a);
	while (n > 1)
		mh_free(a->v, a->o[--n]);
	NEED(a, in_array(a) == most);
	set_operand(a, a->o[0]);
}

static bool flushed(struct act *a)
{
	return in_array(a) == 1;
}

/* Others list the span, of which v has borrowed slots and gets the rest. */
static void own_prepare(struct act *a)
{
	reuse_prepare(a);
	for (uint32_t s = a->g.nslots / 2; is_state(a, SPAN_FULL); s++)
		NEED(a, !mh_try_free(a->b, slot_at(a, &a->g, s)));
	NEED(a, in_array(a) == 2);
	a->o[0] = make(a, a->v);
	a->o[1] = make(a, a->v);
	mh_free(a->b, a->o[0]);
}

static bool owned_now(struct act *a)
{
	return a->q && span_is(&a->r->sg, a->g.id, SPAN_OWNED, a->pv);
}

static const struct scene scenes[] = {
	{ .name = "lend first", .lives = L_SHARED, .sizes = S_SMALL, .gain = -1,
	  .setup = full_setup, .prepare = first_prepare, .call = call_free,
	  .done = borrowed_one },
	{ .name = "lend", .lives = L_SHARED, .sizes = S_SMALL, .gain = -1,
	  .setup = full_setup, .prepare = again_prepare, .call = call_free,
	  .done = borrowed_two },
	{ .name = "lend and alloc", .lives = L_SHARED, .sizes = S_SMALL,
	  .gain = 1, .setup = full_setup, .prepare = reuse_prepare,
	  .call = call_make, .done = reused },
	{ .name = "lend and trim", .lives = L_SHARED, .sizes = S_SMALL,
	  .setup = full_setup, .prepare = home_prepare, .call = call_trim,
	  .done = went_home },
	{ .name = "lend and flush", .lives = L_SHARED, .sizes = S_SMALL,
	  .gain = -1, .prepare = full_prepare, .call = call_free,
	  .done = flushed },
	{ .name = "lend and own", .lives = L_SHARED, .sizes = S_64 | S_1K,
	  .gain = 1, .setup = full_setup, .prepare = own_prepare,
	  .call = call_make, .done = owned_now },
};

const struct scene_list lend_scenes = { scenes, N_OF(scenes) };
