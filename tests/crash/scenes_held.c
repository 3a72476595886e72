/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_held.c - held objects: made, held, let go, under names; and recovery of
 * who held them.  An object counts as one that must survive only if somebody
 * else than the dead holds it.
 */
#include "tests/crash/scene.h"

#include <errno.h>
#include <stdlib.h>

#include "shm/handle.h"
#include "shm/held.h"
#include "shm/names.h"

#define DEAD	(1u << 1)	/* pv's slot: the first that is joined */

static void got(struct act *a, int failed)
{
	a->q = failed ? NULL : a->p;
}

static bool succeeded(struct act *a)
{
	return a->q != NULL;
}

static struct held_at at_of(struct act *a, const void *p)
{
	struct held_at at;

	NEED(a, held_find(&a->r->sg, offset_of(a, p), &at));
	return at;
}

/* Is p an object still, and does v hold it? */
static bool is_held(struct act *a, bool exists, bool by_v)
{
	struct held_at at = at_of(a, a->p);
	struct geom g = rig_geom(a->r, at.id);
	struct holders w = holders_read(at.word);

	return held_exists(&a->r->sg, &g, at.slot) == exists &&
	       (exists && holders_has(w, holder_bit(a->pv.slot))) == by_v;
}

static void warm_prepare(struct act *a)
{
	void *p = make(a, a->v);

	NEED(a, !mh_drop(a->v, p));
}

static bool made_by_v(struct act *a)
{
	a->p = a->q;
	return a->q && is_held(a, true, true);
}

static void listed_setup(struct act *a)
{
	span_with(a, is_run(a) ? 0 : 3, true);
}

static void line_setup(struct act *a)
{
	list_spans(a, 2);
}

static void call_hold(struct act *a)
{
	got(a, mh_hold(a->v, a->p));
}

static void call_drop(struct act *a)
{
	got(a, mh_drop(a->v, a->p));
}

static void hold_prepare(struct act *a)
{
	a->p = make(a, a->b);
}

static void hold_again_prepare(struct act *a)
{
	hold_prepare(a);
	NEED(a, !mh_hold(a->v, a->p));
	NEED(a, !mh_drop(a->v, a->p));
}

static bool held_by_v(struct act *a)
{
	return a->q && is_held(a, true, true);
}

static void drop_own_prepare(struct act *a)
{
	warm_prepare(a);
	a->p = make(a, a->v);
}

static void drop_foreign_prepare(struct act *a)
{
	a->p = make(a, a->b);
	NEED(a, !mh_hold(a->v, a->p) && !mh_drop(a->b, a->p));
}

static void drop_of_two_prepare(struct act *a)
{
	a->p = make(a, a->b);
	NEED(a, !mh_hold(a->v, a->p));
}

static bool gone(struct act *a)
{
	return a->q && is_held(a, false, false);
}

/* Its span is the last in line. */
static bool is_behind(struct act *a)
{
	struct sh_stripe *st = seg_stripe(&a->r->sg, a->spc, 0);

	return gone(a) && ld_rlx(&st->tail) == at_of(a, a->p).id.n &&
	       ld_rlx(&st->head) != ld_rlx(&st->tail);
}

static void drop_passed_prepare(struct act *a)
{
	drop_foreign_prepare(a);
	NEED(a, !mh_trim(a->b));
}

static void crowd_prepare(struct act *a)
{
	for (uint32_t i = 0; i < KEPT_RUNS; i++)
		make(a, a->v);
}

static bool left_to_b(struct act *a)
{
	return a->q && is_held(a, true, false);
}

/* FULL, with one slot less free than its threshold. */
static void full_setup(struct act *a)
{
	struct geom g = span_with(a, sc_nslots(a->sc), false);

	for (uint32_t s = 1; s < span_threshold(&g); s++) {
		if (held_drop(&geom_holders(&a->r->sg, &g)[s],
			      holder_bit(a->pb.slot),
			      a->pb.slot) != HELD_BY_NONE)
			abort();
		andnot_sc(&geom_live(&a->r->sg, &g)[s / 64], 1ull << s % 64);
	}
	if (span_dispose(&a->r->sg, &g, a->pb) != SPAN_FULL)
		abort();
	a->g = g;
}

static void full_prepare(struct act *a)
{
	a->p = slot_at(a, &a->g, 0);
	NEED(a, !mh_hold(a->v, a->p));
	NEED(a, held_drop(geom_holders(&a->r->sg, &a->g),
			  holder_bit(a->pb.slot),
			  a->pb.slot) == HELD_BY_OTHERS);
}

static bool listed(struct act *a)
{
	return a->q && span_state(span_load(&a->r->sg, a->g.id)) == SPAN_LISTED;
}

