/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pageword.h - the page table's words: what each page of the arena says to the
 * thread that frees an object on it, or asks whose it is.
 *
 *	pt	pspan address << 16 | index of the class's array * 8, its offset in
 *		the fields of struct arrays.  0: not mine.  Index 0 is empty and full
 *		for ever, so such a page's frees go the slow way, which looks again
 *		under the lock
 *	leased	what is needed beside it where others may have freed too; read only
 *		once pt says that the page is ours
 *
 * Lock: the class's, to write them; they are read without.
 */
#ifndef LIBCLIENT_PAGEWORD_H
#define LIBCLIENT_PAGEWORD_H

#include "libclient/client.h"

static inline struct pspan *pt_pspan(uint64_t w)
{
	return (struct pspan *)(uintptr_t)(w >> 16);
}

static inline uint64_t pt_word(const struct pspan *ps, uint32_t array)
{
	return (uint64_t)(uintptr_t)ps << 16 | array * sizeof(char *);
}

/* [A1] acquire and release: who finds a span's word finds the pspan filled. */
static inline uint64_t pt_load(const mh_heap *h, uint64_t page)
{
	return ld_acq(&h->pt[page]);				/* [A1] */
}

/*
 * The low half-word alone of an arena address's page: all that the free of an
 * owned object needs.  Each instruction between p and the array's top is paid
 * for by alloc+free pairs: hence an origin in place of a subtraction.
 */
static inline uint16_t pt_array(const mh_heap *h, const void *p)
{
	uintptr_t at = h->pt_origin + ((uintptr_t)p >> PAGE_SHIFT) * 8;

	return ld_acq((_Atomic uint16_t *)at);			/* [A1] */
}

static inline uint64_t leased_load(const mh_heap *h, const void *p)
{
	uintptr_t at = h->leased_origin + ((uintptr_t)p >> PAGE_SHIFT) * 8;

	return ld_rlx((_Atomic uint64_t *)at);			/* [A1] */
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pt_array");

/*
 * Second word of a leased page: address of its span's parked bytes << 16 | size
 * class << 8 | which of the span's pages it is.  All that a free needs.
 */
static inline uint64_t leased_word(const struct pspan *ps, uint32_t page)
{
	return (uint64_t)(uintptr_t)ps->parked << 16 |
	       spc_size_class(ps->spc) << 8 | page;
}

/*
 * ... of a page of a mixed span of small objects: address of its live words,
 * MIXED, size class, its pages less one, which of them it is.
 */
#define MIXED		0x8000u

static inline uint64_t mixed_word(const struct pspan *ps, uint32_t page)
{
	return (uint64_t)(uintptr_t)ps->live << 16 | MIXED |
	       spc_size_class(ps->spc) << 8 | (ps->g.len.n - 1) << 4 | page;
}

_Static_assert(SC_MAX_PAGES <= 16 && SC_LAST_SMALL < 128, "mixed_word");

static inline uint32_t mixed_class(uint64_t w)
{
	return (uint32_t)w >> 8 & 0x7f;
}

/* Slot that starts at p, on such a page; false: none does. */
static inline bool mixed_slot(uint64_t w, const void *p, uint32_t *ret_slot)
{
	uint32_t sc = mixed_class(w);
	uint32_t off = ((uint32_t)w & 15) << PAGE_SHIFT |
		       ((uint32_t)(uintptr_t)p & (PAGE_BYTES - 1));

	return sc_slot_start(sc, off, ret_slot) && off + sc_size(sc) <=
	       (((uint32_t)w >> 4 & 15) + 1) << PAGE_SHIFT;
}

static inline uint32_t leased_class(uint64_t w)
{
	return (uint8_t)(w >> 8);
}

static inline _Atomic uint8_t *leased_parked(uint64_t w)
{
	return (_Atomic uint8_t *)(uintptr_t)(w >> 16);
}

static inline uint32_t leased_offset(uint64_t w, const void *p)
{
	return (uint32_t)(uint8_t)w << PAGE_SHIFT |
	       ((uint32_t)(uintptr_t)p & (PAGE_BYTES - 1));
}

static inline void pt_store(mh_heap *h, uint64_t page, uint64_t w)
{
	st_rel(&h->pt[page], w);				/* [A1] */
}

#endif
