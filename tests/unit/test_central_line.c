/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_central_line.c - runs that are passed on wait in line: the oldest first,
 * low by bytes, and a line whose end is gone or wrong.
 */
#include "tests/unit/central_test.h"

#define SPC	OWNED(SC_1K)
#define RUN	HELD(sc_of_run(64u << 10))

/* Listed by q, who was not the last to have it; by p, who was. */
static struct geom pushed(struct rig *r, struct party p, struct party q)
{
	struct geom g = listed(r, p, RUN);

	span_note_owner(&r->sg, g.id, p);
	assert_true(central_push(&r->sg, q, RUN, g.id));
	return g;
}

static void assert_popped(struct rig *r, struct party p, struct geom g)
{
	struct geom out;
	unsigned busy;

	assert_true(pop(r, p, RUN, &out, &busy));
	assert_int_equal(out.id.n, g.id.n);
	assert_sound(r);
}

/* The oldest first, whoever pops; what its last owner frees, before all others. */
static void runs_that_are_passed_on_wait_in_line(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g[5];
	unsigned busy;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		g[i] = pushed(r, i & 1 ? p : q, i & 1 ? q : p);
		assert_sound(r);
	}
	g[4] = pushed(r, p, p);
	assert_popped(r, q, g[4]);
	assert_popped(r, p, g[0]);
	assert_popped(r, q, g[1]);
	g[4] = pushed(r, p, q);		/* behind those that are left */
	assert_popped(r, p, g[2]);
	assert_popped(r, p, g[3]);
	assert_popped(r, p, g[4]);
	assert_false(pop(r, p, RUN, &g[0], &busy));
	rig_free(r);
}

/* One list for all; who did not get at it pushes elsewhere, and that comes first. */
static void a_busy_line_stays_long(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom a = pushed(r, p, q), b = pushed(r, q, p), c;

	(void)state;
	lock(r, RUN, 0, p);
	c = pushed(r, p, q);
	assert_popped(r, q, c);
	c = pushed(r, p, q);
	unlock(r, RUN, 0);
	assert_popped(r, q, c);
	assert_popped(r, q, a);
	assert_popped(r, q, b);
	rig_free(r);
}

/* Low: less than 1 MiB of them. */
static void runs_run_low_by_bytes(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom out;
	unsigned busy;
	bool low;

	(void)state;
	for (unsigned i = 0; i < 18; i++)
		pushed(r, p, q);
	for (unsigned i = 18; i > 14; i--) {
		assert_true(central_pop(&r->sg, p, RUN, &out, &low, &busy));
		assert_int_equal(low, i - 1 < 16);
	}
	rig_free(r);
}

/* The last of the line is retired, or its end is not known: nobody is lost. */
static void a_line_without_its_end(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom a = pushed(r, p, q), b = pushed(r, p, q), c, out;
	_Atomic uint32_t cursor = b.id.n - 1;
	unsigned busy;

	(void)state;
	assert_true(central_scan(&r->sg, r->h.me, RUN, &cursor, 1, &out));
	assert_int_equal(out.id.n, b.id.n);
	assert_true(span_retire(&r->h, &out));
	c = listed(r, p, SPC);			/* b's id, out of the line */
	assert_int_equal(c.id.n, b.id.n);
	assert_int_equal(ld_rlx(&stripe(r, RUN, 0)->tail), a.id.n);
	pushed(r, p, q);
	assert_sound(r);
	st_rlx(&stripe(r, RUN, 0)->tail, a.id.n);	/* wrong: not the last */
	c = pushed(r, p, q);
	assert_int_equal(ld_rlx(&stripe(r, RUN, 0)->head), c.id.n);
	st_rlx(&stripe(r, RUN, 0)->tail, 99999);	/* wrong: no span */
	out = pushed(r, p, q);
	assert_int_equal(ld_rlx(&stripe(r, RUN, 0)->head), out.id.n);
	lock(r, RUN, 0, p);			/* as of one who died there */
	central_rebuild(&r->sg, RUN * r->sg.geo.nstripes, p, r->h.me);
	assert_sound(r);
	for (unsigned i = 0; i < 4; i++)
		assert_true(pop(r, p, RUN, &out, &busy));
	assert_false(pop(r, p, RUN, &out, &busy));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_that_are_passed_on_wait_in_line),
		cmocka_unit_test(a_busy_line_stays_long),
		cmocka_unit_test(runs_run_low_by_bytes),
		cmocka_unit_test(a_line_without_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
