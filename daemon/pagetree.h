/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagetree.h - inside pages.c, pagefind.c and pagecheck.c only.
 *
 * The bits of each chunk of 512 pages are the truth.  Above them stands a tree
 * of fan-out 8 that sums them up, so that a search skips what cannot hold the
 * run.  It has no pointers: node i of a level covers nodes 8i .. 8i + 7 of the
 * level below, and each level is one array, padded with nodes without pages to
 * a multiple of 8.
 *
 *	level 4   up to 64 roots of 2^21 pages, read from left to right
 *	level 1-3 nodes of 2^12, 2^15, 2^18 pages
 *	level 0   one node per chunk
 */
#ifndef DAEMON_PAGETREE_H
#define DAEMON_PAGETREE_H

#include <stddef.h>

#include "daemon/pagebits.h"
#include "daemon/pages.h"

#define TREE_LEVELS	5
#define TREE_ROOT	(TREE_LEVELS - 1)
#define TREE_SHIFT	3			/* 8 children */
#define PAGE_NONE	UINT32_MAX

/* used and committed are subsets of heap; free is heap and not used. */
struct page_chunk {
	struct pagebits heap, used, committed;
	uint32_t gen;		/* when in_use last changed */
	uint16_t in_use;	/* ones in used */
	uint16_t last_in_use;	/* in_use when generation gen began */
};

struct pages {
	uint32_t max;		/* pages 0 .. max - 1 may join the heap */
	uint32_t end;		/* no page at or above is in the heap */
	uint32_t hint;		/* no page below is free */
	uint32_t gen;
	uint32_t total, in_use, committed, free_committed;
	uint64_t visits;
	size_t bytes;		/* of the mapping that holds all this */

	uint32_t count[TREE_LEVELS];		/* nodes, a multiple of 8 */
	pagesum *sum[TREE_LEVELS];		/* free runs of the node */
	uint32_t *held[TREE_LEVELS];		/* its free pages with memory */
	struct page_chunk *chunk;
};

/* Pages of a node of this level. */
static inline uint32_t tree_pages(unsigned int level)
{
	return CHUNK_PAGES << (TREE_SHIFT * level);
}

static inline struct pagebits chunk_free(const struct page_chunk *c)
{
	return pagebits_andnot(&c->heap, &c->used);
}

static inline struct pagebits chunk_missing(const struct page_chunk *c)
{
	return pagebits_andnot(&c->heap, &c->committed);
}

/* Free pages with memory. */
static inline struct pagebits chunk_held(const struct page_chunk *c)
{
	return pagebits_andnot(&c->committed, &c->used);
}

/* What the eight children of node i say together. */
static inline pagesum tree_merge(const struct pages *p, unsigned int level,
				 uint32_t i)
{
	const pagesum *child = p->sum[level - 1] + (i << TREE_SHIFT);
	struct sumrun r = { .start = 0 };

	for (unsigned int k = 0; k < 1u << TREE_SHIFT; k++)
		sumrun_add(&r, child[k], tree_pages(level - 1));
	return sum_pack(r.start, r.max, r.run);
}

/* The lowest start >= from of n free pages, or PAGE_NONE. */
uint32_t page_find(struct pages *p, uint32_t from, uint32_t n);

/* The same with the start a multiple of align; see pages_alloc(). */
uint32_t page_find_aligned(struct pages *p, uint32_t n, uint32_t align);

#endif
