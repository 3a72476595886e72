/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_client.c - the other calls of a client: sharing, trimming, names,
 * moving, and a thread's end.
 */
#include "tests/crash/scene.h"

static bool exhausted(struct act *a)
{
	return cache_of(a)->exhausted.n && !cache_of(a)->partial.n &&
	       !in_array(a);
}

static void share_prepare(struct act *a)
{
	set_operand(a, make(a, a->v));
	make(a, a->v);
}

static void call_share(struct act *a)
{
	a->q = mh_share(a->v, a->p) ? NULL : a->p;
}

static bool succeeded(struct act *a)
{
	return a->q != NULL;
}

/* Every slot but one is an object of the heap; b frees `freed` of them. */
static void all_but_one(struct act *a, uint32_t to_free)
{
	struct pspan *ps;
	void *p = NULL;

	make_until(a, exhausted, false);
	ps = cache_of(a)->exhausted.head;
	a->g = ps->g;
	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t slot;

		if (!ps_slot(ps, a->o[i], &slot))
			continue;
		if (slot) {
			NEED(a, !mh_share(a->v, a->o[i]));
			if (to_free) {
				to_free--;
				mh_free(a->b, a->o[i]);
			}
		} else {
			p = a->o[i];
		}
	}
	NEED(a, p && !to_free);
	mh_free(a->v, mh_alloc(a->v, 512));
	set_operand(a, p);
}

static void last_prepare(struct act *a)
{
	all_but_one(a, 0);
}

static void last_listed_prepare(struct act *a)
{
	all_but_one(a, sc_nslots(a->sc) / 2);
}

static bool given_up(struct act *a)
{
	uint32_t state = span_state(span_load(&a->r->sg, a->g.id));

	return a->q && (state == SPAN_FULL || state == SPAN_LISTED);
}

/* Three spans, wholly free, some of it in the array; another class as well. */
static void trim_prepare(struct act *a)
{
	uint32_t n = is_run(a) ? 3 : 3 * sc_nslots(a->sc);

	if (n > 300)
		n = 300;
	for (a->n = 0; a->n < n; a->n++)
		a->o[a->n] = make(a, a->v);
	while (a->n)
		mh_free(a->v, a->o[--a->n]);
}

static void call_trim(struct act *a)
{
	a->q = mh_trim(a->v) ? NULL : a->v;
}

static bool owns_nothing(struct act *a)
{
	uint32_t top = seg_span_top(&a->r->sg);

	for (span_id id = { 1 }; id.n < top; id.n++)
		if (span_is(&a->r->sg, id, SPAN_OWNED, a->pv))
			return false;
	return true;
}

static bool trimmed(struct act *a)
{
	return a->q && owns_nothing(a);
}

static void exit_prepare(struct act *a)
{
	void *p = mh_alloc(a->v, 200), *q = mh_alloc_flags(a->v, 48, MH_SHARED);

	trim_prepare(a);
	mh_free(a->v, p);
	mh_free(a->v, q);
	mh_free(a->b, mh_alloc(a->b, 100));
	mh_free(a->v, mh_alloc(a->v, 512));
}

static void call_exit(struct act *a)
{
	(void)a;
	thread_gone(NULL);
}

static void move_prepare(struct act *a)
{
	a->p = make(a, a->v);
	mh_free(a->v, mh_alloc(a->v, a->size * 2));
}

static void call_move(struct act *a)
{
	a->q = mh_realloc(a->v, a->p, a->size * 2);
}

static bool moved(struct act *a)
{
	return a->q && a->q != a->p;
}

static void name_prepare(struct act *a)
{
	set_operand(a, make(a, a->v));
	make(a, a->v);
}

/* The object is the heap's already: nothing comes into being. */
static void name_shared_prepare(struct act *a)
{
	a->p = make(a, a->v);
	NEED(a, !mh_share(a->v, a->p));
	NEED(a, !mh_name_set(a->v, "second", a->p));
}

static void call_name(struct act *a)
{
	a->q = mh_name_set(a->v, "root", a->p) ? NULL : a->p;
}

static bool named(struct act *a)
{
	return a->q && mh_name_get(a->b, "root") == a->p;
}

static void rename_prepare(struct act *a)
{
	void *p;

	name_shared_prepare(a);
	p = make(a, a->b);
	NEED(a, !mh_name_set(a->b, "root", p));
	mh_free(a->v, mh_alloc(a->v, 512));
}

static void remove_prepare(struct act *a)
{
	rename_prepare(a);
	call_name(a);
	NEED(a, a->q);
}

static void call_remove(struct act *a)
{
	a->q = mh_name_remove(a->v, "root") ? NULL : a->p;
}

static bool removed(struct act *a)
{
	return a->q && !mh_name_get(a->b, "root");
}

static const struct scene scenes[] = {
	{ .name = "share first", .lives = L_OWNED, .sizes = S_SMALL | S_RUN |
	  S_LARGE, .gain = 1, .prepare = share_prepare, .call = call_share,
	  .done = succeeded },
	{ .name = "share last, full", .lives = L_OWNED,
	  .sizes = S_64 | S_1K | S_32K, .gain = 1, .prepare = last_prepare,
	  .call = call_share, .done = given_up },
	{ .name = "share last, listed", .lives = L_OWNED,
	  .sizes = S_1K | S_32K, .gain = 1, .prepare = last_listed_prepare,
	  .call = call_share, .done = given_up },
	{ .name = "trim", .lives = L_OWNED | L_SHARED, .sizes = S_1K,
	  .prepare = trim_prepare, .call = call_trim, .done = trimmed },
	{ .name = "trim", .lives = L_OWNED, .sizes = S_RUN,
	  .prepare = trim_prepare, .call = call_trim, .done = trimmed },
	{ .name = "thread exit", .lives = L_OWNED | L_SHARED,
	  .sizes = S_64 | S_1K | S_32K, .prepare = exit_prepare,
	  .call = call_exit },
	{ .name = "realloc moves", .lives = L_OWNED,
	  .sizes = S_64 | S_1K | S_32K | S_RUN, .prepare = move_prepare,
	  .call = call_move, .done = moved },
	{ .name = "name set", .lives = L_OWNED, .sizes = S_1K | S_RUN,
	  .gain = 1, .prepare = name_prepare, .call = call_name,
	  .done = named },
	{ .name = "name set, shared", .lives = L_OWNED | L_SHARED,
	  .sizes = S_1K, .prepare = name_shared_prepare, .call = call_name,
	  .done = named },
	{ .name = "name replaced", .lives = L_SHARED, .sizes = S_1K,
	  .prepare = rename_prepare, .call = call_name, .done = named },
	{ .name = "name remove", .lives = L_SHARED, .sizes = S_1K,
	  .prepare = remove_prepare, .call = call_remove, .done = removed },
};

const struct scene_list client_scenes = { scenes, N_OF(scenes) };
