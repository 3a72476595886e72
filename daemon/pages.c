/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.c - the page table: its memory, and every change of a page's state.
 *
 * A change walks the chunks of its range: bits first, then the chunk's node,
 * then the nodes above.  Counters follow the bits in the same place, so that
 * pages_check() can hold one against the other at any time.
 * Searches are in pagefind.c, the self check in pagecheck.c.
 */
#include <errno.h>
#include <sys/mman.h>

#include "daemon/pagetree.h"

/* The part of a range that lies in one chunk. */
struct piece {
	uint32_t c, i, n;	/* chunk, first bit, bits */
};

/* Cuts the next piece from the left of [*at, end). */
static bool next_piece(uint32_t *at, uint32_t end, struct piece *ret)
{
	uint32_t i = *at % CHUNK_PAGES;

	if (*at >= end)
		return false;
	ret->c = *at / CHUNK_PAGES;
	ret->i = i;
	ret->n = end - *at < CHUNK_PAGES - i ? end - *at : CHUNK_PAGES - i;
	*at += ret->n;
	return true;
}

/* Lays the tables out from `at` on; returns where they end. */
static uintptr_t lay_out(struct pages *p, uintptr_t at, uint32_t max)
{
	uint32_t nodes = (max + CHUNK_PAGES - 1) / CHUNK_PAGES;

	for (unsigned int l = 0; l < TREE_LEVELS; l++) {
		nodes = (nodes + 7) & ~7u;
		p->count[l] = nodes;
		p->sum[l] = (pagesum *)at;
		at += nodes * sizeof(*p->sum[l]);
		p->held[l] = (uint32_t *)at;
		at += nodes * sizeof(*p->held[l]);
		nodes >>= TREE_SHIFT;
	}
	p->chunk = (struct page_chunk *)at;
	return at + p->count[0] * sizeof(*p->chunk);
}

/* Zero is right for all tables: no page is in the heap. */
struct pages *pages_new(npages max)
{
	struct pages plan, *p;
	size_t bytes;

	if (!max.n || max.n > PAGES_MAX) {
		errno = EINVAL;
		return NULL;
	}
	bytes = lay_out(&plan, sizeof(plan), max.n);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	lay_out(p, (uintptr_t)(p + 1), max.n);
	p->bytes = bytes;
	p->max = max.n;
	return p;
}

void pages_destroy(struct pages *p)
{
	if (p)
		munmap(p, p->bytes);
}

/* The free runs of chunks [lo, hi] may have changed. */
static void update_sums(struct pages *p, uint32_t lo, uint32_t hi)
{
	for (uint32_t c = lo; c <= hi; c++) {
		struct pagebits free = chunk_free(&p->chunk[c]);

		p->sum[0][c] = pagebits_summarize(&free);
	}
	for (unsigned int l = 1; l < TREE_LEVELS; l++) {
		bool changed = false;

		lo >>= TREE_SHIFT;
		hi >>= TREE_SHIFT;
		for (uint32_t i = lo; i <= hi; i++) {
			pagesum s = tree_merge(p, l, i);

			changed |= s.v != p->sum[l][i].v;
			p->sum[l][i] = s;
		}
		if (!changed)
			return;
	}
}

/* Chunk c has `d` more (or, wrapping, fewer) free pages with memory. */
static void add_held(struct pages *p, uint32_t c, uint32_t d)
{
	if (!d)
		return;
	p->free_committed += d;
	for (unsigned int l = 0; l < TREE_LEVELS; l++)
		p->held[l][c >> (TREE_SHIFT * l)] += d;
}

static void add_in_use(struct pages *p, struct page_chunk *c, uint32_t d)
{
	if (c->gen != p->gen) {
		c->gen = p->gen;
		c->last_in_use = c->in_use;
	}
	c->in_use += d;
	p->in_use += d;
}

static bool in_table(const struct pages *p, pgno start, npages n)
{
	return n.n && start.n < p->max && n.n <= p->max - start.n;
}

int pages_grow(struct pages *p, pgno start, npages n)
{
	uint32_t at = start.n, end = start.n + n.n;
	struct piece w;

	if (!in_table(p, start, n))
		return -EINVAL;
	while (next_piece(&at, end, &w)) {
		struct pagebits *heap = &p->chunk[w.c].heap;

		p->total += w.n - pagebits_count(heap, w.i, w.n);
		pagebits_set(heap, w.i, w.n);
	}
	if (end > p->end)
		p->end = end;
	if (start.n < p->hint)
		p->hint = start.n;
	update_sums(p, start.n / CHUNK_PAGES, (end - 1) / CHUNK_PAGES);
	return 0;
}

/* The whole run is free. */
static void mark_used(struct pages *p, uint32_t start, uint32_t n)
{
	uint32_t at = start;
	struct piece w;

	while (next_piece(&at, start + n, &w)) {
		struct page_chunk *c = &p->chunk[w.c];

		add_held(p, w.c, -pagebits_count(&c->committed, w.i, w.n));
		add_in_use(p, c, w.n);
		pagebits_set(&c->used, w.i, w.n);
	}
	update_sums(p, start / CHUNK_PAGES, (start + n - 1) / CHUNK_PAGES);
}

/* The whole run is in use. */
static void mark_free(struct pages *p, uint32_t start, uint32_t n)
{
	uint32_t at = start;
	struct piece w;

	while (next_piece(&at, start + n, &w)) {
		struct page_chunk *c = &p->chunk[w.c];

		add_held(p, w.c, pagebits_count(&c->committed, w.i, w.n));
		add_in_use(p, c, -w.n);
		pagebits_clear(&c->used, w.i, w.n);
	}
	update_sums(p, start / CHUNK_PAGES, (start + n - 1) / CHUNK_PAGES);
}

