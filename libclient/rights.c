/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.c - memory that a fork wipes.  Everything that says "this is mine"
 * lives in it, so a child starts with nothing by the kernel's doing alone.
 *
 * Addresses are kept for the life of the process: a thread may still look at
 * an mcache of a heap that was detached, and must find zeroes.  mcaches are
 * never handed to a second attach for the same reason.
 * Locks: rights.pool.
 */
#include <errno.h>
#include <sys/mman.h>

#include "libclient/client.h"

/*
 * A load waits for a store whose address has the same low 12 bits: words of the
 * heap's first pages must not have those of the objects that begin them.
 */
#define PT_SKEW		2048u
#define MC_POOL		(64u << 20)	/* address range taken at a time */

static void *map_wiped(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, bytes, MADV_WIPEONFORK)) {
		munmap(p, bytes);
		return NULL;
	}
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

int rights_first(mh_heap *h)
{
	if (!h->r)
		h->r = map_wiped(round_up(sizeof(*h->r), 4096));
	return h->r ? 0 : -ENOMEM;
}

int rights_make(mh_heap *h)
{
	uint64_t pages = h->sg.geo.npages;
	uint64_t spans = round_up(h->sg.geo.nspans, 2);
	uint64_t bytes = PT_SKEW + pages * 16 + spans * 12;

	if (!h->pt_map || h->pt_bytes < bytes) {
		char *map = map_wiped(bytes), *old = h->pt_map;
		uint64_t old_bytes = h->pt_bytes;

		if (!map)
			return -ENOMEM;
		/* A fork in between leaves the child none that is unmapped. */
		h->pt_map = map;
		order_for_recovery();
		h->pt_bytes = bytes;
		order_for_recovery();
		if (old)
			munmap(old, old_bytes);
	}
	h->pt = (_Atomic uint64_t *)(void *)(h->pt_map + PT_SKEW);
	h->leased = h->pt + pages;
	h->populated = (_Atomic uint32_t *)(void *)(h->leased + pages);
	h->holds = (struct holds *_Atomic *)(void *)(h->populated + spans);
	h->pt_origin = (uintptr_t)h->pt -
		       ((uintptr_t)h->arena >> PAGE_SHIFT) * 8;
	h->leased_origin = h->pt_origin + pages * 8;
	return 0;
}

static void mcaches_clear(mh_heap *h)
{
	struct mcache *mc = h->r ? ld_acq(&h->r->mcaches) : NULL; /* [A1] */

	while (mc) {
		struct mcache *next = mc->next;

		madvise(mc, MC_STRIDE, MADV_DONTNEED);
		mc = next;
	}
}

void set_me(mh_heap *h, struct party me)
{
	static _Atomic uint64_t joins = JOINED_NEVER;		/* [A1] */

	h->r->me = me;
	st_rel(&h->r->joined, add_rlx(&joins, 1) + 1);		/* [A1] */
	if (me.slot >= SH_HOLDERS)
		return;
	st_rel(&h->r->bit[0], holder_bit(me.slot).lo);		/* [A1] */
	st_rel(&h->r->bit[1], holder_bit(me.slot).hi);		/* [A1] */
}

void rights_clear(mh_heap *h)
{
	mcaches_clear(h);
	for (uint32_t i = 0; i < h->nchunks; i++)
		madvise(h->chunks[i], CHUNK_BYTES, MADV_DONTNEED);
	if (h->pt_map)
		madvise(h->pt_map, h->pt_bytes, MADV_DONTNEED);
	if (h->r)
		madvise(h->r, round_up(sizeof(*h->r), 4096), MADV_DONTNEED);
}

/* rights.pool held */
static bool chunk_ready(mh_heap *h)
{
	if (h->r->chunk < h->nchunks)
		return true;
	if (h->nchunks == CHUNKS_MAX)
		return false;
	h->chunks[h->nchunks] = map_wiped(CHUNK_BYTES);
	if (!h->chunks[h->nchunks])
		return false;
	h->nchunks++;
	return true;
}

void *pool_carve(mh_heap *h, size_t bytes)
{
	struct rights *r = h->r;
	void *p = NULL;

	bytes = round_up(bytes, 64);
	if (r->chunk_used + bytes > CHUNK_BYTES) {
		r->chunk++;
		r->chunk_used = 0;
	}
	if (chunk_ready(h)) {
		p = h->chunks[r->chunk] + r->chunk_used;
		r->chunk_used += (uint32_t)bytes;
	}
	return p;
}

void *pool_take(mh_heap *h, size_t bytes)
{
	void *p;

	pthread_mutex_lock(&h->r->pool);
	p = pool_carve(h, bytes);
	pthread_mutex_unlock(&h->r->pool);
	return p;
}

/* Where each array's entries lie behind the struct; room for none yet. */
static void mcache_lay(struct mcache *mc)
{
	char *at = (char *)mc + round_up(sizeof(*mc), 64);

	for (uint32_t i = 1; i < ARRAYS; i++) {
		mc->a.base[i] = at;
		if (i < LONG_ARRAYS)
			mc->home[i] = at;
		array_set_cap(&mc->a, i, 0);
		array_set_n(&mc->a, i, 0);
		at += sc_cache_max(array_size_class(i)) * array_each(i);
	}
}

_Static_assert(sizeof(struct mcache) + SC_LAST_SMALL * 128 * 40 +
	       (SC_COUNT - SC_FIRST_RUN) * 128 * 8 < MC_STRIDE,
	       "arrays at their biggest fit");

static struct mcache *mcache_reuse(mh_heap *h)
{
	for (struct mcache *mc = ld_acq(&h->r->mcaches); mc; /* [A1] */
	     mc = mc->next) {
		uint32_t none = 0;

		if (cas_sc(&mc->taken, &none, 1))		/* [A1] */
			return mc;
	}
	return NULL;
}

/* rights.pool held */
static struct mcache *mcache_new(mh_heap *h)
{
	struct mcache *mc;

	if (!h->mc_left) {
		char *pool = map_wiped(MC_POOL);

		if (!pool)
			return NULL;
		h->mc_next = pool;
		order_for_recovery();
		h->mc_left = MC_POOL / MC_STRIDE;
	}
	/* A fork in between leaves the child one less, never one too many. */
	h->mc_left--;
	order_for_recovery();
	mc = (struct mcache *)(void *)h->mc_next;
	h->mc_next += MC_STRIDE;
	mcache_lay(mc);
	mc->serial = h->serial;
	st_rlx(&mc->taken, 1);					/* [A1] */
	mc->next = ld_acq(&h->r->mcaches);			/* [A1] */
	xchg_sc(&h->r->mcaches, mc);				/* [A1] */
	return mc;
}

struct mcache *mcache_take(mh_heap *h)
{
	struct mcache *mc = mcache_reuse(h);

	if (mc)
		return mc;
	pthread_mutex_lock(&h->r->pool);
	mc = mcache_new(h);
	pthread_mutex_unlock(&h->r->pool);
	return mc;
}

/* Its arrays are flushed; another thread may have it. */
void mcache_drop(mh_heap *h, struct mcache *mc)
{
	(void)h;
	st_rel(&mc->taken, 0);					/* [A1] */
}
