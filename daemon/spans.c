/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spans.c - a span's birth and death, and the rebuild of the page heap from the
 * span table after a restart.
 *
 * A run is in use iff its geometry is even and its state is not FREE: birth
 * writes geometry and page map first and the state last; death writes the
 * state first.  Whatever a killed daemon left in between is FREE and is mended
 * by spans_rebuild.
 */
#include "daemon/heap.h"

#include <errno.h>
#include <string.h>

#define IDS_STEP	1024u
#define BLOCK_STEP	(64u << 10)	/* bytes of blocks backed at a time */
#define BLOCK_GROW	(1u << 18)	/* granules: 32 MiB */

/* Backs the tables for ids [from, to). */
static int back_ids(struct heap *h, uint32_t from, uint32_t to)
{
	const struct sh_geometry *g = &h->sg.geo;
	int r = heap_back(h, SEG_HEAP,
			  g->geom_off + from * sizeof(struct sh_geom),
			  g->geom_off + to * sizeof(struct sh_geom));

	if (!r)
		r = heap_back(h, SEG_CENTRAL,
			      g->spans_off + from * sizeof(struct sh_span),
			      g->spans_off + to * sizeof(struct sh_span));
	return r ? r : heap_back(h, SEG_CENTRAL,
				 g->last_off + from * sizeof(uint32_t),
				 g->last_off + to * sizeof(uint32_t));
}

static int more_ids(struct heap *h, uint32_t *ret_reason)
{
	uint32_t top = seg_span_top(&h->sg), to = top + IDS_STEP;
	int r;

	*ret_reason = ENOMEM_SPANS;
	if (to > h->sg.geo.nspans)
		to = h->sg.geo.nspans;
	if (top >= to)
		return -ENOMEM;
	*ret_reason = ENOMEM_LIMIT;
	r = commit_room(h, (to - top) * (sizeof(struct sh_geom) +
					 sizeof(struct sh_span)));
	if (r)
		return r;
	*ret_reason = ENOMEM_BACKING;
	if (back_ids(h, top, to))
		return -ENOMEM;
	st_rel(&h->sg.whdr->span_top, to);			/* [H1] */
	h->id_top = to;
	return 0;
}

static void id_put(struct heap *h, span_id id)
{
	h->free_ids[h->nfree_ids++] = id.n;
}

/* An id that is in no list; those in a busy stripe's list are left lying. */
static bool id_reuse(struct heap *h, span_id *ret_id)
{
	for (uint32_t i = h->nfree_ids; i-- > 0; ) {
		span_id id = { h->free_ids[i] };

		if (!central_unlist(&h->sg, h->me, id))
			continue;
		h->free_ids[i] = h->free_ids[--h->nfree_ids];
		*ret_id = id;
		return true;
	}
	return false;
}

static int id_take(struct heap *h, span_id *ret_id, uint32_t *ret_reason)
{
	if (id_reuse(h, ret_id))
		return 0;
	for (;;) {
		int r = h->next_id < h->id_top ? 0 : more_ids(h, ret_reason);

		if (r)
			return r;
		ret_id->n = h->next_id++;
		/* The last daemon may have used it. */
		if (central_unlist(&h->sg, h->me, *ret_id))
			return 0;
		id_put(h, *ret_id);
	}
}

/* Memory for the steps of blocks that [at, at + n) lies in. */
static int back_blocks(struct heap *h, uint32_t at, uint32_t n,
		       uint32_t *ret_reason)
{
	const struct sh_geometry *g = &h->sg.geo;
	uint32_t step = BLOCK_STEP / GRANULE_BYTES, lo = at & ~(step - 1);
	uint32_t hi = (uint32_t)round_up(at + n, step);
	int r;

	if (hi > g->ngranules)
		hi = g->ngranules;
	*ret_reason = ENOMEM_LIMIT;
	r = commit_room(h, (uint64_t)pages_uncommitted(h->blocks, (pgno){ lo },
				(npages){ hi - lo }).n << GRANULE_SHIFT);
	if (r)
		return r;
	*ret_reason = ENOMEM_BACKING;
	if (heap_back(h, SEG_CENTRAL,
		      g->blocks_off + ((uint64_t)lo << GRANULE_SHIFT),
		      g->blocks_off + ((uint64_t)hi << GRANULE_SHIFT)))
		return -ENOMEM;
	pages_commit(h->blocks, (pgno){ lo }, (npages){ hi - lo });
	return 0;
}

