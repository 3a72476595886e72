/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pages_state.c - memory behind pages, dense chunks, sizes of tables, and
 * whether the self check sees damage.
 */
#include <stdio.h>

#include "tests/unit/pages_test.h"

static void memory_by_table(void **state)
{
	static const struct range heap[] = { { 0, C(2) + 100 }, { C(4), P },
					     { 0, 0 } };
	static const struct {
		uint32_t from, end;
		struct range run[RANGES];	/* without memory */
	} t[] = {
		{ 0, NONE, { { 0, 10 }, { 20, P - 20 + 5 },
			     { C(1) + 7, 60 }, { C(4) + 1, P - 1 } } },
		{ 5, 30, { { 5, 5 }, { 20, 10 } } },
		{ 10, 20, { { 0, 0 } } },
		{ C(1) + 66, C(4) + 1, { { C(1) + 66, 1 } } },
		{ C(2) + 90, C(4) + 9, { { C(4) + 1, 8 } } },
		{ C(4) + P - 1, C(7), { { C(4) + P - 1, 1 } } },
		{ C(5), C(6), { { 0, 0 } } },
	};
	struct pages *p = make(C(6), heap);

	(void)state;
	assert_int_equal(alloc(p, 15, 1), 0);
	pages_commit(p, PG(0), LEN(NONE));
	assert_int_equal(pages_committed(p).n, pages_total(p).n);
	assert_int_equal(pages_free_committed(p).n, pages_total(p).n - 15);
	pages_uncommit(p, PG(0), LEN(10));
	pages_uncommit(p, PG(20), LEN(P - 20 + 5));
	pages_uncommit(p, PG(C(1) + 7), LEN(60));
	pages_uncommit(p, PG(C(4)), LEN(C(2)));
	pages_commit(p, PG(C(3)), LEN(P + 1));
	assert_sound(p);
	for (size_t k = 0; k < N_OF(t); k++) {
		uint32_t from = t[k].from, end = t[k].end, sum = 0;
		pgno at;
		npages n;

		for (const struct range *r = t[k].run; r->n; r++) {
			assert_true(pages_next_uncommitted(p, PG(from), PG(end),
							   &at, &n));
			assert_int_equal(at.n, r->at);
			assert_int_equal(n.n, r->n);
			from = at.n + n.n;
			sum += n.n;
		}
		assert_false(pages_next_uncommitted(p, PG(from), PG(end), &at,
						    &n));
		from = t[k].from;
		assert_int_equal(pages_uncommitted(p, PG(from),
						   LEN(end - from)).n, sum);
	}
	pages_destroy(p);
}

static void dense_is_now_or_before(void **state)
{
	static const struct range heap[] = { { 0, C(2) }, { 0, 0 } };
	struct pages *p = make(C(3), heap);

	(void)state;
	assert_int_equal(alloc(p, PAGES_DENSE - 1, 1), 0);
	assert_false(pages_dense(p, PG(0)));
	assert_int_equal(alloc(p, 1, 1), PAGES_DENSE - 1);
	assert_true(pages_dense(p, PG(P - 1)));
	assert_false(pages_dense(p, PG(P)));
	assert_false(pages_dense(p, PG(C(2))));
	/* Full only for a moment within the generation does not count ... */
	assert_int_equal(pages_free(p, PG(0), LEN(100)), 0);
	assert_false(pages_dense(p, PG(0)));
	assert_int_equal(alloc(p, 100, 1), 0);
	/* ... full when it began does, until the next one. */
	pages_new_generation(p);
	assert_true(pages_dense(p, PG(0)));
	assert_int_equal(pages_free(p, PG(0), LEN(100)), 0);
	assert_true(pages_dense(p, PG(0)));
	pages_new_generation(p);
	assert_false(pages_dense(p, PG(0)));
	assert_int_equal(pages_free(p, PG(100), LEN(1)), 0);
	assert_false(pages_dense(p, PG(0)));
	assert_int_equal(pages_chunk(PG(C(1) + 3)).n, C(1));
	pages_destroy(p);
}

static long resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident;
}

