/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tallies.h - what the clients of a heap have counted, span class by span class, as
 * of one look.  Reads only; no privilege beyond that to read the heap.
 */
#ifndef TOOLS_TALLIES_H
#define TOOLS_TALLIES_H

#include "shm/count.h"

struct client_tallies {
	uint32_t     slot, gen;		/* gen 0: nobody */
	uint32_t     pid;
	char	     comm[16];
	struct tally cls[SPAN_CLASSES];
};

struct tallies {
	uint32_t	       n;	/* clients */
	uint64_t	       ns;	/* when, CLOCK_MONOTONIC */
	struct client_tallies *client;	/* in the order of slots */
};

/* False: out of memory. */
bool tallies_read(const struct seg *sg, struct tallies *ret_t);
void tallies_free(struct tallies *t);

/* The same client in another look; NULL: it wasn't there. */
const struct client_tallies *tallies_find(const struct tallies *t,
					  const struct client_tallies *c);

/* All clients, living and gone. */
void tallies_sum(const struct seg *sg, struct tally ret_sum[SPAN_CLASSES]);

uint64_t tally_refills(const struct tally *t);

/* *a -= *b */
void tally_since(struct tally *a, const struct tally *b);

#endif
