/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ahead_long.c - memory ahead of growth by spans of several lengths: a long
 * one ends nothing, and ready memory in pieces too short for them counts for none.
 */
#include "tests/unit/rig_test.h"

#define SPAN		4u	/* pages of a span of SC_1K */
#define SC_LONG		86u	/* a run of 640 KiB, longer than any job here */

static struct party taker;

/* Jobs end at once. */
static int take(struct rig *r, uint32_t spc, uint32_t len, span_id *ret_id)
{
	struct span_wish w = { .spc = spc, .len = { len } };
	uint32_t reason;
	int err = span_new(&r->h, &w, SPAN_OWNED, taker, ret_id, &reason);

	ahead_go(&r->h);
	return err;
}

/* Takes n spans of SC_1K; the ids of them, if somebody wants them. */
static void take_many(struct rig *r, uint32_t len, unsigned n, span_id *ret_id)
{
	span_id id;

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(take(r, OWNED(SC_1K), len, &id), 0);
		if (ret_id)
			ret_id[i] = id;
	}
}

static struct rig *growing(void)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 256 * MIB });

	taker = rig_join(r);
	take_many(r, 0, 1, NULL);
	return r;
}

static void give_back(struct rig *r, span_id id)
{
	uint64_t w = span_load(&r->sg, id);
	struct geom g;

	assert_true(span_move(&r->sg, id, &w, SPAN_OWNED, r->h.me));
	assert_true(geom_read(&r->sg, id, &g));
	assert_true(span_retire(&r->h, &g));
}

/* A run longer than a job: what lies above it is got job by job all the same. */
static void one_long_run_ends_nothing(void **state)
{
	struct rig *r = growing();
	uint64_t commits;
	span_id id;

	(void)state;
	assert_int_equal(take(r, OWNED(SC_LONG), 0, &id), 0);
	commits = r->commits;
	take_many(r, 0, 500, NULL);
	assert_int_equal(r->commits, commits);
	assert_sound(r);
	rig_free(r);
}

/* What lies ready in pieces too short for those who grow is not for them. */
static void pieces_are_not_counted(void **state)
{
	struct rig *r = growing();
	uint64_t commits;
	span_id id[200];

	(void)state;
	take_many(r, 0, 200, id);
	for (unsigned i = 0; i < 200; i += 2)
		give_back(r, id[i]);
	take_many(r, 2 * SPAN, 20, NULL);
	assert_true(pages_free_committed(r->h.pages).n >= 90 * SPAN);
	commits = r->commits;
	take_many(r, 2 * SPAN, 100, NULL);
	assert_int_equal(r->commits, commits);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_long_run_ends_nothing),
		cmocka_unit_test(pieces_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
