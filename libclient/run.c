/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - spans of one object that no array has: owned ones above 1 MiB or
 * aligned beyond a page, and shared and held ones above 32 KiB.  (Owned objects of 40 KiB
 * to 1 MiB are slots of one-slot spans and take the way of small ones.)  Those
 * of a class are recycled through mcentral; beyond, the daemon is asked for a run
 * of the size.
 *
 * Owned runs are pspans of one slot.  Shared ones, and held ones beyond 1 MiB, belong
 * to nobody from birth: live bit, then FULL; whoever frees one lists the span.  The
 * span of a smaller held one is kept for a while by the thread that made it (kept.h).
 * Lock: the class's; the daemon is asked outside it.
 */
#include <errno.h>

#include "libclient/held.h"
#include "libclient/seen.h"

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
		note_empty(h, c, -1, geom_bytes(&ps->g));
	ps_move(c, ps, PS_TAKEN);
	map_set(ps->bits, 0, 0);
	ps->nfree = 0;
	cache_note(h, -(int64_t)ps->g.elem, (int64_t)ps->g.elem);
	return ps->base;
}

static void *owned_run(mh_heap *h, struct mcache *mc, uint32_t spc, size_t size,
		       size_t align, bool nowait)
{
	struct pclass *c = pclass_of(h, spc);
	struct pspan *ps;
	struct geom g;
	void *p = NULL;

	make_way(h, mc, size);
	if (get_run(h, spc, size, align, nowait, &g))
		return NULL;
	class_lock(h, c);
	ps = ps_adopt(h, c, &g);
	if (ps)
		p = run_take(h, c, ps);
	class_unlock(c);
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
	st_rel(&geom_live(&h->sg, &g)[0], 1);			/* [L1] */
	pass_span(h, &g);
	return h->arena + geom_offset(&g);
}

/* What is kept, first. */
static int get_held(mh_heap *h, struct mcache *mc, uint32_t spc, size_t size,
		    size_t align, bool nowait, struct geom *ret_g)
{
	if (align <= PAGE_BYTES && kept_take(h, &mc->kept, spc, ret_g))
		return 0;
	return get_run(h, spc, size, align, nowait, ret_g);
}

/* It has its live bit.  CHECKED heaps let go of everything at once. */
static void let_go(mh_heap *h, struct mcache *mc, const struct geom *g)
{
	if (spc_size_class(g->spc) && !(h->flags & MH_CHECKED))
		kept_add(h, &mc->kept, g);
	else
		pass_span(h, g);
}

/* Born before it is live, so that recovery frees what is half made. */
static void *held_run(mh_heap *h, struct mcache *mc, uint32_t spc, size_t size,
		      size_t align, bool nowait)
{
	uint32_t was;
	struct sh_holder *word;
	struct holds *t;
	struct geom g;

	if (get_held(h, mc, spc, size, align, nowait, &g))
		return NULL;
	t = holds_of(h, &(struct held_at){ .id = g.id, .slots = 1 });
	if (unlikely(!t))
		t = holds_make(h, g.id, 1);
	if (!t || count_begin(&t->n[0], &was)) {
		pass_span(h, &g);
		return refuse_null(t ? EDEADLK : ENOMEM, "heap %s: no memory to "
				 "count holds, or called from a signal handler "
				 "that interrupted the like", h->name);
	}
	note_held(h, spc);
	word = geom_holders(&h->sg, &g);
	held_born(word, my_bit(h), h->r->me.slot);
	st_rel(&geom_live(&h->sg, &g)[0], 1);			/* [L1] */
	held_open(word, my_bit(h));
	count_end(&t->n[0], 1);
	let_go(h, mc, &g);
	return h->arena + geom_offset(&g);
}

static void *any_run(mh_heap *h, struct mcache *mc, uint32_t spc, size_t size,
		     size_t align, bool nowait)
{
	switch (spc_life(spc)) {
	case LIFE_OWNED:
		return owned_run(h, mc, spc, size, align, nowait);
	case LIFE_HELD:
		return may_hold(h, nowait ? 0 : DAEMON_WAIT_MS) ? NULL :
		       held_run(h, mc, spc, size, align, nowait);
	}
	return shared_run(h, spc, size, align, nowait);
}

void *alloc_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
		bool nowait)
{
	struct mcache *mc = enter_to(h, nowait);
	void *p;

	if (!mc)
		return NULL;
	p = any_run(h, mc, spc, size, align, nowait);
	leave();
	return p;
}

/* Class lock held; the object of ps, of class 0, is owned by us. */
int free_run(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	uint64_t elem = ps->g.elem;

	if (ps->nfree)
		return -EALREADY;
	map_set(ps->bits, 0, 1);
	ps->nfree = 1;
	cache_note(h, (int64_t)elem, -(int64_t)elem);
	ps_move(c, ps, PS_PARTIAL);
	note_empty(h, c, 1, geom_bytes(&ps->g));
	ps_release(h, c, ps);
	return 0;
}
