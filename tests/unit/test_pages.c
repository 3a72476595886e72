/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pages.c - the page table by tables: growth, first fit, free, take.
 * test_pages_state.c has memory, density and the self check; and
 * test_pages_model.c random operations, candidates and the cost of searches.
 */
#include "tests/unit/pages_test.h"

/* All pages of the ranges and no others are handed out, lowest first. */
static void grow_by_table(void **state)
{
	static const struct range t[][RANGES] = {
		{ { C(0), P } },
		{ { C(0), P }, { C(1), P } },
		{ { C(4), P }, { C(2), P }, { C(0), P } },
		{ { C(0), 3 * P }, { C(4), P } },
		{ { C(9), P }, { C(0), P }, { C(33), P }, { C(1), P } },
		{ { 5, 3 }, { 9, 1 }, { C(1) - 1, 2 } },
		{ { C(2) + 100, P }, { C(7) - 1, 1 } },
		{ { C(39), P } },
		{ { 10, 20 }, { 20, 30 }, { 0, 100 } },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct pages *p = make(C(40), t[k]);
		uint32_t total = 0;

		assert_sound(p);
		for (uint32_t i = 0; i < C(40); i++) {
			if (within(t[k], i)) {
				assert_int_equal(alloc(p, 1, 1), i);
				total++;
			}
		}
		assert_int_equal(alloc(p, 1, 1), NONE);
		assert_int_equal(pages_total(p).n, total);
		assert_int_equal(pages_in_use(p).n, total);
		assert_int_equal(pages_committed(p).n, 0);
		assert_sound(p);
		pages_destroy(p);
	}
}

static void grow_keeps_what_is_there(void **state)
{
	static const struct range heap[] = { { 0, 100 }, { 0, 0 } };
	static const struct range used[] = { { 0, 7 }, { 0, 0 } };
	struct pages *p = make(C(3), heap);

	(void)state;
	assert_int_equal(alloc(p, 7, 1), 0);
	pages_commit(p, PG(0), LEN(50));
	assert_int_equal(pages_grow(p, PG(0), LEN(C(3))), 0);
	assert_used(p, C(3), used);
	assert_int_equal(pages_total(p).n, C(3));
	assert_int_equal(pages_committed(p).n, 50);
	assert_int_equal(pages_free_committed(p).n, 43);
	assert_int_equal(pages_grow(p, PG(1), LEN(C(3))), -EINVAL);
	assert_int_equal(pages_grow(p, PG(C(3)), LEN(1)), -EINVAL);
	assert_int_equal(pages_grow(p, PG(0), LEN(0)), -EINVAL);
	assert_int_equal(pages_grow(p, PG(NONE), LEN(2)), -EINVAL);
	assert_int_equal(pages_total(p).n, C(3));
	assert_sound(p);
	pages_destroy(p);
}

struct alloc_case {
	struct range heap[4], used[RANGES], committed[RANGES];
	struct {
		uint32_t n, align, at, missing;	/* n == 0 ends the list */
	} hit[8];
	struct range after[RANGES];
};

static void check_alloc(const struct alloc_case *c)
{
	struct pages *p = make(C(0x120), c->heap);

	for (const struct range *r = c->committed; r->n; r++)
		pages_commit(p, PG(r->at), LEN(r->n));
	take_all(p, c->used);
	for (size_t h = 0; h < N_OF(c->hit) && c->hit[h].n; h++) {
		uint32_t n = c->hit[h].n;
		uint32_t at = alloc(p, n, c->hit[h].align);

		assert_int_equal(at, c->hit[h].at);
		if (at != NONE)
			assert_int_equal(pages_uncommitted(p, PG(at), LEN(n)).n,
					 c->hit[h].missing);
	}
	assert_used(p, C(0x120), c->after);
	pages_destroy(p);
}