/* The array has no room for one more. */
static void flush_prepare(struct act *a)
{
	uint32_t most = sc_cache_max(a->sc), n = 0;

	while (n <= 2 * most)
		a->o[n++] = make(a, a->v);
	NEED(a, !mh_drop(a->v, a->o[--n]));
	widen(a);
	while (in_array(a) < most)
		NEED(a, n > 1 && !mh_drop(a->v, a->o[--n]));
	a->p = a->o[0];
}

static bool flushed(struct act *a)
{
	return a->q && in_array(a) < sc_cache_max(a->sc);
}

static void *named_only(struct act *a, const char *name)
{
	void *p = make(a, a->v);

	NEED(a, !mh_name_set(a->v, name, p) && !mh_drop(a->v, p));
	return p;
}

static void call_name_set(struct act *a)
{
	got(a, mh_name_set(a->v, "n", a->p));
}

static void call_name_get(struct act *a)
{
	a->q = mh_name_get(a->v, "n");
}

static void call_name_remove(struct act *a)
{
	got(a, mh_name_remove(a->v, "n"));
}

static void name_prepare(struct act *a)
{
	set_operand(a, make(a, a->v));
}

/* b holds the new one; the old one goes. */
static void replace_prepare(struct act *a)
{
	set_operand(a, named_only(a, "n"));
	a->p = make(a, a->b);
}

static void named_prepare(struct act *a)
{
	set_operand(a, named_only(a, "n"));
}

static void get_prepare(struct act *a)
{
	a->p = named_only(a, "n");
}

/* ---- the daemon's part ---- */

static uint64_t handle(struct act *a, const struct geom *g, uint32_t slot)
{
	return handle_make(&a->r->sg, g, geom_offset(g) + slot * g->elem);
}

static struct sh_holder *word_of(struct act *a, const struct geom *g,
				 uint32_t slot)
{
	return &geom_holders(&a->r->sg, g)[slot];
}

/* As it is when its last holder, or its maker, was killed. */
static void moving(struct act *a, const struct geom *g, uint32_t slot,
		   uint32_t tag, uint32_t mover)
{
	struct holders w = holders_tagged(holder_bit(mover), tag, mover);

	rig_hold(a->r, g, slot, a->pv);
	st_rlx(&word_of(a, g, slot)->lo, tag == TAG_BORN ? w.lo : 0);
	st_rlx(&word_of(a, g, slot)->hi, w.hi & ~0xffffffffull);
}

static void name_it(struct act *a, const char *name, const struct geom *g,
		    uint32_t slot)
{
	if (names_set(&a->r->h, name, handle(a, g, slot), false))
		abort();
}

/* Slots 0 and 1 are b's; slot 2 is "one" only. */
static void names_setup(struct act *a)
{
	struct geom g = span_with(a, 3, false);

	name_it(a, "one", &g, 2);
	if (held_drop(word_of(a, &g, 2), holder_bit(a->pb.slot), 0) !=
	    HELD_BY_OTHERS)
		abort();
	a->operand = geom_offset(&g) + 2 * g.elem + 1;
	a->g = g;
}

static void call_names(struct act *a)
{
	struct heap *h = &a->r->h;

	NEED(a, !names_set(h, "one", handle(a, &a->g, 0), false));
	NEED(a, names_set(h, "two", handle(a, &a->g, 0), false) == -EBUSY);
	NEED(a, !names_set(h, "one", 0x1001, false));
	NEED(a, !names_set(h, "two", handle(a, &a->g, 0), false));
	NEED(a, !names_set(h, "one", handle(a, &a->g, 1), false));
	NEED(a, !names_remove(h, "two"));
	NEED(a, !names_remove(h, "one"));
}

/* What the dead one held, made, was letting go, had free, and a name of it. */
static void estate(struct act *a)
{
	struct geom g = span_with(a, 6, false);

	rig_hold(a->r, &g, 0, a->pv);		/* b's too */
	for (uint32_t s = 6; s < 9; s++)
		rig_hold(a->r, &g, s, a->pv);
	name_it(a, "his", &g, 8);
	moving(a, &g, 9, TAG_FREEING, a->pv.slot);
	moving(a, &g, 10, TAG_BORN, a->pv.slot);
	g = rig_span(a->r, a->pv, a->spc);	/* his own, leased */
	rig_lease(a->r, &g);
	rig_hold(a->r, &g, 0, a->pv);
	rig_hold(a->r, &g, 1, a->pv);
	rig_hold(a->r, &g, 1, a->pb);
	moving(a, &g, 2, TAG_FREEING, a->pv.slot);
	moving(a, &g, 3, TAG_BORN, a->pv.slot);
	moving(a, &g, 4, TAG_BORN, a->pv.slot);	/* parked again: never made */
	st_rlx(&geom_parked(&a->r->sg, &g)[4], 1);
	full_setup(a);				/* goes over its threshold */
	rig_hold(a->r, &a->g, 0, a->pv);
	if (held_drop(word_of(a, &a->g, 0), holder_bit(a->pb.slot), 0) !=
	    HELD_BY_OTHERS)
		abort();
	st_rel(&a->r->sg.slots[a->pv.slot].watch[1], a->g.id.n);
}

