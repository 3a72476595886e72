/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_kinds.h - an allocation that knows whether it was slow, and where its
 * slots came from.  For slow_refill.c.
 *
 *	own	spans of this process that have free slots
 *	harvest	spans of this process whose objects another process has freed
 *	central	a span of mcentral that this process has populated before
 *	new	... that it had to populate
 *	grant	a span that the daemon was asked for
 *	growth	... and got memory meanwhile
 */
#ifndef BENCH_SLOW_KINDS_H
#define BENCH_SLOW_KINDS_H

#include "bench/slow.h"

#define SLOW_SAMPLES	(1u << 18)	/* kept per phase and kind */

enum phase { FILL, STEADY, PRODUCE, HOLES, HARVEST, PHASES };
enum kind { OWN, HARVESTED, CENTRAL, NEW, GRANT, GROWTH, KINDS };

struct times {
	uint32_t n;
	float ns[SLOW_SAMPLES];
};

struct room {			/* of one worker, in shared memory */
	struct times t[PHASES][KINDS];
	uint64_t lost;		/* samples that found no place */
	void *object[];		/* for the parent to free */
};

struct worker {
	const struct slow_opts *o;
	mh_heap *h;
	struct room *room;
	_Atomic uint64_t *seen;	/* bit per page: populated by this process */
	void **object;
	uint32_t array, spc;
	enum phase phase;
	bool warm;		/* not measured */
};

/* Fills in all but o, h, room and object. */
void worker_init(struct worker *w);
/* An object; if it was a slow path, the time goes into the room. */
void *timed_alloc(struct worker *w);

#endif
