/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagebits.h - one bit for each page of a chunk, 512 in all.
 *
 * Bits are found, counted and changed by ranges [i, i + n), which must lie
 * inside the chunk.  A one means whatever the caller's map means: the searches
 * look for ones, so a search for free pages is given a map of the free.
 * Owns nothing, takes no lock, knows nothing of heaps.
 */
#ifndef DAEMON_PAGEBITS_H
#define DAEMON_PAGEBITS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pagesum.h"

#define PAGEBITS_WORDS	(CHUNK_PAGES / 64)
#define PAGEBITS_NONE	CHUNK_PAGES		/* "no such bit" */

struct pagebits {
	uint64_t w[PAGEBITS_WORDS];
};

/* What a scavenge candidate must look like; all counts are pages. */
struct pagebits_want {
	uint32_t min;		/* alignment and unit, a power of two <= 64 */
	uint32_t max;		/* at most so many, huge pages aside */
	uint32_t huge;		/* a huge page, a power of two; 0: none */
};

void pagebits_set(struct pagebits *b, uint32_t i, uint32_t n);
void pagebits_clear(struct pagebits *b, uint32_t i, uint32_t n);
uint32_t pagebits_count(const struct pagebits *b, uint32_t i, uint32_t n);

/* All of the range is one. */
bool pagebits_all(const struct pagebits *b, uint32_t i, uint32_t n);

/* a and not b, word by word. */
struct pagebits pagebits_andnot(const struct pagebits *a,
				const struct pagebits *b);
struct pagebits pagebits_and(const struct pagebits *a,
			     const struct pagebits *b);

/* The first one at or after i, or PAGEBITS_NONE. */
uint32_t pagebits_next(const struct pagebits *b, uint32_t i);

/* Where the first run of n ones starts, 1 <= n <= 512, or PAGEBITS_NONE. */
uint32_t pagebits_find(const struct pagebits *b, uint32_t n);

/* The ones at the top, from bit 511 down. */
uint32_t pagebits_tail(const struct pagebits *b);

/* The runs of ones: leading, longest, trailing. */
pagesum pagebits_summarize(const struct pagebits *b);

/*
 * The highest run made of whole groups of want->min ones, cut from its top to
 * want->max (rounded up to a group), but a huge page that lies wholly in the
 * run is taken whole rather than split.  False: there is no whole group.
 */
bool pagebits_candidate(const struct pagebits *b, struct pagebits_want want,
			uint32_t *ret_i, uint32_t *ret_n);

/* The same for one word: n ones in a row (64: none), and groups with any one
 * in them made all ones (m a power of two <= 64). */
uint32_t bits64_find(uint64_t x, uint32_t n);
uint64_t bits64_fill(uint64_t x, uint32_t m);

#endif
