/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - the daemon's part in held objects: the name's bit, and the bits of
 * those who died.  A holder word changes by one CAS; where that was the last
 * bit, the object is FREEING(the daemon) until its live bit is cleared, and a
 * daemon that dies in between leaves it to the next (held_mend).
 *
 * Whatever a slot's word says counts only if the slot is an object: live, then
 * parked, then the word, for it may be allocated meanwhile (models/held.pml).
 */
#include "daemon/heap.h"
#include "shm/handle.h"
#include "shm/held.h"
#include "shm/names.h"

#include <errno.h>
#include <stdlib.h>

/* FREEING by us: its slot is free, and the span goes where it belongs. */
static void free_slot(struct heap *h, const struct geom *g, uint32_t slot)
{
	andnot_sc(&geom_live(&h->sg, g)[slot / 64], 1ull << slot % 64); /* [L1] */
	if (span_freed(&h->sg, g, h->me))
		central_push(&h->sg, h->me, g->spc, g->id);
}

static void drop_name(struct heap *h, const struct geom *g, uint32_t slot)
{
	if (held_drop(&geom_holders(&h->sg, g)[slot], HOLDER_NAME,
		      MOVER_DAEMON) == HELD_BY_NONE)
		free_slot(h, g, slot);
}

static uint64_t handle_of(struct heap *h, const struct geom *g, uint32_t slot)
{
	return handle_make(&h->sg, g, geom_offset(g) + slot * g->elem);
}

static bool held_handle(struct heap *h, uint64_t handle, struct geom *ret_g,
			uint32_t *ret_slot)
{
	return handle_find(&h->sg, handle, ret_g, ret_slot) &&
	       spc_life(ret_g->spc) == LIFE_HELD;
}

/* Adds the name's bit, unless it is there already. */
static int hold_by_name(struct sh_holder *word)
{
	struct holders w;

	do {
		w = holders_read(word);
		if (holders_gone(word, w))
			return -ESTALE;
		if (holders_has(w, HOLDER_NAME))
			return -EBUSY;
	} while (!holders_open(w) ||
		 !holders_cas(word, w, holders_with(w, HOLDER_NAME)));
	return 0;
}

int held_cover(struct heap *h, uint64_t handle, bool held, uint32_t *phase)
{
	struct geom g;
	uint32_t slot;

	if (!held_handle(h, handle, &g, &slot))
		return held ? -ESTALE : 0;	/* it was one: its span is gone */
	if (!held_exists(&h->sg, &g, slot))
		return -ESTALE;
	*phase = NAME_HELD;
	return hold_by_name(&geom_holders(&h->sg, &g)[slot]);
}

void held_uncover(struct heap *h, uint64_t handle)
{
	struct geom g;
	uint32_t slot;

	if (held_handle(h, handle, &g, &slot))
		drop_name(h, &g, slot);
}

void held_unqueue(struct heap *h, uint64_t handle, const struct chan *ch,
		  uint64_t seq)
{
	struct sh_holder *word;
	struct holders w, to;
	struct geom g;
	uint32_t slot;

	if (!held_handle(h, handle, &g, &slot) ||
	    !held_exists(&h->sg, &g, slot))
		return;
	word = &geom_holders(&h->sg, &g)[slot];
	do {
		w = holders_read(word);
		if (!holders_at(w, ch, seq))
			return;
		to = holders_bits(w);
		if (holders_none(to))
			to = holders_freeing(MOVER_DAEMON);
	} while (!holders_cas(word, w, to));
	if (holders_tag(to) == TAG_FREEING)
		free_slot(h, &g, slot);
}

bool held_watched(const struct heap *h, span_id id)
{
	for (uint32_t s = 1; s < h->slots_top; s++)
		for (uint32_t i = 0; i < SH_WATCHES; i++)
			if (ld_sc(&h->sg.slots[s].watch[i]) == id.n) /* [O3] */
				return true;
	return false;
}

/*
 * The word without the dead one; false: nothing in it is his.  What he was
 * sending is in the channel if its place says so, and else was never sent.
 */
static bool without(struct heap *h, struct holders w, uint32_t dead,
		    uint64_t handle, struct holders *to)
{
	uint32_t tag = holders_tag(w);
	bool his = tag != TAG_NO && holders_mover(w) == dead;

	*to = holders_without(w, holder_bit(dead));
	if (tag == TAG_BORN || tag == TAG_FREEING) {
		*to = holders_freeing(MOVER_DAEMON);
		return his;
	}
	if (holders_queue(w) && (!his || chan_has(&h->sg, w, handle)))
		return holders_has(w, holder_bit(dead));
	*to = holders_bits(*to);
	if (holders_none(*to))
		*to = holders_freeing(MOVER_DAEMON);
	return his || holders_has(w, holder_bit(dead));
}

/* One CAS of what the dead one did to the word.  True: the slot is to be freed. */
static bool take_over(struct heap *h, struct sh_holder *word, uint32_t dead,
		      uint64_t handle)
{
	struct holders w, to;

	do {
		w = holders_read(word);
		if (!without(h, w, dead, handle, &to))
			return false;
	} while (!holders_cas(word, w, to));
	return holders_tag(to) == TAG_FREEING;
}

