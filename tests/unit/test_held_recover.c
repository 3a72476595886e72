/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_held_recover.c - held objects and deaths: of holders, of the daemon; spans
 * that are watched; who may not hold; and what verify says of words that can't
 * be.  (Kills at every instruction are tests/crash/scenes_held.c.)
 */
#include "shm/handle.h"
#include "shm/held.h"
#include "shm/names.h"
#include "tests/clientrig.h"
#include "tests/unit/rig_test.h"

static struct rig *rig_big(void)
{
	return rig_of((struct rig_opts){ .reserve = 16 * MIB });
}

static uint64_t handle(struct rig *r, const struct geom *g, uint32_t slot)
{
	return handle_make(&r->sg, g, geom_offset(g) + slot * g->elem);
}

static uint64_t held(struct rig *r)
{
	assert_sound(r);
	return r->report.held_objects;
}

static void by_death(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom mine = rig_span(r, p, HELD(SC_1K));
	struct geom his = rig_span(r, q, HELD(SC_1K));

	(void)state;
	rig_lease(r, &mine);
	rig_hold(r, &mine, 0, p);
	rig_hold(r, &mine, 1, p);
	rig_hold(r, &mine, 1, q);
	rig_hold(r, &his, 0, p);
	rig_hold(r, &his, 1, q);
	rig_hold(r, &his, 1, p);
	rig_hold(r, &his, 2, p);
	assert_int_equal(names_set(&r->h, "n", handle(r, &his, 2), false), 0);
	assert_int_equal(held(r), 5);
	reclaim_client(&r->h, p.slot);
	assert_int_equal(held(r), 3);		/* two of q's, one of the name */
	reclaim_client(&r->h, q.slot);
	assert_int_equal(held(r), 1);
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(held(r), 1);
	assert_int_equal(names_remove(&r->h, "n"), 0);
	assert_int_equal(held(r), 0);
	sweep_all(&r->h, false);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	rig_free(r);
}

/* Large ones are in spans that nobody owns. */
static void by_death_of_the_large(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = rig_span(r, p, HELD(SC_FIRST_RUN + 2));

	(void)state;
	rig_hold(r, &g, 0, p);
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_FULL);
	rig_hold(r, &g, 0, q);
	reclaim_client(&r->h, p.slot);
	assert_int_equal(held(r), 1);
	reclaim_client(&r->h, q.slot);
	assert_int_equal(held(r), 0);
	sweep_all(&r->h, false);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	rig_free(r);
}

/* A client that is about to hold keeps the span, and the daemon goes on. */
static void watched(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r);

	(void)state;
	for (uint32_t i = 0; i < SH_WATCHES; i++) {
		struct geom g = rig_span(r, p, HELD(SC_1K));
		_Atomic uint32_t *watch = &r->sg.slots[p.slot].watch[i];

		assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
		st_rel(watch, g.id.n);
		sweep_all(&r->h, false);
		assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
		assert_sound(r);
		st_rel(watch, 0);
		sweep_all(&r->h, false);
		assert_int_equal(rig_state(r, g.id), SPAN_FREE);
		g = rig_span(r, p, HELD(SC_1K));
		assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
		st_rel(watch, g.id.n);
		reclaim_client(&r->h, p.slot);	/* the dead watch nothing */
		sweep_all(&r->h, false);
		assert_int_equal(rig_state(r, g.id), SPAN_FREE);
		p = rig_join(r);
	}
	rig_free(r);
}

/* While an entry is replaced, HELD may stand beside the handle of a plain object. */
static void plain_beside_held(struct clientrig *cr, mh_heap *late)
{
	void *p = mh_alloc_shared(late, 64);
	struct sh_name *e;

	assert_int_equal(mh_name_set(late, "plain", p), 0);
	clientrig_pause(cr);
	e = name_find(&cr->r->sg, "plain", NULL);
	st_rel(&e->state, (ld_acq(&e->state) & ~3u) | NAME_HELD);
	clientrig_resume(cr);
	assert_ptr_equal(mh_name_get(late, "plain"), p);
	clientrig_pause(cr);
	st_rel(&e->state, (ld_acq(&e->state) & ~3u) | NAME_SET);
	clientrig_resume(cr);
	assert_int_equal(mh_name_remove(late, "plain"), 0);
	mh_free(late, p);
}

