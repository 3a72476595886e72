/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pagebits.c - the bit operations of a chunk, by tables and against
 * loops over single bits.
 */
#include "tests/unit/pagebits_test.h"

static void set_gives_words(void **state)
{
	static const struct {
		struct range set;
		uint64_t w[PAGEBITS_WORDS];
	} t[] = {
		{ { 0, 1 }, { 1 } },
		{ { P - 1, 1 }, { [7] = 1ull << 63 } },
		{ { 70, 5 }, { [1] = 0x7c0 } },
		{ { 64, 128 }, { [1] = ~0ull, [2] = ~0ull } },
		{ { 0, 193 }, { ~0ull, ~0ull, ~0ull, 1 } },
		{ { P - 65, 65 }, { [6] = 1ull << 63, [7] = ~0ull } },
		{ { 63, 2 }, { 1ull << 63, 1 } },
		{ { 200, 0 }, { 0 } },
		{ { 0, P },
		  { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull } },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct pagebits b = { { 0 } };

		pagebits_set(&b, t[k].set.i, t[k].set.n);
		assert_memory_equal(b.w, t[k].w, sizeof(b.w));
		pagebits_clear(&b, t[k].set.i, t[k].set.n);
		assert_int_equal(pagebits_next(&b, 0), PAGEBITS_NONE);
	}
}

static void ranges_match_a_loop(void **state)
{
	struct pagebits b = { { 0 } }, model = { { 0 } };

	(void)state;
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = below(P), n = below(P - i + 1), count = 0;
		bool on = below(2);

		for (uint32_t k = i; k < i + n; k++)
			count += bit(&model, k);
		assert_int_equal(pagebits_count(&b, i, n), count);
		assert_int_equal(pagebits_all(&b, i, n), count == n);
		if (on)
			pagebits_set(&b, i, n);
		else
			pagebits_clear(&b, i, n);
		for (uint32_t k = i; k < i + n; k++)
			put(&model, k, on);
		assert_bits(&b, &model);
	}
}

static void count_by_table(void **state)
{
	static const struct range ones[] = { { 3, 2 },	  { 60, 10 },
					     { 128, 64 }, { 511, 1 },
					     { 0, 0 } };
	static const struct {
		uint32_t i, n, want;
	} t[] = {
		{ 0, 3, 0 },	{ 0, 4, 1 },	  { 3, 2, 2 },	 { 4, 57, 2 },
		{ 60, 4, 4 },	{ 64, 64, 6 },	  { 63, 2, 2 },	 { 70, 58, 0 },
		{ 127, 66, 64 }, { 129, 62, 62 }, { 192, 319, 0 }, { 511, 1, 1 },
		{ 0, P, 77 },
	};
	struct pagebits b = make(ones);

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++)
		assert_int_equal(pagebits_count(&b, t[k].i, t[k].n), t[k].want);
}

static void logic_and_next(void **state)
{
	(void)state;
	for (int round = 0; round < 500; round++) {
		struct pagebits a = random_runs(), b = random_runs();
		struct pagebits and = pagebits_and(&a, &b);
		struct pagebits not = pagebits_andnot(&a, &b);
		uint32_t next = PAGEBITS_NONE;

		for (uint32_t i = P; i-- > 0;) {
			if (bit(&a, i))
				next = i;
			assert_int_equal(bit(&and, i), bit(&a, i) && bit(&b, i));
			assert_int_equal(bit(&not, i), bit(&a, i) && !bit(&b, i));
			assert_int_equal(pagebits_next(&a, i), next);
		}
	}
}

static uint32_t slow_find(const struct pagebits *b, uint32_t n)
{
	uint32_t run = 0;

	for (uint32_t i = 0; i < P; i++) {
		run = bit(b, i) ? run + 1 : 0;
		if (run == n)
			return i + 1 - n;
	}
	return PAGEBITS_NONE;
}

static pagesum slow_sum(const struct pagebits *b)
{
	uint32_t start = 0, max = 0, run = 0;

	for (uint32_t i = 0; i < P; i++) {
		run = bit(b, i) ? run + 1 : 0;
		if (run == i + 1)
			start = run;
		if (run > max)
			max = run;
	}
	return sum_pack(start, max, run);
}

static void assert_sum(pagesum got, pagesum want)
{
	assert_int_equal(sum_start(got), sum_start(want));
	assert_int_equal(sum_max(got), sum_max(want));
	assert_int_equal(sum_end(got), sum_end(want));
}

