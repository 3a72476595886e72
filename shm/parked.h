/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked.h - the parked bytes of a leased span, taken 64 slots at a time as a
 * mask.  Slots are written eight at a time only where all eight change: others
 * write the bytes of their own slots.  Blocks end at granules, so a word may be
 * read beyond the last slot.
 *
 *	0		an object, or a free slot, as live says
 *	1		free in the hands of the span's owner
 *	2 + slot	free in the hands of that client, lent when it freed it
 */
#ifndef SHM_PARKED_H
#define SHM_PARKED_H

#include "shm/atomic.h"

#define PARKED_ALL	0x0101010101010101ull
#define PARKED_LOW	0x7f7f7f7f7f7f7f7full
#define PARKED_OWNER	1u
#define PARKED_LENT	2u	/* + client slot */
#define LENDERS		254u	/* client slots below borrow; those above free at once */

/* How a client marks what it borrowed; of one that never does, PARKED_OWNER. */
static inline uint8_t parked_by(uint32_t slot)
{
	return (uint8_t)(slot < LENDERS ? PARKED_LENT + slot : PARKED_OWNER);
}

static inline _Atomic uint64_t *parked_eight(_Atomic uint8_t *parked,
					     uint32_t slot)
{
	return (_Atomic uint64_t *)(void *)&parked[slot];
}

/* 1 in each byte that isn't 0. */
static inline uint64_t parked_nonzero(uint64_t x)
{
	return (((x & PARKED_LOW) + PARKED_LOW) | x) >> 7 & PARKED_ALL;
}

/* Eight bytes of 0 or 1 as eight bits. */
static inline uint64_t parked_gather(uint64_t ones)
{
	return ones * 0x0102040810204080ull >> 56;
}

/* Is one of 64 slots parked?  Mostly all of a word are free, and none is. */
static inline bool parked_any(_Atomic uint8_t *parked, uint32_t slot)
{
	uint64_t any = 0;

	_Pragma("GCC unroll 8")
	for (uint32_t i = 0; i < 64; i += 8)
		any |= ld_rlx(parked_eight(parked, slot + i));	/* [P1] */
	return any;
}

static inline void parked_set_all(_Atomic uint8_t *parked, uint32_t slot,
				  uint8_t to)
{
	_Pragma("GCC unroll 8")
	for (uint32_t i = 0; i < 64; i += 8)
		st_rlx(parked_eight(parked, slot + i), to * PARKED_ALL); /* [P1] */
}

/* Bit i: slot + i is parked, by whomever.  slot: a multiple of 64. */
static inline uint64_t parked_mask(_Atomic uint8_t *parked, uint32_t slot,
				   uint64_t within)
{
	uint64_t mask = 0;

	if (within == ~0ull && !parked_any(parked, slot))
		return 0;
	for (uint32_t i = 0; i < 64 && within >> i; i += 8) {
		uint64_t x = ld_rlx(parked_eight(parked, slot + i)); /* [P1] */

		if (x)
			mask |= parked_gather(parked_nonzero(x)) << i;
	}
	return mask & within;
}

/* Bit i: slot + i is parked as `mark` says, or as `other` does. */
static inline uint64_t parked_as(_Atomic uint8_t *parked, uint32_t slot,
				 uint64_t within, uint8_t mark, uint8_t other)
{
	uint64_t mask = 0;

	for (uint32_t i = 0; i < 64 && within >> i; i += 8) {
		uint64_t x = ld_rlx(parked_eight(parked, slot + i)); /* [P1] */
		uint64_t no = parked_nonzero(x ^ mark * PARKED_ALL) &
			      parked_nonzero(x ^ other * PARKED_ALL);

		if (x)
			mask |= parked_gather(no ^ PARKED_ALL) << i;
	}
	return mask & within;
}

/* Parks the slots of the mask so, or unparks them (0). */
static inline void parked_set(_Atomic uint8_t *parked, uint32_t slot,
			      uint64_t mask, uint8_t to)
{
	if (mask == ~0ull) {
		parked_set_all(parked, slot, to);
		return;
	}
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