/* Client slots from 96 on: shared objects only. */
static void too_many_clients(void **state)
{
	const struct rig_opts o = { .reserve = 32 * MIB, .clients = 100, .chans = 4 };
	struct clientrig *cr = clientrig_new(&o);
	mh_heap *a = clientrig_attach(cr, 0), *late;
	void *p = mh_alloc_flags(a, 64, MH_HELD);

	(void)state;
	assert_non_null(p);
	assert_int_equal(mh_name_set(a, "p", p), 0);
	clientrig_pause(cr);
	while (rig_join(cr->r).slot < SH_HOLDERS - 1)
		;
	clientrig_resume(cr);
	late = clientrig_attach(cr, 0);
	assert_int_equal(mh_hold(late, p), -1);
	assert_int_equal(errno, EUSERS);
	for (size_t size = 64; size <= 4u << 20; size *= 16) {
		assert_null(mh_alloc_flags(late, size, MH_HELD));
		assert_int_equal(errno, EUSERS);
	}
	assert_null(mh_name_get(late, "p"));
	assert_int_equal(errno, EUSERS);
	assert_null(mh_chan_open(late, "c", 8, 0));
	assert_int_equal(errno, EUSERS);
	assert_int_equal(chan_find(&late->sg, "c"), late->sg.geo.nchans);
	plain_beside_held(cr, late);
	clientrig_kill(cr, late);
	clientrig_kill(cr, a);
	clientrig_verify(cr);
	assert_int_equal(cr->r->report.held_objects, 1);	/* the name's */
	clientrig_free(cr);
}

/* The last slot that may hold is in the word's second half. */
static void the_last_holder(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 16 * MIB,
						  .clients = 99 });
	struct party p, q = rig_join(r);
	struct geom g = rig_span(r, q, HELD(SC_1K));

	(void)state;
	do
		p = rig_join(r);
	while (p.slot < SH_HOLDERS - 1);
	rig_hold(r, &g, 0, p);
	rig_hold(r, &g, 0, q);
	rig_hold(r, &g, 1, p);
	assert_int_equal(held(r), 2);
	reclaim_client(&r->h, p.slot);
	assert_int_equal(held(r), 1);
	assert_int_equal(held_drop(geom_holders(&r->sg, &g),
				   holder_bit(q.slot), q.slot),
			 HELD_BY_NONE);
	rig_free(r);
}

static void assert_fault(struct rig *r, const char *part)
{
	const char *why = rig_check(r);

	assert_non_null(why);
	if (!strstr(why, part))
		fail_msg("%s", why);
}

static void words_that_cannot_be(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, HELD(SC_1K));
	struct sh_holder *word = geom_holders(&r->sg, &g);

	(void)state;
	rig_hold(r, &g, 0, p);
	assert_int_equal(held(r), 1);
	st_rlx(&word->lo, 0);
	assert_fault(r, "nobody holds slot 0");
	st_rlx(&word->lo, 1ull << 3);
	assert_fault(r, "held by client slot 3, which is free");
	st_rlx(&word->lo, 1ull << p.slot | 1);
	assert_fault(r, "held by a name");
	st_rlx(&word->lo, 1ull << p.slot);
	st_rlx(&word->hi, 7ull << 32);
	assert_fault(r, "has tag 7");
	st_rlx(&word->hi, (uint64_t)TAG_FREEING << 32 | (uint64_t)p.slot << 35);
	assert_fault(r, "is being freed by client slot 1");
	st_rlx(&word->hi, (uint64_t)TAG_BORN << 32 | 3ull << 35);
	assert_fault(r, "is being born by client slot 3, which is free");
	st_rlx(&word->hi, 0);
	assert_int_equal(held(r), 1);
	assert_int_equal(names_set(&r->h, "n", handle(r, &g, 0), false), 0);
	assert_int_equal(held(r), 1);
	st_rlx(&word->lo, 1ull << p.slot);
	assert_fault(r, "which no name holds");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_death),
		cmocka_unit_test(by_death_of_the_large),
		cmocka_unit_test(watched),
		cmocka_unit_test(too_many_clients),
		cmocka_unit_test(the_last_holder),
		cmocka_unit_test(words_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
