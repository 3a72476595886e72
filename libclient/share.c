/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c - sharing, handles, sizes: what an object is to others.
 * Lock: the class's, for owned spans of ours.
 */
#include <errno.h>
#include <string.h>

#include "libclient/pageword.h"
#include "libclient/seen.h"
#include "shm/handle.h"

/* Page table word of p's page, 0 if it isn't ours or no page at all. */
static uint64_t word_of(mh_heap *h, const void *p)
{
	uint64_t page = (uint64_t)((const char *)p - h->arena) >> PAGE_SHIFT;

	if (page >= h->bytes >> PAGE_SHIFT)
		return 0;
	return pt_load(h, page);
}

/* Geometry and slot of the object that starts at p. */
static bool find(mh_heap *h, const void *p, struct geom *g, uint32_t *slot)
{
	uint64_t off = (uint64_t)((const char *)p - h->arena);

	return h->attached && off < h->sg.geo.reserve_bytes &&
	       geom_of_page(&h->sg, (pgno){ (uint32_t)(off >> PAGE_SHIFT) }, g) &&
	       geom_slot(g, off, slot);
}

static bool is_live(mh_heap *h, const struct geom *g, uint32_t slot)
{
	return ld_sc(&geom_live(&h->sg, g)[slot / 64]) >> slot % 64 & 1; /* [L1] */
}

static bool is_mine(mh_heap *h, const struct geom *g)
{
	return span_is(&h->sg, g->id, SPAN_OWNED, h->r->me);
}

/* Frees of this span look at `known` from now on. */
static void make_mixed(mh_heap *h, struct pspan *ps)
{
	if (ps->mixed)
		return;
	ps->mixed = true;
	ps_map(h, ps, false);
}

/* Class lock held.  Order: live, then the private mirror, then the count. */
static int share_slot(mh_heap *h, struct pclass *c, struct pspan *ps,
		      uint32_t slot)
{
	if (map_test(ps->bits, slot) || ps->holders)
		return -EINVAL;
	if (ps->parked || ps_known(ps, slot))
		return 0;
	if (!ps_need_known(h, ps))
		return -ENOMEM;
	make_mixed(h, ps);
	or_ar(&ps->live[slot / 64], 1ull << slot % 64);		/* [L1] */
	map_add(ps_knowns(ps), slot / 64, 1ull << slot % 64);
	ps->nknown++;
	cache_note(h, 0, -(int64_t)ps->g.elem);
	giveup_known(h, c, ps);
	return 0;
}

/* 1: not ours (any more). */
static int share_mine(mh_heap *h, void *p)
{
	uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT;
	uint64_t w = word_of(h, p);
	struct pspan *ps = pt_pspan(w);
	struct pclass *c;
	uint32_t slot;
	int r = 1;

	if (!w)
		return 1;
	c = pclass_of(h, ps->spc);
	class_lock(h, c);
	if (pt_load(h, page) >> 16 == w >> 16)
		r = ps_slot(ps, p, &slot) ? share_slot(h, c, ps, slot) :
		    -EINVAL;
	class_unlock(c);
	return r;
}

static int share(mh_heap *h, void *p)
{
	struct geom g;
	uint32_t slot;
	int r = share_mine(h, p);

	if (r != 1)
		return r;
	if (!find(h, p, &g, &slot))
		return -EINVAL;
	if (spc_life(g.spc) == LIFE_HELD)
		return -EINVAL;
	if (is_live(h, &g, slot))
		return 0;
	return span_state(span_load(&h->sg, g.id)) == SPAN_OWNED ? -EPERM :
	       -EINVAL;
}

int mh_share(mh_heap *h, void *p)
{
	int r;

	if (!enter(h))
		return -1;
	r = share(h, p);
	leave();
	if (!r)
		return 0;
	return refuse(-r, "heap %s: mh_share(%p): %s", h->name, p,
		      r == -EPERM ? "owned by another process" :
		      r == -ENOMEM ? "no memory for the process's span cache" :
				     "not the start of an object, or a held one");
}

mh_handle mh_handle_of(mh_heap *h, const void *p)
{
	struct geom g;
	uint32_t slot;

	if (!find(h, p, &g, &slot)) {
		refuse(EINVAL, "heap %s: mh_handle_of(%p): not the start of an "
		     "object", h->name, p);
		return 0;
	}
	return handle_make(&h->sg, &g, (uint64_t)((const char *)p - h->arena));
}

static void *stale(mh_heap *h, mh_handle v)
{
	return refuse_null(ESTALE, "heap %s: handle 0x%llx: the object is gone, "
			 "or owned by another process", h->name,
			 (unsigned long long)v);
}

