/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.h - channels: a ring of places through which held objects are handed over.
 * A position is a place and a round; a place says which of its positions is next.
 *
 *	place.seq  | position, 48 bits | sender, 7 | taker, 7 | PLACE_..., 2 |
 *
 *	EMPTY(pos) -> FULL(pos, sender) -> TAKING(pos + capacity, sender, receiver)
 *	-> EMPTY(the position that it has then)
 *
 * A position is passed once it was filled, or never will be.  A sender fills one when all
 * before it are passed: so what is sent later has a later position, whoever sends, and
 * behind one that isn't passed there is nothing, where receivers stop.  Who stands still
 * in the middle blocks one place at most: a sender who finds it TAKING, and room
 * beyond, passes over it: TAKING(pos) -> TAKING(pos + capacity), which whoever makes it
 * EMPTY keeps.  Tail and head are hints: once all before was passed, or taken.
 * Two who hold an object may send it, even to one place: a word is the place's if its
 * mover is the place's sender, too.
 * [M1] is the row, models/queue.pml and order.pml are the proof.  Takes no lock.
 */
#ifndef SHM_CHAN_H
#define SHM_CHAN_H

#include "shm/held.h"

_Static_assert(SH_PLACES_MAX <= 1024, "a word has 10 bits for a place");

#define PLACE_SENDER	(0x7fu << 9)
#define PLACE_POS	(~0xffffull)

static inline uint64_t place_empty(uint64_t pos)
{
	return pos << 16 | PLACE_EMPTY;
}

static inline uint64_t place_full(uint64_t pos, uint32_t sender)
{
	return pos << 16 | (uint64_t)sender << 9 | PLACE_FULL;
}

static inline uint64_t place_pos(uint64_t seq)
{
	return seq >> 16;
}

static inline uint32_t place_sender(uint64_t seq)
{
	return (uint32_t)seq >> 9 & 0x7f;
}

static inline uint32_t place_state(uint64_t seq)
{
	return seq & 3;
}

static inline uint32_t place_taker(uint64_t seq)
{
	return (uint32_t)(seq >> 2) & 0x7f;
}

/* Where the places of a channel's positions are. */
struct chan_order {
	uint64_t mask;		/* places less one */
	uint32_t up, down;	/* of a position's bits */
};

/* A channel that is open, as a process or the daemon uses it. */
struct chan {
	const struct seg  *sg;
	uint32_t	   index, version;
	struct chan_order  order;
	struct sh_chan	  *c;
	struct sh_place	  *places;
	_Atomic uint32_t  *since;	/* of each place */
	struct sh_chandir *dir;
};

/*
 * Of positions that follow each other no two share a line, so that who fills one does
 * not wait for who empties the one before; but of less than 16 places, four lines.
 */
static inline struct chan_order chan_order(uint32_t capacity)
{
	uint32_t bits = (uint32_t)__builtin_ctz(capacity);

	return bits < 4 ? (struct chan_order){ capacity - 1, 0, 63 } :
			  (struct chan_order){ capacity - 1, 2, bits - 2 };
}

static inline uint64_t chan_index(const struct chan_order *o, uint64_t pos)
{
	uint64_t i = pos & o->mask;

	return (i << o->up | i >> o->down) & o->mask;
}

static inline struct sh_place *chan_place(const struct chan *ch, uint64_t pos)
{
	return &ch->places[chan_index(&ch->order, pos)];
}

/*
 * View of channel `index`, open or not: of one that was removed places may be
 * somebody's still.  False: there never was one.
 */
bool chan_view(const struct seg *sg, uint32_t index, struct chan *ret);

static inline uint32_t chan_state(const struct chan *ch)
{
	return ld_sc(&ch->dir->state);				/* [M5] */
}

static inline uint32_t chan_phase(const struct chan *ch)
{
	return chan_state(ch) & 3;
}

static inline bool chan_is_open(const struct chan *ch)
{
	return chan_state(ch) == (ch->version << 2 | CHAN_OPEN);
}

/* The word of an object at a position, or about to be there. */
static inline struct holders holders_queued(struct holders w,
					    const struct chan *ch, uint64_t pos,
					    uint32_t mover)
{
	uint64_t tag = holders_none(w) ? TAG_ALONE : TAG_QUEUED;

	w.hi = (uint32_t)w.hi | tag << 32 |
	       (uint64_t)mover << 35 | (uint64_t)ch->index << 42 | pos << 54;
	return w;
}

static inline uint32_t holders_chan(struct holders w)
{
	return (uint32_t)(w.hi >> 42) & 0xfff;
}

static inline uint32_t holders_pos(struct holders w)
{
	return (uint32_t)(w.hi >> 54);
}

/*
 * Is the word that of the message at a place of this channel, as seq says it?  Another
 * message's of this sender isn't at that place meanwhile: it would have to be EMPTY.
 */
static inline bool holders_at(struct holders w, const struct chan *ch,
			      uint64_t seq)
{
	return holders_queue(w) && holders_chan(w) == ch->index &&
	       !((holders_pos(w) ^ place_pos(seq)) & ch->order.mask) &&
	       holders_mover(w) == place_sender(seq);
}