static void sizes_of_tables(void **state)
{
	long before = resident_pages();
	struct pages *p;

	(void)state;
	errno = 0;
	assert_null(pages_new(LEN(0)));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(pages_new(LEN(PAGES_MAX + 1)));
	assert_int_equal(errno, EINVAL);

	p = pages_new(LEN(PAGES_MAX));
	assert_non_null(p);
	assert_int_equal(alloc(p, 1, 1), NONE);
	assert_int_equal(pages_grow(p, PG(PAGES_MAX - 3), LEN(3)), 0);
	assert_int_equal(alloc(p, 1, 2), PAGES_MAX - 2);
	assert_int_equal(alloc(p, 1, 1), PAGES_MAX - 3);
	assert_int_equal(alloc(p, 1, 1), PAGES_MAX - 1);
	assert_true(resident_pages() - before < 256);
	pages_destroy(p);

	p = pages_new(LEN(1));
	assert_int_equal(pages_grow(p, PG(0), LEN(1)), 0);
	assert_int_equal(alloc(p, 1, 1), 0);
	assert_int_equal(alloc(p, 1, 1), NONE);
	assert_int_equal(pages_free(p, PG(0), LEN(1)), 0);
	assert_sound(p);
	pages_destroy(p);
	pages_destroy(NULL);
}

/* Each derived value, spoilt in turn, must be noticed. */
static void check_finds_damage(void **state)
{
	static const struct range heap[] = { { 0, C(10) }, { C(11), C(9) },
					     { 0, 0 } };
	struct pages *p = make(C(30), heap);
	uint32_t *word[] = { &p->total, &p->in_use, &p->committed,
			     &p->free_committed, &p->held[0][3],
			     &p->held[2][0], &p->held[4][7] };
	uint64_t *wide[] = { &p->sum[0][4].v, &p->sum[1][1].v,
			     &p->sum[4][0].v, &p->sum[4][5].v,
			     &p->chunk[0].used.w[0],
			     &p->chunk[1].committed.w[2],
			     &p->chunk[10].used.w[1],
			     &p->chunk[10].committed.w[7],
			     &p->chunk[19].heap.w[3] };
	uint32_t hint;

	(void)state;
	assert_int_equal(alloc(p, 100, 1), 0);
	pages_commit(p, PG(50), LEN(C(1)));
	assert_sound(p);
	for (size_t k = 0; k < N_OF(word); k++) {
		*word[k] ^= 1;
		assert_non_null(pages_check(p));
		*word[k] ^= 1;
		assert_sound(p);
	}
	for (size_t k = 0; k < N_OF(wide); k++) {
		*wide[k] ^= 2;
		assert_non_null(pages_check(p));
		*wide[k] ^= 2;
		assert_sound(p);
	}
	hint = p->hint;
	p->hint = 101;
	assert_non_null(pages_check(p));
	p->hint = hint;
	p->end = C(20) - 1;
	assert_non_null(pages_check(p));
	p->end = C(20);
	assert_sound(p);
	pages_destroy(p);
}

/* Lies that agree with each other; only the bits tell the truth. */
static void check_finds_consistent_lies(void **state)
{
	static const struct range heap[] = { { 0, C(10) }, { C(11), P },
					     { 0, 0 } };
	struct pages *p = make(C(12), heap);
	struct page_chunk *gap = &p->chunk[10];

	(void)state;
	pagebits_set(&gap->used, 5, 1);
	gap->in_use++;
	p->in_use++;
	assert_string_equal(pages_check(p),
			    "a page is in use but not in the heap");
	pagebits_clear(&gap->used, 5, 1);
	gap->in_use--;
	p->in_use--;
	assert_sound(p);

	pagebits_set(&gap->committed, 5, 1);
	p->committed++;
	p->free_committed++;
	for (unsigned int l = 0; l < TREE_LEVELS; l++)
		p->held[l][10 >> (3 * l)]++;
	assert_string_equal(pages_check(p),
			    "a page has memory but is not in the heap");
	pagebits_clear(&gap->committed, 5, 1);
	p->committed--;
	p->free_committed--;
	for (unsigned int l = 0; l < TREE_LEVELS; l++)
		p->held[l][10 >> (3 * l)]--;
	assert_sound(p);

	p->sum[0][10] = sum_pack(0, 9, 0);
	for (unsigned int l = 1; l < TREE_LEVELS; l++)
		p->sum[l][10 >> (3 * l)] = tree_merge(p, l, 10 >> (3 * l));
	assert_string_equal(pages_check(p),
			    "a chunk's summary of free runs is wrong");
	pages_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_by_table),
		cmocka_unit_test(dense_is_now_or_before),
		cmocka_unit_test(sizes_of_tables),
		cmocka_unit_test(check_finds_damage),
		cmocka_unit_test(check_finds_consistent_lies),
	};

	return cmocka_run_group_tests_name("pages_state", tests, NULL, NULL);
}
