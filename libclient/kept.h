/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.h - the held runs that a thread made last, and keeps: each is a span of one
 * slot, OWNED by this process though the object in it is anybody's.
 *
 *	first                          first + n
 *	 | oldest  ...            newest | room |
 *
 * Whoever frees one clears its live bit and does nothing more, as in any span that
 * has an owner; the owner makes the next object of it.  So a stream of large objects
 * troubles no list.  What another process has just read lies in its caches, where
 * writing it anew is slow: so the oldest is taken, and of less than KEPT_LINE none.
 */
#ifndef LIBCLIENT_KEPT_H
#define LIBCLIENT_KEPT_H

#include "include/mheap.h"
#include "shm/segment.h"

#define KEPT_RUNS	32u
#define KEPT_BYTES	(2u << 20)	/* of all of them */
#define KEPT_LINE	(1u << 20)

struct kept {
	struct geom	 run[KEPT_RUNS];	/* a ring */
	uint32_t	 first, n;
	uint64_t	 bytes;
};

/* The oldest of the class that may be made anew; false: none. */
bool kept_take(mh_heap *h, struct kept *k, uint32_t spc, struct geom *ret_g);
/* It has its live bit. */
void kept_add(mh_heap *h, struct kept *k, const struct geom *g);
void kept_pass(mh_heap *h, struct kept *k);	/* all of them */

#endif
