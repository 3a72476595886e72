/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - held objects as this process sees them: how often it holds each.
 *
 * Others see one bit per process in the object's holder word; the count behind
 * it is private and wiped by a fork.  Whoever changes one sets it BUSY, with the
 * word's CAS in between, so that bit and count go together; other threads wait.
 *
 * A thread remembers what it looked at (looked.h).  That, too, is under
 * counting_begin().
 */
#ifndef LIBCLIENT_HELD_H
#define LIBCLIENT_HELD_H

#include <errno.h>
#include <sched.h>
#include <sys/single_threaded.h>

#include "libclient/client.h"
#include "shm/handle.h"
#include "shm/held.h"

/*
 * Of a span id that had so many slots; kept for good, for spans to come.  One id
 * may have several, and nobody takes another's away: a thread that still looks
 * at a span of the past finds its own.
 */
struct holds {
	struct holds	*next;
	uint32_t	 slots;
	_Atomic uint32_t n[];		/* [A1] */
};

/* NULL: none yet. */
static inline struct holds *holds_of(mh_heap *h, const struct held_at *at)
{
	struct holds *t = ld_acq(&h->holds[at->id.n]);		/* [A1] */

	while (unlikely(t && t->slots != at->slots))
		t = t->next;
	return t;
}

/* Whoever sees one sees our slot, too. */
static inline struct holders my_bit(const mh_heap *h)
{
	const struct rights *r = h->r;
	struct holders bit = { .lo = ld_acq(&r->bit[0]) };	/* [A1] */

	bit.hi = ld_acq(&r->bit[1]);				/* [A1] */
	return bit;
}

#define COUNT_BUSY	UINT32_MAX
#define COUNT_MOST	(UINT32_MAX / 2)	/* far from BUSY, whoever counts up */

/*
 * From here to counting_end() the thread is at a count.  False: called by a signal
 * handler that interrupted this thread in between, which is EDEADLK.
 */
static inline bool counting_begin(void)
{
	if (unlikely(tls.counting))
		return false;
	tls.counting = true;
	order_for_recovery();
	return true;
}

static inline void counting_end(void)
{
	order_for_recovery();
	tls.counting = false;
}

/* Takes a count from other threads; the thread's own handlers are kept off. */
static inline uint32_t count_take(_Atomic uint32_t *n)
{
	uint32_t was = ld_rlx(n);				/* [A1] */

	while (!__libc_single_threaded &&
	       (was == COUNT_BUSY || !cas_acq(n, &was, COUNT_BUSY))) { /* [A1] */
		sched_yield();
		was = ld_rlx(n);				/* [A1] */
	}
	return was;
}

/* Likewise, but waits for nobody: false, another thread is at it. */
static inline bool count_try(_Atomic uint32_t *n, uint32_t *ret_was)
{
	*ret_was = ld_rlx(n);					/* [A1] */
	return __libc_single_threaded ||
	       (*ret_was != COUNT_BUSY &&
		cas_acq(n, ret_was, COUNT_BUSY));		/* [A1] */
}

/* As of now: one more would come near to BUSY. */
static inline bool count_is_most(_Atomic uint32_t *n)
{
	uint32_t now = ld_rlx(n);				/* [A1] */

	return now >= COUNT_MOST && now != COUNT_BUSY;
}

static inline void count_put(_Atomic uint32_t *n, uint32_t now)
{
	st_rel(n, now);						/* [A1] */
}

/* Both at once: 0, or -EDEADLK. */
static inline int count_begin(_Atomic uint32_t *n, uint32_t *ret_was)
{
	if (!counting_begin())
		return -EDEADLK;
	*ret_was = count_take(n);
	return 0;
}

static inline void count_end(_Atomic uint32_t *n, uint32_t now)
{
	count_put(n, now);
	counting_end();
}

/*
 * Is the span that it was in there yet?  Then its pages are mapped, too: a span that
 * goes has an odd seq before they are not.
 */
static inline bool held_there(const struct held_at *at)
{
	return ld_acq(at->seq) == at->gen2;			/* [G1] */
}

static inline uint64_t arena_offset(const mh_heap *h, const void *p)
{
	return (uint64_t)((const char *)p - h->arena);
}

/* Does a slot of the span that was looked at last start there?  Then it is that. */
static inline bool looked_beside(const mh_heap *h, uint64_t off)
{
	struct held_looked *l = &tls.looked;

	return l->joined == ld_acq(&h->r->joined) &&		/* [A1] */
	       held_beside(&l->at, off) && held_there(&l->at);
}

/* Of a span that it did not look at last. */
const struct held_at *look_anew(mh_heap *h, uint64_t off);

/*
 * The held object at an arena offset, in the thread's own memory until its next
 * look; NULL: none begins there.  counting_begin() was called.
 */
static inline const struct held_at *held_look(mh_heap *h, uint64_t off)
{
	return likely(looked_beside(h, off)) ? &tls.looked.at :
	       look_anew(h, off);
}

/* Likewise, by its handle. */
static inline const struct held_at *held_look_handle(mh_heap *h, mh_handle v)
{
	return likely(looked_beside(h, v ^ tls.looked.handles)) ?
	       &tls.looked.at : look_anew(h, handle_offset(&h->sg, v));
}

/* Of what was looked at. */
static inline uint64_t looked_handle(void)
{
	return tls.looked.handles | tls.looked.at.off;
}

struct holds *holds_found(mh_heap *h);

/* Of what was looked at; once there is one, its class is noted.  NULL: none yet. */
static inline struct holds *looked_holds(mh_heap *h)
{
	return likely(tls.looked.holds != NULL) ? tls.looked.holds :
	       holds_found(h);
}

/* [O2] From now on recovery looks for what we hold in this class. */
static inline void note_held(mh_heap *h, uint32_t spc)
{
	uint32_t sc = spc - span_class(LIFE_HELD, 0);

	if (likely(ld_rlx(&h->r->held[sc / 64]) >> sc % 64 & 1)) /* [A1] */
		return;
	or_rel(&my_slot(h)->held[sc / 64], 1ull << sc % 64);	/* [O2] */
	or_rel(&h->r->held[sc / 64], 1ull << sc % 64);		/* [A1] */
}

/* May this client hold?  0, or refused: EUSERS, or joining failed. */
int may_hold(mh_heap *h, unsigned wait_ms);	/* to join first: enter_within() */

/*
 * Holds what was looked at once more, between counting_begin() and counting_end(); the
 * caller has checked may_hold().  0, -ESTALE nobody held it, HOLDS_MISSING:
 * holds_make() first, and not in there.
 */
#define HOLDS_MISSING	1
int hold_looked(mh_heap *h);

/* Of what was looked at: a handler may look, too, once counting has ended. */
struct span_slots {
	span_id	 id;
	uint32_t slots;
};

static inline struct span_slots span_slots(const struct held_at *at)
{
	return (struct span_slots){ at->id, at->slots };
}

int holds_missing(mh_heap *h, struct span_slots s);	/* 0 or refused */

/* What was looked at is FREEING by us: its slot goes home. */
void free_held(mh_heap *h, const struct held_at *at);

#define HELD_LEAST	64u	/* bytes of a held object */

void *alloc_held_fast(mh_heap *h, size_t size);	/* HELD_LEAST to SC_SMALL_MAX */
void *alloc_held(mh_heap *h, uint32_t spc, size_t size, size_t align,
		 bool nowait);
#endif
