/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - who holds an object: its holder word, 16 bytes changed by one CAS.
 *
 *	lo  | client slots 63 .. 1                       | name (bit 0) |
 *	hi  | position | channel | mover | tag | client slots 95 .. 64  |
 *	     63      54 53     42 41   35 34 32 31                     0
 *
 *	zeroes, or FREEING(last) -> BORN(owner) -> NO ... -> FREEING(last)
 *	NO -> QUEUED(channel, position, sender) -> NO
 *	NO -> ALONE(channel, position, sender) -> BORN(receiver) -> NO
 *
 * A word can be held only while somebody holds it: a bit, and no BORN or FREEING.
 * QUEUED (in a channel, or about to be) keeps the object without any bit; ALONE says
 * that it had none, and can't be held: the sender alone changes the word, and from the
 * claim of the place on who has claimed it.  A process
 * that holds an object several times has one bit, and counts for itself.  The
 * words of a span lie behind its parked bytes; live and parked say whether a
 * slot is an object at all, as in any leased span.  [O1] is the row,
 * models/held.pml the proof.  Takes no lock; a CAS is tried again only if
 * somebody else's has changed the word.
 */
#ifndef SHM_HELD_H
#define SHM_HELD_H

#include "shm/span.h"

#define TAG_NO		0u
#define TAG_BORN	1u
#define TAG_FREEING	2u
#define TAG_QUEUED	3u
#define TAG_ALONE	4u	/* queued, and nobody has a bit */

#define MOVER_DAEMON	127u

struct holders {		/* a word as it was read */
	uint64_t lo, hi;
};

#define HOLDER_NAME	((struct holders){ 1, 0 })	/* the name's bit */

static inline uint32_t holders_tag(struct holders w)
{
	return (uint32_t)(w.hi >> 32) & 7;
}

static inline uint32_t holders_mover(struct holders w)
{
	return (uint32_t)(w.hi >> 35) & 0x7f;
}

static inline bool holders_none(struct holders w)
{
	return !(w.lo | (uint32_t)w.hi);
}

