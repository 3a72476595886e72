/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_alloc.c - allocation, by where a refill finds its span.
 */
#include "tests/crash/scene.h"

static uint64_t calls(struct act *a)
{
	return ld_rlx(&a->r->sg.slots[a->pv.slot].daemon_calls);
}

static uint64_t harvests(struct act *a)
{
	return ld_rlx(&a->r->sg.slots[a->pv.slot].harvests);
}

static bool exhausted(struct act *a)
{
	return cache_of(a)->exhausted.n && !cache_of(a)->partial.n &&
	       !in_array(a);
}

static bool producing(struct act *a)
{
	return exhausted(a) && tls.mc->calm[array_index(a->spc)] >= 3;
}

/* From v's array: no slow path. */
static void fast_prepare(struct act *a)
{
	mh_free(a->v, make(a, a->v));
	a->before[0] = in_array(a);
}

static bool fast_done(struct act *a)
{
	return a->q && in_array(a) == a->before[0] - 1;
}

static void partial_prepare(struct act *a)
{
	if (is_run(a)) {
		mh_free(a->v, make(a, a->v));
		flush(a->v, tls.by_heap[a->v->index], array_index(a->spc), 0);
	} else {
		thin(a);
		make(a, a->v);
		drain(a);
	}
	NEED(a, cache_of(a)->partial.n);
	a->before[0] = calls(a);
}

static bool partial_done(struct act *a)
{
	return a->q && calls(a) == a->before[0];
}

/* v's exhausted span, of which b has freed half. */
static void harvest_prepare(struct act *a)
{
	struct pspan *ps;
	uint32_t n = 0;

	make_until(a, exhausted, true);
	ps = cache_of(a)->exhausted.head;
	for (uint32_t i = 0; i < a->n && n < ps->g.nslots / 2; i++) {
		uint32_t slot;

		if (!ps_slot(ps, a->o[i], &slot))
			continue;
		NEED(a, a->flags || !mh_share(a->v, a->o[i]));
		mh_free(a->b, a->o[i]);
		n++;
	}
	NEED(a, n >= span_threshold(&ps->g) && !mh_trim(a->b));
	/* One call into v, so that the first path isn't a change of heaps. */
	mh_free(a->v, mh_alloc(a->v, 512));
	thin(a);
	a->before[0] = harvests(a);
}

static bool harvest_done(struct act *a)
{
	return a->q && harvests(a) == a->before[0] + 1;
}

/* What b gave up, half full, and an empty one behind it. */
static void stripe_setup(struct act *a)
{
	list_spans(a, 1);
	span_with(a, sc_nslots(a->sc) / 2, true);
}

static void ready(struct act *a)
{
	mh_free(a->v, mh_alloc(a->v, 512));
	thin(a);
	a->before[0] = calls(a);
}

static bool no_call(struct act *a)
{
	return a->q && calls(a) == a->before[0];
}

static bool one_call(struct act *a)
{
	return a->q && calls(a) == a->before[0] + 1;
}

/* Both stripes are held by b, who is stopped: by the state words alone. */
static void busy_setup(struct act *a)
{
	stripe_setup(a);
	hold_stripe(a, 0, a->pb);
	hold_stripe(a, 1, a->pb);
}

static void one_busy_setup(struct act *a)
{
	stripe_setup(a);
	hold_stripe(a, a->pv.slot & 1, a->pb);
}

/* The list leads to a span that b took by a scan, then to one that is there. */
static void stale_setup(struct act *a)
{
	_Atomic uint32_t cursor = 0;
	struct geom g;

	stripe_setup(a);
	for (uint32_t n = 0; n < 2; n++) {
		span_id id;

		if (!central_scan(&a->r->sg, a->pb, a->spc, &cursor, 64, &g))
			return;
		id = g.id;
		if (ld_rlx(&seg_stripe(&a->r->sg, a->spc,
				       a->pb.slot)->head) == id.n)
			return;
		/* Not the list's first: back, as its freer would. */
		if (span_dispose(&a->r->sg, &g, a->pb) == SPAN_LISTED)
			central_push(&a->r->sg, a->pb, g.spc, id);
	}
}

static void grant_prepare(struct act *a)
{
	mh_free(a->v, mh_alloc(a->v, 512));
	a->before[0] = calls(a);
}

/* Nobody frees here: the next refill gives the exhausted span up. */
static void giveup_prepare(struct act *a)
{
	make_until(a, producing, false);
	thin(a);
	a->g = cache_of(a)->exhausted.head->g;
}

static bool giveup_done(struct act *a)
{
	return a->q && span_state(span_load(&a->r->sg, a->g.id)) == SPAN_FULL;
}

/* The same, but b has freed a few: it is LISTED when it is given up. */
static void giveup_listed_prepare(struct act *a)
{
	giveup_prepare(a);
	for (uint32_t s = 0; s < span_threshold(&a->g); s++)
		mh_free(a->b, slot_at(a, &a->g, s));
	mh_free(a->v, mh_alloc(a->v, 512));
}

/*
 * Given up with a slot still in an array: stays PENDING, its frees go the
 * foreign way; b frees most of it, and v takes it back.
 */
static void recall_prepare(struct act *a)
{
	void *p, *more;

	make_until(a, producing, false);
	thin(a);
	a->g = cache_of(a)->exhausted.head->g;
	p = slot_at(a, &a->g, 0);
	more = make(a, a->v);		/* refill: gives up all that it can */
	NEED(a, span_state(span_load(&a->r->sg, a->g.id)) == SPAN_FULL);
	mh_free(a->v, more);
	mh_free(a->v, p);		/* foreign by now */
	drain(a);
	thin(a);
}

static bool any_done(struct act *a)
{
	return a->q != NULL;
}

#define BOTH	(L_OWNED | L_SHARED)
#define MAKE(n, l, z, set, prep, dn) \
	{ .name = "alloc " n, .lives = l, .sizes = z, .gain = 1, \
	  .setup = set, .prepare = prep, .call = call_make, .done = dn }

static const struct scene scenes[] = {
	MAKE("fast", BOTH, S_SMALL, NULL, fast_prepare, fast_done),
	MAKE("partial", L_OWNED, S_RUN, NULL, partial_prepare, partial_done),
	MAKE("partial", BOTH, S_SMALL, NULL, partial_prepare, partial_done),
	MAKE("harvest", BOTH, S_64 | S_1K | S_32K, NULL, harvest_prepare,
	     harvest_done),
	MAKE("stripe", BOTH, S_SMALL, stripe_setup, ready, no_call),
	MAKE("stripe", BOTH, S_RUN, stripe_setup, ready, no_call),
	MAKE("one stripe busy", BOTH, S_1K | S_RUN, one_busy_setup, ready,
	     any_done),
	MAKE("all busy, scan", BOTH, S_16 | S_1K | S_32K | S_RUN, busy_setup,
	     ready, no_call),
	MAKE("stale list", BOTH, S_64 | S_1K | S_RUN, stale_setup, ready,
	     any_done),
	MAKE("grant", BOTH, S_ALL, NULL, grant_prepare, one_call),
	MAKE("giveup full", L_SHARED, S_64 | S_1K | S_32K, NULL,
	     giveup_prepare, giveup_done),
	MAKE("giveup listed", L_SHARED, S_64 | S_1K | S_32K, NULL,
	     giveup_listed_prepare, any_done),
	MAKE("after giveup", L_SHARED, S_1K | S_32K, NULL, recall_prepare,
	     any_done),
};

const struct scene_list alloc_scenes = { scenes, N_OF(scenes) };