/* The block area is known to the allocator piece by piece: a start is quick. */
static bool more_granules(struct heap *h)
{
	uint32_t n = h->sg.geo.ngranules - h->block_top;

	if (n > BLOCK_GROW)
		n = BLOCK_GROW;
	if (!n)
		return false;
	pages_grow(h->blocks, (pgno){ h->block_top }, (npages){ n });
	h->block_top += n;
	return true;
}

/* Not memset: a late freer of the block's last span may still look at it. */
static void block_clear(struct heap *h, uint32_t at, uint32_t granules)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)
		(h->sg.blocks + ((uint64_t)at << GRANULE_SHIFT));

	for (uint32_t i = 0; i < granules * (GRANULE_BYTES / 8); i++)
		st_rlx(&word[i], 0);				/* [L1] */
}

/* Granules of central with memory behind them, zeroed. */
static int block_take(struct heap *h, uint32_t granules, pgno *ret_start,
		      uint32_t *ret_reason)
{
	npages n = { granules };
	pgno at;
	int r = 0;

	*ret_reason = ENOMEM_SPANS;
	while (pages_alloc(h->blocks, n, (npages){ 1 }, &at))
		if (!more_granules(h))
			return -ENOMEM;
	if (pages_uncommitted(h->blocks, at, n).n)
		r = back_blocks(h, at.n, granules, ret_reason);
	if (r) {
		pages_free(h->blocks, at, n);
		return r;
	}
	block_clear(h, at.n, granules);
	*ret_start = at;
	return 0;
}

static void page_map(struct heap *h, pgno start, npages len, uint32_t id)
{
	for (uint32_t i = 0; i < len.n; i++)
		st_rlx(&h->sg.pagemap[start.n + i], id);	/* [G2] */
}

/* The entry of a FREE span: odd, fields, even with the next generation. */
static void geom_write(struct heap *h, const struct geom *g)
{
	struct sh_geom *e = &h->sg.geom[g->id.n];
	uint32_t gen = (ld_acq(&e->seq) >> 1) + 1;		/* [G1] */
	uint32_t elem = spc_size_class(g->spc) ? (uint32_t)g->elem : g->len.n;

	if (gen > INT32_MAX)
		gen = 1;
	st_rel(&e->seq, (gen - 1) << 1 | 1);			/* [G1] */
	order_for_recovery();
	st_rel(&e->start, g->start.n);				/* [G2] */
	st_rel(&e->len, g->len.n);				/* [G2] */
	st_rel(&e->elem, elem);					/* [G2] */
	st_rel(&e->nslots_class, g->nslots | g->spc << 16);	/* [G2] */
	st_rel(&e->block, g->block);				/* [G2] */
	st_rel(&e->block_len, g->block_len);			/* [G2] */
	st_rel(&e->pinned, 0);					/* [G2] */
	st_rel(&e->seq, gen << 1);				/* [G1] */
}

static void geom_clear(struct heap *h, span_id id)
{
	struct sh_geom *e = &h->sg.geom[id.n];

	st_rel(&e->seq, ld_acq(&e->seq) | 1);			/* [G1] */
}

static struct geom geom_for(const struct span_wish *w)
{
	uint32_t sc = spc_size_class(w->spc);
	struct geom g = { .spc = w->spc };

	g.len.n = w->len.n ? w->len.n : sc_npages(sc);
	g.elem = sc ? sc_size(sc) : npages_bytes(g.len);
	g.nslots = sc ? (uint32_t)(npages_bytes(g.len) / g.elem) : 1;
	g.block_len = block_granules(spc_life(w->spc), g.nslots);
	return g;
}

/*
 * id, block and pages, or nothing.  Pages last: making room for the others may
 * punch what is free, and would begin with the run just found.
 */
static int span_parts(struct heap *h, const struct span_wish *w,
		      struct geom *g, uint32_t *ret_reason)
{
	npages align = { w->align.n ? w->align.n : 1 };
	pgno block;
	int r = id_take(h, &g->id, ret_reason);

