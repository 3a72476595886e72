/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recover.c - a client's death, by states made by hand: what a kill can
 * leave behind, and what must have become of it.  The daemon's own is in
 * test_restart.c.  (Kills at every instruction are tests/crash.)
 */
#include "tests/unit/fates.h"
#include "shm/parked.h"

static void reclaim_by_the_rule(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g[N_OF(fates)], other = rig_span(r, q, SHARED(SC_1K));
	span_id id;

	(void)state;
	lease_take(r, &other, 4);
	make_fates(r, p, g);
	id = grant(r, p);
	rig_post(r, p, 2, OP_ALLOC, OWNED(SC_1K), 0);
	assert_true(reclaim_client(&r->h, p.slot) > 0);
	assert_fates(r, g);
	assert_int_equal(rig_state(r, id), SPAN_FREE);
	assert_true(span_is(&r->sg, other.id, SPAN_OWNED, q));
	assert_sound(r);
	assert_int_equal(r->report.shared_objects, 1 + 32 + 24 + 25 + 1 + 32 +
			 28 + 3 + 4);
	assert_int_equal(r->report.unlinked, 0);
	assert_int_equal(client_state(&r->h, p.slot), CLIENT_FREE);
	assert_int_equal(client_party(&r->h, p.slot).gen, p.gen + 1);
	assert_int_equal(r->sg.hdr->count.deaths, 1);
	rig_free(r);
}

static void reclaim_twice_is_once(void **state)
{
	struct rig *r = rig_big(), *c;
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)];

	(void)state;
	make_fates(r, p, g);
	reclaim_client(&r->h, p.slot);
	c = rig_copy(r);
	assert_int_equal(reclaim_client(&r->h, p.slot), 0);
	assert_true(rig_same(r, c));
	rig_free(c);
	rig_free(r);
}

/*
 * The daemon is killed after the n-th span of a reclaim.  The next one finds
 * the client DYING, which is proof of its death, and goes on.
 */
static void reclaim_interrupted(void **state)
{
	struct rig *r = rig_big(), *c;
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)];

	(void)state;
	make_fates(r, p, g);
	c = rig_copy(r);
	for (unsigned n = 0; n <= N_OF(fates); n++) {
		rig_copy_to(r, c);
		assert_int_equal(rig_open(c), 0);
		client_set_state(&c->h, p.slot, CLIENT_DYING);
		for (unsigned i = 0; i < n; i++) {
			uint64_t w = span_load(&c->sg, g[i].id);

			span_close(&c->sg, &g[i], p);
			assert_true(span_move(&c->sg, g[i].id, &w, SPAN_OWNED,
					      c->h.me));
			if (i + 1 < n)
				span_settle(&c->h, &g[i], false);
		}
		assert_int_equal(rig_reopen(c), 0);
		c->in_calls = true;
		assert_sound(c);
		reclaim_client(&c->h, p.slot);
		c->in_calls = false;
		assert_fates(c, g);
		assert_sound(c);
	}
	rig_free(c);
	rig_free(r);
}

/* It died inside each stripe in turn, at each step of a push and of a pop. */
static void reclaim_frees_stripes(void **state)
{
	struct rig *r = rig_big();
	struct party p, q = rig_join(r);
	uint32_t spc = SHARED(SC_1K), k = spc * r->sg.geo.nstripes;
	struct sh_stripe *st = &r->sg.stripes[k];
	struct geom g[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		g[i] = rig_span(r, q, spc);
		lease_take(r, &g[i], 1);
		span_close(&r->sg, &g[i], q);
		assert_int_equal(span_dispose(&r->sg, &g[i], q), SPAN_LISTED);
	}
	for (unsigned step = 0; step < 5; step++) {
		uint64_t in_k = (uint64_t)(k + 1) << 32;

		p = rig_join(r);
		for (unsigned i = 0; i < 3; i++)
			xchg_sc(&r->sg.spans[g[i].id.n].link, 0);
		st_rlx(&r->sg.stripes[k + 1].head, 0);
		st_rlx(&r->sg.stripes[k + 1].count, 0);
		/* 2 -> 1 in the list; 0 is being linked, or 2 unlinked. */
		st_rlx(&r->sg.spans[g[1].id.n].link, in_k);
		st_rlx(&r->sg.spans[g[2].id.n].link, in_k | g[1].id.n);
		st_rlx(&st->head, g[step == 4 ? 1 : 2].id.n);
		st_rlx(&st->count, 2);
		if (step >= 1 && step < 4)
			st_rlx(&r->sg.spans[g[0].id.n].link,
			       in_k | g[2].id.n);
		if (step >= 2 && step < 4)
			st_rlx(&st->head, g[0].id.n);
		if (step == 3)
			st_rlx(&st->count, 3);
		slot_uses(&r->sg.slots[p.slot], spc_size_class(spc));
		st_rel(&st->lock, span_word(1, p, 0));
		reclaim_client(&r->h, p.slot);
		assert_int_equal(central_holder(&r->sg, k).slot, 0);
		assert_int_equal(ld_rlx(&st->count), 3);
		assert_sound(r);
		assert_int_equal(r->report.unlinked, 0);
		assert_int_equal(r->report.stale, 0);
	}
	assert_int_equal(r->sg.hdr->count.rebuilt_stripes, 5);
	rig_free(r);
}

