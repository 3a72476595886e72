/* SPDX-License-Identifier: Apache-2.0 */
/*
 * free.c - freeing.  The page table word says all: whose, which array.  A slot
 * of a span of ours goes on this thread's array (leased: parked first); in a
 * mixed span of ours the second word leads to the bits that tell owned from
 * shared.  A shared one of others is freed by one atomic, or is borrowed (lend.h).
 * Whatever isn't plain goes the slow way, which looks again under the class lock.
 */
#include <errno.h>

#include "libclient/lend.h"
#include "libclient/pageword.h"
#include "libclient/seen.h"

#define OVER_AND_OVER	8u	/* overflows without a refill: nobody allocates */

static COLD void free_slow(mh_heap *h, void *p)
{
	int saved = errno, r;

	if (!p)
		return;
	r = free_checked(h, p);
	if (r == -EINVAL || r == -EPERM || r == -EALREADY || r == -EROFS)
		misuse(h, p, -r);
	else
		errno = r ? -r : saved;
}

/* Of an array known by the address of its top: fields lie in equal rows. */
static inline char *end_of(char *_Atomic *top)
{
	return *(char **)(void *)(top + 2 * ARRAY_ROWS);
}

static inline char *limit_of(char *_Atomic *top)
{
	return *(char **)(void *)(top + 3 * ARRAY_ROWS);
}

_Static_assert(offsetof(struct arrays, end) == 2 * ARRAY_ROWS * sizeof(char *) &&
	       offsetof(struct arrays, limit) == 3 * ARRAY_ROWS * sizeof(char *),
	       "rows of struct arrays");

static COLD void free_bad(mh_heap *h, void *p, int err)
{
	misuse(h, p, err);
}

static COLD void free_settle(mh_heap *h, span_id id)
{
	int err = errno;

	if (has_joined(h) && enter(h)) {
		freed_elsewhere(h, id);
		leave();
	} else {	/* a forked child, a signal handler: the daemon does it */
		hint_sweep(h);
	}
	errno = err;
}

/*
 * A small shared object in a span that is not ours, freed without a slow path's
 * entry: nothing private is touched but a counter.  False: nothing was done,
 * because something about it is not plain.
 */
static inline __attribute__((always_inline))
bool free_plain(mh_heap *h, void *p, uint64_t off)
{
	_Atomic uint64_t *live;
	struct slot_at at;
	uint64_t bit;

	if (unlikely(!slot_find(&h->sg, off, &at)))
		return false;
	if (spc_life(at.spc) == LIFE_SHARED) {
		uint32_t i = OWNED_ARRAYS + spc_size_class(at.spc);

		if (lendable(h, at.spc) && lend_wanted(tls.mc, i))
			return borrow(h, tls.mc, p, i, &at);
		if (unlikely(ld_rlx(slot_parked(&at))))		/* [P1] */
			return false;
	}
	live = &at.live[at.slot / 64];
	bit = 1ull << at.slot % 64;
	/* [L1] Two frees at once: the one that comes second frees nothing. */
	if (unlikely(!(ld_rlx(live) & bit)) || !(andnot_sc(live, bit) & bit))
		return false;
	tls.mc->remote++;
	if (unlikely(span_state(span_load(&h->sg, at.id)) == SPAN_FULL))
		free_settle(h, at.id);
	return true;
}

/*
 * The same while somebody traces it.  What is told is looked up before: once the
 * object is free, its span may be another's.
 */
static COLD void free_watched(mh_heap *h, void *p)
{
	uint64_t off = (uint64_t)((char *)p - h->arena);
	struct slot_at at;
	uint32_t owner;

	if (ld_rlx(&h->pt[off >> PAGE_SHIFT]) ||		/* [A1] */
	    !slot_find(&h->sg, off, &at)) {
		free_slow(h, p);
		return;
	}
	owner = span_pid(h, at.id);
	if (free_plain(h, p, off))
		seen_remote_free(h, at.spc, owner, off, 1);
	else
		free_slow(h, p);
}

/* No slot of an array's span. */
static HOT_TAIL void free_foreign_slot(mh_heap *h, void *p)
{
	uint64_t off = (uint64_t)((char *)p - h->arena);

	if (PROBE_ON(remote_free))
		free_watched(h, p);
	else if (ld_rlx(&h->pt[off >> PAGE_SHIFT]) ||		/* [A1] */
		 !free_plain(h, p, off))
		free_slow(h, p);
}

