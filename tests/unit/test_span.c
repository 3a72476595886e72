/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_span.c - the state word, give-up and the threshold, and the race of the
 * last freer against who publishes FULL: no wake is lost, none is had twice.
 */
#include <pthread.h>
#include <sched.h>

#include "tests/unit/rig_test.h"

#define ROUNDS	20000u

static void words(void **state)
{
	struct party p = { 4095, GEN_MASK }, q = { 7, 3 };
	uint64_t w = span_word(SPAN_LISTED, p, GEN_MASK);

	(void)state;
	assert_int_equal(span_state(w), SPAN_LISTED);
	assert_true(party_eq(span_party(w), p));
	assert_int_equal(span_version(w), GEN_MASK);
	w = span_word(SPAN_OWNED, q, GEN_MASK + 1ull);
	assert_int_equal(span_version(w), 0);
	assert_true(party_eq(span_party(w), q));
	assert_false(party_eq(q, (struct party){ 7, 4 }));
	assert_false(party_eq(q, (struct party){ 8, 3 }));
}

static void moves_are_exclusive(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = given_up(r, p, OWNED(SC_1K), 1);
	uint64_t a = span_load(&r->sg, g.id), b = a, before = a;

	(void)state;
	assert_true(span_move(&r->sg, g.id, &a, SPAN_OWNED, p));
	assert_int_equal(a, before);	/* kept on success */
	assert_false(span_move(&r->sg, g.id, &b, SPAN_OWNED, q));
	assert_true(span_is(&r->sg, g.id, SPAN_OWNED, p));
	assert_int_equal(b, span_load(&r->sg, g.id));
	assert_int_equal(span_version(b), span_version(before) + 1);
	/* There and back is another word: the version tells. */
	assert_true(span_move(&r->sg, g.id, &b, SPAN_LISTED, NOBODY));
	assert_false(span_move(&r->sg, g.id, &before, SPAN_OWNED, q));
	rig_free(r);
}

static void versions_wrap(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, OWNED(SC_1K));
	uint64_t w = span_word(SPAN_OWNED, p, GEN_MASK);

	(void)state;
	st_rlx(&r->sg.spans[g.id.n].state, w);
	assert_true(span_move(&r->sg, g.id, &w, SPAN_LISTED, NOBODY));
	w = span_load(&r->sg, g.id);
	assert_int_equal(w, span_word(SPAN_LISTED, NOBODY, 0));
	rig_free(r);
}

static void dispose_by_the_count(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);

	(void)state;
	for (uint32_t used = 0; used <= 32; used++) {
		struct geom g = rig_span(r, p, OWNED(SC_1K));
		uint32_t want = 32 - used >= 8 ? SPAN_LISTED : SPAN_FULL;

		for (uint32_t s = 0; s < used; s++)
			rig_share(r, &g, s);
		assert_int_equal(span_free_slots(&r->sg, &g), 32 - used);
		assert_int_equal(span_dispose(&r->sg, &g, q), SPAN_QUARANTINED);
		assert_true(span_is(&r->sg, g.id, SPAN_OWNED, p));
		assert_int_equal(span_dispose(&r->sg, &g, p), want);
		assert_int_equal(rig_state(r, g.id), want);
		assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_QUARANTINED);
		assert_sound(r);
		if (used % 8 == 7)
			sweep_all(&r->h, false);
		if (want == SPAN_FULL)
			andnot_sc(&geom_live(&r->sg, &g)[0], ~0ull);
		sweep_all(&r->h, false);
	}
	rig_free(r);
}

static void runs_have_one_slot(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	struct party p = rig_join(r);
	struct geom g = rig_run(r, p, 60);

	(void)state;
	assert_int_equal(span_threshold(&g), 1);
	rig_share(r, &g, 0);
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_FULL);
	assert_sound(r);
	assert_true(rig_free_slot(r, p, &g, 0));
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_sound(r);
	rig_free(r);
}

static void close_clears_what_is_parked(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_64));
	_Atomic uint8_t *parked = geom_parked(&r->sg, &g);

	(void)state;
	rig_lease(r, &g);
	assert_int_equal(span_free_slots(&r->sg, &g), 0);
	for (uint32_t s = 0; s < g.nslots; s += 3)
		rig_alloc(r, &g, s);
	span_close(&r->sg, &g, p);
	for (uint32_t s = 0; s < g.nslots; s++) {
		assert_int_equal(parked[s], 0);
		assert_int_equal(geom_live(&r->sg, &g)[s / 64] >> s % 64 & 1,
				 s % 3 == 0);
	}
	span_close(&r->sg, &g, p);		/* once more changes nothing */
	assert_int_equal(span_free_slots(&r->sg, &g), 512 - 171);
	assert_sound(r);
	rig_free(r);
}