static void summarize_by_table(void **state)
{
	static const struct {
		struct range free[RANGES];
		uint32_t start, max, end;
	} t[] = {
		{ { { 0, 0 } }, 0, 0, 0 },
		{ { { 0, P } }, P, P, P },
		{ { { 0, 9 } }, 9, 9, 0 },
		{ { { P - 33, 33 } }, 0, 33, 33 },
		{ { { 0, 12 }, { P - 70, 70 } }, 12, 70, 70 },
		{ { { 0, 3 }, { 60, 130 }, { P - 5, 5 } }, 3, 130, 5 },
		{ { { 2, 11 }, { 40, 200 }, { P - 60, 59 } }, 0, 200, 0 },
		{ { { 30, 3 }, { 50, 6 }, { 90, 6 } }, 0, 6, 0 },
		{ { { 77, 1 } }, 0, 1, 0 },
		{ { { 0, P - 1 } }, P - 1, P - 1, 0 },
		{ { { 1, P - 1 } }, 0, P - 1, P - 1 },
		{ { { 0, 64 }, { 65, 64 } }, 64, 64, 0 },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct pagebits b = make(t[k].free);

		assert_sum(pagebits_summarize(&b),
			   sum_pack(t[k].start, t[k].max, t[k].end));
		assert_int_equal(pagebits_tail(&b), t[k].end);
	}
}

static void summarize_matches_a_loop(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct pagebits b = random_runs();

		if (round % 3 == 0) {
			for (uint32_t k = 0; k < PAGEBITS_WORDS; k++)
				b.w[k] = rng();
		}
		assert_sum(pagebits_summarize(&b), slow_sum(&b));
		assert_int_equal(pagebits_tail(&b), sum_end(slow_sum(&b)));
	}
}

/* Take first fits out of the free map until one of them is none. */
static void find_by_table(void **state)
{
	static const struct {
		struct range used[RANGES];
		uint32_t n, hit[6];
	} t[] = {
		{ { { 0, 0 } }, 1, { 0, 1, 2, 3, 4, 5 } },
		{ { { 0, 0 } }, 2, { 0, 2, 4, 6, 8, 10 } },
		{ { { 0, 0 } }, 5, { 0, 5, 10, 15, 20, 25 } },
		{ { { 0, 0 } }, 64, { 0, 64, 128, 192, 256, 320 } },
		{ { { 0, 0 } }, 65, { 0, 65, 130, 195, 260, 325 } },
		{ { { 0, 0 } }, P, { 0, PAGEBITS_NONE } },
		{ { { 0, 0 } }, P / 2, { 0, P / 2, PAGEBITS_NONE } },
		{ { { 0, P } }, 1, { PAGEBITS_NONE } },
		{ { { 0, P } }, 65, { PAGEBITS_NONE } },
		{ { { 0, 30 }, { 64, 30 }, { 110, P - 110 } },
		  64, { PAGEBITS_NONE } },
		{ { { 0, 250 }, { 251, P - 251 } }, 1, { 250, PAGEBITS_NONE } },
		{ { { 0, 255 }, { 257, P - 257 } }, 2, { 255, PAGEBITS_NONE } },
		{ { { 0, 250 }, { 315, P - 315 } }, 65, { 250, PAGEBITS_NONE } },
		{ { { 0, 180 }, { 325, 1 } }, 150, { 326, PAGEBITS_NONE } },
		{ { { 0, 180 }, { 325, 1 } }, 145, { 180, 326, PAGEBITS_NONE } },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct pagebits b = invert(make(t[k].used));

		for (size_t h = 0; h < N_OF(t[k].hit); h++) {
			uint32_t at = pagebits_find(&b, t[k].n);

			assert_int_equal(at, t[k].hit[h]);
			if (at == PAGEBITS_NONE)
				break;
			pagebits_clear(&b, at, t[k].n);
		}
	}
}

static void find_matches_a_loop(void **state)
{
	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct pagebits b = random_runs();

		for (uint32_t n = 1; n <= P; n += 1 + n / 4)
			assert_int_equal(pagebits_find(&b, n),
					 slow_find(&b, n));
	}
}

static void word_find(void **state)
{
	static const struct {
		uint64_t x;
		uint32_t n, want;
	} t[] = {
		{ 0x8000000000000000, 1, 63 },	{ 0x8000000000000000, 2, 64 },
		{ 0xc000200002020000, 2, 62 },	{ 0xc000200002060000, 2, 17 },
		{ 0xe000060002060000, 3, 61 },	{ 0xe0000600020e0000, 3, 17 },
		{ 0xffff07fe020e0000, 16, 48 }, { 0xffff07fe020effff, 16, 0 },
		{ 0x1fff07fe020f8fff, 16, 64 }, { 0xfffffffffffffffe, 63, 1 },
		{ 0xfffffffffffffffe, 64, 64 },
	};

	(void)state;
	for (uint32_t n = 1; n <= 64; n++) {
		assert_int_equal(bits64_find(~0ull, n), 0);
		assert_int_equal(bits64_find(0, n), 64);
	}
	for (size_t k = 0; k < N_OF(t); k++)
		assert_int_equal(bits64_find(t[k].x, t[k].n), t[k].want);
}

