/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagesum.h - the free runs of a block of pages, in one word.
 *
 *	63  62        42 41        21 20         0
 *	|all|    end    |    max     |   start   |
 *
 * start and end are the free runs at the block's two edges, max is the longest
 * anywhere in it.  The biggest block has 2^21 pages, one more than 21 bits can
 * say: bit 63 stands for a block of that size which is free from end to end.
 * A zero word is a block without a free page, which is what pages that are not
 * in the heap must look like.
 */
#ifndef DAEMON_PAGESUM_H
#define DAEMON_PAGESUM_H

#include <stdbool.h>
#include <stdint.h>

#define CHUNK_PAGES	512u
#define SUM_BITS	21
#define SUM_MAX		(1u << SUM_BITS)
#define SUM_ALL		(1ull << 63)

typedef struct {
	uint64_t v;
} pagesum;

static inline pagesum sum_pack(uint32_t start, uint32_t max, uint32_t end)
{
	if (max == SUM_MAX)
		return (pagesum){ SUM_ALL };
	return (pagesum){ start | (uint64_t)max << SUM_BITS |
			  (uint64_t)end << (2 * SUM_BITS) };
}

static inline uint32_t sum_field(pagesum s, unsigned int shift)
{
	if (s.v & SUM_ALL)
		return SUM_MAX;
	return (s.v >> shift) & (SUM_MAX - 1);
}

static inline uint32_t sum_start(pagesum s)
{
	return sum_field(s, 0);
}

static inline uint32_t sum_max(pagesum s)
{
	return sum_field(s, SUM_BITS);
}

static inline uint32_t sum_end(pagesum s)
{
	return sum_field(s, 2 * SUM_BITS);
}

/* Adjacent blocks, read from left to right into one. */
struct sumrun {
	uint32_t start;		/* free at the left edge of all read so far */
	uint32_t max;
	uint32_t run;		/* free at the right edge of all read so far */
	bool broken;		/* some page read so far is not free */
};

static inline void sumrun_add(struct sumrun *r, pagesum s, uint32_t size)
{
	uint32_t joined = r->run + sum_start(s);

	if (joined > r->max)
		r->max = joined;
	if (sum_max(s) > r->max)
		r->max = sum_max(s);
	if (!r->broken)
		r->start = joined;
	if (sum_start(s) == size) {
		r->run = joined;
	} else {
		r->run = sum_end(s);
		r->broken = true;
	}
}

#endif
