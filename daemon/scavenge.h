/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scavenge.h - which free pages give their memory back, and when.
 *
 * Policy only: the caller brings the clock and does the work.  Per release:
 *
 *	scavenge_next() names a run	-> pages_take() it, begin to release
 *	the release has ended		-> pages_uncommit(), pages_free() it,
 *					   scavenge_done()
 *
 * so that nobody allocates the run meanwhile.  If the release failed, leave
 * out pages_uncommit().
 *
 * In the background: pages with memory beyond the recent peak of pages in use
 * plus a tenth are released, from the top down, one release at a time, at 1 %
 * of one CPU; nearly full chunks are left alone.  By force (a trim): all free
 * memory, at once, as many releases at a time as the caller likes.
 *
 * Owns nothing, one owner, no lock.  The page table belongs to the caller.
 */
#ifndef DAEMON_SCAVENGE_H
#define DAEMON_SCAVENGE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pages.h"

#define SCAVENGE_WINDOW		16	/* ticks that "recent" means */
#define SCAVENGE_PERCENT	1	/* of one CPU */

/* scavenge_init() fills it in for the arena; to be changed before first use. */
struct scavenge_config {
	npages min;		/* the unit of release, a power of two <= 64 */
	npages quantum;		/* one background release, huge pages aside */
	npages huge;		/* pages per huge page, 0: none */
	npages keep;		/* free pages with memory kept at the least */
	uint64_t tick_ns;
};

struct scavenger {
	struct scavenge_config cfg;
	uint32_t peak[SCAVENGE_WINDOW];	/* of pages in use, a tick each */
	uint32_t tick;			/* ticks so far */
	uint64_t next_tick;
	uint64_t next_at;		/* the pacer: not before this time */
	uint64_t work_ns;		/* done since the last pause */
	uint32_t coming;		/* taken pages that are getting memory */
	uint32_t in_flight;		/* pages being released */
	uint32_t busy;			/* of them, the background's */
	bool idle;			/* nothing to do until the next tick */
	bool aged;			/* chunks have yet to see a tick */
	pgno below;			/* the background pass came down here */
	pgno trim_below;		/* the forced one here */
};

void scavenge_init(struct scavenger *s, uint64_t now);

/*
 * Counts the pages in use (those being released or coming included, as the page
 * table has it) towards the peak; cheap, so call it as often as they may have peaked.
 * If a tick is due, the window moves on, chunks age by a generation and both
 * passes begin at the top again.  The background waits for the second tick, to
 * have seen a peak.
 */
void scavenge_tick(struct scavenger *s, uint64_t now, npages in_use);

/*
 * The run to release next; false: none now.  Each run that was named must be
 * ended by scavenge_done().
 */
bool scavenge_next(struct scavenger *s, struct pages *p, uint64_t now,
		   bool force, pgno *ret_start, npages *ret_n);

/* A release of n pages ended, well or not, and cost so much time. */
void scavenge_done(struct scavenger *s, uint64_t now, uint64_t cost_ns,
		   npages n);

/*
 * A trim begins: forced calls start at the top.  From there they only go down,
 * so that calling until false ends even if every release fails.
 */
void scavenge_trim(struct scavenger *s);

/* When to call tick and next again; a release that ends is a reason too. */
uint64_t scavenge_wake_at(const struct scavenger *s);

/* Pages with memory that the background leaves in the heap. */
npages scavenge_goal(const struct scavenger *s);

#endif