static uint64_t slow_fill(uint64_t x, uint32_t m)
{
	uint64_t out = 0;

	for (uint32_t i = 0; i < 64; i++) {
		for (uint32_t k = i - i % m; k < i - i % m + m; k++)
			out |= (x >> k & 1) << i;
	}
	return out;
}

static void word_fill(void **state)
{
	static const uint64_t t[] = {
		0, 1, 2, 8, ~0ull, 0xffffffff, 0xffffffff00000000,
		0x8000000000000001, 0xf00000000000000f, 0x7000000200a00001,
	};

	(void)state;
	for (uint32_t m = 1; m <= 64; m *= 2) {
		for (size_t k = 0; k < N_OF(t); k++)
			assert_int_equal(bits64_fill(t[k], m),
					 slow_fill(t[k], m));
		for (int round = 0; round < 1000; round++) {
			uint64_t x = rng() & rng() & rng() & rng();

			assert_int_equal(bits64_fill(x, m), slow_fill(x, m));
			assert_int_equal(bits64_fill(~x, m), slow_fill(~x, m));
		}
	}
}

struct candidate_case {
	const char *name;
	struct range held[RANGES];	/* free, with memory */
	struct pagebits_want want;
	struct range expect;		/* n == 0: none */
};

static void check_candidate(const struct candidate_case *c)
{
	struct pagebits b = make(c->held);
	uint32_t i = 0, n = 0;

	if (!pagebits_candidate(&b, c->want, &i, &n))
		n = 0;
	if (n != c->expect.n || (n && i != c->expect.i))
		fail_msg("%s, min %u: [%u, +%u), expected [%u, +%u)", c->name,
			 c->want.min, i, n, c->expect.i, c->expect.n);
}

/* For each unit m; ranges that depend on it. */
static void candidate_by_unit(void **state)
{
	(void)state;
	for (uint32_t m = 1; m <= 64; m *= 2) {
		const struct candidate_case t[] = {
			{ "all", { { 0, P } }, { m, P, 0 }, { 0, P } },
			{ "none", { { 0, 0 } }, { m, P, 0 }, { 0, 0 } },
			{ "start", { { 0, m } }, { m, P, 0 }, { 0, m } },
			{ "end", { { P - m, m } }, { m, P, 0 }, { P - m, m } },
			{ "across words", { { 64 - m, 2 * m } },
			  { m, 2 * m, 0 }, { 64 - m, 2 * m } },
			{ "starts at a word", { { 0, 1 }, { 11, 53 },
			  { 128, 3 * m } }, { m, 3 * m, 0 }, { 128, 3 * m } },
			{ "max 0", { { P - m, m } }, { m, 0, 0 },
			  { P - m, m } },
			{ "max below the unit", { { P - 2 * m, 2 * m } },
			  { m, m / 2, 0 }, { P - m, m } },
			{ "max not a multiple", { { 0, P } }, { m, m + 1, 0 },
			  { P - (m > 1 ? 2 * m : 2), m > 1 ? 2 * m : 2 } },
			{ "unlimited", { { 128, 256 } },
			  { m, UINT32_MAX, 0 }, { 128, 256 } },
			{ "one short", { { 64, m - 1 } }, { m, P, 0 },
			  { 64, m > 1 ? 0 : m - 1 } },
			{ "misaligned above", { { 64 - m, m }, { 127, m } },
			  { m, m, 0 }, { m > 1 ? 64 - m : 127, m } },
			{ "too small above", { { 64 - m, m }, { 69, m - 1 } },
			  { m, m, 0 }, { 64 - m, m } },
		};

		for (size_t k = 0; k < N_OF(t); k++)
			check_candidate(&t[k]);
	}
}

static void candidate_keeps_huge_pages(void **state)
{
	static const struct candidate_case t[] = {
		{ "bottom", { { 0, 130 } }, { 1, 3, 128 }, { 0, 130 } },
		{ "only above it", { { 0, 131 } }, { 1, 3, 128 }, { 128, 3 } },
		{ "middle", { { 118, 148 } }, { 1, 12, 128 }, { 128, 138 } },
		{ "top", { { P - 128, 128 } }, { 1, 1, 128 }, { P - 128, 128 } },
		{ "not whole below", { { 129, 127 } }, { 1, 1, 128 },
		  { 255, 1 } },
		{ "not whole above", { { 128, 127 } }, { 1, 5, 128 },
		  { 250, 5 } },
		{ "the chunk", { { 0, P } }, { 1, 1, P }, { 0, P } },
		{ "the chunk less one", { { 0, P - 1 } }, { 1, 1, P },
		  { P - 2, 1 } },
		{ "in units", { { 0, 256 } }, { 16, 16, 128 }, { 128, 128 } },
		{ "none known", { { 0, 256 } }, { 1, 1, 0 }, { 255, 1 } },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++)
		check_candidate(&t[k]);
}

