/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spancache.c - the spans that this process owns.  Every function runs under
 * the class lock.  A slot of an owned span is in exactly one place: free in
 * `bits`, in some thread's array, an object of the application, or (known)
 * shared by us and not harvested since.
 */
#include <string.h>

#include "libclient/pageword.h"
#include "shm/parked.h"

void plist_add(struct plist *l, struct pspan *ps)
{
	ps->next = NULL;
	ps->prev = l->tail;
	if (l->tail)
		l->tail->next = ps;
	else
		l->head = ps;
	l->tail = ps;
	l->n++;
}

void plist_add_head(struct plist *l, struct pspan *ps)
{
	ps->prev = NULL;
	ps->next = l->head;
	if (l->head)
		l->head->prev = ps;
	else
		l->tail = ps;
	l->head = ps;
	l->n++;
}

void plist_del(struct plist *l, struct pspan *ps)
{
	if (ps->prev)
		ps->prev->next = ps->next;
	else
		l->head = ps->next;
	if (ps->next)
		ps->next->prev = ps->prev;
	else
		l->tail = ps->prev;
	ps->next = ps->prev = NULL;
	l->n--;
}

struct plist *plist_of(struct pclass *c, const struct pspan *ps)
{
	switch (ps->where) {
	case PS_PARTIAL:
		return &c->partial;
	case PS_EXHAUSTED:
		return &c->exhausted;
	case PS_PENDING:
		return &c->pending;
	case PS_UNUSED:
		return &c->unused;
	case PS_TAKEN:
		break;
	}
	return NULL;
}

void ps_move(struct pclass *c, struct pspan *ps, enum ps_where to)
{
	struct plist *l = plist_of(c, ps);

	if (l)
		plist_del(l, ps);
	ps->where = to;
	l = plist_of(c, ps);
	if (!l)
		return;
	/* Wholly free spans stand at the tail: used last, found first. */
	if (to == PS_PARTIAL && ps->nfree < ps->g.nslots)
		plist_add_head(l, ps);
	else
		plist_add(l, ps);
}

/* Page table words of all its pages.  fast: pushes go straight to the array. */
void ps_map(mh_heap *h, struct pspan *ps, bool fast)
{
	uint32_t i = !fast || h->flags & MH_CHECKED ? 0 :
		     ps->holders ? HELD_PAGE : array_index(ps->spc);
	bool mixed = ps->mixed && sc_is_small(spc_size_class(ps->spc)) &&
		     !(h->flags & MH_CHECKED);
	uint64_t w = pt_word(ps, i);

	for (uint32_t k = 0; k < ps->g.len.n; k++) {
		if (ps->parked || mixed)
			st_rlx(&h->leased[ps->g.start.n + k],	/* [A1] */
			       mixed ? mixed_word(ps, k) : leased_word(ps, k));
		pt_store(h, ps->g.start.n + k, w);
	}
}

void ps_unmap(mh_heap *h, struct pspan *ps)
{
	for (uint32_t k = 0; k < ps->g.len.n; k++)
		pt_store(h, ps->g.start.n + k, 0);
}

/*
 * Spans of a class differ in length, and mostly get longer.  What is unused stays
 * with its class: a thread that got here by a page word of the past may read spc.
 */
static struct pspan *ps_unused(mh_heap *h, struct pclass *c, uint32_t spc,
			       uint32_t words)
{
	struct pspan *ps = c->unused.tail;

	if (ps && ps->words >= words) {
		plist_del(&c->unused, ps);
		return ps;
	}
	ps = pool_take(h, sizeof(*ps) + words * 8);
	if (!ps)
		return NULL;
	ps->bits = (_Atomic uint64_t *)(void *)(ps + 1);
	ps->words = words;
	ps->spc = spc;
	return ps;
}

/* Most spans never have a shared object, and do without. */
bool ps_need_known(mh_heap *h, struct pspan *ps)
{
	if (!ps_knowns(ps))
		st_rel(&ps->known, pool_take(h, ps->words * 8)); /* [A1] */
	return ps_knowns(ps);
}

static struct pspan *ps_new(mh_heap *h, struct pclass *c, const struct geom *g)
{
	struct pspan *ps = ps_unused(h, c, g->spc,
				     live_words(g->nslots));

