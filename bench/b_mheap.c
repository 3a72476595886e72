/* SPDX-License-Identifier: Apache-2.0 */
/*
 * b_mheap.c - the back ends mheap (objects are owned, and become shared when
 * they are given away) and mheap-shared (shared at birth), in a heap of the
 * run's own.
 *
 * Programs pass plain pointers when the heap is at the same address in each,
 * which is the rule, and handles otherwise: so does this.
 */
#include <mheap.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/backends.h"
#include "bench/daemon.h"

static mh_heap *heap;
static struct mh_info info;
static pid_t creator;
static bool at_birth;		/* shared, not owned */

static int complain(const char *what)
{
	fprintf(stderr, "mheap: %s: %s\n", what, mh_errmsg());
	return -1;
}

static int create(uint64_t bytes)
{
	creator = getpid();
	heap = daemon_heap(bytes);
	if (!heap)
		return -1;
	if (mh_info(heap, &info, sizeof(info)))
		return complain("info");
	backend_mheap.heap = backend_mheap_shared.heap = heap;
	backend_mheap.version = backend_mheap_shared.version = info.version;
	return 0;
}

static int create_shared(uint64_t bytes)
{
	at_birth = true;
	return create(bytes);
}

static void destroy(void)
{
	daemon_end(heap);
}

static uint64_t give(void *p)
{
	if (!at_birth && mh_share(heap, p)) {
		complain("share");
		abort();	/* the harness gave it no object of this process */
	}
	return info.same_address ? (uintptr_t)p : mh_handle_of(heap, p);
}

static void *take(uint64_t handle)
{
	return mh_deref(heap, handle);
}

/* What passing an object takes: between threads nothing. */
static void choose_passing(struct backend *b)
{
	bool process = getpid() != creator;

	b->handle = process && !(at_birth && info.same_address) ? give : NULL;
	b->deref = process && !info.same_address ? take : NULL;
}

/*
 * A process that was forked becomes a client of its own at its first slow path:
 * here, not in what is measured.
 */
static int attach(unsigned worker)
{
	struct backend *b = at_birth ? &backend_mheap_shared : &backend_mheap;
	void *p = b->heap_alloc(heap, 16);

	(void)worker;
	if (!p)
		return complain("first allocation");
	mh_free(heap, p);
	choose_passing(b);
	return 0;
}

static void detach(void)
{
	if (getpid() != creator)
		mh_detach(heap);
}

static uint64_t footprint(void)
{
	struct mh_stats stats;

	if (mh_stats(heap, &stats, sizeof(stats))) {
		complain("stats");
		return 0;
	}
	return stats.committed_bytes;
}

static uint64_t round_trips(void)
{
	struct mh_stats stats;

	return mh_stats(heap, &stats, sizeof(stats)) ? 0 : stats.daemon_calls;
}

static int trim(void)
{
	return mh_trim(heap) ? complain("trim") : 0;
}

/* The library's own functions, with its heap as any pointer. */
#define ALLOC(f)	((void *(*)(void *, size_t))(f))
#define FREE(f)		((void (*)(void *, void *))(f))

struct backend backend_mheap = {
	.name = "mheap",
	.threads = true,
	.create = create,
	.attach = attach,
	.detach = detach,
	.destroy = destroy,
	.heap_alloc = ALLOC(mh_alloc),
	.heap_free = FREE(mh_free),
	.trim = trim,
	.footprint = footprint,
	.round_trips = round_trips,
};

struct backend backend_mheap_shared = {
	.name = "mheap-shared",
	.threads = true,
	.create = create_shared,
	.attach = attach,
	.detach = detach,
	.destroy = destroy,
	.heap_alloc = ALLOC(mh_alloc_shared),
	.heap_free = FREE(mh_free),
	.trim = trim,
	.footprint = footprint,
	.round_trips = round_trips,
};
