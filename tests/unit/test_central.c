/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_central.c - mcentral: stripes that are busy, lists that are stale, ids
 * that changed their class, rebuilds; and threads that push, pop, scan and die
 * in a stripe.
 */
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/central_test.h"

#define SPC	OWNED(SC_1K)

static void push_and_pop(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g[3], out;
	bool low = false;
	unsigned busy;

	(void)state;
	assert_false(central_pop(&r->sg, q, SPC, &out, &low, &busy));
	assert_true(low);
	for (unsigned i = 0; i < 3; i++) {
		g[i] = listed(r, p, SPC);
		assert_true(central_push(&r->sg, p, SPC, g[i].id));
		assert_true(central_push(&r->sg, q, SPC, g[i].id));
		assert_int_equal(central_listed(&r->sg, SPC), i + 1);
	}
	assert_sound(r);
	/* The last pushed comes first; 2 remain, then the stripe runs low. */
	assert_true(central_pop(&r->sg, q, SPC, &out, &low, &busy));
	assert_false(low);
	assert_int_equal(out.id.n, g[2].id.n);
	assert_true(span_is(&r->sg, out.id, SPAN_OWNED, q));
	assert_int_equal(ld_rlx(&r->sg.spans[out.id.n].link), 0);
	assert_true(central_pop(&r->sg, q, SPC, &out, &low, &busy));
	assert_true(low);
	assert_false(pop(r, q, SHARED(SC_1K), &out, &busy));
	assert_true(pop(r, q, SPC, &out, &busy));
	assert_false(pop(r, q, SPC, &out, &busy));
	assert_int_equal(busy, 0);
	assert_sound(r);
	rig_free(r);
}

static void busy_stripes_are_passed_over(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), stopped = rig_join(r);
	struct geom a = listed(r, p, SPC), b = listed(r, p, SPC), out;
	_Atomic uint32_t cursor = 0;
	unsigned busy;

	(void)state;
	lock(r, SPC, 1, stopped);	/* p begins with stripe 1 */
	assert_true(central_push(&r->sg, p, SPC, a.id));
	assert_int_equal(ld_rlx(&stripe(r, SPC, 0)->head), a.id.n);
	assert_sound(r);
	assert_int_equal(r->report.busy_stripes, 1);

	lock(r, SPC, 0, stopped);
	assert_false(central_push(&r->sg, p, SPC, b.id));
	assert_false(pop(r, p, SPC, &out, &busy));
	assert_int_equal(busy, 2);	/* empty, but somebody is about to link */
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 1);

	/* Both are found by their state words. */
	assert_true(central_scan(&r->sg, p, SPC, &cursor, 99, &out));
	assert_true(central_scan(&r->sg, p, SPC, &cursor, 99, &out));
	assert_false(central_scan(&r->sg, p, SPC, &cursor, 99, &out));
	unlock(r, SPC, 0);
	unlock(r, SPC, 1);
	assert_sound(r);
	rig_free(r);
}

/* LISTED while all stripes were busy: the daemon's sweep puts it in a list. */
static void sweep_links_what_is_in_none(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = given_up(r, p, SPC, 1), out;
	unsigned busy;

	(void)state;
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 1);
	lock(r, SPC, 0, p);
	lock(r, SPC, 1, p);
	sweep_all(&r->h, true);
	assert_int_equal(ld_rlx(&r->sg.spans[g.id.n].link), 0);
	unlock(r, SPC, 0);
	unlock(r, SPC, 1);
	sweep_all(&r->h, true);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	assert_true(pop(r, p, SPC, &out, &busy));
	assert_int_equal(out.id.n, g.id.n);
	rig_free(r);
}

static void scan_is_bounded(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g[4], out;
	_Atomic uint32_t cursor = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		g[i] = rig_span(r, p, SPC);
	g[3] = listed(r, p, SPC);
	assert_false(central_scan(&r->sg, p, SPC, &cursor, 3, &out));
	assert_int_equal(cursor, 3);
	assert_true(central_scan(&r->sg, p, SPC, &cursor, 1, &out));
	assert_int_equal(out.id.n, g[3].id.n);
	assert_false(central_scan(&r->sg, p, SHARED(SC_1K), &cursor, 999, &out));
	rig_free(r);
}

