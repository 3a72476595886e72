/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_free.c - freeing, by whose the span is and what the free brings about.
 */
#include "tests/crash/scene.h"

#include <stdlib.h>

/* An owned object of v's, or a leased one: onto the array. */
static void mine_prepare(struct act *a)
{
	if (a->flags)
		set_operand(a, make(a, a->v));
	else
		a->p = make(a, a->v);
}

static bool array_full(struct act *a)
{
	return in_array(a) == sc_cache_max(a->sc);
}

static bool have_many(struct act *a)
{
	return a->n > 2 * sc_cache_max(a->sc) && !in_array(a);
}

/* The array is full to its most: half of it is flushed. */
static void flush_prepare(struct act *a)
{
	make_until(a, have_many, true);
	widen(a);
	for (uint32_t i = 1; i < a->n && !array_full(a); i++)
		mh_free(a->v, a->o[i]);
	NEED(a, array_full(a));
	if (a->flags)
		set_operand(a, a->o[0]);
	else
		a->p = a->o[0];
}

static bool flush_done(struct act *a)
{
	return !array_full(a);
}

/* An object of a span that b has; v frees it. */
static void foreign_prepare(struct act *a)
{
	void *p = make(a, a->b);

	NEED(a, !mh_share(a->b, p));
	mh_free(a->v, mh_alloc(a->v, 512));
	set_operand(a, p);
}

static bool freed(struct act *a)
{
	return mh_try_free(a->v, a->p) != 0;
}

/* Of a FULL span, `room` slots short of its threshold. */
static void full_span(struct act *a, uint32_t room)
{
	uint32_t n = sc_nslots(a->sc);
	struct geom g = span_with(a, n, false);

	for (uint32_t s = 1; s + room < span_threshold(&g); s++)
		andnot_sc(&geom_live(&a->r->sg, &g)[s / 64], 1ull << s % 64);
	if (span_dispose(&a->r->sg, &g, a->pb) != SPAN_FULL)
		abort();
	a->g = g;
}

static void below_setup(struct act *a)
{
	full_span(a, 1);
}

static void reach_setup(struct act *a)
{
	full_span(a, 0);
}

static void reach_one_busy_setup(struct act *a)
{
	full_span(a, 0);
	hold_stripe(a, a->pv.slot & 1, a->pb);
}

static void reach_all_busy_setup(struct act *a)
{
	reach_one_busy_setup(a);
	hold_stripe(a, (a->pv.slot & 1) ^ 1, a->pb);
}

/* Its stripe's list has another span already. */
static void reach_behind_setup(struct act *a)
{
	list_spans(a, 2);
	full_span(a, 0);
}

static void full_prepare(struct act *a)
{
	mh_free(a->v, mh_alloc(a->v, 512));
	set_operand(a, slot_at(a, &a->g, 0));
}

static uint32_t state_now(struct act *a)
{
	return span_state(span_load(&a->r->sg, a->g.id));
}

static bool still_full(struct act *a)
{
	return state_now(a) == SPAN_FULL;
}

static bool is_listed(struct act *a)
{
	return state_now(a) == SPAN_LISTED;
}

static bool is_linked(struct act *a)
{
	return is_listed(a) && ld_sc(&a->r->sg.spans[a->g.id.n].link);
}

static bool is_unlinked(struct act *a)
{
	return is_listed(a) && !ld_sc(&a->r->sg.spans[a->g.id.n].link);
}

/* A large run: nobody's since it was shared. */
static void large_setup(struct act *a)
{
	a->g = span_with(a, 1, true);
}

/* v's own span is PENDING; its own object goes the foreign way. */
static bool exhausted(struct act *a)
{
	return cache_of(a)->exhausted.n && !in_array(a) &&
	       tls.mc->calm[array_index(a->spc)] >= 3;
}

static void given_up_prepare(struct act *a)
{
	make_until(a, exhausted, false);
	thin(a);
	a->g = cache_of(a)->exhausted.head->g;
	a->o[a->n++] = make(a, a->v);
	NEED(a, still_full(a));
	for (uint32_t s = 1; s < span_threshold(&a->g); s++)
		NEED(a, !mh_try_free(a->v, slot_at(a, &a->g, s)));
	set_operand(a, slot_at(a, &a->g, 0));
}

/* Owned by b, so v's free must change nothing at all. */
static void refused_prepare(struct act *a)
{
	a->p = make(a, a->b);
	mh_free(a->v, mh_alloc(a->v, 512));
}

static void call_try(struct act *a)
{
	a->q = mh_try_free(a->v, a->p) ? a->p : NULL;
}

static bool was_refused(struct act *a)
{
	return a->q != NULL;
}

/* v had shared it, and frees it itself. */
static void shared_before_prepare(struct act *a)
{
	void *p = make(a, a->v);

	make(a, a->v);
	NEED(a, !mh_share(a->v, p));
	set_operand(a, p);
}

#define BOTH	(L_OWNED | L_SHARED)
#define FREE(n, l, z, set, prep, dn) \
	{ .name = "free " n, .lives = l, .sizes = z, .gain = -1, \
	  .setup = set, .prepare = prep, .call = call_free, .done = dn }
/* At once: mh_free would borrow a small one (scenes_lend.c). */
#define TRY(n, l, z, set, prep, dn) \
	{ .name = "free " n, .lives = l, .sizes = z, .gain = -1, \
	  .setup = set, .prepare = prep, .call = call_try, .done = dn }

static const struct scene scenes[] = {
	FREE("fast", L_SHARED, S_SMALL, NULL, mine_prepare, NULL),
	{ .name = "free fast", .lives = L_OWNED, .sizes = S_SMALL,
	  .prepare = mine_prepare, .call = call_free },
	{ .name = "free run", .lives = L_OWNED, .sizes = S_RUN | S_LARGE,
	  .prepare = mine_prepare, .call = call_free },
	FREE("flush", L_SHARED, S_SMALL, NULL, flush_prepare, flush_done),
	{ .name = "free flush", .lives = L_OWNED, .sizes = S_SMALL,
	  .prepare = flush_prepare, .call = call_free, .done = flush_done },
	FREE("of a living owner", BOTH, S_SMALL, NULL, foreign_prepare, freed),
	TRY("below threshold", BOTH, S_64 | S_1K, below_setup, full_prepare,
	     still_full),
	TRY("to threshold", BOTH, S_SMALL, reach_setup, full_prepare,
	     is_linked),
	FREE("to threshold", BOTH, S_RUN, reach_setup, full_prepare,
	     is_linked),
	TRY("to threshold, list of two", L_SHARED, S_1K | S_RUN,
	     reach_behind_setup, full_prepare, is_linked),
	TRY("to threshold, one stripe busy", L_SHARED, S_1K | S_RUN,
	     reach_one_busy_setup, full_prepare, is_linked),
	TRY("to threshold, all stripes busy", L_SHARED, S_1K | S_RUN,
	     reach_all_busy_setup, full_prepare, is_unlinked),
	FREE("large", L_SHARED, S_LARGE, large_setup, full_prepare, is_listed),
	TRY("of a span given up", L_SHARED, S_64 | S_1K, NULL,
	     given_up_prepare, is_listed),
	FREE("shared before", L_OWNED, S_SMALL | S_RUN | S_LARGE, NULL,
	     shared_before_prepare, freed),
	{ .name = "free refused", .lives = L_OWNED, .sizes = S_1K | S_RUN,
	  .prepare = refused_prepare, .call = call_try, .done = was_refused },
};

const struct scene_list free_scenes = { scenes, N_OF(scenes) };