	if (r)
		return r;
	r = block_take(h, g->block_len, &block, ret_reason);
	if (!r) {
		g->block = block.n;
		r = commit_alloc(h, g->len, align, &g->start, ret_reason);
		if (r)
			pages_free(h->blocks, block, (npages){ g->block_len });
	}
	if (r)
		id_put(h, g->id);
	return r;
}

int span_new(struct heap *h, const struct span_wish *wish, uint32_t state,
	     struct party owner, span_id *ret_id, uint32_t *ret_reason)
{
	struct geom g = geom_for(wish);
	uint64_t w;
	int r = span_parts(h, wish, &g, ret_reason);

	if (r)
		return r;
	geom_write(h, &g);
	page_map(h, g.start, g.len, g.id.n);
	h->ids_used[g.id.n / IDS_CHUNK]++;
	w = span_load(&h->sg, g.id);
	/* [S1] last: from here on the span exists. */
	while (!span_move(&h->sg, g.id, &w, state, owner))
		;
	add_rlx(&h->sg.whdr->count.spans, 1);			/* [H2] */
	*ret_id = g.id;
	return 0;
}

static void batch_flush(struct pages *p, struct batch *b)
{
	if (b->len.n)
		pages_free(p, b->start, b->len);
	b->len.n = 0;
}

/* Inside a batch neighbours are freed as one: freeing summarises each time. */
static void give_back(struct heap *h, struct pages *p, struct batch *b,
		      pgno start, npages len)
{
	if (!h->batching) {
		pages_free(p, start, len);
		return;
	}
	if (b->len.n && start.n + len.n == b->start.n) {
		b->start = start;
	} else if (!b->len.n || b->start.n + b->len.n != start.n) {
		batch_flush(p, b);
		b->start = start;
	}
	b->len.n += len.n;
}

void retire_begin(struct heap *h)
{
	h->batching = true;
}

void retire_end(struct heap *h)
{
	batch_flush(h->blocks, &h->batch_blocks);
	batch_flush(h->pages, &h->batch_pages);
	h->batching = false;
}

bool span_retire(struct heap *h, const struct geom *g)
{
	uint64_t w = span_load(&h->sg, g->id);

	if (span_state(w) != SPAN_OWNED || !party_eq(span_party(w), h->me) ||
	    !span_empty(&h->sg, g) ||
	    (spc_life(g->spc) == LIFE_HELD && held_watched(h, g->id)))
		return false;
	/* [S1] first: from here on it is gone, whatever happens to us. */
	if (!span_move(&h->sg, g->id, &w, SPAN_FREE, NOBODY))
		return false;
	geom_clear(h, g->id);
	page_map(h, g->start, g->len, 0);
	give_back(h, h->blocks, &h->batch_blocks, (pgno){ g->block },
		  (npages){ g->block_len });
	give_back(h, h->pages, &h->batch_pages, g->start, g->len);
	h->ids_used[g->id.n / IDS_CHUNK]--;
	id_put(h, g->id);
	sub_rlx(&h->sg.whdr->count.spans, 1);			/* [H2] */
	return true;
}

void span_settle(struct heap *h, const struct geom *g, bool keep_empty)
{
	if (!keep_empty && span_retire(h, g))
		return;
	if (span_dispose(&h->sg, g, h->me) == SPAN_LISTED)
		central_push(&h->sg, h->me, g->spc, g->id);
}

/* Everything that the last daemon knew privately about committed pages. */
static void rebuild_commit(struct heap *h)
{
	uint32_t top = seg_page_top(&h->sg);

	pages_grow(h->pages, (pgno){ 0 }, (npages){ top });
	for (uint32_t p = 0; p < top; p++) {
		uint32_t from = p;

		while (p < top && ld_rlx(&h->sg.commit[p / 64]) /* [G3] */ >>
				  p % 64 & 1)
			p++;
		if (p > from)
			pages_commit(h->pages, (pgno){ from },
				     (npages){ p - from });
	}
}