static void alloc_by_table(void **state)
{
	static const struct alloc_case t[] = {
		/* Single pages and their memory. */
		{ { { 0, P } }, { { 0 } }, { { 1, 1 }, { 4, P - 4 } },
		  { { 1, 1, 0, 1 }, { 1, 1, 1, 0 }, { 1, 1, 2, 1 },
		    { 1, 1, 3, 1 }, { 1, 1, 4, 0 } },
		  { { 0, 5 } } },
		/* The last page of all. */
		{ { { 0, C(3) } }, { { 0, C(3) - 1 } }, { { 0 } },
		  { { 1, 1, C(3) - 1, 1 }, { 1, 1, NONE, 0 } },
		  { { 0, C(3) } } },
		/* A hole in the heap between. */
		{ { { 0, P }, { C(0xff), P } }, { { 0, P } }, { { 0 } },
		  { { 1, 1, C(0xff), 1 }, { P, 1, NONE, 0 },
		    { P - 1, 1, C(0xff) + 1, P - 1 } },
		  { { 0, P }, { C(0xff), P } } },
		/* Runs of 2, 5 and 65. */
		{ { { 0, P } }, { { 0 } }, { { 3, 4 }, { 8, P - 8 } },
		  { { 2, 1, 0, 2 }, { 5, 1, 2, 1 }, { 65, 1, 7, 1 } },
		  { { 0, 72 } } },
		/* Across a chunk's border. */
		{ { { 0, C(2) } }, { { 0, P - 1 }, { P + 1, P - 1 } },
		  { { P, 1 } }, { { 3, 1, NONE, 0 }, { 2, 1, P - 1, 1 } },
		  { { 0, C(2) } } },
		/* Leftovers of one chunk. */
		{ { { 0, P } }, { { 0 } }, { { 0, P } },
		  { { P - 3, 1, 0, 0 }, { P - 3, 1, NONE, 0 },
		    { 1, 1, P - 3, 0 }, { 2, 1, P - 2, 0 }, { 1, 1, NONE, 0 } },
		  { { 0, P } } },
		/* A whole chunk, and no more. */
		{ { { 0, P } }, { { 0 } }, { { 1, P - 2 } },
		  { { P + 1, 1, NONE, 0 }, { P, 1, 0, 2 }, { 1, 1, NONE, 0 } },
		  { { 0, P } } },
		/* Longer than a chunk, starting inside one. */
		{ { { 0, C(2) } }, { { 0, P / 2 } }, { { 0 } },
		  { { P + 1, 1, P / 2, P + 1 }, { P, 1, NONE, 0 },
		    { 1, 1, P / 2 + P + 1, 1 } },
		  { { 0, P / 2 + P + 2 } } },
		/* Two chunks in a row are only at the second place. */
		{ { { 0, P }, { C(0x40), C(2) } }, { { 0 } }, { { 0, P } },
		  { { C(2), 1, C(0x40), C(2) }, { 21, 1, 0, 0 },
		    { 1, 1, 21, 0 } },
		  { { 0, 22 }, { C(0x40), C(2) } } },
		/* Small gaps before the run that fits. */
		{ { { 0, C(4) } },
		  { { 0, P }, { C(1), P * 3 / 4 }, { C(2), P * 3 / 4 } },
		  { { C(3), P } },
		  { { P * 5 / 4, 1, C(2) + P * 3 / 4, P / 4 },
		    { P * 5 / 4, 1, NONE, 0 }, { 1, 1, C(1) + P * 3 / 4, 1 } },
		  { { 0, C(1) + P * 3 / 4 + 1 }, { C(2), C(2) } } },
		/* Across the borders of nodes of all levels below the root. */
		{ { { 0, C(0x120) } },
		  { { 0, C(7) }, { C(8) + 1, C(56) - 2 }, { C(64) + 1, C(40) } },
		  { { 0 } },
		  { { 2, 2, C(7), 2 }, { P - 1, 1, C(7) + 2, P - 1 },
		    { 3, 1, C(104) + 1, 3 }, { 2, 1, C(64) - 1, 2 } },
		  { { 0, C(104) + 4 } } },
		/* Alignment: skips, uses what it skipped, needs room. */
		{ { { 3, C(2) - 3 } }, { { 0 } }, { { 0 } },
		  { { 1, 8, 8, 1 }, { 3, 4, 4, 3 }, { 16, 16, 16, 16 },
		    { 1, 1, 3, 1 }, { 2, P, P, 2 }, { 1, C(2), NONE, 0 },
		    { 4, 4, 12, 4 } },
		  { { 3, 4 }, { 8, 1 }, { 12, 20 }, { P, 2 } } },
		/* The run is long enough, but its start is not. */
		{ { { 0, P } }, { { 0, 33 }, { 80, 16 }, { 111, P - 111 } },
		  { { 0 } },
		  { { 32, 32, NONE, 0 }, { 16, 16, 48, 16 },
		    { 16, 16, 64, 16 }, { 8, 8, 40, 8 }, { 15, 1, 96, 15 } },
		  { { 0, 33 }, { 40, P - 40 } } },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++)
		check_alloc(&t[k]);
}

