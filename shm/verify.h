/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - walks a whole heap and names the first broken invariant.
 *
 * Reads only, takes no lock, allocates from malloc alone; a read-only mapping
 * will do.  Never touches memory that the daemon has not asked for, nor the
 * arena.  What it knows of the page heap is what is published: geometry, page
 * map, commit bits.
 *
 * A heap that is in use changes under the walk.  Then a fault counts only if a
 * second walk, a pause later, finds the same one with the same state word; and
 * what living clients pass through inside a call is legal.
 */
#ifndef SHM_VERIFY_H
#define SHM_VERIFY_H

#include "shm/span.h"

struct verify_opts {
	bool quiet_heap;	/* nobody runs: one walk, sums equal counters */
	bool in_calls;		/* quiet, but clients were stopped inside calls */
	void (*pause)(void *arg);	/* between walks; NULL: some ms */
	void *arg;
};

struct verify_report {
	char	 text[256];	/* the fault as a sentence, or "" */
	unsigned walks;
	uint64_t spans_by_state[6];
	uint64_t shared_objects, shared_bytes;
	uint64_t held_objects, held_bytes;
	uint64_t pages, used_pages, committed_pages, free_committed_pages;
	uint64_t unlinked;	/* LISTED, in no list: found by scans only */
	uint64_t stale;		/* in a list that is not (any more) theirs */
	uint64_t transit;	/* states that only a living client explains */
	uint64_t busy_stripes, clients, requests, names;
	uint64_t named;		/* held objects that a name holds */
	uint64_t queued, messages; /* ... in channels, by words and by places */
};

/* 0: sound; 1: ret->text says what is broken; -ENOMEM. */
int verify_heap(const struct seg *sg, const struct verify_opts *o,
		struct verify_report *ret);

#endif