static int rebuild_span(struct heap *h, span_id id)
{
	uint64_t w = span_load(&h->sg, id);
	uint32_t owner;
	npages blen;
	struct geom g;

	if (span_state(w) == SPAN_FREE || !geom_read(&h->sg, id, &g)) {
		/* A state without geometry is not ours: somebody scribbled. */
		if (span_state(w) != SPAN_FREE)
			span_move(&h->sg, id, &w, SPAN_FREE, NOBODY);
		geom_clear(h, id);
		return 0;
	}
	blen.n = g.block_len;
	if (pages_take(h->pages, g.start, g.len))
		return -EBADMSG;
	if (pages_take(h->blocks, (pgno){ g.block }, blen))
		return -EBADMSG;
	add_rlx(&h->sg.whdr->count.spans, 1);			/* [H2] */
	owner = span_party(w).slot;
	if (span_state(w) == SPAN_OWNED && owner >= 1 &&
	    owner <= h->sg.geo.nclients)
		h->client_spans[owner]++;
	h->ids_used[id.n / IDS_CHUNK]++;
	h->next_id = id.n + 1;
	return 1;
}

/* Pages of no span: what a killed daemon had not written yet, or not erased. */
static void rebuild_map(struct heap *h)
{
	uint32_t top = seg_page_top(&h->sg);

	for (uint32_t p = 0; p < top; p++)
		if (!pages_is_allocated(h->pages, (pgno){ p }) &&
		    ld_rlx(&h->sg.pagemap[p]))			/* [G2] */
			st_rlx(&h->sg.pagemap[p], 0);		/* [G2] */
}

void spans_count_client(struct heap *h, uint32_t slot)
{
	uint32_t top = seg_span_top(&h->sg), n = 0;
	struct party p = client_party(h, slot);

	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top))
		n += span_is(&h->sg, id, SPAN_OWNED, p) ||
		     span_is(&h->sg, id, SPAN_GRANTED, p);
	h->client_spans[slot] = n;
}

/* Blocks up to the highest one in use have memory; the rest is backed anew. */
static int rebuild_blocks(struct heap *h, uint32_t top)
{
	uint32_t high = 0, step = BLOCK_STEP / GRANULE_BYTES;
	struct geom g;
	int r;

	for (span_id id = { 1 }; id.n < top; id.n++)
		if (span_state(span_load(&h->sg, id)) != SPAN_FREE &&
		    geom_read(&h->sg, id, &g) && g.block + g.block_len > high)
			high = g.block + g.block_len;
	while (h->block_top < high && more_granules(h))
		;
	if (!high)
		return 0;
	high = (uint32_t)round_up(high, step);
	if (high > h->sg.geo.ngranules)
		high = h->sg.geo.ngranules;
	r = heap_back(h, SEG_CENTRAL, h->sg.geo.blocks_off,
		      h->sg.geo.blocks_off + ((uint64_t)high << GRANULE_SHIFT));
	if (!r)
		pages_commit(h->blocks, (pgno){ 0 }, (npages){ high });
	return r;
}

/* What a killed daemon had granted or was moving: back, or on. */
static void rebuild_transit(struct heap *h, uint32_t top)
{
	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint64_t w = span_load(&h->sg, id);
		struct geom g;

		if (span_state(w) != SPAN_GRANTED &&
		    !(span_state(w) == SPAN_OWNED &&
		      span_party(w).slot == SH_DAEMON_SLOT))
			continue;
		if (!span_move(&h->sg, id, &w, SPAN_OWNED, h->me) ||
		    !geom_read(&h->sg, id, &g))
			continue;
		span_close(&h->sg, &g, h->me);
		span_settle(h, &g, false);
	}
}

int spans_rebuild(struct heap *h)
{
	uint32_t top = seg_span_top(&h->sg);
	int r = rebuild_blocks(h, top);

	if (r)
		return r;
	rebuild_commit(h);
	st_rlx(&h->sg.whdr->count.spans, 0);			/* [H2] */
	h->next_id = 1;
	h->id_top = top;
	for (span_id id = { 1 }; id.n < top; id.n++) {
		r = rebuild_span(h, id);
		if (r < 0)
			return r;
	}
	rebuild_map(h);
	for (uint32_t n = h->next_id; n-- > 1; )
		if (span_state(span_load(&h->sg, (span_id){ n })) == SPAN_FREE)
			id_put(h, (span_id){ n });
	for (uint32_t k = 0; k < central_stripes(&h->sg); k++) {
		struct party p = central_holder(&h->sg, k);

		if (p.slot == SH_DAEMON_SLOT)
			central_rebuild(&h->sg, k, p, h->me);
	}
	rebuild_transit(h, top);
	return 0;
}