static void alloc_rejects(void **state)
{
	static const struct range heap[] = { { 0, 64 }, { 0, 0 } };
	struct pages *p = make(64, heap);
	pgno at = { 77 };

	(void)state;
	assert_int_equal(pages_alloc(p, LEN(0), LEN(1), &at), -EINVAL);
	assert_int_equal(pages_alloc(p, LEN(1), LEN(0), &at), -EINVAL);
	assert_int_equal(pages_alloc(p, LEN(1), LEN(6), &at), -EINVAL);
	assert_int_equal(pages_alloc(p, LEN(65), LEN(1), &at), -ENOMEM);
	assert_int_equal(pages_alloc(p, LEN(NONE), LEN(1u << 31), &at),
			 -ENOMEM);
	assert_int_equal(pages_alloc(p, LEN(64), LEN(1u << 31), &at), 0);
	assert_int_equal(at.n, 0);
	assert_int_equal(pages_alloc(p, LEN(1), LEN(2), &at), -ENOMEM);
	assert_int_equal(at.n, 0);
	pages_destroy(p);
}

/* Fill 2 + 4 chunks with runs of n: as many as fit each side of the gap. */
static void exhaust(void **state)
{
	static const struct range heap[] = { { 0, C(2) }, { C(3), C(4) },
					     { 0, 0 } };

	(void)state;
	for (uint32_t n = 1; n <= 2049; n += n < 130 ? 1 : 101) {
		uint32_t want = C(2) / n + C(4) / n, got = 0;
		struct pages *p = make(C(7), heap);
		uint32_t last = 0, at;

		while ((at = alloc(p, n, 1)) != NONE) {
			assert_true(!got || at >= last + n);
			last = at;
			got++;
		}
		assert_int_equal(got, want);
		assert_int_equal(pages_in_use(p).n, want * n);
		assert_int_equal(pages_largest_free(p).n,
				 n > C(4) ? C(4) : n <= C(2) &&
				 C(2) % n > C(4) % n ? C(2) % n :
				 n <= C(2) ? C(4) % n :
				 C(2) > C(4) % n ? C(2) : C(4) % n);
		assert_sound(p);
		pages_destroy(p);
	}
}

static void alloc_free_alloc(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 7, 63, 64, 65, P - 1, P,
					  P + 1, 2 * P, 2 * P + 3 };
	static const struct range heap[] = { { 0, C(6) }, { 0, 0 } };
	static const struct range none[] = { { 0, 0 } };
	struct pages *p = make(C(6), heap);

	(void)state;
	for (size_t k = 0; k < N_OF(sizes); k++) {
		uint32_t n = sizes[k], fit = C(6) / n;

		for (int round = 0; round < 2; round++) {
			for (uint32_t i = 0; i < fit; i++)
				assert_int_equal(alloc(p, n, 1), i * n);
			assert_int_equal(alloc(p, n, 1), NONE);
			/* Odd ones first, so that the rest coalesces late. */
			for (uint32_t i = 1; i < fit; i += 2)
				assert_int_equal(pages_free(p, PG(i * n),
							    LEN(n)), 0);
			assert_sound(p);
			for (uint32_t i = 0; i < fit; i += 2)
				assert_int_equal(pages_free(p, PG(i * n),
							    LEN(n)), 0);
			assert_int_equal(pages_largest_free(p).n, C(6));
			assert_used(p, C(6), none);
		}
	}
	pages_destroy(p);
}

