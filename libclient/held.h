/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - held objects as this process sees them: how often it holds each.
 *
 * Others see one bit per process in the object's holder word; the count behind
 * it is private and wiped by a fork.  Whoever changes one sets it BUSY, with the
 * word's CAS in between, so that bit and count go together; other threads wait.
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
 * Takes a count; 0, or -EDEADLK: called by a signal handler that interrupted
 * this thread between here and count_end().
 */
static inline int count_begin(_Atomic uint32_t *n, uint32_t *ret_was)
{
	uint32_t was = ld_rlx(n);				/* [A1] */

	if (unlikely(tls.counting))
		return -EDEADLK;
	tls.counting = true;
	order_for_recovery();
	/* A thread alone is kept off by `counting`. */
	while (!__libc_single_threaded &&
	       (was == COUNT_BUSY || !cas_acq(n, &was, COUNT_BUSY))) { /* [A1] */
		sched_yield();
		was = ld_rlx(n);				/* [A1] */
	}
	*ret_was = was;
	return 0;
}

static inline void count_end(_Atomic uint32_t *n, uint32_t now)
{
	st_rel(n, now);						/* [A1] */
	order_for_recovery();
	tls.counting = false;
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
 * Holds once more; the caller has checked may_hold().  0, -ESTALE nobody held
 * it, -ENOMEM, -EDEADLK.  Takes rights.pool at the first of a span.
 */
int hold_at(mh_heap *h, const struct held_at *at);

/* Lets go once.  inside: of a slow path.  0, -EINVAL not held, -EDEADLK. */
int drop_at(mh_heap *h, const struct held_at *at, bool inside);

void *alloc_held(mh_heap *h, uint32_t spc, size_t size, size_t align,
		 bool nowait);
#endif
