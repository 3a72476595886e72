/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages_test.h - page tables made from lists of ranges, for the tests of
 * pages.c and scavenge.c.
 */
#ifndef TESTS_UNIT_PAGES_TEST_H
#define TESTS_UNIT_PAGES_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/pagetree.h"

#define N_OF(a)	(sizeof(a) / sizeof((a)[0]))
#define P	CHUNK_PAGES
#define C(k)	((k) * CHUNK_PAGES)	/* the first page of chunk k */
#define NONE	UINT32_MAX

#define PG(x)	((pgno){ (x) })
#define LEN(x)	((npages){ (x) })

/* A range of pages; n == 0 ends a list. */
struct range {
	uint32_t at, n;
};

#define RANGES	8

static inline struct pages *make(uint32_t max, const struct range *heap)
{
	struct pages *p = pages_new(LEN(max));

	assert_non_null(p);
	for (; heap->n; heap++)
		assert_int_equal(pages_grow(p, PG(heap->at), LEN(heap->n)), 0);
	return p;
}

static inline void take_all(struct pages *p, const struct range *r)
{
	for (; r->n; r++)
		assert_int_equal(pages_take(p, PG(r->at), LEN(r->n)), 0);
}

static inline void assert_sound(const struct pages *p)
{
	const char *err = pages_check(p);

	if (err)
		fail_msg("%s", err);
}

static inline bool within(const struct range *r, uint32_t page)
{
	for (; r->n; r++) {
		if (page - r->at < r->n)
			return true;
	}
	return false;
}

static inline void assert_used(const struct pages *p, uint32_t max,
			       const struct range *used)
{
	for (uint32_t i = 0; i < max; i++) {
		if (pages_is_allocated(p, PG(i)) != within(used, i))
			fail_msg("page %u: in use is %d", i, !within(used, i));
	}
	assert_sound(p);
}

static inline uint32_t alloc(struct pages *p, uint32_t n, uint32_t align)
{
	pgno at;
	int r = pages_alloc(p, LEN(n), LEN(align), &at);

	if (!r)
		return at.n;
	assert_int_equal(r, -ENOMEM);
	return NONE;
}

#endif
