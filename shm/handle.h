/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle.h - handles: the arena offset in the low bits, the span's generation in
 * all the others.  Made by libmheap, kept in names, read by everybody.
 */
#ifndef SHM_HANDLE_H
#define SHM_HANDLE_H

#include "shm/segment.h"

static inline unsigned handle_offset_bits(const struct seg *sg)
{
	return 64 - (unsigned)__builtin_clzll(sg->geo.reserve_bytes - 1);
}

static inline uint64_t handle_offset(const struct seg *sg, uint64_t v)
{
	return v & ((1ull << handle_offset_bits(sg)) - 1);
}

/* A span's, but for the offset. */
static inline uint64_t handles_of(const struct seg *sg, uint32_t generation)
{
	unsigned bits = handle_offset_bits(sg);
	uint64_t gen = (uint64_t)generation << bits >> bits;

	return (gen ? gen : 1) << bits;
}

static inline uint64_t handle_make(const struct seg *sg, const struct geom *g,
				   uint64_t offset)
{
	return handles_of(sg, g->gen) | offset;
}

/* Where a handle leads, as of now; false: to nothing that is there any more. */
static inline bool handle_find(const struct seg *sg, uint64_t v,
			       struct geom *ret_g, uint32_t *ret_slot)
{
	uint64_t off = handle_offset(sg, v);

	return off < sg->geo.reserve_bytes &&
	       geom_of_page(sg, (pgno){ (uint32_t)(off >> PAGE_SHIFT) }, ret_g) &&
	       geom_slot(ret_g, off, ret_slot) &&
	       handle_make(sg, ret_g, off) == v;
}

#endif
