/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pagefind.c - the searches of the page table: first fit from the bottom,
 * scavenge candidates from the top, runs without memory.
 *
 * Reads the tree and the bits, changes neither (a search counts the nodes it
 * looks at, that is all).
 */
#include "daemon/pagetree.h"

#define ALIGN_TRIES	64

/* Nodes are read from left to right; a run may cross their borders. */
struct find {
	uint32_t n;		/* wanted */
	uint32_t run;		/* free pages just left of the next node */
};

enum step {
	STEP_ON,		/* not here: read on to the right */
	STEP_HERE,		/* the run that reaches into the node will do */
	STEP_INSIDE,		/* the first fit lies within the node */
};

static enum step find_step(struct pages *p, struct find *f, pagesum s,
			   uint32_t size)
{
	p->visits++;
	if (f->run + sum_start(s) >= f->n)
		return STEP_HERE;
	if (sum_max(s) >= f->n)
		return STEP_INSIDE;
	f->run = sum_start(s) == size ? f->run + size : sum_end(s);
	return STEP_ON;
}

/* Reads nodes [*i, end) of a level and stops at the one that is not ON. */
static enum step find_level(struct pages *p, struct find *f, unsigned int level,
			    uint32_t *i, uint32_t end)
{
	for (; *i < end; (*i)++) {
		enum step s = find_step(p, f, p->sum[level][*i],
					tree_pages(level));

		if (s != STEP_ON)
			return s;
	}
	return STEP_ON;
}

/* The first fit lies within node i: go down to it. */
static uint32_t find_inside(struct pages *p, struct find *f, unsigned int level,
			    uint32_t i)
{
	struct pagebits free;

	while (level > 0) {
		level--;
		i <<= TREE_SHIFT;
		if (find_level(p, f, level, &i, i + 8) == STEP_HERE)
			return i * tree_pages(level) - f->run;
	}
	p->visits++;
	free = chunk_free(&p->chunk[i]);
	return i * CHUNK_PAGES + pagebits_find(&free, f->n);
}

/* The part of the first chunk that lies at or above from. */
static bool find_first_chunk(struct pages *p, struct find *f, uint32_t from,
			     uint32_t *ret_start)
{
	struct pagebits free = chunk_free(&p->chunk[from / CHUNK_PAGES]);
	uint32_t i;

	p->visits++;
	pagebits_clear(&free, 0, from % CHUNK_PAGES);
	i = f->n <= CHUNK_PAGES ? pagebits_find(&free, f->n) : PAGEBITS_NONE;
	if (i != PAGEBITS_NONE) {
		*ret_start = from - from % CHUNK_PAGES + i;
		return true;
	}
	f->run = pagebits_tail(&free);
	return false;
}

/*
 * Read the rest of the chunk, then its right siblings, then those of its
 * parent and so on: at most 7 nodes a level, and the roots; then down again.
 */
uint32_t page_find(struct pages *p, uint32_t from, uint32_t n)
{
	struct find f = { .n = n };
	uint32_t i = from / CHUNK_PAGES + 1, start;
	enum step s;

	if (from >= p->end)
		return PAGE_NONE;
	if (find_first_chunk(p, &f, from, &start))
		return start;
	for (unsigned int level = 0; level < TREE_LEVELS; level++) {
		uint32_t end = level == TREE_ROOT ? p->count[level] :
						    (i + 7) & ~7u;

		s = find_level(p, &f, level, &i, end);
		if (s == STEP_HERE)
			return i * tree_pages(level) - f.run;
		if (s == STEP_INSIDE)
			return find_inside(p, &f, level, i);
		i >>= TREE_SHIFT;
	}
	return PAGE_NONE;
}

/* Each round ends on an aligned fit or moves on to the next aligned place. */
static uint32_t find_aligned_within(struct pages *p, uint32_t n, uint32_t align,
				    uint32_t tries)
{
	uint32_t at = p->hint;

	while (tries-- && at != PAGE_NONE) {
		uint64_t up;

		at = page_find(p, at, n);
		if (at == PAGE_NONE || at % align == 0)
			return at;
		up = round_up(at, align);
		at = up < p->end ? (uint32_t)up : PAGE_NONE;
	}
	return PAGE_NONE;
}

