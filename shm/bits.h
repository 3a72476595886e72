/* SPDX-License-Identifier: Apache-2.0 */
/* bits.h - counting bits without a call: the baseline has no instruction. */
#ifndef SHM_BITS_H
#define SHM_BITS_H

#include <stdint.h>

static inline uint32_t count_bits(uint64_t x)
{
#if defined(__POPCNT__) || !defined(__x86_64__)
	return (uint32_t)__builtin_popcountll(x);
#else
	if (x + 1 <= 1)			/* none or all, as mostly */
		return x & 64;
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
#endif
}

#endif