int pages_alloc(struct pages *p, npages n, npages align, pgno *ret_start)
{
	uint32_t at;

	if (!n.n || !align.n || (align.n & (align.n - 1)))
		return -EINVAL;
	p->visits = 0;
	if (n.n > p->max)
		return -ENOMEM;
	if (align.n == 1)
		at = page_find(p, p->hint, n.n);
	else
		at = page_find_aligned(p, n.n, align.n);
	if (at == PAGE_NONE)
		return -ENOMEM;
	mark_used(p, at, n.n);
	/* The first single page found is the lowest free page of all. */
	if (at == p->hint || (n.n == 1 && align.n == 1))
		p->hint = at + n.n;
	*ret_start = (pgno){ at };
	return 0;
}

int pages_free(struct pages *p, pgno start, npages n)
{
	uint32_t at = start.n;
	struct piece w;

	if (!in_table(p, start, n))
		return -EINVAL;
	while (next_piece(&at, start.n + n.n, &w)) {
		if (!pagebits_all(&p->chunk[w.c].used, w.i, w.n))
			return -EINVAL;
	}
	mark_free(p, start.n, n.n);
	if (start.n < p->hint)
		p->hint = start.n;
	return 0;
}

int pages_take(struct pages *p, pgno start, npages n)
{
	uint32_t at = start.n;
	bool busy = false;
	struct piece w;

	if (!in_table(p, start, n))
		return -EINVAL;
	while (next_piece(&at, start.n + n.n, &w)) {
		const struct page_chunk *c = &p->chunk[w.c];

		if (!pagebits_all(&c->heap, w.i, w.n))
			return -EINVAL;
		busy |= pagebits_count(&c->used, w.i, w.n) > 0;
	}
	if (busy)
		return -EBUSY;
	mark_used(p, start.n, n.n);
	return 0;
}

/* Where the range ends, seen from a table without pages above p->end. */
static uint32_t range_end(const struct pages *p, pgno start, npages n)
{
	uint64_t end = (uint64_t)start.n + n.n;

	return end < p->end ? (uint32_t)end : p->end;
}

npages pages_uncommitted(const struct pages *p, pgno start, npages n)
{
	uint32_t at = start.n, end = range_end(p, start, n), count = 0;
	struct piece w;

	while (next_piece(&at, end, &w)) {
		struct pagebits missing = chunk_missing(&p->chunk[w.c]);

		count += pagebits_count(&missing, w.i, w.n);
	}
	return (npages){ count };
}

npages pages_ready(const struct pages *p, pgno from, pgno end)
{
	uint32_t at = from.n, stop = end.n < p->end ? end.n : p->end, count = 0;
	struct piece w;

	while (next_piece(&at, stop, &w)) {
		struct pagebits held = chunk_held(&p->chunk[w.c]);

		count += pagebits_count(&held, w.i, w.n);
	}
	return (npages){ count };
}

/* How many free pages have memory is what a change of memory changes. */
static void set_committed(struct pages *p, pgno start, npages n, bool on)
{
	uint32_t at = start.n, end = range_end(p, start, n);
	struct piece w;

	while (next_piece(&at, end, &w)) {
		struct page_chunk *c = &p->chunk[w.c];
		uint32_t before = pagebits_count(&c->committed, w.i, w.n);
		struct pagebits held = chunk_held(c);
		uint32_t was_held = pagebits_count(&held, w.i, w.n);

		if (on)
			pagebits_set(&c->committed, w.i, w.n);
		else
			pagebits_clear(&c->committed, w.i, w.n);
		c->committed = pagebits_and(&c->committed, &c->heap);
		held = chunk_held(c);
		p->committed += pagebits_count(&c->committed, w.i, w.n) -
				before;
		add_held(p, w.c, pagebits_count(&held, w.i, w.n) - was_held);
	}
}

void pages_commit(struct pages *p, pgno start, npages n)
{
	set_committed(p, start, n, true);
}

void pages_uncommit(struct pages *p, pgno start, npages n)
{
	set_committed(p, start, n, false);
}

bool pages_dense(const struct pages *p, pgno page)
{
	const struct page_chunk *c;

	if (page.n >= p->end)
		return false;
	c = &p->chunk[page.n / CHUNK_PAGES];
	/* Not touched in this generation: in_use is what it began with. */
	return c->in_use >= PAGES_DENSE ||
	       (c->gen == p->gen && c->last_in_use >= PAGES_DENSE);
}

pgno pages_chunk(pgno page)
{
	return (pgno){ page.n - page.n % CHUNK_PAGES };
}

void pages_new_generation(struct pages *p)
{
	p->gen++;
}

npages pages_total(const struct pages *p)
{
	return (npages){ p->total };
}

npages pages_in_use(const struct pages *p)
{
	return (npages){ p->in_use };
}

npages pages_committed(const struct pages *p)
{
	return (npages){ p->committed };
}

npages pages_free_committed(const struct pages *p)
{
	return (npages){ p->free_committed };
}

npages pages_largest_free(const struct pages *p)
{
	struct sumrun r = { .start = 0 };

	for (uint32_t i = 0; i < p->count[TREE_ROOT]; i++)
		sumrun_add(&r, p->sum[TREE_ROOT][i], tree_pages(TREE_ROOT));
	return (npages){ r.max };
}

bool pages_is_allocated(const struct pages *p, pgno page)
{
	return page.n < p->end &&
	       pagebits_count(&p->chunk[page.n / CHUNK_PAGES].used,
			      page.n % CHUNK_PAGES, 1);
}

uint64_t pages_visits(const struct pages *p)
{
	return p->visits;
}
