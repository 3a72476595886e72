/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.h - a channel that this process has opened.
 */
#ifndef LIBCLIENT_CHAN_H
#define LIBCLIENT_CHAN_H

#include "libclient/held.h"
#include "libclient/seen.h"
#include "shm/chan.h"

enum chan_waits { WAIT_TO_SEND, WAIT_TO_RECEIVE };	/* `kind` of the probes */

struct mh_chan {
	mh_heap		*h;
	struct chan	 ch;
	uint32_t	 serial;	/* of the attach it belongs to */
	_Atomic uint32_t spin_ns[2];	/* [A1] by chan_waits; chanwait.c */
	struct chan_watch *_Atomic watch; /* [A1] chanfd.c; NULL: none */
};

/* Says why not.  0: now it is, and so much of the time is left. */
int chan_unusable(mh_chan *c, int *timeout_ms);

/* Is it there, is the heap attached, may we hold?  0, or refused. */
static inline int chan_usable(mh_chan *c, int *timeout_ms)
{
	const mh_heap *h = c->h;
	int left, r;

	if (likely(h->attached && h->serial == c->serial && !tls.counting &&
		   !holders_none(my_bit(h))))
		return 0;
	left = *timeout_ms;
	r = chan_unusable(c, &left);
	*timeout_ms = left;
	return r;
}

/* chanopen.c: the channel of that name, open now, and at this index?  Its view. */
bool chan_view_named(const struct seg *sg, uint32_t index, const char *name,
		     struct chan *ret);

/* [M4] Recovery is to look into this channel. */
static inline void note_chan(mh_chan *c)
{
	uint32_t i = c->ch.index;
	_Atomic uint64_t *word = &my_slot(c->h)->chans[i / 64];

	if (unlikely(!(ld_rlx(word) >> i % 64 & 1)))		/* [M4] */
		or_rel(word, 1ull << i % 64);			/* [M4] */
}

/*
 * QUEUED, and we alone may change that: it was received, or is in no place: it is ours,
 * with our bit.
 */
void chan_own_word(mh_chan *c, struct sh_holder *word);

/* chanwait.c */
/* Says that one is about to sleep there: then looks again, then sleeps. */
uint32_t chan_drowsy(_Atomic uint32_t *word);
void chan_wake_some(_Atomic uint32_t *word, uint32_t n);

/* n messages, or places: wakes as many who sleep there, if anybody may. */
static inline void chan_wake(_Atomic uint32_t *word, uint32_t n)
{
	if (unlikely(ld_sc(word) & CHAN_MAY_SLEEP))			/* [M3] */
		chan_wake_some(word, n);
}

/* Between attempts: spins, then drowsy, an attempt, asleep, and so on. */
struct waiting {
	mh_chan *c;
	_Atomic uint32_t *word;		/* futex */
	int64_t	 deadline;		/* CLOCK_MONOTONIC, ms; -1: never */
	enum chan_waits who;
	uint32_t state;			/* of the word, when drowsy */
	int64_t	 spin_until;		/* CLOCK_MONOTONIC, ns */
	bool	 drowsy, slept;
	struct seen seen;
};

struct waiting wait_begin(mh_chan *c, enum chan_waits who, int timeout_ms);
/* 0: try again; -EAGAIN: the time is over; -ESHUTDOWN. */
int wait_more(struct waiting *w);
/* r: what it came to, 0 or -errno, which it gives back. */
int wait_end(const struct waiting *w, int r);

static inline void chan_wake_room(mh_chan *c, uint32_t n)
{
	if (unlikely(chan_room_awaited(&c->ch)))
		chan_wake_some(&c->ch.c->room, n);
}

/* chanfd.c */
void chan_fd_clear(mh_chan *c);	/* a receive found nothing */
void chan_fd_close(mh_chan *c);	/* between begin() and leave() */

#endif