/* An owned span's block has no parked bytes: what lies behind is another's. */
static void close_leaves_others_alone(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom a = rig_span(r, p, OWNED(SC_64));
	struct geom b = rig_span(r, p, SHARED(SC_64));

	(void)state;
	assert_int_equal(b.block, a.block + a.block_len);
	rig_share(r, &a, 1);
	lease_take(r, &b, 2);
	span_close(&r->sg, &a, p);
	assert_int_equal(span_free_slots(&r->sg, &a), 511);
	assert_int_equal(span_free_slots(&r->sg, &b), 0);
	rig_free(r);
}

static void freer_lists_at_the_threshold(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = given_up(r, p, OWNED(SC_1K), 32);

	(void)state;
	for (uint32_t s = 0; s < 7; s++)
		assert_false(rig_free_slot(r, q, &g, s));
	assert_int_equal(rig_state(r, g.id), SPAN_FULL);
	assert_true(rig_free_slot(r, q, &g, 7));
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_false(rig_free_slot(r, q, &g, 8));
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	rig_free(r);
}

/* One freer is late: the span it has in mind is another by now. */
static void freer_of_a_span_reborn(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom old = given_up(r, p, OWNED(SC_1K), 1), g;

	(void)state;
	andnot_sc(&geom_live(&r->sg, &old)[0], 1ull);
	sweep_all(&r->h, false);
	g = given_up(r, p, OWNED(SC_64), 512);
	assert_int_equal(g.id.n, old.id.n);
	assert_int_equal(g.block, old.block);
	for (uint32_t s = 0; s < 10; s++)
		assert_false(rig_free_slot(r, q, &g, s));
	assert_int_equal(rig_state(r, g.id), SPAN_FULL);
	/* By the old geometry 10 of 32 are free; by its own, 10 of 512. */
	assert_false(span_freed(&r->sg, &old, q));
	assert_int_equal(rig_state(r, g.id), SPAN_FULL);
	assert_sound(r);
	rig_free(r);
}

/*
 * One slot short of the threshold.  The owner gives the span up while another
 * thread frees one slot more, a little later each round: one of the two must
 * list it.
 */
struct race {
	struct rig	*r;
	struct geom	 g;
	struct party	 owner, other;
	_Atomic uint32_t round, done;
	unsigned	 listed;	/* by the freer */
};

/* Spins, since the race is for nanoseconds; yields where there is one core. */
static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
	for (unsigned i = 0; ld_acq(word) != value; i++)
		if (i % 4096 == 4095)
			sched_yield();
		else
			cpu_relax();
}

static void *freer(void *arg)
{
	struct race *c = arg;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		wait_for(&c->round, i);
		for (volatile uint32_t k = i % 64; k; k--)
			;
		andnot_sc(&geom_live(&c->r->sg, &c->g)[0], 1ull << 31);
		c->listed += span_freed(&c->r->sg, &c->g, c->other);
		st_rel(&c->done, i);
	}
	return NULL;
}

static void race_once(struct race *c, uint32_t round)
{
	_Atomic uint64_t *live = geom_live(&c->r->sg, &c->g);
	uint64_t w = span_load(&c->r->sg, c->g.id);
	unsigned listed;

	assert_true(span_move(&c->r->sg, c->g.id, &w, SPAN_OWNED, c->owner));
	or_rel(&live[0], 0xffffff80ull);
	andnot_sc(&live[0], 0x7full);		/* 7 are free, 8 are wanted */
	c->listed = 0;
	st_rel(&c->round, round);
	listed = span_dispose(&c->r->sg, &c->g, c->owner) == SPAN_LISTED;
	wait_for(&c->done, round);
	assert_int_equal(listed + c->listed, 1);
	assert_int_equal(rig_state(c->r, c->g.id), SPAN_LISTED);
}

static void no_wake_is_lost(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct race c = { .r = r, .owner = rig_join(r), .other = rig_join(r) };
	pthread_t t;

	(void)state;
	c.g = given_up(r, c.owner, OWNED(SC_1K), 1);
	assert_int_equal(pthread_create(&t, NULL, freer, &c), 0);
	for (uint32_t i = 1; i <= ROUNDS; i++)
		race_once(&c, i);
	pthread_join(t, NULL);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(moves_are_exclusive),
		cmocka_unit_test(versions_wrap),
		cmocka_unit_test(dispose_by_the_count),
		cmocka_unit_test(runs_have_one_slot),
		cmocka_unit_test(close_clears_what_is_parked),
		cmocka_unit_test(close_leaves_others_alone),
		cmocka_unit_test(freer_lists_at_the_threshold),
		cmocka_unit_test(freer_of_a_span_reborn),
		cmocka_unit_test(no_wake_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
