/* SPDX-License-Identifier: Apache-2.0 */
/*
 * b_null.c - the back end null: the harness alone.  Objects are cut one after
 * the other from a ring of each worker's own, and free does nothing: what a
 * workload costs that allocates for nothing.
 *
 * Objects overlap when the workload keeps some for longer than a lap: so no
 * --check.  Where they are passed on and may be looked at, a lap is as long as
 * what lives at once; else it is short enough to stay in a processor's cache.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/backends.h"

#define RING_MIN	4096ull
#define RING_PRIVATE	(2ull << 20)
#define RING_PASSED	(64ull << 20)
#define OBJECT_MAX	(64ull << 20)

static unsigned n_workers = 1;
static uint64_t ring_max = RING_PRIVATE;
static char *all;
static uint64_t ring_bytes;

static __thread char *ring;
static __thread uint64_t at;

void null_plan(unsigned workers, bool passes)
{
	n_workers = workers;
	ring_max = passes ? RING_PASSED : RING_PRIVATE;
}

/* Behind each ring is room for an object that begins at its last byte. */
static size_t stride(void)
{
	return ring_bytes + OBJECT_MAX;
}

static int create(uint64_t bytes)
{
	/* One of two workers may be all that allocates. */
	ring_bytes = RING_MIN;
	while (ring_bytes < ring_max && ring_bytes < 2 * bytes / n_workers)
		ring_bytes *= 2;
	all = mmap(NULL, n_workers * stride(), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all != MAP_FAILED)
		return 0;
	fprintf(stderr, "null: no %zu bytes of address range: %s; fewer "
		"workers need less\n", n_workers * stride(), strerror(errno));
	return -1;
}

static void destroy(void)
{
	munmap(all, n_workers * stride());
}

static int attach(unsigned worker)
{
	ring = all + worker * stride();
	at = 0;
	return 0;
}

static void *null_alloc(size_t size)
{
	char *p = ring + (at & (ring_bytes - 1));

	at += (size + 15) & ~15ull;
	return p;
}

static void null_free(void *p)
{
	(void)p;
}

struct backend backend_null = {
	.name = "null",
	.max_size = OBJECT_MAX,
	.threads = true,
	.create = create,
	.attach = attach,
	.destroy = destroy,
	.alloc = null_alloc,
	.free = null_free,
};
