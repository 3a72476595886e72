/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alloc.c - allocation.  The fast path is one screen: a thread-local pair, one
 * load for the class, pop.  No lock, no atomic read-modify-write, no system
 * call, no shared write (shared at birth: one plain store to a byte that only
 * this process writes).
 */
#include <errno.h>
#include <string.h>

#include "libclient/held.h"

static COLD void *owned_slow(mh_heap *h, size_t size)
{
	unsigned sc = sc_of(size);

	if (sc)
		return alloc_slow(h, span_class(LIFE_OWNED, sc), false);
	return alloc_run(h, span_class(LIFE_OWNED, 0), size, 1, false);
}

static COLD void *shared_slow(mh_heap *h, size_t size)
{
	return mh_alloc_flags(h, size, MH_SHARED);
}

/* Above SC_BYTE_MAX; the thread's heap is h. */
static HOT void *owned_medium(mh_heap *h, size_t size)
{
	void *p;

	if (unlikely(size > SC_RUN_MAX ||
		     !pop_owned(&tls.mc->a, size <= SC_SMALL_MAX ?
				sc_of_medium(size) : sc_of_run(size), &p)))
		return owned_slow(h, size);
	return p;
}

HOT void *mh_alloc(mh_heap *h, size_t size)
{
	void *p;

	if (unlikely(tls.heap != h))
		return owned_slow(h, size);
	if (unlikely(size > SC_BYTE_MAX))
		return owned_medium(h, size);
	if (unlikely(!pop_owned(&tls.mc->a, sc_by_byte[size], &p)))
		return owned_slow(h, size);
	return p;
}

static HOT void *shared_medium(mh_heap *h, size_t size)
{
	void *p;

	if (unlikely(size > SC_SMALL_MAX ||
		     !pop_shared(&tls.mc->a, OWNED_ARRAYS + sc_of_medium(size),
				 &p)))
		return shared_slow(h, size);
	return p;
}

/* Below 8 bytes the arrays are empty for good: no such shared class. */
HOT void *mh_alloc_shared(mh_heap *h, size_t size)
{
	void *p;

	if (unlikely(tls.heap != h))
		return shared_slow(h, size);
	if (unlikely(size > SC_BYTE_MAX))
		return shared_medium(h, size);
	if (unlikely(!pop_shared(&tls.mc->a, OWNED_ARRAYS + sc_by_byte[size],
				 &p)))
		return shared_slow(h, size);
	return p;
}

static inline void *pop(struct mcache *mc, uint32_t i)
{
	void *p = NULL;
	bool got = array_shared(i) ? pop_shared(&mc->a, i, &p) :
		   pop_owned(&mc->a, i, &p);

	return got ? p : NULL;
}

/* CHECKED heaps use no arrays: one slot from the bitmaps. */
static void *alloc_checked(mh_heap *h, struct mcache *mc, uint32_t i,
			   bool nowait)
{
	void *p;

	if (!refill(h, mc, i, nowait))
		return NULL;
	p = pop(mc, i);
	flush(h, mc, i, 0);
	return p;
}

void *alloc_slow(mh_heap *h, uint32_t spc, bool nowait)
{
	uint32_t i = array_index(spc);
	struct mcache *mc = enter_to(h, nowait);
	void *p = NULL;

	if (!mc)
		return NULL;
	if (h->flags & MH_CHECKED)
		p = alloc_checked(h, mc, i, nowait);
	else if (array_n(&mc->a, i) || refill(h, mc, i, nowait))
		p = pop(mc, i);
	leave();
	return p;
}

/* An object of a span class; align is not above a page. */
static void *alloc_spc(mh_heap *h, uint32_t spc, bool nowait)
{
	uint32_t i = array_index(spc);
	void *p = NULL;

	if (likely(tls.heap == h))
		p = pop(tls.mc, i);
	return likely(p != NULL) ? p : alloc_slow(h, spc, nowait);
}

#define FLAGS_KNOWN	(MH_ZERO | MH_SHARED | MH_HELD | MH_NOWAIT | 0x1f0000u)

static void *alloc_any(mh_heap *h, size_t size, size_t align, unsigned flags)
{
	uint32_t life = flags & MH_SHARED ? LIFE_SHARED :
			flags & MH_HELD ? LIFE_HELD : LIFE_OWNED;
	unsigned sc;

	if (life == LIFE_SHARED && size < 8)
		size = 8;
	if (life == LIFE_HELD && size < HELD_LEAST)
		size = HELD_LEAST;
	sc = align > 1 ? sc_of_aligned(size, align) : sc_of(size);
	if (life == LIFE_HELD)
		return alloc_held(h, span_class(life, sc), size, align,
				  flags & MH_NOWAIT);
	if (array_index(span_class(life, sc)))
		return alloc_spc(h, span_class(life, sc), flags & MH_NOWAIT);
	return alloc_run(h, span_class(life, sc), size, align,
			 flags & MH_NOWAIT);
}

static APART void *alloc_flagged(mh_heap *h, size_t size, unsigned flags)
{
	unsigned log2 = flags >> 16 & 0x1f;
	void *p;

	if (flags & ~FLAGS_KNOWN || log2 > 22 ||
	    (flags & (MH_SHARED | MH_HELD)) == (MH_SHARED | MH_HELD))
		return refuse_null(EINVAL, "mh_alloc_flags: flags 0x%x: MH_ZERO, "
				 "MH_SHARED or MH_HELD, MH_NOWAIT and "
				 "MH_ALIGN(0..21) are known", flags);
	p = alloc_any(h, size, log2 ? (size_t)1 << (log2 - 1) : 1, flags);
	if (p && flags & MH_ZERO)
		memset(p, 0, size);
	return p;
}

HOT void *mh_alloc_flags(mh_heap *h, size_t size, unsigned flags)
{
	void *p = NULL;

	if (flags == MH_HELD && likely(tls.heap == h) &&
	    size - HELD_LEAST <= SC_SMALL_MAX - HELD_LEAST)
		p = alloc_held_fast(h, size);
	return likely(p != NULL) ? p : alloc_flagged(h, size, flags);
}

void *mh_zalloc(mh_heap *h, size_t size)
{
	void *p = mh_alloc(h, size);

	return p ? memset(p, 0, size) : NULL;
}

void *mh_aligned_alloc(mh_heap *h, size_t align, size_t size)
{
	if (!align || align & (align - 1) || align > 2u << 20)
		return refuse_null(EINVAL, "mh_aligned_alloc: alignment %zu is "
				 "not a power of two from 1 to 2 MiB", align);
	return alloc_any(h, size, align, 0);
}

size_t mh_alloc_batch(mh_heap *h, size_t size, unsigned flags, void **out,
		      size_t n)
{
	size_t got = 0;

	while (got < n && (out[got] = mh_alloc_flags(h, size, flags)))
		got++;
	return got;
}