	if (!ps)
		return NULL;
	ps->g = *g;
	ps->magic = sc_table[spc_size_class(g->spc)].magic;
	ps->elem = (uint32_t)g->elem;
	ps->nslots = g->nslots;
	ps->base = h->arena + geom_offset(g);
	ps->live = geom_live(&h->sg, g);
	ps->parked = spc_leased(g->spc) ? geom_parked(&h->sg, g) : NULL;
	ps->holders = spc_life(g->spc) == LIFE_HELD ?
		      geom_holders(&h->sg, g) : NULL;
	ps->nfree = ps->nknown = 0;
	ps->mixed = false;
	ps->where = PS_TAKEN;
	return ps;
}

/*
 * Where no bit is set, nobody else changes the word: who frees an object clears the
 * bit that he has seen, and what he does later, or the daemon for him, leaves
 * bits that are clear as they are.  So a plain store does, at a tenth of the cost.
 */
static void live_open(_Atomic uint64_t *word, uint64_t seen, uint64_t free)
{
	if (seen)
		or_rel(word, free);				/* [L1] */
	else
		st_rel(word, free);				/* [L1] */
}

/* Opens the lease: park all that is free, then set live [P1] before [L1]. */
static void open_word(struct pspan *ps, uint32_t w, uint64_t seen, uint64_t free)
{
	parked_set(ps->parked, w * 64, free, PARKED_OWNER);	/* [P1] */
	order_for_recovery();
	live_open(&ps->live[w], seen, free);			/* [L1] */
}

/* A span that is OWNED by us and known to nobody else in this process. */
struct pspan *ps_adopt(mh_heap *h, struct pclass *c, const struct geom *g)
{
	struct pspan *ps = ps_new(h, c, g);

	if (!ps)
		return NULL;
	if ((!ps->parked && span_free_slots(&h->sg, g) < g->nslots &&
	     !ps_need_known(h, ps)) ||
	    (ps->holders && !(ps->holds = holds_make(h, g->id, g->nslots)))) {
		ps_move(c, ps, PS_UNUSED);
		return NULL;
	}
	for (uint32_t w = 0; w < live_words(g->nslots); w++) {
		uint64_t live = ld_acq(&ps->live[w]);	/* [L1] */
		uint64_t free = ~live & slot_mask(g->nslots, w);

		if (ps->parked && free)		/* some on their way? */
			free &= ~parked_mask(ps->parked, w * 64, free);
		map_set(ps->bits, w, free);
		if (!ps->parked && live)
			map_set(ps_knowns(ps), w, live);
		ps->nfree += count_bits(free);
		if (ps->parked && free)
			open_word(ps, w, live, free);
	}
	ps->nknown = ps->parked ? 0 : g->nslots - ps->nfree;
	ps->mixed = ps->nknown != 0;
	ps_map(h, ps, !ps->mixed);
	ps_move(c, ps, ps->nfree ? PS_PARTIAL : PS_EXHAUSTED);
	st_rlx(&c->bytes, ld_rlx(&c->bytes) + geom_bytes(g));	/* [A1] */
	note_owned(h, geom_bytes(g));
	if (ps->nfree == g->nslots)
		note_empty(h, c, 1, geom_bytes(g));
	cache_note(h, (int64_t)(ps->nfree * g->elem), 0);
	return ps;
}

/*
 * Gives a span up: no slot is in an array, no owned object is in it.  Forgotten
 * privately first; the state word moves last of all.
 */
void ps_release(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	struct geom g = ps->g;

	if (ps->where == PS_PARTIAL && ps->nfree == g.nslots)
		note_empty(h, c, -1, geom_bytes(&g));
	st_rlx(&c->bytes, ld_rlx(&c->bytes) - geom_bytes(&g));	/* [A1] */
	sub_rlx(&h->r->owned, geom_bytes(&g));			/* [A1] */
	ps_unmap(h, ps);
	cache_note(h, -(int64_t)(ps->nfree * g.elem), 0);
	if (ps->parked)
		span_close_slots(&h->sg, &g, (const uint64_t *)ps->bits);
	for (uint32_t w = 0; w < live_words(g.nslots); w++) {
		map_set(ps->bits, w, 0);
		if (ps_knowns(ps))
			map_set(ps_knowns(ps), w, 0);
	}
	ps_move(c, ps, PS_UNUSED);
	pass_span(h, &g);
}
