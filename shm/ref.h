/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ref.h - typed ids and lengths, so that a page number is never mistaken for
 * a span or a length.  Everything that two processes exchange about memory is
 * one of these; pointers stay private.
 */
#ifndef SHM_REF_H
#define SHM_REF_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT	13
#define PAGE_BYTES	(1u << PAGE_SHIFT)	/* a page of the heap: 8 KiB */
#define GRANULE_SHIFT	7
#define GRANULE_BYTES	(1u << GRANULE_SHIFT)	/* a piece of a span's block */

typedef struct { uint32_t n; } span_id;	/* index in the span table; 0: none */
typedef struct { uint32_t n; } pgno;	/* a page, from the arena's start */
typedef struct { uint32_t n; } npages;	/* a length in pages */

static inline bool span_id_eq(span_id a, span_id b)
{
	return a.n == b.n;
}

static inline uint64_t pgno_offset(pgno p)
{
	return (uint64_t)p.n << PAGE_SHIFT;
}

static inline uint64_t npages_bytes(npages n)
{
	return (uint64_t)n.n << PAGE_SHIFT;
}

/* Pages that hold `bytes`; the caller has bounded bytes by the arena. */
static inline npages npages_for(uint64_t bytes)
{
	return (npages){ (uint32_t)((bytes + PAGE_BYTES - 1) >> PAGE_SHIFT) };
}

static inline uint64_t round_up(uint64_t n, uint64_t pow2)
{
	return (n + pow2 - 1) & ~(pow2 - 1);
}

#endif
