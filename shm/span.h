/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span.h - the state word of a span and its moves.  The word is the truth;
 * lists are hints of it.
 *
 *	 63      40 39         16 15    4 3     0
 *	| version  | generation  | slot  | state |
 *
 *	FREE -> GRANTED -> OWNED -> LISTED -> OWNED ...      (offered again)
 *	                   OWNED -> FULL -> OWNED -> LISTED  (freer's threshold)
 *	          OWNED(daemon) -> FREE                      (the daemon alone)
 *
 * A span on its way is always OWNED by whoever moves it, so that one rule
 * covers every place to die.  Every move adds one to the version.
 * Takes no lock.  Does not know the page heap.
 */
#ifndef SHM_SPAN_H
#define SHM_SPAN_H

#include "shm/segment.h"

/* Who owns a span or a lock: a client slot with its generation. */
struct party {
	uint32_t slot;
	uint32_t gen;
};

#define GEN_MASK	0xffffffu

static inline uint64_t span_word(uint32_t state, struct party p, uint64_t ver)
{
	return (ver & GEN_MASK) << 40 | (uint64_t)(p.gen & GEN_MASK) << 16 |
	       (uint64_t)(p.slot & 0xfff) << 4 | state;
}

static inline uint32_t span_state(uint64_t w)
{
	return w & 0xf;
}

static inline struct party span_party(uint64_t w)
{
	return (struct party){ (uint32_t)(w >> 4) & 0xfff,
			       (uint32_t)(w >> 16) & GEN_MASK };
}

static inline uint32_t span_version(uint64_t w)
{
	return (uint32_t)(w >> 40);
}

static inline bool party_eq(struct party a, struct party b)
{
	return a.slot == b.slot && (a.gen & GEN_MASK) == (b.gen & GEN_MASK);
}

#define NOBODY	((struct party){ 0, 0 })

/* As much of a generation as goes beside a slot in a word of 32 bits. */
#define LAST_GEN_MASK	0xfffffu

/* p has the span now. */
static inline void span_note_owner(const struct seg *sg, span_id id,
				   struct party p)
{
	st_rlx(&sg->last[id.n], (p.gen & LAST_GEN_MASK) << 12 | p.slot); /* [C2] */
}

/* Was p the last who had it? */
static inline bool span_was_of(const struct seg *sg, span_id id, struct party p)
{
	return ld_rlx(&sg->last[id.n]) ==			/* [C2] */
	       ((p.gen & LAST_GEN_MASK) << 12 | p.slot);
}

static inline uint64_t span_load(const struct seg *sg, span_id id)
{
	return ld_sc(&sg->spans[id.n].state);		/* [S1] */
}

/* From *seen to {state, party}; on failure *seen is what is there. */
bool span_move(const struct seg *sg, span_id id, uint64_t *seen,
	       uint32_t state, struct party p);

/* Is it OWNED (or GRANTED) by p, as of now? */
bool span_is(const struct seg *sg, span_id id, uint32_t state, struct party p);

/* Slots without a live bit, some of them perhaps still parked by who frees them. */
uint32_t span_free_slots(const struct seg *sg, const struct geom *g);

/* Free slots from which on a span is worth listing. */
static inline uint32_t span_threshold(const struct geom *g)
{
	uint32_t t = g->nslots / 4;

	return t ? t : 1;
}

/*
 * Is no slot live or parked?  What somebody has cleared the live bits of and not
 * unparked yet is on its way: a span that goes back to the page heap, and its
 * block to another span, must have none.
 */
bool span_empty(const struct seg *sg, const struct geom *g);

/*
 * Close of a dead owner's lease: live of what it has parked is cleared, then
 * that is unparked.  What it lent to others stays theirs.  The span is still
 * the dead one's.
 */
void span_close(const struct seg *sg, const struct geom *g, struct party dead);

/* The same by the living owner, which knows its slots: nobody else's arrays
 * or its own may have them. */
void span_close_slots(const struct seg *sg, const struct geom *g,
		      const uint64_t *slots);

/*
 * Frees what the dead client had borrowed of a span that isn't its own:
 * span_freed() comes next.
 */
void span_unlend(const struct seg *sg, const struct geom *g, struct party dead);

/*
 * Moves a span OWNED by `me`, in transit and with no open lease, on: LISTED if
 * enough is free, else FULL (with the recount that closes the race against
 * the last freer).  Returns the state it got, or SPAN_QUARANTINED if the
 * span is not the caller's any more.  A span that comes back LISTED is in no
 * list yet: central_push.
 */
uint32_t span_dispose(const struct seg *sg, const struct geom *g,
		      struct party me);

/*
 * After a freer cleared a live bit: if the span is FULL and has reached its
 * threshold, takes it and lists it.  True: it is LISTED by this call and wants
 * central_push.
 */
bool span_freed(const struct seg *sg, const struct geom *g, struct party me);

#endif
