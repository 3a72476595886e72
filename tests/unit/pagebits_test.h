/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagebits_test.h - bit maps made from ranges, by chance and bit by bit, for
 * the test of pagebits.c.
 */
#ifndef TESTS_UNIT_PAGEBITS_TEST_H
#define TESTS_UNIT_PAGEBITS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/pagebits.h"

#define N_OF(a)	(sizeof(a) / sizeof((a)[0]))
#define P	CHUNK_PAGES
#define SEED	0x5eed0001u

static uint64_t rng_state;

static inline uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static inline uint32_t below(uint32_t n)
{
	return rng() % n;
}

static inline int seed(void **state)
{
	(void)state;
	rng_state = SEED;
	return 0;
}

/* A range of a table; n == 0 ends a list. */
struct range {
	uint32_t i, n;
};

#define RANGES	6

static inline bool bit(const struct pagebits *b, uint32_t i)
{
	return b->w[i / 64] >> (i % 64) & 1;
}

static inline void put(struct pagebits *b, uint32_t i, bool on)
{
	b->w[i / 64] &= ~(1ull << (i % 64));
	b->w[i / 64] |= (uint64_t)on << (i % 64);
}

static inline struct pagebits make(const struct range *r)
{
	struct pagebits b = { { 0 } };

	for (; r->n; r++) {
		for (uint32_t k = r->i; k < r->i + r->n; k++)
			put(&b, k, true);
	}
	return b;
}

static inline struct pagebits invert(struct pagebits b)
{
	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++)
		b.w[k] = ~b.w[k];
	return b;
}

/* Long and short runs, at random. */
static inline struct pagebits random_runs(void)
{
	uint32_t longest = 1u << below(9);
	struct pagebits b = { { 0 } };
	bool on = below(2);

	for (uint32_t i = 0; i < P; on = !on) {
		for (uint32_t n = 1 + below(longest); n && i < P; n--)
			put(&b, i++, on);
	}
	return b;
}

static inline void assert_bits(const struct pagebits *got,
			       const struct pagebits *want)
{
	for (uint32_t i = 0; i < P; i++) {
		if (bit(got, i) != bit(want, i))
			fail_msg("bit %u is %d (seed %#x)", i, bit(got, i),
				 SEED);
	}
}

#endif