uint32_t page_find_aligned(struct pages *p, uint32_t n, uint32_t align)
{
	uint32_t at = find_aligned_within(p, n, align, ALIGN_TRIES);

	if (at == PAGE_NONE && (uint64_t)n + align - 1 <= p->max) {
		at = page_find(p, p->hint, n + align - 1);
		if (at != PAGE_NONE)
			return (uint32_t)round_up(at, align);
	}
	if (at == PAGE_NONE)
		at = find_aligned_within(p, n, align, UINT32_MAX);
	return at;
}

struct want {
	uint32_t below;
	struct pagebits_want run;
};

static bool chunk_candidate(const struct pages *p, uint32_t i,
			    const struct want *w, pgno *ret_start,
			    npages *ret_n)
{
	struct pagebits held = chunk_held(&p->chunk[i]);
	uint32_t base = i * CHUNK_PAGES, at, n;

	if (w->below - base < CHUNK_PAGES)
		pagebits_clear(&held, w->below - base,
			       CHUNK_PAGES - (w->below - base));
	if (!pagebits_candidate(&held, w->run, &at, &n))
		return false;
	*ret_start = (pgno){ base + at };
	*ret_n = (npages){ n };
	return true;
}

/*
 * The highest candidate in the node.  Too little memory or no free run as
 * long as a group rules a node out; with groups of one page that is exact.
 */
static bool node_candidate(const struct pages *p, unsigned int level,
			   uint32_t i, const struct want *w, pgno *ret_start,
			   npages *ret_n)
{
	if (i * (uint64_t)tree_pages(level) >= w->below ||
	    p->held[level][i] < w->run.min ||
	    sum_max(p->sum[level][i]) < w->run.min)
		return false;
	if (level == 0)
		return chunk_candidate(p, i, w, ret_start, ret_n);
	for (uint32_t k = 8; k-- > 0;) {
		if (node_candidate(p, level - 1, i * 8 + k, w, ret_start,
				   ret_n))
			return true;
	}
	return false;
}

bool pages_scavenge_candidate(const struct pages *p, pgno below, npages min,
			      npages max, npages huge, pgno *ret_start,
			      npages *ret_n)
{
	struct want w = {
		.below = below.n < p->end ? below.n : p->end,
		.run = { .min = min.n, .max = max.n, .huge = huge.n },
	};

	if (huge.n > CHUNK_PAGES)
		w.run.huge = 0;
	for (uint32_t i = p->count[TREE_ROOT]; i-- > 0;) {
		if (node_candidate(p, TREE_ROOT, i, &w, ret_start, ret_n))
			return true;
	}
	return false;
}

/* The first page in [from, end) whose being without memory is `missing`. */
static uint32_t next_page(const struct pages *p, uint32_t from, uint32_t end,
			  bool missing)
{
	while (from < end) {
		uint32_t c = from / CHUNK_PAGES;
		struct pagebits b = chunk_missing(&p->chunk[c]);
		uint32_t base = c * CHUNK_PAGES, i;

		if (!missing) {
			for (unsigned int k = 0; k < PAGEBITS_WORDS; k++)
				b.w[k] = ~b.w[k];
		}
		i = pagebits_next(&b, from % CHUNK_PAGES);
		if (i != PAGEBITS_NONE)
			return base + i < end ? base + i : end;
		from = base + CHUNK_PAGES;
	}
	return end;
}

bool pages_next_uncommitted(const struct pages *p, pgno from, pgno end,
			    pgno *ret_start, npages *ret_n)
{
	uint32_t limit = end.n < p->end ? end.n : p->end;
	uint32_t start = next_page(p, from.n, limit, true);

	if (start >= limit)
		return false;
	*ret_start = (pgno){ start };
	*ret_n = (npages){ next_page(p, start, limit, false) - start };
	return true;
}
