/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count.h - sums over a heap, for mh_stats and the tools.  Reads only, takes no
 * lock: exact while nobody runs, else as of the moments of reading.
 */
#ifndef SHM_COUNT_H
#define SHM_COUNT_H

#include "shm/span.h"

struct class_count {
	uint64_t spans, live, free, bytes;
};

struct heap_count {
	uint64_t spans, owned_bytes, shared_objects, shared_bytes;
	uint64_t held_objects, held_bytes;
	uint64_t quarantined, clients, refills, daemon_calls;
	uint64_t by_state[8];
	struct class_count cls[SPAN_CLASSES];
};

/* Of struct sh_tally, as of the reading. */
struct tally {
	uint64_t refills[3], objects, flushes, flushed, failed;
};

void tally_add(struct tally *sum, const struct sh_tally *t);

/* Refills of a client, also those that brought nothing. */
uint64_t slot_refills(const struct sh_slot *s);

/*
 * What the spans that a client owns come to.  cached_bytes and inuse_bytes are
 * as of its last slow path.
 */
struct client_count {
	uint64_t spans, owned_bytes, shared_bytes;
};

/* clients: NULL or [nclients + 1], filled as well. */
void count_heap(const struct seg *sg, struct heap_count *ret,
		struct client_count *clients);

#endif