/*
 * An owned object in a mixed span of ours goes on the array without the class
 * lock.  What is not live is not shared; so it is ours, and as long as it is, the
 * span stays and its bits of it don't change.  The other looks are for frees that
 * are wrong: p freed before, and perhaps the span given up since.
 */
static inline bool push_mixed(mh_heap *h, void *p)
{
	uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT;
	uint64_t w = pt_load(h, page), second = leased_load(h, p);
	struct pspan *ps = pt_pspan(w);
	char *_Atomic *at;
	uint32_t sc = mixed_class(second), slot, n;
	char *top;

	/* A page of something else may have such a word of the past. */
	if (!w || (uint16_t)w || !(second & MIXED) ||
	    ps->spc != span_class(LIFE_OWNED, sc) ||
	    !mixed_slot(second, p, &slot))
		return false;
	n = slot / 64;
	if (ld_acq((_Atomic uint64_t *)(second >> 16) + n) >>	/* [L1] */
	    slot % 64 & 1)
		return false;
	if (n >= ps->words ||
	    (known_word(ps, n) | map_word(ps->bits, n)) >> slot % 64 & 1 ||
	    pt_load(h, page) != w)
		return false;
	at = &tls.mc->a.top[sc];
	top = ld_rlx(at);					/* [A1] */
	if (top >= end_of(at))
		return false;
	array_put(top, false, p, NULL);
	st_rel(at, top + sizeof(void *));			/* [A1] */
	return true;
}

static HOT_TAIL void free_mixed(mh_heap *h, void *p)
{
	if (!push_mixed(h, p))
		free_foreign_slot(h, p);
}

/*
 * The plain push found no room: a slot of a leased span of ours, or slow.  at is
 * the array's top.
 */
static HOT_TAIL void free_shared(mh_heap *h, void *p, char *_Atomic *at)
{
	uint64_t w = leased_load(h, p);
	char *top = ld_rlx(at);					/* [A1] */
	_Atomic uint8_t *parked;
	uint32_t slot;

	if (top >= limit_of(at)) {
		if (w & MIXED)
			free_mixed(h, p);
		else
			free_foreign_slot(h, p);
		return;
	}
	/* Shared spans are as long as the table says: 16 bits hold any slot. */
	if (unlikely(!sc_slot_start(leased_class(w), leased_offset(w, p),
				    &slot) ||
		     (uint16_t)slot >= sc_table[leased_class(w)].nslots)) {
		free_bad(h, p, EINVAL);
		return;
	}
	parked = &leased_parked(w)[slot];
	if (unlikely(ld_rlx(parked))) {				/* [P1] */
		free_bad(h, p, EALREADY);
		return;
	}
	st_rlx(parked, 1);					/* [P1] */
	order_for_recovery();
	array_put(top, true, p, parked);
	st_rel(at, top + sizeof(struct slot_ref));		/* [A1] */
}

HOT void mh_free(mh_heap *h, void *p)
{
	uint64_t off = (uint64_t)((char *)p - h->arena);
	char *_Atomic *at, *top;

	if (unlikely(tls.heap != h || off >= h->bytes)) {
		free_slow(h, p);
		return;
	}
	at = (char *_Atomic *)(void *)((char *)tls.mc + pt_array(h, p));
	top = ld_rlx(at);				/* [A1] */
	if (unlikely(top >= end_of(at))) {
		free_shared(h, p, at);
		return;
	}
	array_put(top, false, p, NULL);
	st_rel(at, top + sizeof(void *));		/* [A1] others peek */
}

int make_room(mh_heap *h, struct mcache *mc, uint32_t i)
{
	uint32_t cap = array_cap(&mc->a, i), keep;

	if (array_n(&mc->a, i) < cap || array_grow(h, &mc->a, i))
		return 0;
	mc->over[i] += mc->over[i] < UINT8_MAX;
	/* Who only frees needs few at hand. */
	keep = mc->over[i] > OVER_AND_OVER ? cap / 8 : cap / 2;
	/* What a stream left here is others': none of it is kept from them. */
	return flush(h, mc, i, mc->lend[i] ? 0 : keep);
}

