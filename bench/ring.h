/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - 1,024 slots from one sender to one receiver, in shared memory.
 *
 *	| tail, head as the sender saw it | head, tail as the receiver saw it |
 *	| slots ............................................................. |
 *
 * Each side writes its own line pair only, and looks at the other's when its
 * copy says full or empty: so a ring that is half full costs the slots' lines
 * and no more.  All zero is an empty ring.  It never waits (bench/wait.h does).
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_SLOTS	1024u

struct ring {
	_Alignas(128) _Atomic uint32_t tail;	/* sent, ever; wraps */
	uint32_t head_seen;
	_Alignas(128) _Atomic uint32_t head;	/* received, ever; wraps */
	uint32_t tail_seen;
	_Alignas(128) uint64_t slot[RING_SLOTS];
};

/* False: full. */
static inline bool ring_send(struct ring *r, uint64_t v)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail - r->head_seen == RING_SLOTS) {
		/* acquire: the slot has been read before it is written */
		r->head_seen = atomic_load_explicit(&r->head,
						    memory_order_acquire);
		if (tail - r->head_seen == RING_SLOTS)
			return false;
	}
	r->slot[tail % RING_SLOTS] = v;
	/* release: the slot, and the object behind it, come first */
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}

/* False: empty. */
static inline bool ring_receive(struct ring *r, uint64_t *ret_v)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head == r->tail_seen) {
		/* acquire: pairs with the sender's release */
		r->tail_seen = atomic_load_explicit(&r->tail,
						    memory_order_acquire);
		if (head == r->tail_seen)
			return false;
	}
	*ret_v = r->slot[head % RING_SLOTS];
	/* release: the sender may write the slot from here on */
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

#endif
