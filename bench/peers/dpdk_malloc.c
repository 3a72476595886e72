/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk_malloc.c - the back end dpdk-malloc: rte_malloc, one lock for the heap,
 * a header of 128 bytes, and memory zeroed as it is freed.
 */
#include <rte_malloc.h>

#include "bench/bench.h"
#include "bench/peers/dpdk.h"

/* 64 B objects take three times their size. */
#define SIZE(bytes) (3 * (bytes) + (256u << 20))

static int create(uint64_t bytes)
{
	return dpdk_start(bench_backend.name, SIZE(bytes));
}

static int attach(unsigned worker)
{
	(void)worker;
	return 0;
}

static void detach(void)
{
}

static void *heap_alloc(size_t size)
{
	return rte_malloc(NULL, size, 0);
}

struct backend bench_backend = {
	.name = "dpdk-malloc",
	.create = create, .attach = attach,
	.detach = detach, .destroy = dpdk_stop,
	.alloc = heap_alloc, .free = rte_free,
};
