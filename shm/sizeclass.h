/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizeclass.h - from a size to its class, and what a class looks like.
 *
 * Class 0 is "none": larger than SC_RUN_MAX, a page run of its own that only
 * the daemon grants.  1 .. SC_LAST_SMALL are small classes, many slots to a
 * span.  SC_FIRST_RUN .. SC_COUNT - 1 are run classes: one slot, which is the
 * whole span.
 *
 * The tables are constant and in sizeclass.c, one copy per program: a copy per
 * source file would cost the fast path cache lines.  No state, no locks, no
 * division.  Lifetimes (span class = size class x lifetime) are not known here.
 */
#ifndef SHM_SIZECLASS_H
#define SHM_SIZECLASS_H

#include "shm/sizeclass_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SC_PAGE_SHIFT	13
#define SC_PAGE		(1u << SC_PAGE_SHIFT)
#define SC_MAX_SLOTS	32768u	/* of a span */

struct sizeclass {
	uint32_t size;		/* bytes of a slot */
	uint32_t magic;		/* see sc_slot() */
	uint16_t nslots;	/* in its shortest span */
	uint16_t tail;		/* bytes behind the last slot */
	uint16_t waste;		/* worst case, hundredths of a percent */
	uint8_t npages;		/* of its shortest span */
	uint8_t cache;		/* most free slots in a thread's array */
};
_Static_assert(sizeof(struct sizeclass) == 16, "four rows to a cache line");

/* Hidden, so that position-independent code reaches them without a GOT. */
#define SC_HIDDEN __attribute__((visibility("hidden")))
extern const struct sizeclass sc_table[SC_COUNT] SC_HIDDEN;
extern const uint8_t sc_by_byte[SC_BY_BYTE_SIZE] SC_HIDDEN;
extern const uint8_t sc_by_128[SC_BY_128_SIZE] SC_HIDDEN;

static inline bool sc_is_small(unsigned class)
{
	return class - 1u < SC_LAST_SMALL;
}

static inline bool sc_is_run(unsigned class)
{
	return class >= SC_FIRST_RUN;
}

static inline uint32_t sc_size(unsigned class)
{
	return sc_table[class].size;
}

static inline uint32_t sc_nslots(unsigned class)
{
	return sc_table[class].nslots;
}

static inline uint32_t sc_npages(unsigned class)
{
	return sc_table[class].npages;
}

static inline uint32_t sc_span_bytes(unsigned class)
{
	return (uint32_t)sc_table[class].npages << SC_PAGE_SHIFT;
}

/*
 * The next longer span of a small class, or 0: spans are as long as the table
 * says, or double that, and so on up to SC_MAX_PAGES and SC_MAX_SLOTS.
 */
static inline uint32_t sc_longer(unsigned class, uint32_t pages)
{
	return sc_is_small(class) && pages * 2 <= SC_MAX_PAGES &&
	       (pages * 2 << SC_PAGE_SHIFT) / sc_size(class) <= SC_MAX_SLOTS ?
	       pages * 2 : 0;
}

/* Are there spans of so many pages in the class? */
static inline bool sc_npages_ok(unsigned class, uint32_t pages)
{
	uint32_t n = sc_npages(class);

	while (n && n < pages)
		n = sc_longer(class, n);
	return n && n == pages;
}

/* Most free slots that a thread's array may hold; 0 for run classes. */
static inline uint32_t sc_cache_max(unsigned class)
{
	return sc_table[class].cache;
}

/*
 * The slot that holds byte `off` of a span.  Exact for each offset inside the
 * longest span; one in a span's tail gives its nslots: callers compare.
 */
static inline uint32_t sc_slot(unsigned class, uint32_t off)
{
	return (uint32_t)(((uint64_t)off + 1) * sc_table[class].magic >> 32);
}

/* Byte offset of a slot from the span's start. */
static inline uint32_t sc_slot_off(unsigned class, uint32_t slot)
{
	return slot * sc_table[class].size;
}

/*
 * Is `off` the first byte of a slot, in a span of the small class that is long
 * enough for it?  The slot that holds it goes to *ret_slot.  (The product's low
 * half is how far into the slot `off` is, in units of magic, less a bit that no
 * span is long enough to matter: after Lemire, Kaser and Kurz, "Faster remainder
 * by direct computation".)
 */
static inline bool sc_slot_start(unsigned class, uint32_t off,
				 uint32_t *ret_slot)
{
	uint32_t magic = sc_table[class].magic;
	uint64_t x = ((uint64_t)off + 1) * magic;

	*ret_slot = (uint32_t)(x >> 32);
	return (uint32_t)x <= magic;
}

/*
 * The run class for `size` bytes, SC_SMALL_MAX < size <= SC_RUN_MAX.  Four
 * classes per doubling: the doubling is the top bit of npages - 1, the class
 * within it the two bits below.
 */
static inline unsigned sc_of_run(size_t size)
{
	uint32_t last = (uint32_t)((size - 1) >> SC_PAGE_SHIFT);
	unsigned doubling = 29u - (unsigned)__builtin_clz(last);

	return SC_FIRST_RUN + 4 * doubling + (last >> doubling) - 4;
}

/* The class for `size` bytes, SC_BYTE_MAX < size <= SC_SMALL_MAX. */
static inline unsigned sc_of_medium(size_t size)
{
	return sc_by_128[(size - SC_BYTE_MAX + 127) >> 7];
}

/* The class for a request of `size` bytes; 0 counts as 1; class 0 if large. */
static inline unsigned sc_of(size_t size)
{
	if (__builtin_expect(size <= SC_BYTE_MAX, 1))
		return sc_by_byte[size];
	if (size <= SC_SMALL_MAX)
		return sc_of_medium(size);
	return size <= SC_RUN_MAX ? sc_of_run(size) : 0;
}

/* What every slot of a class is aligned to: a power of two, a page at most. */
static inline uint32_t sc_align(unsigned class)
{
	uint32_t low = sc_table[class].size & -sc_table[class].size;

	return low < SC_PAGE ? low : SC_PAGE;
}

/*
 * The smallest class that holds `size` bytes at a multiple of `align`, a power
 * of two.  0: no class does, because spans begin at pages; ask for a run.
 */
static inline unsigned sc_of_aligned(size_t size, size_t align)
{
	unsigned class;

	if (align > SC_PAGE || size > SC_RUN_MAX)
		return 0;
	/* Such a class's size is a multiple of align, so start at one. */
	class = sc_of(((size ? size : 1) + align - 1) & ~(align - 1));
	while (sc_align(class) < align)
		class++;
	return class;
}

#endif