/* Entries that scans have taken, more of them than one pop drops. */
static void stale_entries_are_dropped(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .stripes = 1 });
	struct party p = rig_join(r);
	struct geom g[21], out;
	_Atomic uint32_t cursor = 0;
	unsigned busy, tries = 0;

	(void)state;
	for (unsigned i = 0; i < 21; i++) {
		g[i] = listed(r, p, SPC);
		assert_true(central_push(&r->sg, p, SPC, g[i].id));
	}
	for (unsigned i = 1; i < 21; i++) {
		cursor = g[i].id.n - 1;
		assert_true(central_scan(&r->sg, p, SPC, &cursor, 1, &out));
	}
	assert_sound(r);
	assert_int_equal(r->report.stale, 20);
	while (!pop(r, p, SPC, &out, &busy))
		assert_true(++tries < 3);
	assert_int_equal(tries, 1);
	assert_int_equal(out.id.n, g[0].id.n);
	assert_sound(r);
	assert_int_equal(r->report.stale, 0);
	rig_free(r);
}

static void relisted_while_in_the_list(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .stripes = 1 });
	struct party p = rig_join(r);
	struct geom g = listed(r, p, SPC), out;
	_Atomic uint32_t cursor = 0;
	unsigned busy;

	(void)state;
	central_push(&r->sg, p, SPC, g.id);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(central_scan(&r->sg, p, SPC, &cursor, 99, &out));
		assert_int_equal(span_dispose(&r->sg, &out, p), SPAN_LISTED);
		assert_true(central_push(&r->sg, p, SPC, out.id));
		assert_int_equal(central_listed(&r->sg, SPC), 1);
	}
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	lock(r, SPC, 0, p);	/* in a list already: it needs no stripe */
	assert_true(central_push(&r->sg, p, SPC, g.id));
	unlock(r, SPC, 0);
	assert_true(pop(r, p, SPC, &out, &busy));
	assert_false(pop(r, p, SPC, &out, &busy));
	rig_free(r);
}

/*
 * Taken by a scan, retired, born again in another class: it leaves the old
 * class's list before that, so nobody meets it there.
 */
static void class_change_of_a_listed_id(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom old = listed(r, p, SPC), g, out;
	_Atomic uint32_t cursor = 0;
	unsigned busy;

	(void)state;
	central_push(&r->sg, p, SPC, old.id);
	assert_true(central_scan(&r->sg, r->h.me, SPC, &cursor, 99, &out));
	assert_true(span_retire(&r->h, &out));
	g = listed(r, p, OWNED(SC_64));
	assert_int_equal(g.id.n, old.id.n);
	assert_true(central_push(&r->sg, p, g.spc, g.id));
	assert_int_equal(central_listed(&r->sg, g.spc), 1);
	assert_sound(r);
	assert_false(pop(r, p, SPC, &out, &busy));
	assert_int_equal(central_listed(&r->sg, SPC), 0);
	assert_int_equal(central_listed(&r->sg, g.spc), 1);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	assert_true(pop(r, p, g.spc, &out, &busy));
	rig_free(r);
}

static void grants_are_personal(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r), later = p;
	struct span_wish w = { .spc = SPC };
	struct geom out;
	uint32_t reason;
	span_id id;

	(void)state;
	later.gen++;
	assert_int_equal(span_new(&r->h, &w, SPAN_GRANTED, p, &id, &reason), 0);
	assert_false(central_take_grant(&r->sg, q, id, &out));
	assert_false(central_take_grant(&r->sg, later, id, &out));
	assert_false(central_take_grant(&r->sg, p, (span_id){ 0 }, &out));
	assert_false(central_take_grant(&r->sg, p, (span_id){ 1u << 30 }, &out));
	assert_true(central_take_grant(&r->sg, p, id, &out));
	assert_false(central_take_grant(&r->sg, p, id, &out));
	rig_free(r);
}

/* A list that somebody scribbled on ends there; nothing is followed blindly. */
static void broken_lists_end(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .stripes = 1 });
	struct party p = rig_join(r);
	struct geom g = listed(r, p, SPC), out;
	struct sh_stripe *st = stripe(r, SPC, 0);
	static const uint64_t link[] = { 0, UINT64_MAX, 1ull << 32, 7 };
	unsigned busy;

	(void)state;
	for (unsigned i = 0; i < N_OF(link); i++) {
		st_rlx(&st->head, g.id.n);
		st_rlx(&r->sg.spans[g.id.n].link, link[i]);
		assert_false(pop(r, p, SPC, &out, &busy));
		assert_int_equal(ld_rlx(&st->head), 0);
	}
	st_rlx(&st->head, UINT32_MAX);
	assert_false(pop(r, p, SPC, &out, &busy));
	assert_int_equal(ld_rlx(&st->head), 0);
	assert_int_equal(st->lock, 0);
	rig_free(r);
}