static void free_and_take_are_checked(void **state)
{
	static const struct range heap[] = { { 10, C(2) }, { C(4), P },
					     { 0, 0 } };
	static const struct range used[] = { { 20, 5 }, { P - 4, 8 },
					     { C(4), P }, { 0, 0 } };
	static const struct {
		uint32_t at, n;
		int free, take;
	} t[] = {
		{ 20, 0, -EINVAL, -EINVAL },	{ 19, 2, -EINVAL, -EBUSY },
		{ 24, 2, -EINVAL, -EBUSY },	{ 30, 9, -EINVAL, 0 },
		{ 9, 1, -EINVAL, -EINVAL },	{ 9, 12, -EINVAL, -EINVAL },
		{ P - 4, 9, -EINVAL, -EBUSY },	{ P - 5, 9, -EINVAL, -EBUSY },
		{ C(2) + 9, 2, -EINVAL, -EINVAL }, { C(3), 1, -EINVAL, -EINVAL },
		{ C(4) - 1, 2, -EINVAL, -EINVAL }, { C(5), 1, -EINVAL, -EINVAL },
		{ C(4), P + 1, -EINVAL, -EINVAL }, { NONE, 2, -EINVAL, -EINVAL },
		{ 20, NONE, -EINVAL, -EINVAL },	{ 20, 5, 0, -EBUSY },
		{ P - 4, 8, 0, -EBUSY },	{ C(4) + 1, 1, 0, -EBUSY },
		{ 25, P - 29, -EINVAL, 0 },
	};

	(void)state;
	for (size_t k = 0; k < N_OF(t); k++) {
		struct pages *p = make(C(6), heap);

		take_all(p, used);
		assert_int_equal(pages_take(p, PG(t[k].at), LEN(t[k].n)),
				 t[k].take);
		if (!t[k].take)
			assert_int_equal(pages_free(p, PG(t[k].at),
						    LEN(t[k].n)), 0);
		assert_used(p, C(6), used);
		assert_int_equal(pages_free(p, PG(t[k].at), LEN(t[k].n)),
				 t[k].free);
		if (!t[k].free)
			assert_int_equal(pages_take(p, PG(t[k].at),
						    LEN(t[k].n)), 0);
		assert_used(p, C(6), used);
		pages_destroy(p);
	}
}

/* A freed page below the hint must be found again at once. */
static void hint_follows_frees(void **state)
{
	static const struct range heap[] = { { C(1), C(5) }, { 0, 0 } };
	struct pages *p = make(C(6), heap);

	(void)state;
	assert_int_equal(alloc(p, C(5), 1), C(1));
	assert_int_equal(pages_free(p, PG(C(4) + 9), LEN(1)), 0);
	assert_int_equal(pages_free(p, PG(C(2) + 5), LEN(2)), 0);
	assert_int_equal(alloc(p, 1, 1), C(2) + 5);
	assert_int_equal(alloc(p, 2, 1), NONE);
	assert_int_equal(alloc(p, 1, 1), C(2) + 6);
	assert_int_equal(alloc(p, 1, 1), C(4) + 9);
	assert_int_equal(pages_grow(p, PG(3), LEN(1)), 0);
	assert_int_equal(alloc(p, 1, 1), 3);
	assert_sound(p);
	pages_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grow_by_table),
		cmocka_unit_test(grow_keeps_what_is_there),
		cmocka_unit_test(alloc_by_table),
		cmocka_unit_test(alloc_rejects),
		cmocka_unit_test(exhaust),
		cmocka_unit_test(alloc_free_alloc),
		cmocka_unit_test(free_and_take_are_checked),
		cmocka_unit_test(hint_follows_frees),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
