/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pages_model.c - random operations on the page table against a byte per
 * page, scavenge candidates, and how many nodes a search looks at.
 */
#include <string.h>

#include "tests/unit/pages_test.h"

#define SEED	0x9a6e5u

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static uint32_t below(uint32_t n)
{
	return rng() % n;
}

/* Small numbers more often than big ones, 1 .. n. */
static uint32_t some(uint32_t n)
{
	return 1 + below(1 + below(1 + below(n)));
}

#define MODEL_MAX	(C(70) + 100)

enum { HEAP = 1, USED = 2, MEM = 4 };

struct model {
	struct pages *p;
	uint32_t max;
	uint8_t page[MODEL_MAX];
};

static struct model m;

#define require(x) \
	do { \
		if (!(x)) \
			fail_msg("line %d: %s (seed %#x, %u pages)", \
				 __LINE__, #x, SEED, m.max); \
	} while (0)

static bool is_free(uint32_t i)
{
	return (m.page[i] & (HEAP | USED)) == HEAP;
}

static bool all_are(uint32_t at, uint32_t n, uint8_t mask, uint8_t want)
{
	for (uint32_t i = at; i < at + n; i++) {
		if ((m.page[i] & mask) != want)
			return false;
	}
	return true;
}

static void change(uint32_t at, uint32_t n, uint8_t clear, uint8_t set)
{
	for (uint32_t i = at; i < at + n; i++) {
		if (m.page[i] & HEAP || set & HEAP)
			m.page[i] = (m.page[i] & ~clear) | set;
	}
}

/*
 * First fit by reading all pages.  Also counts the runs that are long enough
 * and were passed over for their alignment.
 */
static uint32_t model_find(uint32_t n, uint32_t align, uint32_t *ret_misfits)
{
	uint32_t run = 0;

	*ret_misfits = 0;
	for (uint32_t i = 0; i < m.max; i++) {
		run = is_free(i) ? run + 1 : 0;
		if (run == n)
			++*ret_misfits;
		if (run >= n && (i + 1 - n) % align == 0)
			return i + 1 - n;
	}
	return NONE;
}

static void do_alloc(void)
{
	uint32_t n = below(8) ? some(40) : some(m.max);
	uint32_t align = below(3) ? 1 : 1u << below(11);
	uint32_t misfits, want = model_find(n, align, &misfits);
	uint32_t got = alloc(m.p, n, align);

	require((want == NONE) == (got == NONE));
	if (got == NONE)
		return;
	/* A round that ends on a misfit and one that tries the next place. */
	if (align == 1 || misfits <= 32)
		require(got == want);
	require(got % align == 0 && got + n <= m.max);
	require(all_are(got, n, HEAP | USED, HEAP));
	change(got, n, 0, USED);
}

/* A range that often is just a run of used, or of free, pages. */
static void pick(uint32_t *ret_at, uint32_t *ret_n)
{
	uint32_t at = below(m.max), n = 1;

	while (below(4) && at > 0 && m.page[at - 1] == m.page[at])
		at--;
	while (at + n < m.max && m.page[at + n] == m.page[at] && below(60))
		n++;
	if (!below(10))
		n = 1 + below(m.max - at);
	*ret_at = at;
	*ret_n = n;
}

static void do_free(void)
{
	uint32_t at, n;
	int r;

	pick(&at, &n);
	r = pages_free(m.p, PG(at), LEN(n));
	require(r == (all_are(at, n, USED, USED) ? 0 : -EINVAL));
	if (!r)
		change(at, n, USED, 0);
}

static void do_take(void)
{
	uint32_t at, n;
	int r;

	pick(&at, &n);
	r = pages_take(m.p, PG(at), LEN(n));
	require(r == (!all_are(at, n, HEAP, HEAP) ? -EINVAL :
		      !all_are(at, n, USED, 0) ? -EBUSY : 0));
	if (!r)
		change(at, n, 0, USED);
}

static void do_memory(void)
{
	uint32_t at, n;

	pick(&at, &n);
	if (below(2)) {
		pages_commit(m.p, PG(at), LEN(n));
		change(at, n, 0, MEM);
	} else {
		pages_uncommit(m.p, PG(at), LEN(n));
		change(at, n, MEM, 0);
	}
}

static void do_grow(void)
{
	uint32_t at = below(m.max), n = some(m.max - at);

	require(!pages_grow(m.p, PG(at), LEN(n)));
	change(at, n, 0, HEAP);
}

static void check_uncommitted(void)
{
	uint32_t from = below(m.max), end = from + below(m.max - from + 1);
	uint32_t at = from, n = 0, count = 0;
	npages got_n;
	pgno got;

	for (uint32_t i = from; i < end; i++)
		count += (m.page[i] & (HEAP | MEM)) == HEAP;
	while (at < end && (m.page[at] & (HEAP | MEM)) != HEAP)
		at++;
	while (at + n < end && (m.page[at + n] & (HEAP | MEM)) == HEAP)
		n++;
	require(pages_uncommitted(m.p, PG(from), LEN(end - from)).n == count);
	require(pages_next_uncommitted(m.p, PG(from), PG(end), &got, &got_n) ==
		(n > 0));
	if (n)
		require(got.n == at && got_n.n == n);
}

static bool held(uint32_t i)
{
	return m.page[i] == (HEAP | MEM);
}

/* The end of the highest whole group of min pages, 0 if there is none. */
static uint32_t model_top(uint32_t limit, uint32_t min)
{
	for (uint32_t g = limit - limit % min; g > 0; g -= min) {
		if (all_are(g - min, min, 0xff, HEAP | MEM))
			return g;
	}
	return 0;
}

static void check_candidate(void)
{
	uint32_t limit = 1 + below(m.max), min = 1u << below(7);
	uint32_t max = some(P), huge = below(2) ? 64u << below(5) : 0;
	uint32_t top = model_top(limit, min);
	npages n;
	pgno at;

	require(pages_scavenge_candidate(m.p, PG(limit), LEN(min), LEN(max),
					 LEN(huge), &at, &n) == (top > 0));
	if (!top)
		return;
	require(at.n + n.n == top && n.n >= min);
	require(at.n / P == (top - 1) / P);
	require(all_are(at.n, n.n, 0xff, HEAP | MEM));
	if (n.n >= max + min)
		require(huge && at.n % huge == 0);
	if (n.n < max && at.n % P)
		require(!all_are(at.n - min, min, 0xff, HEAP | MEM));
}

static void compare(void)
{
	uint32_t total = 0, used = 0, mem = 0, free_mem = 0, run = 0, max = 0;

	for (uint32_t i = 0; i < m.max; i++) {
		total += !!(m.page[i] & HEAP);
		used += !!(m.page[i] & USED);
		mem += !!(m.page[i] & MEM);
		free_mem += held(i);
		run = is_free(i) ? run + 1 : 0;
		max = run > max ? run : max;
		require(pages_is_allocated(m.p, PG(i)) ==
			!!(m.page[i] & USED));
	}
	require(pages_total(m.p).n == total);
	require(pages_in_use(m.p).n == used);
	require(pages_committed(m.p).n == mem);
	require(pages_free_committed(m.p).n == free_mem);
	require(pages_largest_free(m.p).n == max);
	assert_sound(m.p);
}

static void random_operations(uint32_t max, uint32_t ops)
{
	static void (*const op[])(void) = {
		do_alloc, do_alloc, do_alloc, do_free, do_free, do_free,
		do_take, do_memory, do_memory, check_uncommitted,
		check_candidate, check_candidate,
	};

	memset(&m, 0, sizeof(m));
	m.max = max;
	m.p = pages_new(LEN(max));
	assert_non_null(m.p);
	for (uint32_t k = 0; k < ops; k++) {
		if (k % (ops / 10) == 0)
			do_grow();
		op[below(N_OF(op))]();
		if (k % 64 == 0 || k == ops - 1)
			compare();
	}
	pages_destroy(m.p);
}

static void model(void **state)
{
	(void)state;
	rng_state = SEED;
	random_operations(64, 20000);
	random_operations(P, 10000);
	random_operations(C(3) + 77, 10000);
	random_operations(C(8), 5000);
	random_operations(MODEL_MAX, 2000);
}

/* Enough misfits for an aligned request to give up first fit. */
static void alignment_gives_up_but_succeeds(void **state)
{
	static const struct range heap[] = { { 0, C(8) }, { 0, 0 } };
	struct pages *p = make(C(8), heap);
	uint32_t runs = C(4) / 8;

	(void)state;
	assert_int_equal(alloc(p, C(8), 1), 0);
	for (uint32_t i = 0; i < runs; i++)
		assert_int_equal(pages_free(p, PG(i * 8 + 1), LEN(6)), 0);
	/* [C(4) - 8, C(4)) would do, but is found only without the limit. */
	assert_int_equal(pages_free(p, PG(C(4) - 8), LEN(1)), 0);
	assert_int_equal(pages_free(p, PG(C(4) - 1), LEN(1)), 0);
	assert_int_equal(alloc(p, 4, 8), C(4) - 8);
	assert_int_equal(alloc(p, 6, 8), NONE);
	/* Found by its length: any 11 pages hold 4 that are aligned to 8. */
	assert_int_equal(pages_free(p, PG(C(6) + 5), LEN(11)), 0);
	assert_int_equal(alloc(p, 4, 8), C(6) + 8);
	assert_sound(p);
	pages_destroy(p);
}

#define BIG		(1u << 24)
#define BIG_STEP	64u

/* 7 nodes up and 8 down on each inner level, all roots, the two chunks. */
#define VISITS_MAX	(1 + 4 * 7 + 64 + 4 * 8 + 1)

/* One page in 64 is free: every chunk has some, none has two in a row. */
static struct pages *fragmented(void)
{
	static const struct range heap[] = { { 0, BIG }, { 0, 0 } };
	struct pages *p = make(BIG, heap);

	assert_int_equal(alloc(p, BIG, 1), 0);
	for (uint32_t i = 0; i < BIG; i += BIG_STEP)
		assert_int_equal(pages_free(p, PG(i), LEN(1)), 0);
	return p;
}

static void searches_are_short(void **state)
{
	struct pages *p = fragmented();

	(void)state;
	rng_state = SEED;
	assert_int_equal(alloc(p, 2, 1), NONE);
	assert_in_range(pages_visits(p), 1, VISITS_MAX);
	for (int round = 0; round < 200; round++) {
		uint32_t n = some(3000) + 1, at = below(BIG - n - 64);

		at -= at % BIG_STEP;
		for (uint32_t i = at; i < at + n; i++) {
			if (i % BIG_STEP)
				assert_int_equal(pages_free(p, PG(i), LEN(1)),
						 0);
		}
		assert_int_equal(alloc(p, n, 1), at);
		assert_in_range(pages_visits(p), 1, VISITS_MAX);
		for (uint32_t i = at; i < at + n; i += BIG_STEP)
			assert_int_equal(pages_free(p, PG(i), LEN(1)), 0);
	}
	assert_sound(p);
	pages_destroy(p);
}

/* 2^18 runs are long enough and none is aligned; one far off is longer. */
static void aligned_searches_are_short(void **state)
{
	static const struct range heap[] = { { 0, BIG }, { 0, 0 } };
	struct pages *p = make(BIG, heap);

	(void)state;
	assert_int_equal(alloc(p, BIG, 1), 0);
	for (uint32_t i = 0; i < BIG; i += BIG_STEP)
		assert_int_equal(pages_free(p, PG(i + 1), LEN(8)), 0);
	assert_int_equal(pages_free(p, PG(BIG - 40), LEN(23)), 0);
	assert_int_equal(alloc(p, 8, 16), BIG - 32);
	assert_in_range(pages_visits(p), 1, 65 * VISITS_MAX);
	pages_destroy(p);
}

/* Once found, the lowest free page is not searched for again. */
static void single_pages_start_at_the_hint(void **state)
{
	struct pages *p = fragmented();
	uint64_t visits = 0;

	(void)state;
	for (uint32_t i = 0; i < BIG / 2; i += BIG_STEP) {
		assert_int_equal(alloc(p, 1, 1), i);
		visits += pages_visits(p);
	}
	assert_in_range(visits, 1, 2 * (BIG / 2 / BIG_STEP));
	pages_destroy(p);
}

/* Runs that begin, cover or end at the roots' borders of 2^21 pages. */
static void runs_across_roots(void **state)
{
	static const struct range t[] = {
		{ (1u << 21) - 1, 2 },	  { (1u << 21) - P, 2 * P },
		{ 0, 1u << 21 },	  { 0, (1u << 21) + 1 },
		{ 1, 1u << 21 },	  { (1u << 21) + 5, 1u << 22 },
		{ 1u << 21, 1u << 22 },	  { 3, (1u << 23) - 7 },
		{ 7, (1u << 23) - 7 },
	};
	static const struct range heap[] = { { 0, 1u << 23 }, { 0, 0 } };
	struct pages *p = make(1u << 23, heap);

	(void)state;
	assert_int_equal(pages_largest_free(p).n, 1u << 23);
	assert_int_equal(alloc(p, 1u << 23, 1), 0);
	for (size_t k = 0; k < N_OF(t); k++) {
		assert_int_equal(pages_free(p, PG(t[k].at), LEN(t[k].n)), 0);
		assert_int_equal(pages_largest_free(p).n, t[k].n);
		assert_int_equal(alloc(p, t[k].n + 1, 1), NONE);
		assert_int_equal(alloc(p, t[k].n, 1), t[k].at);
		assert_in_range(pages_visits(p), 1, VISITS_MAX);
	}
	assert_sound(p);
	pages_destroy(p);
}

/* Repeated candidates, released each time, empty the heap from the top. */
static void candidates_walk_down(void **state)
{
	static const struct range heap[] = { { 0, P }, { C(3), C(2) },
					     { C(900), P }, { 0, 0 } };
	struct pages *p = make(C(1000), heap);
	uint32_t last = NONE, sum = 0;
	npages n;
	pgno at;

	(void)state;
	assert_false(pages_scavenge_candidate(p, PG(NONE), LEN(1), LEN(64),
					      LEN(0), &at, &n));
	pages_commit(p, PG(0), LEN(NONE));
	assert_int_equal(pages_take(p, PG(C(4) + 9), LEN(3)), 0);
	while (pages_scavenge_candidate(p, PG(NONE), LEN(1), LEN(64), LEN(0),
					&at, &n)) {
		assert_true(at.n + n.n <= last);
		assert_int_equal(pages_take(p, at, n), 0);
		pages_uncommit(p, at, n);
		assert_int_equal(pages_free(p, at, n), 0);
		last = at.n;
		sum += n.n;
	}
	assert_int_equal(sum, C(4) - 3);
	assert_int_equal(pages_free_committed(p).n, 0);
	assert_int_equal(pages_committed(p).n, 3);
	assert_sound(p);
	pages_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model),
		cmocka_unit_test(alignment_gives_up_but_succeeds),
		cmocka_unit_test(searches_are_short),
		cmocka_unit_test(aligned_searches_are_short),
		cmocka_unit_test(single_pages_start_at_the_hint),
		cmocka_unit_test(runs_across_roots),
		cmocka_unit_test(candidates_walk_down),
	};

	return cmocka_run_group_tests_name("pages_model", tests, NULL, NULL);
}
