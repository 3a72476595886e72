/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - objects above 32 KiB: one object per span.  Up to 1 MiB the runs are
 * of classes, cached per process and recycled through mcentral; beyond, the
 * daemon is asked for a run of the size.
 *
 * Owned runs are pspans of one slot.  Shared ones belong to nobody from birth:
 * live bit, then FULL; whoever frees one lists the span.
 * Lock: the class's; the daemon is asked outside it.
 */
#include <errno.h>

#include "libclient/client.h"

#define CACHED_BYTES	(2u << 20)	/* free runs kept per class */

static bool wish(mh_heap *h, uint32_t spc, size_t size, size_t align,
		 npages *ret_len, npages *ret_align)
{
	*ret_align = npages_for(align);
	if (spc_size_class(spc)) {
		ret_len->n = 0;
		return true;
	}
	if (size > h->sg.geo.reserve_bytes)
		return false;
	*ret_len = npages_for(size ? size : 1);
	return true;
}

static bool aligned(mh_heap *h, const struct geom *g, size_t align)
{
	return ((uintptr_t)(h->arena + geom_offset(g)) & (align - 1)) == 0;
}

/* A span with one free slot, OWNED by us; class lock not held. */
static int get_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
		   bool nowait, struct geom *ret_g)
{
	npages len, al;

	if (!wish(h, spc, size, align, &len, &al)) {
		refuse(ENOMEM, "heap %s: %zu bytes are more than its address "
		     "range of %llu (mheapd --size)", h->name, size,
		     (unsigned long long)h->sg.geo.reserve_bytes);
		return -ENOMEM;
	}
	if (!len.n && align <= PAGE_BYTES && obtain_fast(h, spc, ret_g))
		return 0;
	return obtain_span(h, spc, len, al, nowait, ret_g);
}

static void *run_take(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	if (ps->where == PS_PARTIAL)
		c->nempty--;
	ps_move(c, ps, PS_TAKEN);
	ps->bits[0] = 0;
	ps->nfree = 0;
	cache_note(h, -(int64_t)ps->g.elem, (int64_t)ps->g.elem);
	return ps->base;
}

static void *owned_cached(mh_heap *h, struct pclass *c, size_t align)
{
	void *p = NULL;

	pthread_mutex_lock(&c->lock);
	for (struct pspan *ps = c->partial.tail; ps && !p; ps = ps->prev)
		if (aligned(h, &ps->g, align))
			p = run_take(h, c, ps);
	pthread_mutex_unlock(&c->lock);
	return p;
}

static void *owned_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
		       bool nowait)
{
	struct pclass *c = pclass_of(h, spc);
	struct pspan *ps;
	struct geom g;
	void *p = spc_size_class(spc) ? owned_cached(h, c, align) : NULL;

	if (p || get_run(h, spc, size, align, nowait, &g))
		return p;
	pthread_mutex_lock(&c->lock);
	ps = ps_adopt(h, c, &g);
	if (ps)
		p = run_take(h, c, ps);
	pthread_mutex_unlock(&c->lock);
	if (p)
		return p;
	pass_span(h, &g);
	return refuse_null(ENOMEM, "no memory for the process's span cache");
}

static void *shared_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
			bool nowait)
{
	struct geom g;

	if (get_run(h, spc, size, align, nowait, &g))
		return NULL;
	or_rel(&geom_live(&h->sg, &g)[0], 1);			/* [L1] */
	pass_span(h, &g);
	return h->arena + geom_offset(&g);
}

void *alloc_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
		bool nowait)
{
	struct mcache *mc = enter(h);
	void *p;

	if (!mc)
		return NULL;
	p = spc_life(spc) == LIFE_OWNED ?
	    owned_run(h, spc, size, align, nowait) :
	    shared_run(h, spc, size, align, nowait);
	leave();
	return p;
}

/* Class lock held; the object of ps is owned by us. */
int free_run(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	uint64_t elem = ps->g.elem;

	if (ps->nfree)
		return -EALREADY;
	ps->bits[0] = 1;
	ps->nfree = 1;
	cache_note(h, (int64_t)elem, -(int64_t)elem);
	ps_move(c, ps, PS_PARTIAL);
	c->nempty++;
	if (!spc_size_class(ps->spc))
		ps_release(h, c, ps);
	else if (c->nempty * elem > CACHED_BYTES)
		ps_trim_empty(h, c, (uint32_t)(CACHED_BYTES / elem));
	return 0;
}
