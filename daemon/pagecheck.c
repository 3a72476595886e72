/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagecheck.c - does everything that is derived agree with the bits?
 *
 * Reads all chunks up to the end of the heap and every node of the tree above
 * them.  Changes nothing; meant for tests, verify and a restarted daemon.
 */
#include <string.h>

#include "daemon/pagetree.h"

struct counts {
	uint32_t total, in_use, committed, held;
};

static uint32_t ones(const struct pagebits *b)
{
	return pagebits_count(b, 0, CHUNK_PAGES);
}

static const char *check_chunk(const struct pages *p, uint32_t i,
			       struct counts *sum)
{
	const struct page_chunk *c = &p->chunk[i];
	struct pagebits stray = pagebits_andnot(&c->used, &c->heap);
	struct pagebits free = chunk_free(c), held = chunk_held(c);

	if (ones(&stray))
		return "a page is in use but not in the heap";
	stray = pagebits_andnot(&c->committed, &c->heap);
	if (ones(&stray))
		return "a page has memory but is not in the heap";
	if (ones(&c->used) != c->in_use)
		return "a chunk's count of pages in use is wrong";
	if (ones(&held) != p->held[0][i])
		return "a chunk's count of free pages with memory is wrong";
	if (pagebits_summarize(&free).v != p->sum[0][i].v)
		return "a chunk's summary of free runs is wrong";
	sum->total += ones(&c->heap);
	sum->in_use += ones(&c->used);
	sum->committed += ones(&c->committed);
	sum->held += ones(&held);
	return NULL;
}

static const char *check_node(const struct pages *p, unsigned int level,
			      uint32_t i)
{
	uint32_t held = 0;

	for (uint32_t k = i * 8; k < i * 8 + 8; k++)
		held += p->held[level - 1][k];
	if (held != p->held[level][i])
		return "a node's count of free pages with memory is wrong";
	if (tree_merge(p, level, i).v != p->sum[level][i].v)
		return "a node's summary of free runs is wrong";
	return NULL;
}

/* Nodes beyond the level below have no children and must be empty. */
static const char *check_level(const struct pages *p, unsigned int level)
{
	uint32_t parents = p->count[level - 1] >> TREE_SHIFT;
	const char *err = NULL;

	for (uint32_t i = 0; i < p->count[level] && !err; i++) {
		if (i < parents)
			err = check_node(p, level, i);
		else if (p->sum[level][i].v || p->held[level][i])
			err = "a node without pages is not empty";
	}
	return err;
}

static const char *check_counters(const struct pages *p,
				  const struct counts *sum)
{
	if (sum->total != p->total)
		return "the count of pages in the heap is wrong";
	if (sum->in_use != p->in_use)
		return "the count of pages in use is wrong";
	if (sum->committed != p->committed)
		return "the count of pages with memory is wrong";
	if (sum->held != p->free_committed)
		return "the count of free pages with memory is wrong";
	return NULL;
}

/* The hint is only a promise that nothing below it is free. */
static const char *check_hint(const struct pages *p)
{
	for (uint32_t at = 0; at < p->hint; at += CHUNK_PAGES) {
		struct pagebits free;

		if (at >= p->end)
			return NULL;
		free = chunk_free(&p->chunk[at / CHUNK_PAGES]);
		if (at + pagebits_next(&free, 0) < p->hint &&
		    pagebits_next(&free, 0) != PAGEBITS_NONE)
			return "a page below the search hint is free";
	}
	return NULL;
}

/* Pages at and above the end are not in the heap: their chunks are zero. */
static const char *check_end(const struct pages *p)
{
	uint32_t c = p->end / CHUNK_PAGES, i = p->end % CHUNK_PAGES;

	if (c < p->count[0] &&
	    pagebits_count(&p->chunk[c].heap, i, CHUNK_PAGES - i))
		return "a page above the end is in the heap";
	return NULL;
}

const char *pages_check(const struct pages *p)
{
	uint32_t chunks = (p->end + CHUNK_PAGES - 1) / CHUNK_PAGES;
	struct counts sum;
	const char *err = NULL;

	memset(&sum, 0, sizeof(sum));
	for (uint32_t i = 0; i < chunks && !err; i++)
		err = check_chunk(p, i, &sum);
	for (unsigned int l = 1; l < TREE_LEVELS && !err; l++)
		err = check_level(p, l);
	if (!err)
		err = check_counters(p, &sum);
	if (!err)
		err = check_hint(p);
	return err ? err : check_end(p);
}