/* *pos: all before it are passed; to the one that may be filled.  NULL: no room, or
 * the channel was removed. */
struct sh_place *chan_room_after(const struct chan *ch, uint64_t *pos);

/*
 * A position to fill, all before it passed, and its place.  NULL: no room, or the
 * channel was removed.  Somebody else may be faster: chan_fill().
 */
static inline struct sh_place *chan_room(const struct chan *ch, uint64_t *ret_pos)
{
	uint64_t at = ld_acq(&ch->c->tail);			/* [M2] */
	struct sh_place *p = chan_place(ch, at);

	*ret_pos = at;
	if (ld_acq(&p->seq) == place_empty(at))			/* [M1] */
		return p;
	p = chan_room_after(ch, &at);		/* a copy: *ret_pos in a register */
	*ret_pos = at;
	return p;
}

/* Cheap, to some milliseconds; comes round in seven weeks. */
uint32_t chan_clock(void);

static inline bool chan_fill(const struct chan *ch, struct sh_place *p,
			     uint64_t pos, uint64_t handle, uint32_t sender,
			     uint32_t now)
{
	uint64_t was = ld_acq(&p->handle);			/* [M1] */

	st_rlx(&ch->since[p - ch->places], now);		/* [M6] */
	if (!cas16_sc(&p->handle, was, place_empty(pos),	/* [M1] */
		      handle, place_full(pos, sender)))
		return false;
	if (ld_rlx(&ch->c->tail) <= pos)			/* [M2] */
		st_rel(&ch->c->tail, pos + 1);			/* [M2] */
	return true;
}

/* A message, by its place as it was seen, FULL. */
struct chan_msg {
	struct sh_place *p;
	uint64_t	 seq, handle;
};

/* The first there is.  False: none. */
bool chan_next_after(const struct chan *ch, uint64_t pos, struct chan_msg *ret);

static inline bool chan_next(const struct chan *ch, struct chan_msg *ret)
{
	uint64_t pos = ld_acq(&ch->c->head);			/* [M2] */
	struct sh_place *p = chan_place(ch, pos);
	uint64_t seq = ld_acq(&p->seq);				/* [M1] */
	struct chan_msg m;

	if ((seq & ~(uint64_t)PLACE_SENDER) == place_full(pos, 0)) {
		*ret = (struct chan_msg){ p, seq, ld_acq(&p->handle) }; /* [M1] */
		return true;
	}
	if (!chan_next_after(ch, pos, &m))
		return false;
	*ret = m;
	return true;
}

/*
 * FULL, as seen, -> TAKING(taker): from now on the caller alone may change its word,
 * and then calls place_emptied().  False: somebody else was faster.
 */
static inline bool place_claim(const struct chan *ch, struct sh_place *p,
			       uint64_t full, uint32_t taker)
{
	uint64_t taking = full + place_empty(ch->order.mask + 1) +
			  (PLACE_TAKING - PLACE_FULL) + ((uint64_t)taker << 2);

	return cas_sc(&p->seq, &full, taking);			/* [M1] */
}

/* Of a place that we were TAKING: to the position that it has. */
static inline void place_emptied(struct sh_place *p)
{
	andnot_sc(&p->seq, ~PLACE_POS);				/* [M1] */
}

/* All before pos are taken. */
static inline void chan_raise_head(const struct chan *ch, uint64_t pos)
{
	if (ld_rlx(&ch->c->head) < pos)				/* [M2] */
		st_rel(&ch->c->head, pos);			/* [M2] */
}

#define CHAN_MAY_SLEEP	1u	/* in items and room, [M3] */

/*
 * After place_emptied(), which is for all to see before the look: may somebody sleep who
 * waits for room?  A sleeper sets the bit, then looks at the place.
 */
static inline bool chan_room_awaited(const struct chan *ch)
{
	return ld_sc(&ch->c->room) & CHAN_MAY_SLEEP;		/* [M3] */
}

/* Does the place of the word's position hold the object, FULL or TAKING, as sent by
 * its mover? */
bool chan_has(const struct seg *sg, struct holders w, uint64_t handle);

/*
 * What is in it, as of the look at each place.  The age is to a few milliseconds,
 * by CLOCK_MONOTONIC of who sent it: in another time name space, of that.
 */
struct chan_sum {
	uint32_t full, taking;		/* places */
	uint32_t oldest_ms;		/* of those that are FULL; 0: none is */
};

struct chan_sum chan_sum(const struct chan *ch);

/* Finds a channel by its name; index, or nchans. */
uint32_t chan_find(const struct seg *sg, const char *text);
/* Its name, 64 bytes; false: it is none, or changed meanwhile. */
bool chan_name(const struct seg *sg, uint32_t index, char *ret_text);

static inline uint32_t seg_chan_top(const struct seg *sg)
{
	uint32_t top = ld_acq(&sg->hdr->chan_top);		/* [H1] */

	return top < sg->geo.nchans ? top : sg->geo.nchans;
}

#endif
