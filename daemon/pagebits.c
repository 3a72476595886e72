/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagebits.c - searches and changes in the 512 bits of a chunk.
 *
 * Pure functions of their arguments.  All work on whole words; the only loops
 * over single pages are those of the unit tests, which check these functions.
 */
#include "daemon/pagebits.h"

/* The part of [i, i + n) that falls into word k; zero if none does. */
static uint64_t word_mask(uint32_t k, uint32_t i, uint32_t n)
{
	uint32_t base = k * 64;
	uint32_t lo = i > base ? i - base : 0;
	uint32_t hi = i + n < base + 64 ? i + n - base : 64;

	return lo < hi ? ~0ull >> (64 - (hi - lo)) << lo : 0;
}

#define for_each_word(k, i, n) \
	for (uint32_t k = (i) / 64; k * 64 < (i) + (n); k++)

void pagebits_set(struct pagebits *b, uint32_t i, uint32_t n)
{
	for_each_word(k, i, n)
		b->w[k] |= word_mask(k, i, n);
}

void pagebits_clear(struct pagebits *b, uint32_t i, uint32_t n)
{
	for_each_word(k, i, n)
		b->w[k] &= ~word_mask(k, i, n);
}

uint32_t pagebits_count(const struct pagebits *b, uint32_t i, uint32_t n)
{
	uint32_t count = 0;

	for_each_word(k, i, n)
		count += __builtin_popcountll(b->w[k] & word_mask(k, i, n));
	return count;
}

bool pagebits_all(const struct pagebits *b, uint32_t i, uint32_t n)
{
	for_each_word(k, i, n) {
		if (~b->w[k] & word_mask(k, i, n))
			return false;
	}
	return true;
}

struct pagebits pagebits_andnot(const struct pagebits *a,
				const struct pagebits *b)
{
	struct pagebits r;

	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++)
		r.w[k] = a->w[k] & ~b->w[k];
	return r;
}

struct pagebits pagebits_and(const struct pagebits *a,
			     const struct pagebits *b)
{
	struct pagebits r;

	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++)
		r.w[k] = a->w[k] & b->w[k];
	return r;
}

uint32_t pagebits_next(const struct pagebits *b, uint32_t i)
{
	for_each_word(k, i, CHUNK_PAGES - i) {
		uint64_t x = b->w[k] & word_mask(k, i, CHUNK_PAGES - i);

		if (x)
			return k * 64 + __builtin_ctzll(x);
	}
	return PAGEBITS_NONE;
}

/*
 * A one in x marks the start of a run of `have` ones.  Two runs whose starts
 * are `step` <= have apart make one of have + step, so the length doubles.
 */
uint32_t bits64_find(uint64_t x, uint32_t n)
{
	uint32_t have = 1;

	while (have < n && x) {
		uint32_t step = n - have < have ? n - have : have;

		x &= x >> step;
		have += step;
	}
	return x ? (uint32_t)__builtin_ctzll(x) : 64;
}

/*
 * Fold each group onto its lowest bit; then multiply that bit by a group of
 * ones.  What the shifts carry over from the next group lands above the lowest
 * bit and is masked away.
 */
uint64_t bits64_fill(uint64_t x, uint32_t m)
{
	uint64_t ones = ~0ull >> (64 - m);

	for (uint32_t s = 1; s < m; s *= 2)
		x |= x >> s;
	return (x & (~0ull / ones)) * ones;
}

static uint32_t low_ones(uint64_t x)
{
	return ~x ? (uint32_t)__builtin_ctzll(~x) : 64;
}

static uint32_t high_ones(uint64_t x)
{
	return ~x ? (uint32_t)__builtin_clzll(~x) : 64;
}

uint32_t pagebits_find(const struct pagebits *b, uint32_t n)
{
	uint32_t run = 0;	/* ones just below word k */

	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++) {
		uint64_t x = b->w[k];
		uint32_t i;

		if (run + low_ones(x) >= n)
			return k * 64 - run;
		i = n <= 64 ? bits64_find(x, n) : 64;
		if (i < 64)
			return k * 64 + i;
		run = ~x ? high_ones(x) : run + 64;
	}
	return PAGEBITS_NONE;
}

uint32_t pagebits_tail(const struct pagebits *b)
{
	uint32_t k = PAGEBITS_WORDS - 1;

	while (k > 0 && !~b->w[k])
		k--;
	return (PAGEBITS_WORDS - 1 - k) * 64 + high_ones(b->w[k]);
}

/* The longest run in x, if it is longer than max: else max. */
static uint32_t longest(uint64_t x, uint32_t max)
{
	while (max < 64 && bits64_find(x, max + 1) < 64)
		max++;
	return max;
}

pagesum pagebits_summarize(const struct pagebits *b)
{
	struct sumrun r = { .start = 0 };

	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++) {
		uint64_t x = b->w[k];
		uint32_t low = low_ones(x), high = high_ones(x);
		uint32_t edge = low > high ? low : high;

		/* Mostly the longest run is one at an edge, soon seen. */
		edge = longest(x, edge > r.max ? edge : r.max);
		sumrun_add(&r, sum_pack(low, edge, high), 64);
	}
	return sum_pack(r.start, r.max, r.run);
}

/* The highest run of ones: it ends before *ret_end.  Returns its length. */
static uint32_t top_run(const struct pagebits *b, uint32_t *ret_end)
{
	uint32_t k = PAGEBITS_WORDS, end, run;

	while (k > 0 && !b->w[k - 1])
		k--;
	if (!k)
		return 0;
	k--;
	end = k * 64 + 64 - __builtin_clzll(b->w[k]);
	run = high_ones(b->w[k] << ((64 - end % 64) % 64));
	while (k > 0 && run == end - k * 64)
		run += high_ones(b->w[--k]);
	*ret_end = end;
	return run;
}

bool pagebits_candidate(const struct pagebits *b, struct pagebits_want want,
			uint32_t *ret_i, uint32_t *ret_n)
{
	uint32_t max = want.max < CHUNK_PAGES ? want.max : CHUNK_PAGES;
	uint32_t run, end, start, below;
	struct pagebits whole;

	for (uint32_t k = 0; k < PAGEBITS_WORDS; k++)
		whole.w[k] = ~bits64_fill(~b->w[k], want.min);
	run = top_run(&whole, &end);
	if (!run)
		return false;

	max = max ? (max + want.min - 1) & ~(want.min - 1) : want.min;
	start = end - (run < max ? run : max);
	below = want.huge ? start & ~(want.huge - 1) : start;
	/* The huge page that the cut would split is wholly in the run. */
	if (below >= end - run && below + want.huge <= end)
		start = below;
	*ret_i = start;
	*ret_n = end - start;
	return true;
}
