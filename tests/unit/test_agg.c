/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_agg.c - what the tracer makes of its figures: times that are longer than the
 * last slot tells, what has come since a look, what isn't told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/agg.h"

#define MINUTE	60000000000ull

static void test_quantile(void **state)
{
	struct agg a = { .count = 100, .max_ns = 900, .hist = { [9] = 1 } };

	(void)state;
	assert_true(agg_quantile(&a, .5) == 900);
	a.hist[7] = 99;
	assert_true(agg_quantile(&a, .5) == 255);
	assert_true(agg_quantile(&a, 1) == 900);
	assert_true(agg_slot_end(&a, 7) == 256);
	assert_true(agg_quantile(&(struct agg){ 0 }, .99) == 0);
}

/* The last slot has no end: what was seen is one. */
static void test_an_hour(void **state)
{
	struct agg a = { .count = 1, .max_ns = 60 * MINUTE,
			 .hist = { [HIST_SLOTS - 1] = 1 } };

	(void)state;
	assert_true(agg_quantile(&a, .99) == 60 * MINUTE);
	assert_true(agg_slot_end(&a, HIST_SLOTS - 1) == 60 * MINUTE + 1);
}

static void test_since(void **state)
{
	struct agg was = { 10, 100, 1, 5000, 50, 900, { [9] = 10 } };
	struct agg came = { 3, 30, 0, 600, 6, 200, { [7] = 3 } }, now = was;

	(void)state;
	agg_add(&now, &came);
	assert_true(now.count == 13 && now.max_ns == 900);
	agg_take_off(&now, &was);
	assert_true(now.count == 3 && now.nobj == 30 && now.errors == 0);
	assert_true(now.sum_ns == 600 && now.wait_ns == 6);
	assert_true(now.hist[9] == 0 && now.hist[7] == 3);
}

static void test_fold(void **state)
{
	struct agg_row r[3] = {
		{ { 8, 5, 1, P_refill_done }, { .count = 1, .max_ns = 7 } },
		{ { 7, 6, 1, P_refill_done }, { .count = 2, .max_ns = 3 } },
		{ { 8, 6, 1, P_refill_done }, { .count = 4, .max_ns = 5 } },
	};

	(void)state;
	assert_int_equal(rows_fold(r, 3, true, true), 3);
	assert_int_equal(rows_fold(r, 3, true, false), 2);
	assert_true(r[1].key.tgid == 8 && r[1].val.count == 5);
	assert_int_equal(rows_fold(r, 2, false, false), 1);
	assert_true(r[0].val.count == 7 && r[0].val.max_ns == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_an_hour),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
