/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boost_table.c - the back ends boost174 and boost181: the table of functions
 * over boost.cpp, the segment's name and size.
 *
 * A segment never grows and gives nothing back.  Boost 1.74 makes it sparse, so
 * its blocks are the pages that were ever touched.  1.81 commits all of it at
 * birth, whatever it will hold: no footprint, so the harness counts the pages
 * that its own process has touched.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/peers/boost.h"
#include "bench/peers/scratch.h"

/* 16 bytes before each object, holes of best fit; 8 B objects take 32. */
#define SIZE(bytes) (2 * (bytes) + (64u << 20))

static char path[96];
static void *segment;

static const char *object(void)
{
	return path + sizeof(SCRATCH_SHM);
}

static int create(uint64_t bytes)
{
	int err = scratch_name(path, sizeof(path), SCRATCH_SHM, boost_name);

	if (!err)
		err = scratch_room(SCRATCH_SHM, SIZE(bytes), boost_name);
	return err ? err : boost_create(object(), SIZE(bytes));
}

static void destroy(void)
{
	boost_destroy(object());
}

static int attach(unsigned worker)
{
	(void)worker;
	segment = bench_backend.heap = boost_attach(object());
	return segment ? 0 : -1;
}

static void detach(void)
{
	boost_detach(segment);
}

static uint64_t handle(void *p)
{
	return boost_handle(segment, p);
}

static void *deref(uint64_t h)
{
	return boost_deref(segment, h);
}

#ifdef BOOST_IS_SPARSE
static uint64_t footprint(void)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}
#endif

struct backend bench_backend = {
	.name = boost_name, .version = boost_version,
	.create = create, .attach = attach,
	.detach = detach, .destroy = destroy,
	.heap_alloc = boost_alloc, .heap_free = boost_free,
	.handle = handle, .deref = deref,
#ifdef BOOST_IS_SPARSE
	.footprint = footprint,
#endif
};
