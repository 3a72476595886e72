/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked.h - the parked bytes of a leased span, taken 64 slots at a time as a
 * mask.  A byte is 0 or 1.  Slots are written eight at a time only where all
 * eight change: other threads of the owner write the bytes of their own slots.
 * Blocks end at granules, so a word may be read beyond the last slot.
 */
#ifndef SHM_PARKED_H
#define SHM_PARKED_H

#include "shm/atomic.h"

#define PARKED_ALL	0x0101010101010101ull

static inline _Atomic uint64_t *parked_eight(_Atomic uint8_t *parked,
					     uint32_t slot)
{
	return (_Atomic uint64_t *)(void *)&parked[slot];
}

/* Bit i: slot + i is parked.  slot: a multiple of 64. */
static inline uint64_t parked_mask(_Atomic uint8_t *parked, uint32_t slot,
				   uint64_t within)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < 64 && within >> i; i += 8) {
		uint64_t x = ld_rlx(parked_eight(parked, slot + i)); /* [P1] */

		mask |= (x & PARKED_ALL) * 0x0102040810204080ull >> 56 << i;
	}
	return mask & within;
}

/* Parks (1) or unparks (0) the slots of the mask. */
static inline void parked_set(_Atomic uint8_t *parked, uint32_t slot,
			      uint64_t mask, uint8_t to)
{
	for (uint32_t i = 0; i < 64 && mask >> i; i += 8) {
		uint64_t m = mask >> i & 0xff;

		if (m == 0xff) {
			st_rlx(parked_eight(parked, slot + i),	/* [P1] */
			       to * PARKED_ALL);
			continue;
		}
		for (; m; m &= m - 1)				/* [P1] */
			st_rlx(&parked[slot + i +
				       (uint32_t)__builtin_ctzll(m)], to);
	}
}

#endif