static void rebuild_links_what_is_listed(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r), dead = rig_join(r);
	uint32_t k = SPC * 2;
	struct geom a, b, c, d, other, out;
	struct sh_stripe *st = stripe(r, SPC, 0);
	unsigned busy;

	(void)state;
	a = listed(r, q, SPC);			/* in stripe 0's list */
	b = listed(r, q, SPC);			/* in none */
	c = rig_span(r, q, SPC);		/* in stripe 0's, not LISTED */
	d = listed(r, p, SPC);			/* in stripe 1's */
	other = listed(r, q, OWNED(SC_64));	/* of another class, in none */
	central_push(&r->sg, p, SPC, d.id);
	central_push(&r->sg, q, SPC, a.id);
	st_rlx(&r->sg.spans[c.id.n].link, (k + 1ull) << 32 | 999999);
	lock(r, SPC, 0, dead);

	central_rebuild(&r->sg, k, q, r->h.me);	/* not its lock */
	assert_true(party_eq(central_holder(&r->sg, k), dead));
	central_rebuild(&r->sg, k, dead, r->h.me);
	assert_int_equal(central_holder(&r->sg, k).slot, 0);
	assert_int_equal(ld_rlx(&st->count), 2);
	assert_int_equal(ld_rlx(&stripe(r, SPC, 1)->count), 1);
	assert_int_equal(ld_rlx(&r->sg.spans[c.id.n].link), 0);
	assert_int_equal(ld_rlx(&r->sg.spans[other.id.n].link), 0);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 1);	/* the other */
	for (unsigned i = 0; i < 3; i++) {
		assert_true(pop(r, q, SPC, &out, &busy));
		assert_true(out.id.n == a.id.n || out.id.n == b.id.n ||
			    out.id.n == d.id.n);
	}
	assert_sound(r);
	rig_free(r);
}

#define THREADS	3u
#define SPANS	12u
#define TURNS	3000u

struct hammer {
	struct rig	*r;
	struct party	 me;
	uint32_t	*held;		/* by span id; not atomic on purpose */
	unsigned	 got, busy;
};

/* Who pops a span has it alone, or the thread sanitizer says so. */
static void *hammer(void *arg)
{
	struct hammer *h = arg;
	const struct seg *sg = &h->r->sg;
	_Atomic uint32_t cursor = 0;
	struct geom g;
	unsigned busy;
	bool low;

	for (unsigned i = 0; i < TURNS; i++) {
		if (!(i % 7 ? central_pop(sg, h->me, SPC, &g, &low, &busy) :
		      central_scan(sg, h->me, SPC, &cursor, 99, &g)))
			continue;
		h->got++;
		if (h->held[g.id.n]++)
			abort();
		h->held[g.id.n]--;
		if (span_dispose(sg, &g, h->me) != SPAN_LISTED)
			abort();
		h->busy += !central_push(sg, h->me, SPC, g.id);
	}
	return NULL;
}

/* Meanwhile one locks a stripe, does harm, and is found dead. */
static void die_in_stripes(struct rig *r, struct party dead)
{
	for (unsigned i = 0; i < 200; i++) {
		uint32_t s = i & 1, k = SPC * 2 + s;
		struct sh_stripe *st = stripe(r, SPC, s);
		uint64_t none = 0;

		if (!cas_acq(&st->lock, &none, span_word(1, dead, 0)))
			continue;
		if (i & 2)
			st_rlx(&st->head, 0);
		central_rebuild(&r->sg, k, dead, r->h.me);
	}
}

static void threads_push_and_pop(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party dead = rig_join(r);
	uint32_t held[SPANS + 2] = { 0 };
	struct hammer h[THREADS];
	pthread_t t[THREADS];
	unsigned got = 0;

	(void)state;
	for (unsigned i = 0; i < SPANS; i++)
		central_push(&r->sg, dead, SPC, listed(r, dead, SPC).id);
	for (unsigned i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ r, rig_join(r), held, 0, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, hammer, &h[i]), 0);
	}
	die_in_stripes(r, dead);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		got += h[i].got;
	}
	assert_true(got > TURNS);
	assert_sound(r);
	assert_int_equal(r->report.spans_by_state[SPAN_LISTED], SPANS);
	sweep_all(&r->h, true);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_and_pop),
		cmocka_unit_test(busy_stripes_are_passed_over),
		cmocka_unit_test(sweep_links_what_is_in_none),
		cmocka_unit_test(scan_is_bounded),
		cmocka_unit_test(stale_entries_are_dropped),
		cmocka_unit_test(relisted_while_in_the_list),
		cmocka_unit_test(class_change_of_a_listed_id),
		cmocka_unit_test(grants_are_personal),
		cmocka_unit_test(broken_lists_end),
		cmocka_unit_test(rebuild_links_what_is_listed),
		cmocka_unit_test(threads_push_and_pop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