/* What must hold of any candidate, found by looking at single bits. */
static void check_properties(const struct pagebits *b,
			     struct pagebits_want w)
{
	uint32_t top = PAGEBITS_NONE, i, n, max = w.max < w.min ? w.min : w.max;

	for (uint32_t g = 0; g < P; g += w.min) {
		uint32_t k = g;

		while (k < g + w.min && bit(b, k))
			k++;
		if (k == g + w.min)
			top = k;
	}
	if (!pagebits_candidate(b, w, &i, &n)) {
		assert_int_equal(top, PAGEBITS_NONE);
		return;
	}
	assert_int_equal(i + n, top);
	assert_int_equal(i % w.min, 0);
	for (uint32_t k = i; k < i + n; k++)
		assert_true(bit(b, k));
	if (n >= max + w.min)		/* longer only for a huge page */
		assert_true(w.huge && i % w.huge == 0);
	else if (n < max && i > 0)	/* shorter only at the run's end */
		assert_false(pagebits_all(b, i - w.min, w.min));
	top = w.huge ? i & ~(w.huge - 1) : i;
	if (top != i && top + w.huge <= i + n)	/* the cut splits no free one */
		assert_false(pagebits_all(b, top, w.huge));
}

static void candidate_matches_a_loop(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct pagebits b = random_runs();
		struct pagebits_want w = {
			.min = 1u << below(7),
			.max = 1 + below(P),
			.huge = below(2) ? 64u << below(4) : 0,
		};

		check_properties(&b, w);
	}
}

static void sums_join_across_blocks(void **state)
{
	static const struct {
		uint32_t part[3][3], start, max, end;
	} t[] = {
		{ { { 0 } }, 0, 0, 0 },
		{ { { P, P, P }, { P, P, P }, { P, P, P } },
		  3 * P, 3 * P, 3 * P },
		{ { { P, P, P }, { 7, 9, 0 }, { 0, 3, 3 } }, P + 7, P + 7, 3 },
		{ { { 1, 5, 4 }, { P, P, P }, { 6, 6, 0 } }, 1, P + 10, 0 },
		{ { { 1, 50, 4 }, { 5, 8, 8 }, { 40, 40, 2 } }, 1, 50, 2 },
		{ { { 0, 9, 9 }, { P, P, P }, { P, P, P } },
		  0, 2 * P + 9, 2 * P + 9 },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct sumrun r = { .start = 0 };

		for (int b = 0; b < 3; b++) {
			const uint32_t *x = t[k].part[b];

			sumrun_add(&r, sum_pack(x[0], x[1], x[2]), P);
		}
		assert_int_equal(r.start, t[k].start);
		assert_int_equal(r.max, t[k].max);
		assert_int_equal(r.run, t[k].end);
	}
}

static void sum_of_the_biggest_block(void **state)
{
	pagesum all = sum_pack(SUM_MAX, SUM_MAX, SUM_MAX);
	pagesum less = sum_pack(SUM_MAX - 1, SUM_MAX - 1, 0);

	(void)state;
	assert_int_equal(sum_start(all), SUM_MAX);
	assert_int_equal(sum_max(all), SUM_MAX);
	assert_int_equal(sum_end(all), SUM_MAX);
	assert_int_equal(sum_start(less), SUM_MAX - 1);
	assert_int_equal(sum_max(less), SUM_MAX - 1);
	assert_int_equal(sum_end(less), 0);
	assert_int_equal(sum_pack(0, 0, 0).v, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_gives_words),
		cmocka_unit_test_setup(ranges_match_a_loop, seed),
		cmocka_unit_test(count_by_table),
		cmocka_unit_test_setup(logic_and_next, seed),
		cmocka_unit_test(summarize_by_table),
		cmocka_unit_test_setup(summarize_matches_a_loop, seed),
		cmocka_unit_test(find_by_table),
		cmocka_unit_test_setup(find_matches_a_loop, seed),
		cmocka_unit_test(word_find),
		cmocka_unit_test_setup(word_fill, seed),
		cmocka_unit_test(candidate_by_unit),
		cmocka_unit_test(candidate_keeps_huge_pages),
		cmocka_unit_test_setup(candidate_matches_a_loop, seed),
		cmocka_unit_test(sums_join_across_blocks),
		cmocka_unit_test(sum_of_the_biggest_block),
	};

	return cmocka_run_group_tests_name("pagebits", tests, NULL, NULL);
}