static void call_reclaim(struct act *a)
{
	reclaim_client(&a->r->h, a->pv.slot);
	NEED(a, client_state(&a->r->h, a->pv.slot) == CLIENT_FREE);
}

static struct sh_name *entry(struct act *a, const char *name)
{
	struct sh_name *e = name_find(&a->r->sg, name, NULL);

	if (!e)
		abort();
	return e;
}

static void set_phase(struct sh_name *e, uint32_t phase)
{
	st_rel(&e->state, (ld_acq(&e->state) & ~3u) | phase);
}

/* Killed between a bit and its entry, in replacing, and in letting go. */
static void half_named(struct act *a)
{
	struct geom g = span_with(a, 6, false);
	uint64_t plain = 0x1001;

	name_it(a, "whole", &g, 0);
	name_it(a, "removed", &g, 1);
	set_phase(entry(a, "removed"), NAME_GONE);
	name_it(a, "held now", &g, 2);		/* its phase not yet */
	set_phase(entry(a, "held now"), NAME_SET);
	name_it(a, "plain now", &g, 3);		/* likewise */
	st_rel(&entry(a, "plain now")->handle, plain);
	if (!held_hold(word_of(a, &g, 4), HOLDER_NAME))
		abort();			/* no entry yet */
	moving(a, &g, 6, TAG_FREEING, MOVER_DAEMON);
	full_setup(a);
	if (held_drop(word_of(a, &a->g, 0), holder_bit(a->pb.slot),
		      MOVER_DAEMON) !=
	    HELD_BY_NONE)
		abort();
	rig_kill(a->r);
}

static void call_open(struct act *a)
{
	NEED(a, !rig_open(a->r));
}

#define HELD(n, z, c, d, ...) \
	{ .name = "held " n, .lives = L_HELD, .sizes = z, .call = c, .done = d, \
	  __VA_ARGS__ }
#define S_SLOTS	(S_64 | S_1K | S_32K)

static const struct scene scenes[] = {
	HELD("alloc", S_SLOTS | S_RUN, call_make, made_by_v,
	     .prepare = warm_prepare),
	HELD("alloc, too many kept", S_RUN, call_make, made_by_v,
	     .prepare = crowd_prepare),
	HELD("alloc first", S_64 | S_1K | S_RUN | S_LARGE, call_make, made_by_v,
	     .prepare = NULL),
	HELD("alloc stripe", S_SLOTS | S_RUN, call_make, made_by_v,
	     .setup = listed_setup),
	HELD("hold", S_1K | S_RUN | S_LARGE, call_hold, held_by_v,
	     .prepare = hold_prepare),
	HELD("hold again", S_1K | S_RUN, call_hold, held_by_v,
	     .prepare = hold_again_prepare),
	HELD("drop", S_SLOTS | S_RUN | S_LARGE, call_drop, gone,
	     .prepare = drop_own_prepare),
	HELD("drop of another's", S_SLOTS | S_RUN, call_drop, gone,
	     .prepare = drop_foreign_prepare),
	HELD("drop behind others", S_RUN, call_drop, is_behind,
	     .setup = line_setup, .prepare = drop_passed_prepare),
	HELD("drop of two", S_1K | S_RUN, call_drop, left_to_b,
	     .prepare = drop_of_two_prepare),
	HELD("drop at the threshold", S_64 | S_1K, call_drop, listed,
	     .setup = full_setup, .prepare = full_prepare),
	HELD("drop and flush", S_64, call_drop, flushed,
	     .prepare = flush_prepare),
	HELD("name set", S_1K | S_RUN, call_name_set, succeeded, .gain = 1,
	     .prepare = name_prepare),
	HELD("name replace", S_1K | S_RUN, call_name_set, succeeded,
	     .gain = -1, .prepare = replace_prepare),
	HELD("name remove", S_1K | S_RUN, call_name_remove, succeeded,
	     .gain = -1, .prepare = named_prepare),
	HELD("name get", S_1K | S_RUN, call_name_get, held_by_v,
	     .prepare = get_prepare),
	{ .name = "daemon held names", .lives = L_HELD, .sizes = S_1K,
	  .daemon = true, .gain = -1, .setup = names_setup,
	  .call = call_names },
	{ .name = "recovery of a holder", .lives = L_HELD, .sizes = S_1K,
	  .daemon = true, .same = true, .dead = DEAD, .setup = estate,
	  .call = call_reclaim },
	{ .name = "recovery of names", .lives = L_HELD, .sizes = S_1K,
	  .daemon = true, .same = true, .dead = DEAD, .setup = half_named,
	  .call = call_open },
};

const struct scene_list held_scenes = { scenes, N_OF(scenes) };