/* Of the classes that it used, whatever their lifetime. */
static void tallies_of_the_dead_are_summed_up(void **state)
{
	const uint32_t classes[] = { OWNED(SC_1K), SHARED(SC_1K),
				     SPAN_CLASSES - 1 };
	struct rig *r = rig_new(NULL);
	struct sh_slot *s, *sum = &r->sg.slots[0];

	(void)state;
	for (uint64_t round = 1; round <= 2; round++) {
		struct party p = rig_join(r);

		s = &r->sg.slots[p.slot];
		for (unsigned i = 0; i < N_OF(classes); i++) {
			slot_uses(s, spc_size_class(classes[i]));
			st_rlx(&s->tally[classes[i]].flushed, i + 1);
		}
		reclaim_client(&r->h, p.slot);
		assert_int_equal(s->used[0] | s->used[1], 0);
		for (unsigned i = 0; i < N_OF(classes); i++) {
			assert_int_equal(s->tally[classes[i]].flushed, 0);
			assert_int_equal(sum->tally[classes[i]].flushed,
					 round * (i + 1));
		}
	}
	rig_free(r);
}

static void slots_run_out_and_come_back(void **state)
{
	struct rig *r = rig_new(NULL);
	struct party p[4], none;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		p[i] = rig_join(r);
		assert_int_equal(p[i].slot, i + 1);
		assert_int_equal(p[i].gen, 1);
	}
	assert_int_equal(client_join(&r->h, &none), -EUSERS);
	reclaim_client(&r->h, 2);
	p[1] = rig_join(r);
	assert_int_equal(p[1].slot, 2);
	assert_int_equal(p[1].gen, 2);
	/* The generation after the last is 1, never 0. */
	st_rel(&r->sg.clients[3].word, (uint64_t)GEN_MASK << 8 | CLIENT_ACTIVE);
	reclaim_client(&r->h, 3);
	assert_int_equal(rig_join(r).gen, 1);
	assert_sound(r);
	rig_free(r);
}

static void join_without_memory(void **state)
{
	struct rig *r = rig_new(NULL);
	struct party p;

	(void)state;
	r->budget = 0;
	assert_int_equal(client_join(&r->h, &p), -ENOMEM);
	assert_int_equal(client_state(&r->h, 1), CLIENT_FREE);
	assert_sound(r);
	r->budget = 1u << 20;
	assert_int_equal(client_join(&r->h, &p), 0);
	assert_sound(r);
	rig_free(r);
}

/* Owner and borrower die, the one first, then the other. */
static void lent_both_ways(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));
	struct geom f = rig_span(r, q, SHARED(SC_1K));

	(void)state;
	lease_take(r, &g, 8);
	rig_lend(r, &g, 0, q);
	rig_lend(r, &g, 1, p);		/* since before it had the span */
	lease_take(r, &f, 32);
	for (uint32_t s = 0; s < span_threshold(&f); s++)
		rig_lend(r, &f, s, p);
	assert_int_equal(span_dispose(&r->sg, &f, q), SPAN_FULL);
	reclaim_client(&r->h, p.slot);
	assert_sound(r);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_int_equal(span_free_slots(&r->sg, &g), 32 - 7);
	assert_int_equal(geom_parked(&r->sg, &g)[0], parked_by(q.slot));
	assert_int_equal(rig_state(r, f.id), SPAN_LISTED);
	assert_int_equal(span_free_slots(&r->sg, &f), span_threshold(&f));
	reclaim_client(&r->h, q.slot);
	assert_sound(r);
	assert_int_equal(span_free_slots(&r->sg, &g), 32 - 6);
	rig_free(r);
}

/* Its last object's live bit is cleared, its mark is not: no page heap yet. */
static void on_its_way_is_not_empty(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));

	(void)state;
	rig_share(r, &g, 3);
	rig_lend(r, &g, 3, q);
	andnot_sc(geom_live(&r->sg, &g), 1ull << 3);
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
	central_push(&r->sg, p, g.spc, g.id);
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	reclaim_client(&r->h, q.slot);
	assert_sound(r);
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, g.id), SPAN_FREE);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reclaim_by_the_rule),
		cmocka_unit_test(reclaim_twice_is_once),
		cmocka_unit_test(reclaim_interrupted),
		cmocka_unit_test(reclaim_frees_stripes),
		cmocka_unit_test(tallies_of_the_dead_are_summed_up),
		cmocka_unit_test(slots_run_out_and_come_back),
		cmocka_unit_test(join_without_memory),
		cmocka_unit_test(lent_both_ways),
		cmocka_unit_test(on_its_way_is_not_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
