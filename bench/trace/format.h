/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h - a packed trace: what a program asked of malloc, in order, without
 * addresses.  A header, then header.events words of 8 bytes:
 *
 *	| size, 36 bits | slot, 26 bits | op, 2 bits |
 *
 * A slot is a place that holds one object: TRACE_ALLOC fills an empty one,
 * TRACE_FREE empties a full one, TRACE_RESIZE gives the object another size.
 * Slots are numbered from 0 and reused, the last emptied first.  Sizes are 1 or
 * more (malloc(0) counts as 1); that of a free is 0.  Threads are merged into
 * one order.  Native byte order.
 */
#ifndef BENCH_TRACE_FORMAT_H
#define BENCH_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC	"mhtrace"	/* with its 0: 8 bytes */
#define TRACE_VERSION	1u

enum trace_op {
	TRACE_ALLOC,
	TRACE_FREE,
	TRACE_RESIZE,
	TRACE_OPS
};

#define TRACE_OP_BITS	2
#define TRACE_SLOT_BITS	26
#define TRACE_SIZE_BITS	36
#define TRACE_SLOTS_MAX	(1u << TRACE_SLOT_BITS)
#define TRACE_SIZE_MAX	((1ull << TRACE_SIZE_BITS) - 1)

struct trace_header {
	char magic[8];
	uint32_t version;
	uint32_t threads;		/* of the program */
	uint64_t events;
	uint64_t count[TRACE_OPS];	/* of each op */
	uint64_t slots;			/* the most objects at one time */
	uint64_t peak_bytes;		/* the most that was asked for */
	uint64_t peak_events;		/* and how many events led to it */
	uint64_t largest;		/* object */
	uint64_t zeroed, aligned;	/* allocations that were */
	uint64_t foreign;		/* objects from before the recording */
	char program[64];
};

static inline uint64_t trace_event(enum trace_op op, uint32_t slot,
				   uint64_t size)
{
	return size << (TRACE_OP_BITS + TRACE_SLOT_BITS) |
		(uint64_t)slot << TRACE_OP_BITS | op;
}

static inline enum trace_op trace_op(uint64_t event)
{
	return event & ((1u << TRACE_OP_BITS) - 1);
}

static inline uint32_t trace_slot(uint64_t event)
{
	return event >> TRACE_OP_BITS & (TRACE_SLOTS_MAX - 1);
}

static inline uint64_t trace_size(uint64_t event)
{
	return event >> (TRACE_OP_BITS + TRACE_SLOT_BITS);
}

#endif