/* The array of a class that is lent had no room, or not yet. */
static bool borrow_slowly(mh_heap *h, struct mcache *mc, void *p,
			  const struct geom *g, uint32_t slot)
{
	uint32_t i = array_index(g->spc);
	struct slot_at at = { g->id, slot, g->spc, g->nslots,
			      geom_live(&h->sg, g) };

	if (!mc->lend[i])
		return false;
	make_room(h, mc, i);
	return borrow(h, mc, p, i, &at);
}

/* Is it free in somebody's hands? */
static bool is_parked(mh_heap *h, const struct geom *g, uint32_t slot)
{
	return spc_life(g->spc) == LIFE_SHARED &&
	       ld_rlx(&geom_parked(&h->sg, g)[slot]);		/* [P1] */
}

/*
 * Free of a shared object in a span that is not ours (or treats the slot as
 * not ours).  It is borrowed if it may be; else one atomic clears its live bit,
 * then the state is read.  mc is NULL in a process that has not joined.
 */
static int free_foreign(mh_heap *h, struct mcache *mc, void *p, bool lend)
{
	uint64_t off = (uint64_t)((char *)p - h->arena), bit;
	_Atomic uint64_t *live;
	struct geom g;
	uint32_t slot, owner;

	if (off >= (uint64_t)seg_page_top(&h->sg) << PAGE_SHIFT ||
	    !geom_of_page(&h->sg, (pgno){ (uint32_t)(off >> PAGE_SHIFT) }, &g) ||
	    !geom_slot(&g, off, &slot) || spc_life(g.spc) == LIFE_HELD)
		return -EINVAL;
	if (is_parked(h, &g, slot))
		return -EALREADY;
	owner = PROBE_ON(remote_free) ? span_pid(h, g.id) : 0;
	if (lend && lendable(h, g.spc) && borrow_slowly(h, mc, p, &g, slot)) {
		seen_remote_free(h, g.spc, owner, off, 1);
		return 0;
	}
	live = &geom_live(&h->sg, &g)[slot / 64];
	bit = 1ull << slot % 64;
	if (!(ld_rlx(live) & bit) || !(andnot_sc(live, bit) & bit)) /* [L1] */
		return span_state(span_load(&h->sg, g.id)) == SPAN_OWNED &&
		       spc_life(g.spc) == LIFE_OWNED ? -EPERM : -EALREADY;
	seen_remote_free(h, g.spc, owner, off, 1);
	if (!mc) {
		hint_sweep(h);
		return 0;
	}
	add_rlx(&my_slot(h)->remote_frees, 1);			/* [C1] */
	freed_elsewhere(h, g.id);
	return 0;
}

/* Is the slot in some thread's array?  Class lock held: arrays don't flush. */
static bool in_an_array(mh_heap *h, uint32_t i, const void *p)
{
	struct mcache *mc = ld_acq(&h->r->mcaches);		/* [A1] */

	for (; mc && i; mc = mc->next) {
		uint32_t n = array_n(&mc->a, i);

		for (uint32_t k = 0; k < n; k++)
			if (p == array_get(&mc->a, i, k))
				return true;
	}
	return false;
}

/* What freeing p in our span ps should do: 0 push, 1 foreign, or -errno. */
static int judge(mh_heap *h, struct pspan *ps, const void *p, bool deep)
{
	uint32_t slot, i = array_index(ps->spc);

	if (!ps_slot(ps, p, &slot) || spc_life(ps->spc) == LIFE_HELD)
		return -EINVAL;
	if (map_test(ps->bits, slot))
		return -EALREADY;
	if (ps->parked && ld_rlx(&ps->parked[slot]))		/* [P1] */
		return -EALREADY;
	if (ps->parked)
		return ps->where == PS_PENDING ||
		       !(ld_acq(&ps->live[slot / 64]) >> slot % 64 & 1); /* [L1] */
	if (ps_known(ps, slot))
		return ld_acq(&ps->live[slot / 64]) >> slot % 64 & 1 ? /* [L1] */
		       1 : -EALREADY;
	return deep && in_an_array(h, i, p) ? -EALREADY : 0;
}