/*
 * An owned object of ours, as far as the process can tell without its lock: neither
 * a free slot of the span, nor one that was shared and has no live bit any more.
 * What lies in an array of a thread is not looked for.
 */
static bool owned_there(mh_heap *h, const struct geom *g, uint32_t slot)
{
	uint64_t w = pt_load(h, g->start.n);
	struct pspan *ps = pt_pspan(w);

	/*
	 * A harvest takes it from `known` once it is in `bits`.  Who gives the span up
	 * clears both, but after the page's word.
	 */
	return ps && slot / 64 < ps->words && !ps_known(ps, slot) &&
	       !map_test(ps->bits, slot) &&
	       pt_load(h, g->start.n) >> 16 == w >> 16;
}

/* As of one look, which is worth nothing if the span moves meanwhile. */
static bool looks_there(mh_heap *h, const struct geom *g, uint32_t slot,
			uint64_t w)
{
	if (span_state(w) == SPAN_FREE || span_state(w) == SPAN_GRANTED)
		return false;
	if (is_live(h, g, slot))
		/* Parked slots are free ones, though live. */
		return !spc_leased(g->spc) ||
		       (!ld_acq(&geom_parked(&h->sg, g)[slot]) && /* [P1] */
			is_live(h, g, slot));
	/* What is not owned any more may have been shared since the first look. */
	return spc_life(g->spc) == LIFE_OWNED && is_mine(h, g) &&
	       (owned_there(h, g, slot) || is_live(h, g, slot));
}

/* An object, at one instant, of the span that the geometry is of (held_exists). */
static bool exists(mh_heap *h, const struct geom *g, uint32_t slot)
{
	uint64_t w;
	bool yes;

	do {
		w = span_load(&h->sg, g->id);
		yes = looks_there(h, g, slot, w);
	} while (span_load(&h->sg, g->id) != w);
	return yes && geom_same(&h->sg, g);
}

/* Where a handle leads; NULL: it has said why. */
static void *resolve(mh_heap *h, mh_handle v, bool shared)
{
	uint64_t off = handle_offset(&h->sg, v);
	struct geom g;
	uint32_t slot;

	if (!h->attached)
		return refuse_null(EINVAL, "the heap is not attached");
	if (off >= h->sg.geo.reserve_bytes || off == v)
		return refuse_null(EINVAL, "heap %s: 0x%llx is no handle of it",
				 h->name, (unsigned long long)v);
	return handle_find(&h->sg, v, &g, &slot) && exists(h, &g, slot) &&
	       (!shared || is_live(h, &g, slot)) ? h->arena + off : stale(h, v);
}

void *mh_deref(mh_heap *h, mh_handle v)
{
	return resolve(h, v, false);
}

void *deref_shared(mh_heap *h, mh_handle v)
{
	return resolve(h, v, true);
}

size_t mh_usable_size(mh_heap *h, const void *p)
{
	struct geom g;
	uint32_t slot;

	if (find(h, p, &g, &slot))
		return g.elem;
	refuse(EINVAL, "heap %s: mh_usable_size(%p): not the start of an object",
	     h->name, p);
	return 0;
}

static int not_movable(mh_heap *h, void *p, const struct geom *g, uint32_t slot)
{
	if (is_live(h, g, slot))
		return refuse(EINVAL, "heap %s: mh_realloc(%p): a shared object "
			    "cannot move; its %llu bytes are all it has",
			    h->name, p, (unsigned long long)g->elem);
	return refuse(EPERM, "heap %s: mh_realloc(%p): owned by another process",
		    h->name, p);
}

void *mh_realloc(mh_heap *h, void *p, size_t size)
{
	struct geom g;
	uint32_t slot;
	void *q;

	if (!p)
		return mh_alloc(h, size);
	if (!find(h, p, &g, &slot))
		return refuse_null(EINVAL, "heap %s: mh_realloc(%p): not the "
				 "start of an object", h->name, p);
	if (is_live(h, &g, slot) || !is_mine(h, &g)) {
		if (is_live(h, &g, slot) && size <= g.elem)
			return p;
		not_movable(h, p, &g, slot);
		return NULL;
	}
	if (size <= g.elem && (size > g.elem / 2 || g.elem <= 32))
		return p;
	q = mh_alloc(h, size);
	if (!q)
		return size <= g.elem ? p : NULL;
	memcpy(q, p, size < g.elem ? size : g.elem);
	mh_free(h, p);
	return q;
}
