/* SPDX-License-Identifier: Apache-2.0 */
/*
 * central.h - mcentral: per span class, S stripes with lists of LISTED spans.
 *
 * A list is a hint of the state words.  Any stripe will do for any operation;
 * one that is busy is passed over, so a process that is stopped or dead inside
 * a stripe holds back nobody.  Nobody steals a lock: the daemon rebuilds the
 * stripe of a proven dead holder.
 *
 * Lock: stripe.lock, {slot, generation} of the holder; held over a bounded
 * number of steps; no other lock is taken under it.
 */
#ifndef SHM_CENTRAL_H
#define SHM_CENTRAL_H

#include "shm/span.h"

/*
 * Runs that one process takes and another frees wait in line: the oldest is taken
 * first, and of a class in demand so many bytes lie in the list.
 */
#define CENTRAL_RUN_BYTES	(1u << 20)

static inline bool spc_passed_on(uint32_t spc)
{
	return sc_is_run(spc_size_class(spc)) && spc_life(spc) != LIFE_OWNED;
}

/*
 * Puts a LISTED span into a stripe of its class.  True: it is in a list (of
 * any stripe).  False: all stripes were busy; the span stays LISTED, is found
 * by central_scan, and linked by the daemon's next sweep.
 */
bool central_push(const struct seg *sg, struct party me, uint32_t spc,
		  span_id id);

/*
 * Takes a span of the class out of a stripe: OWNED(me) and in no list.  Returns
 * its geometry, or false: nothing found.  *ret_low tells that the stripe runs
 * low; *ret_busy how many stripes were passed over as busy.
 */
bool central_pop(const struct seg *sg, struct party me, uint32_t spc,
		 struct geom *ret_g, bool *ret_low, unsigned *ret_busy);

/*
 * The same by the state words alone, from *cursor, over at most n ids.  The
 * cursor is a hint that threads may share.
 */
bool central_scan(const struct seg *sg, struct party me, uint32_t spc,
		  _Atomic uint32_t *cursor, uint32_t n, struct geom *ret_g);

/* A GRANTED(me) span becomes OWNED(me). */
bool central_take_grant(const struct seg *sg, struct party me, span_id id,
			struct geom *ret_g);

/* About how many spans the stripes of the class list. */
uint32_t central_listed(const struct seg *sg, uint32_t spc);

/*
 * The daemon's repair of a stripe whose lock `dead` holds: relinks its list
 * from the state words, then frees the lock.  Idempotent and killable.
 * stripe is an index over all classes.
 */
void central_rebuild(const struct seg *sg, uint32_t stripe, struct party dead,
		     struct party me);

/*
 * The id of a FREE span is to be used anew: takes it out of the list that its
 * link names still, where nobody of its next class would look for it.  Daemon
 * only.  False: that stripe is busy.
 */
bool central_unlist(const struct seg *sg, struct party me, span_id id);

/*
 * The daemon's sweep: a LISTED span gets into a list of its class, if it is in
 * none, or in one of a class that its id had before: there a pusher put it who
 * came late, and nobody of its class would look.
 */
void central_refile(const struct seg *sg, struct party me,
		    const struct geom *g);

/*
 * The client may hold a stripe of the class, and has a tally of it: recovery looks
 * for either only where this was said before.
 */
static inline void slot_uses(struct sh_slot *s, uint32_t size_class)
{
	_Atomic uint64_t *word = &s->used[size_class / 64];
	uint64_t bit = 1ull << size_class % 64;

	if (!(ld_rlx(word) & bit))				/* [K4] */
		or_ar(word, bit);				/* [K4] */
}

/* Who holds the stripe's lock; slot 0: nobody. */
struct party central_holder(const struct seg *sg, uint32_t stripe);

uint32_t central_stripes(const struct seg *sg);

#endif