/* CHECKED heaps, and runs without an array: straight into the bitmap. */
static void put_direct(mh_heap *h, struct pclass *c, struct pspan *ps,
		       const void *p)
{
	uint32_t slot;

	if (!ps_slot(ps, p, &slot))
		return;
	if (ps->parked)
		st_rlx(&ps->parked[slot], 1);			/* [P1] */
	order_for_recovery();
	map_add(ps->bits, slot / 64, 1ull << slot % 64);
	ps->nfree++;
	if (ps->nfree == ps->g.nslots)
		note_empty(h, c, 1, geom_bytes(&ps->g));
	ps_move(c, ps, PS_PARTIAL);
	cache_note(h, (int64_t)ps->g.elem, -(int64_t)ps->g.elem);
	trim_empty(h, c);
}

/* Class lock held, judged 0: onto the thread's array, which has room. */
static void put_array(struct mcache *mc, struct pspan *ps, void *p)
{
	uint32_t i = array_index(ps->spc), n = array_n(&mc->a, i), slot;
	char *top = ld_rlx(&mc->a.top[i]);			/* [A1] */

	if (!ps->parked) {
		array_put(top, false, p, NULL);
	} else if (ps_slot(ps, p, &slot)) {
		st_rlx(&ps->parked[slot], 1);			/* [P1] */
		order_for_recovery();
		array_put(top, true, p, &ps->parked[slot]);
	}
	array_set_n(&mc->a, i, n + 1);
}

/* Our page, as w says: 0, -errno, or 1 if it is to be freed as foreign. */
static int free_mine(mh_heap *h, struct mcache *mc, uint64_t w, void *p,
		     bool deep)
{
	uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT;
	struct pspan *ps = pt_pspan(w);
	uint32_t spc = ps->spc, i = array_index(spc);
	struct pclass *c = pclass_of(h, spc);
	int r;

	if (i && !(h->flags & MH_CHECKED))
		make_room(h, mc, i);
	if (deep)
		array_shorten(h, mc, i);
	class_lock(h, c);
	c->searched |= deep;
	if (pt_load(h, page) != w) {
		class_unlock(c);
		return -EAGAIN;
	}
	r = judge(h, ps, p, deep);
	if (!r && !i)
		r = free_run(h, c, ps);
	else if (!r && (h->flags & MH_CHECKED || !array_cap(&mc->a, i)))
		put_direct(h, c, ps, p);
	else if (!r)
		put_array(mc, ps, p);
	class_unlock(c);
	return r;
}

static int free_inside(mh_heap *h, struct mcache *mc, void *p, bool deep)
{
	uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT, w;
	int r;

	if (page >= h->bytes >> PAGE_SHIFT)
		return -EINVAL;
	do {
		w = pt_load(h, page);
		r = w ? free_mine(h, mc, w, p, deep) : 1;
	} while (r == -EAGAIN);
	/* Who asks for the result gets the exact one: an atomic's. */
	return r == 1 ? free_foreign(h, mc, p, !w && !deep) : r;
}

/* A forked child needs no slot, and no daemon, to free what others shared. */
static bool frees_as_it_is(mh_heap *h)
{
	return h->attached && !has_joined(h) && !(h->flags & MH_READONLY) &&
	       ld_acq(&h->sg.hdr->status) != HEAP_DESTROYED;	/* [H1] */
}

static int free_deep(mh_heap *h, void *p, bool deep)
{
	struct mcache *mc;
	int r;

	if (unlikely(frees_as_it_is(h)))
		return free_foreign(h, NULL, p, false);
	mc = enter(h);
	if (!mc)
		return -errno;
	r = free_inside(h, mc, p, deep);
	leave();
	return r;
}

int free_checked(mh_heap *h, void *p)
{
	return free_deep(h, p, h->flags & MH_CHECKED);
}

int mh_try_free(mh_heap *h, void *p)
{
	int r = p ? free_deep(h, p, true) : 0;

	if (!r)
		return 0;
	if (r == -EINVAL || r == -EPERM || r == -EALREADY)
		refuse(-r, "heap %s: mh_try_free(%p): %s", h->name, p,
		     r == -EINVAL ? "not the start of an object" :
		     r == -EPERM ? "owned by another process, or freed before" :
		     "freed before");
	errno = -r;
	return -1;
}

void mh_free_batch(mh_heap *h, void **p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mh_free(h, p[i]);
}