/* Spans with objects in them, also those of the dead, which are closed later. */
static bool held_span(struct heap *h, span_id id, struct geom *ret_g)
{
	uint32_t state = span_state(span_load(&h->sg, id));

	return (state == SPAN_OWNED || state == SPAN_FULL ||
		state == SPAN_LISTED) && geom_read(&h->sg, id, ret_g) &&
	       spc_life(ret_g->spc) == LIFE_HELD;
}

static void recover_span(struct heap *h, span_id id, struct party dead)
{
	const struct sh_slot *s = &h->sg.slots[dead.slot];
	struct geom g;
	uint32_t sc;

	if (!held_span(h, id, &g))
		return;
	sc = spc_size_class(g.spc);
	if (!(ld_acq(&s->held[sc / 64 % 2]) >> sc % 64 & 1))	/* [O2] */
		return;
	for (uint32_t slot = 0; slot < g.nslots; slot++)
		if (held_exists(&h->sg, &g, slot) &&
		    take_over(h, &geom_holders(&h->sg, &g)[slot], dead.slot,
			      handle_of(h, &g, slot)))
			free_slot(h, &g, slot);
	/* Even if nothing was left to free: the last daemon may have died here. */
	if (span_freed(&h->sg, &g, h->me))
		central_push(&h->sg, h->me, g.spc, id);
}

void held_recover(struct heap *h, struct party dead)
{
	const struct sh_slot *s = &h->sg.slots[dead.slot];
	uint32_t top = seg_span_top(&h->sg);

	if (dead.slot >= SH_HOLDERS ||
	    (!ld_acq(&s->held[0]) && !ld_acq(&s->held[1])))	/* [O2] */
		return;
	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top))
		recover_span(h, id, dead);
}

/* Handles of entries in a phase, sorted. */
struct entries {
	uint64_t *handle;
	uint32_t n;
};

static int by_handle(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa, b = *(const uint64_t *)pb;

	return a < b ? -1 : a > b;
}

static bool entry_of(const struct entries *t, uint64_t handle)
{
	return t->n && bsearch(&handle, t->handle, t->n, sizeof(handle),
			       by_handle);
}

static void entries_read(struct heap *h, struct entries *t)
{
	for (uint32_t i = 0; i < h->sg.geo.nnames; i++)
		if (name_phase(&h->sg, i) == NAME_HELD)
			t->handle[t->n++] = ld_acq(&h->sg.names[i].handle); /* [N2] */
	if (t->n)
		qsort(t->handle, t->n, sizeof(t->handle[0]), by_handle);
}

static bool names_bit(struct heap *h, uint64_t handle)
{
	struct geom g;
	uint32_t slot;

	return held_handle(h, handle, &g, &slot) &&
	       held_exists(&h->sg, &g, slot) &&
	       holders_has(holders_read(&geom_holders(&h->sg, &g)[slot]),
			   HOLDER_NAME);
}

/*
 * Half of a replacement: HELD, and the handle is another's already; or SET, and
 * the handle is that of a held object that no entry is HELD for yet.
 */
static void mend_entry(struct heap *h, uint32_t i, const struct entries *t)
{
	struct sh_name *e = &h->sg.names[i];
	uint32_t phase = name_phase(&h->sg, i), to = phase;
	uint64_t handle;

	if (!name_is_set(phase))
		return;
	handle = ld_acq(&e->handle);				/* [N2] */
	if (!names_bit(h, handle))
		to = NAME_SET;
	else if (phase == NAME_SET && !entry_of(t, handle))
		to = NAME_HELD;
	if (to != phase)
		st_rel(&e->state, (ld_acq(&e->state) & ~3u) | to); /* [N1] */
}

static void mend_span(struct heap *h, span_id id, const struct entries *t)
{
	struct geom g;

	if (!held_span(h, id, &g))
		return;
	for (uint32_t slot = 0; slot < g.nslots; slot++) {
		struct sh_holder *word = &geom_holders(&h->sg, &g)[slot];
		struct holders w;

		if (!held_exists(&h->sg, &g, slot))
			continue;
		w = holders_read(word);
		if (holders_tag(w) == TAG_FREEING &&
		    holders_mover(w) == MOVER_DAEMON)
			free_slot(h, &g, slot);
		else if (holders_open(w) && holders_has(w, HOLDER_NAME) &&
			 !entry_of(t, handle_of(h, &g, slot)))
			drop_name(h, &g, slot);
	}
}

int held_mend(struct heap *h)
{
	struct entries t = { .handle = malloc(h->sg.geo.nnames *
					      sizeof(*t.handle)) };
	uint32_t top = seg_span_top(&h->sg);

	if (!t.handle)
		return -ENOMEM;
	entries_read(h, &t);
	for (uint32_t i = 0; i < h->sg.geo.nnames; i++)
		mend_entry(h, i, &t);
	t.n = 0;
	entries_read(h, &t);
	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top))
		mend_span(h, id, &t);
	free(t.handle);
	return 0;
}
