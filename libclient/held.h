/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - held objects as this process sees them: how often it holds each.
 *
 * Others see one bit per process in the object's holder word; the count behind
 * it is private and wiped by a fork.  Whoever changes one sets it BUSY, with the
 * word's CAS in between, so that bit and count go together; other threads wait.
 *
 * A thread remembers the object that it looked at last: hold, use, drop is how one
 * reads, and then the drop need not look.  That, too, is under counting_begin().
 */
#ifndef LIBCLIENT_HELD_H
#define LIBCLIENT_HELD_H

#include <errno.h>
#include <sched.h>
#include <sys/single_threaded.h>

#include "libclient/client.h"
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

#define COUNT_BUSY	UINT32_MAX

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

/* Is what the thread looked at last there, and there yet? */
static inline bool held_same(const mh_heap *h, uint64_t off)
{
	const struct held_at *at = &tls.held;

	return tls.held_serial == h->serial && at->off == off &&
	       ld_acq(&h->sg.pagemap[off >> PAGE_SHIFT]) == at->id.n && /* [G2] */
	       ld_acq(&h->sg.geom[at->id.n].seq) == at->gen << 1;	/* [G1] */
}

/*
 * The held object at an arena offset, in the thread's own memory until its next
 * look; NULL: none begins there.  counting_begin() was called.
 */
static inline const struct held_at *held_look(const mh_heap *h, uint64_t off)
{
	if (unlikely(!h->attached))
		return NULL;
	if (likely(held_same(h, off)))
		return &tls.held;
	tls.held_serial = 0;
	if (unlikely(off >= h->sg.geo.reserve_bytes ||
		     !held_find(&h->sg, off, &tls.held)))
		return NULL;
	tls.held_serial = h->serial;
	return &tls.held;
}

/* [O2] Recovery is to look for what we hold in this class. */
static inline void note_held(mh_heap *h, uint32_t spc)
{
	uint32_t sc = spc_size_class(spc);
	_Atomic uint64_t *known = &h->r->held[sc / 64];

	if (likely(ld_rlx(known) >> sc % 64 & 1))		/* [A1] */
		return;
	or_rel(&my_slot(h)->held[sc / 64], 1ull << sc % 64);	/* [O2] */
	or_rel(known, 1ull << sc % 64);				/* [A1] */
}

/* May this client hold?  0, or refused: EUSERS, or joining failed. */
int may_hold(mh_heap *h);

/*
 * Holds once more, between counting_begin() and counting_end(); the caller has
 * checked may_hold().  0, -ESTALE nobody held it, HOLDS_MISSING: holds_make()
 * first, and not in there.
 */
#define HOLDS_MISSING	1
int hold_at(mh_heap *h, const struct held_at *at);
int holds_missing(mh_heap *h, span_id id, uint32_t slots);	/* 0 or refused */

void *alloc_held(mh_heap *h, uint32_t spc, size_t size, size_t align,
		 bool nowait);
#endif