static inline bool holders_same(struct holders a, struct holders b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

/* A client's bit. */
static inline struct holders holder_bit(uint32_t slot)
{
	return (struct holders){ slot < 64 ? 1ull << slot : 0,
				 slot < 64 ? 0 : 1ull << (slot - 64) };
}

static inline struct holders holders_tagged(struct holders bits, uint32_t tag,
					    uint32_t mover)
{
	bits.hi |= (uint64_t)(mover & 0x7f) << 35 | (uint64_t)tag << 32;
	return bits;
}

static inline bool holders_queue(struct holders w)
{
	return holders_tag(w) == TAG_QUEUED || holders_tag(w) == TAG_ALONE;
}

static inline bool holders_has(struct holders w, struct holders bit)
{
	return (w.lo & bit.lo) | (w.hi & bit.hi);
}

/* Two loads, which the CAS confirms. */
static inline struct holders holders_read(const struct sh_holder *h)
{
	struct holders w = { .lo = ld_acq(&h->lo) };		/* [O1] */

	w.hi = ld_acq(&h->hi);					/* [O1] */
	return w;
}

static inline bool holders_cas(struct sh_holder *h, struct holders from,
			       struct holders to)
{
	return cas16_sc(&h->lo, from.lo, from.hi, to.lo, to.hi); /* [O1] */
}

static inline struct holders holders_with(struct holders w, struct holders bit)
{
	return (struct holders){ w.lo | bit.lo, w.hi | bit.hi };
}

static inline struct holders holders_without(struct holders w,
					     struct holders bit)
{
	return (struct holders){ w.lo & ~bit.lo, w.hi & ~bit.hi };
}

/* Where bits come and go: those of NO and QUEUED. */
static inline bool holders_change(struct holders w)
{
	return holders_tag(w) == TAG_NO || holders_tag(w) == TAG_QUEUED;
}

static inline bool holders_open(struct holders w)
{
	return holders_change(w) && !holders_none(w);
}

/* The same bits, with nothing else in the word. */
static inline struct holders holders_bits(struct holders w)
{
	return (struct holders){ w.lo, (uint32_t)w.hi };
}

static inline struct holders holders_freeing(uint32_t mover)
{
	return holders_tagged((struct holders){ 0, 0 }, TAG_FREEING, mover);
}

/*
 * Nobody holds it, says w.  Its tag is in one load; that no bit is in either half is of
 * two times, unless the word is what was read: one holder may come and another one go.
 */
static inline bool holders_gone(struct sh_holder *h, struct holders w)
{
	return !holders_open(w) && (!holders_change(w) || holders_cas(h, w, w));
}

/* Adds the bit.  False: the object is going, or gone. */
static inline bool held_hold(struct sh_holder *h, struct holders bit)
{
	struct holders w;

	do {
		w = holders_read(h);
		if (holders_gone(h, w))
			return false;
	} while (!holders_open(w) || !holders_cas(h, w, holders_with(w, bit)));
	return true;
}

enum held_left { HELD_NOT, HELD_BY_OTHERS, HELD_BY_NONE };

/*
 * Takes the bit away.  HELD_BY_NONE: it was the last, the object is
 * FREEING(mover), and the caller frees the slot.  HELD_NOT: it had no bit.
 */
static inline enum held_left held_drop(struct sh_holder *h, struct holders bit,
				       uint32_t mover)
{
	struct holders w, to;
	bool last;

	do {
		w = holders_read(h);
		if (!holders_change(w) || !holders_has(w, bit))
			return HELD_NOT;
		to = holders_without(w, bit);
		last = holders_none(to) && holders_tag(w) == TAG_NO;
		if (last)
			to = holders_freeing(mover);
	} while (!holders_cas(h, w, to));
	return last ? HELD_BY_NONE : HELD_BY_OTHERS;
}

/*
 * The slot is free in its owner's hands.  Between the two it is unparked; after
 * the second the object can be held.  Killed in between: recovery frees it.
 */
static inline void held_born(struct sh_holder *h, struct holders bit,
			     uint32_t mover)
{
	st_rlx(&h->lo, bit.lo);					/* [O1] */
	order_for_recovery();
	st_rel(&h->hi, holders_tagged(bit, TAG_BORN, mover).hi);	/* [O1] */
	order_for_recovery();
}

static inline void held_open(struct sh_holder *h, struct holders bit)
{
	order_for_recovery();
	st_rel(&h->hi, bit.hi);					/* [O1] */
}

/*
 * Taken from its place by us.  True if it is ALONE: then nobody else changes the
 * word, and stores do what a CAS would.  Neither ALONE nor BORN can be held, so that
 * our bit is there before anybody can; killed in between, recovery frees it.
 */
static inline bool held_take(struct sh_holder *h, struct holders bit,
			     uint32_t mover)
{
	const struct holders w = { 0, ld_acq(&h->hi) };		/* [O1] */

	if (holders_tag(w) != TAG_ALONE)
		return false;
	st_rel(&h->hi, holders_tagged(bit, TAG_BORN, mover).hi);	/* [O1] */
	st_rel(&h->lo, bit.lo);					/* [O1] */
	st_rel(&h->hi, bit.hi);					/* [O1] */
	return true;
}

/* A held object, and all that hold and drop need; what is of its span stays. */
struct held_at {
	uint64_t	  off, base;	/* in the arena; its span's */
	span_id		  id;
	uint32_t	  slot, slots;	/* of so many of the span */
	uint32_t	  spc, magic;	/* of held_slot() */
	uint32_t	  gen2;		/* twice the span's generation */
	struct sh_holder *word, *words;	/* the object's, the span's */
	_Atomic uint64_t *live;		/* the span's */
	const _Atomic uint32_t *seq;	/* of its geometry */
};

/* As sc_slot_start(), by the class's magic; 1: the span is one slot. */
static inline bool held_slot(uint32_t magic, uint64_t off, uint32_t nslots,
			     uint32_t *ret_slot)
{
	uint64_t x = (off + 1) * magic;

	*ret_slot = (uint32_t)(x >> 32);
	return off < UINT32_MAX && (uint32_t)x <= magic && *ret_slot < nslots;
}

/* Another slot, or the first, of its span; false: none starts there. */
static inline bool held_beside(struct held_at *at, uint64_t off)
{
	uint32_t slot;

	if (!held_slot(at->magic, off - at->base, at->slots, &slot))
		return false;
	at->off = off;
	at->slot = slot;
	at->word = at->words + slot;
	return true;
}

/*
 * By its arena offset, in one look.  False: not the start of a slot of a span of
 * held objects, or the geometry is changing.
 */
static inline bool held_find(const struct seg *sg, uint64_t off,
			     struct held_at *ret)
{
	uint32_t seq, nc, sc, start, block, nslots;
	const struct sh_geom *e;
	span_id id;
	char *at;

	if (off >> PAGE_SHIFT >= seg_page_top(sg))
		return false;
	id.n = ld_acq(&sg->pagemap[off >> PAGE_SHIFT]);	/* [G2] */
	if (!seg_span_ok(sg, id))
		return false;
	e = &sg->geom[id.n];
	seq = ld_acq(&e->seq);				/* [G1] */
	nc = ld_acq(&e->nslots_class);			/* [G2] */
	start = ld_acq(&e->start);			/* [G2] */
	block = ld_acq(&e->block);			/* [G2] */
	if (seq & 1 || ld_acq(&e->seq) != seq)		/* [G1] */
		return false;
	sc = (nc >> 16) - span_class(LIFE_HELD, 0);
	nslots = nc & 0xffff;
	if (sc >= SC_COUNT || block >= sg->geo.ngranules)
		return false;
	at = sg->blocks + ((uint64_t)block << GRANULE_SHIFT);
	*ret = (struct held_at){
		.base = (uint64_t)start << PAGE_SHIFT, .id = id,
		.slots = nslots, .spc = nc >> 16, .gen2 = seq,
		.magic = sc_is_small(sc) ? sc_table[sc].magic : 1,
		.live = (_Atomic uint64_t *)(void *)at,
		.words = (struct sh_holder *)(void *)
			 (at + block_live_bytes(nslots) +
			  block_parked_bytes(nslots)),
		.seq = &e->seq,
	};
	return held_beside(ret, off);
}

/*
 * Is the slot an object, at one instant between call and return?  A living owner may
 * close the span meanwhile, and somebody take it: live and parked of two times would
 * say so of a slot that never was one.  Again only if the span has moved.
 */
static inline bool held_exists(const struct seg *sg, const struct geom *g,
			       uint32_t slot)
{
	_Atomic uint64_t *live = &geom_live(sg, g)[slot / 64];
	uint64_t bit = 1ull << slot % 64, w;
	bool yes;

	do {
		w = span_load(sg, g->id);
		yes = ld_sc(live) & bit &&			/* [L1] */
		      !ld_acq(&geom_parked(sg, g)[slot]) &&	/* [P1] */
		      ld_sc(live) & bit;			/* [L1] */
	} while (span_load(sg, g->id) != w);
	return yes;
}

#endif
