/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_recovery.c - recovery itself is killed.  Whatever step it ends at, the
 * next daemon's recovery comes to the same state as one that nobody disturbs.
 */
#include "tests/crash/scene.h"

#include <stdlib.h>

#define DEAD	(1u << 1)	/* pv's slot: the first that is joined */

/* A span of the dead in which `objects` are allocated from an open lease. */
static struct geom leased(struct act *a, uint32_t objects)
{
	struct geom g = rig_span(a->r, a->pv, a->spc);

	rig_lease(a->r, &g);
	for (uint32_t s = 0; s < objects && s < g.nslots; s++)
		rig_alloc(a->r, &g, s);
	return g;
}

/* Killed while it opened a lease, and while it closed one. */
static void half_way(struct act *a)
{
	struct geom g = rig_span(a->r, a->pv, a->spc);

	for (uint32_t s = 0; s < 3; s++)
		st_rlx(&geom_parked(&a->r->sg, &g)[s], 1);
	g = leased(a, 2);
	andnot_sc(geom_live(&a->r->sg, &g), slot_mask(g.nslots, 0) & ~3ull);
	st_rlx(&geom_parked(&a->r->sg, &g)[2], 0);
}

/* Shared from owned spans: some, all. */
static void mirrors(struct act *a)
{
	uint32_t spc = span_class(LIFE_OWNED, a->sc);
	struct geom g = rig_span(a->r, a->pv, spc);

	rig_share(a->r, &g, 1);
	g = rig_span(a->r, a->pv, spc);
	for (uint32_t s = 0; s < g.nslots; s++)
		rig_share(a->r, &g, s);
	rig_span(a->r, a->pv, spc);
	g = rig_run(a->r, a->pv, 40);
	rig_share(a->r, &g, 0);
	rig_run(a->r, a->pv, 20);
}

static void granted(struct act *a, struct party p)
{
	uint32_t reason;
	span_id id;

	if (span_new(&a->r->h, &(struct span_wish){ .spc = a->spc },
		     SPAN_GRANTED, p, &id, &reason))
		abort();
}

/* A stripe that its holder died in: a list of three, cut. */
static void cut_list(struct act *a, struct party p)
{
	struct sh_stripe *st = seg_stripe(&a->r->sg, a->spc, a->pb.slot);
	uint32_t head;

	list_spans(a, 3);
	head = ld_rlx(&st->head);
	hold_stripe(a, a->pb.slot, p);
	if (!head)
		abort();
	st_rlx(&st->head, (uint32_t)ld_sc(&a->r->sg.spans[head].link));
	st_rlx(&st->count, 7);
}

static void estate(struct act *a)
{
	struct geom g;

	leased(a, 0);
	leased(a, 1);
	g = leased(a, sc_nslots(a->sc));
	andnot_sc(geom_live(&a->r->sg, &g), 1);	/* freed, not harvested */
	leased(a, sc_nslots(a->sc));
	half_way(a);
	mirrors(a);
	granted(a, a->pv);
	cut_list(a, a->pv);
	rig_post(a->r, a->pv, 0, OP_ALLOC, a->spc, 0);
}

/* Borrowed by the dead of the living, by the living of the dead. */
static void lent(struct act *a)
{
	uint32_t n = sc_nslots(a->sc);
	struct geom g = span_with(a, n, false);

	for (uint32_t s = 0; s < span_threshold(&g); s++)
		rig_lend(a->r, &g, s, a->pv);
	if (span_dispose(&a->r->sg, &g, a->pb) != SPAN_FULL)
		abort();
	g = span_with(a, n / 2, false);		/* b's, of which some are home */
	rig_lease(a->r, &g);
	for (uint32_t s = 0; s < n / 2; s++)
		rig_lend(a->r, &g, s, a->pv);
	andnot_sc(geom_live(&a->r->sg, &g), 3);
	st_rlx(&geom_parked(&a->r->sg, &g)[0], 0);
	g = leased(a, n / 2);
	rig_lend(a->r, &g, 0, a->pb);
	rig_lend(a->r, &g, 1, a->pv);
	g = leased(a, n);			/* all of it */
	for (uint32_t s = 0; s < n; s++)
		rig_lend(a->r, &g, s, a->pb);
}

static void lent_estate(struct act *a)
{
	lent(a);
	leased(a, 1);
}

static void call_reclaim(struct act *a)
{
	reclaim_client(&a->r->h, a->pv.slot);
	NEED(a, client_state(&a->r->h, a->pv.slot) == CLIENT_FREE);
}

/* The last daemon's own spans in transit, and its half-done ones. */
static void daemons_estate(struct act *a)
{
	struct party me = a->r->h.me;
	struct geom g;

	rig_span(a->r, me, a->spc);
	g = rig_span(a->r, me, a->spc);
	rig_share(a->r, &g, 0);
	g = rig_span(a->r, me, a->spc);
	for (uint32_t s = 0; s < g.nslots; s++)
		rig_share(a->r, &g, s);
	granted(a, a->pb);
	cut_list(a, me);
}

static void open_setup(struct act *a)
{
	daemons_estate(a);
	rig_kill(a->r);
}

static void open_dead_setup(struct act *a)
{
	leased(a, 2);
	half_way(a);
	granted(a, a->pv);
	open_setup(a);
}

static void call_open(struct act *a)
{
	NEED(a, !rig_open(a->r));
}

static void call_open_reclaim(struct act *a)
{
	call_open(a);
	call_reclaim(a);
}

static void rebuild_setup(struct act *a)
{
	cut_list(a, a->pv);
}

static void call_rebuild(struct act *a)
{
	uint32_t k = a->spc * a->r->sg.geo.nstripes +
		     (a->pb.slot & (a->r->sg.geo.nstripes - 1));

	central_rebuild(&a->r->sg, k, a->pv, a->r->h.me);
	NEED(a, !central_holder(&a->r->sg, k).slot);
}

#define RECOVERY(n, set, c, z, ...) \
	{ .name = "recovery " n, .daemon = true, .same = true, .dead = DEAD, \
	  .lives = L_SHARED, .sizes = z, .setup = set, .call = c, __VA_ARGS__ }

static const struct scene scenes[] = {
	RECOVERY("of a client", estate, call_reclaim, S_1K | S_32K,
		 .gain = 0),
	RECOVERY("of a borrower", lent_estate, call_reclaim, S_1K | S_32K,
		 .gain = 0),
	RECOVERY("of a daemon", open_setup, call_open, S_1K | S_32K,
		 .soak = true),
	RECOVERY("of both", open_dead_setup, call_open_reclaim, S_1K | S_32K,
		 .gain = 0),
	RECOVERY("of a stripe", rebuild_setup, call_rebuild, S_1K | S_RUN,
		 .gain = 0),
};

const struct scene_list recovery_scenes = { scenes, N_OF(scenes) };
