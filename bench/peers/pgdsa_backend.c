/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgdsa_backend.c - PostgreSQL's dynamic shared areas (DSA) as a back end: the
 * extension that runs one worker in one server process.  The server and the
 * parent's part are pgdsa_server.c and pgdsa.c.
 *
 * DSA's users keep a dsa_pointer, a segment's number over an offset, and turn
 * it into an address when they need one; there is no way back, and the harness
 * frees addresses.  `granule` is that way: of each MiB of addresses, which
 * segments are there.  It learns from each pointer that turns into an address,
 * so what is freed was learned.  A segment has at least 1 MiB, so at most one
 * begins in a granule.  Costs a load and a compare at either end of a call.
 */
#include "postgres.h"

#include <stdio.h>
#include <sys/stat.h>

#include "fmgr.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/dsa.h"

#include "bench/bench.h"

#define OFFSET_BITS	40	/* dsa.c keeps it to itself: checked below */
#define SEGMENTS	1024
#define GRANULE_BITS	20
#define GRANULES	(1u << 17)	/* 128 GiB of addresses */

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(mheap_bench_area);
PG_FUNCTION_INFO_V1(mheap_bench_worker);

static dsa_handle area_handle;
static dsa_area *area;

static uintptr_t segment_base[SEGMENTS];
static uintptr_t window;		/* the first address of granule 0 */
static struct granule {
	uintptr_t start;		/* where `above` begins, or 0 */
	uint16_t below, above;		/* segments, counted from 1; 0: none */
} granule[GRANULES];

static inline size_t granule_of(uintptr_t p)
{
	return (p - window) >> GRANULE_BITS;
}

/* The segment that p is in, from 1. */
static inline unsigned segment_of(uintptr_t p)
{
	const struct granule *g = &granule[granule_of(p)];

	return p >= g->start ? g->above : g->below;
}

static void check_window(uintptr_t p, uintptr_t base)
{
	if (!window)
		window = (base & -((uintptr_t)1 << GRANULE_BITS)) -
			 ((uintptr_t)GRANULES / 2 << GRANULE_BITS);
	if (granule_of(p) >= GRANULES || granule_of(base) >= GRANULES)
		elog(ERROR, "a segment of the area is mapped more than 64 GiB "
		     "from the first");
}

static void __attribute__((noinline)) learn(dsa_pointer dp, uintptr_t p)
{
	unsigned segment = (unsigned)(dp >> OFFSET_BITS);
	uintptr_t base = p - (dp & (((dsa_pointer)1 << OFFSET_BITS) - 1));
	dsa_pointer first = (dsa_pointer)segment << OFFSET_BITS | 1;
	struct granule *g;

	if (segment >= SEGMENTS ||
	    (uintptr_t)dsa_get_address(area, first) != base + 1)
		elog(ERROR, "dsa_pointer %llx isn't a segment's number over "
		     "an offset of %d bits", (unsigned long long)dp,
		     OFFSET_BITS);
	check_window(p, base);
	segment_base[segment] = base;
	g = &granule[granule_of(p)];
	if (granule_of(base) == granule_of(p)) {
		g->start = base;
		g->above = (uint16_t)(segment + 1);
	} else {
		if (p >= g->start)	/* what began here is gone */
			g->start = UINTPTR_MAX;
		g->below = (uint16_t)(segment + 1);
	}
}

static inline void *address_of(dsa_pointer dp)
{
	uintptr_t p = (uintptr_t)dsa_get_address(area, dp);
	unsigned segment = (unsigned)(dp >> OFFSET_BITS);

	if (unlikely(granule_of(p) >= GRANULES ||
		     segment_of(p) != segment + 1 ||
		     segment_base[segment] + (dp & (((dsa_pointer)1
						     << OFFSET_BITS) - 1)) != p))
		learn(dp, p);
	return (void *)p;
}

static inline dsa_pointer pointer_of(void *p)
{
	unsigned segment = segment_of((uintptr_t)p) - 1;

	return (dsa_pointer)segment << OFFSET_BITS |
	       ((uintptr_t)p - segment_base[segment]);
}

static void *heap_alloc(void *heap, size_t size)
{
	dsa_pointer dp = dsa_allocate_extended(heap, size, DSA_ALLOC_HUGE |
					       DSA_ALLOC_NO_OOM);

	return dp ? address_of(dp) : NULL;
}

static void heap_free(void *heap, void *p)
{
	dsa_free(heap, pointer_of(p));
}

static uint64_t handle(void *p)
{
	return pointer_of(p);
}

static void *deref(uint64_t h)
{
	return address_of(h);
}

static int trim(void)
{
	dsa_trim(area);
	return 0;
}

/* What the segments take that this process has mapped: all but new ones. */
static uint64_t footprint(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], path[256];
	uint64_t bytes = 0;
	struct stat st;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%*s %*s %*s %*s %*s %255s", path) == 1 &&
		    strncmp(path, "/dev/shm/PostgreSQL.", 20) == 0 &&
		    stat(path, &st) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	if (maps)
		fclose(maps);
	return bytes;
}

static int attach(unsigned worker)
{
	(void)worker;
	area = dsa_attach(area_handle);
	dsa_pin_mapping(area);
	bench_backend.heap = area;
	return 0;
}

static void detach(void)
{
	dsa_detach(area);
}

struct backend bench_backend = {
	.name = "pgdsa",
	.attach = attach, .detach = detach,
	.heap_alloc = heap_alloc, .heap_free = heap_free,
	.handle = handle, .deref = deref,
	.trim = trim, .footprint = footprint,
};

/* Makes an area that lives as long as the server; its handle. */
Datum mheap_bench_area(PG_FUNCTION_ARGS)
{
	int tranche = LWLockNewTrancheId();
	dsa_handle h;
	dsa_area *made;

	LWLockRegisterTranche(tranche, "mheap_bench");
	made = dsa_create(tranche);
	dsa_pin(made);
	h = dsa_get_handle(made);
	dsa_detach(made);
	PG_RETURN_INT64((int64)h);
}

/* (handle, shared file, index): one worker; its exit code. */
Datum mheap_bench_worker(PG_FUNCTION_ARGS)
{
	char *shared_file = text_to_cstring(PG_GETARG_TEXT_PP(1));

	area_handle = (dsa_handle)PG_GETARG_INT64(0);
	PG_RETURN_INT32(bench_worker(shared_file,
				     (unsigned)PG_GETARG_INT32(2),
				     &bench_backend));
}
