/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_page.c - what must hold among spans: pages of none of them are mapped
 * to none, and each granule of a block belongs to one at most.  That a page
 * belongs to one at most follows from verify_span.c: each of a span's pages is
 * mapped to it, and a page has one entry.  Reads only.
 */
#include "shm/verify_walk.h"

#include <stdlib.h>

static int by_page(const void *pa, const void *pb)
{
	const struct vspan *a = pa, *b = pb;

	return a->start.n < b->start.n ? -1 : a->start.n > b->start.n;
}

static int by_block(const void *pa, const void *pb)
{
	const struct vspan *a = pa, *b = pb;

	return a->block < b->block ? -1 : a->block > b->block;
}

static void sort(struct verify *v, int (*by)(const void *, const void *))
{
	if (v->nused)
		qsort(v->used, v->nused, sizeof(*v->used), by);
}

/* Has the span been given up since it was read?  Then it claims nothing. */
static bool gone(const struct verify *v, const struct vspan *s)
{
	return span_load(v->sg, s->id) != s->word;
}

static int clash(struct verify *v, const struct vspan *a,
		 const struct vspan *b)
{
	if (gone(v, a) || gone(v, b))
		return 0;
	return v_fault(v, "granule %u belongs to %s and to %s", b->block,
		       v_span_text(a->id, a->word).s,
		       v_span_text(b->id, b->word).s);
}

static bool committed(const struct verify *v, uint32_t p)
{
	return ld_rlx(&v->sg->commit[p / 64]) >> p % 64 & 1;	/* [G3] */
}

/* A page of no span: what the map says about it must be stale or nothing. */
static int check_free_page(struct verify *v, uint32_t p)
{
	span_id id = { ld_acq(&v->sg->pagemap[p]) };		/* [G2] */
	struct geom g;
	uint64_t w;

	v->rep->committed_pages += committed(v, p);
	v->rep->free_committed_pages += committed(v, p);
	if (!id.n)
		return 0;
	if (!seg_span_ok(v->sg, id))
		return v_fault(v, "page %u is mapped to span %u, which there "
			       "is not", p, id.n);
	w = span_load(v->sg, id);
	if (span_state(w) == SPAN_FREE || !geom_read(v->sg, id, &g) ||
	    p - g.start.n < g.len.n)	/* born since it was read */
		return 0;
	return v_fault(v, "page %u is mapped to %s, which lies elsewhere", p,
		       v_span_text(id, w).s);
}

int v_pages(struct verify *v)
{
	uint32_t top = seg_page_top(v->sg), at = 0;

	sort(v, by_page);
	for (uint32_t i = 0; i <= v->nused; i++) {
		const struct vspan *s = i < v->nused ? &v->used[i] : NULL;
		uint32_t end = s ? s->start.n : top;

		for (; at < end; at++)
			if (check_free_page(v, at))
				return 1;
		if (!s)
			break;
		if (s->start.n + s->len.n > at)	/* they may move meanwhile */
			at = s->start.n + s->len.n;
		v->rep->used_pages += s->len.n;
		v->rep->committed_pages += s->len.n;
	}
	v->rep->pages = top;
	return 0;
}

int v_blocks(struct verify *v)
{
	sort(v, by_block);
	for (uint32_t i = 1; i < v->nused; i++) {
		const struct vspan *a = &v->used[i - 1], *b = &v->used[i];

		if (b->block < a->block + a->block_len &&
		    clash(v, a, b))
			return 1;
	}
	return 0;
}
