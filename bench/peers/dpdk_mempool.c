/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dpdk_mempool.c - the back end dpdk-mempool: rte_mempool, three pools of fixed
 * sizes, each with a cache per lcore before a ring that all share.  A worker is
 * an lcore of its own.  Not a general allocator: the pools can't lend memory to
 * each other, and nothing is larger than 1 KiB.
 */
#include <errno.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/exits.h"
#include "bench/peers/dpdk.h"

#define CACHE RTE_MEMPOOL_CACHE_MAX_SIZE
#define HEADER 128		/* of an object, with what aligns it */
#define PAGE 4096		/* no object crosses the end of one */
#define MOST (256ull << 20)	/* bytes that may live at once */

static struct {
	const char *name;
	uint64_t size, n;
	struct rte_mempool *pool;
} pools[] = {
	{ .name = "bench64", .size = 64, .n = 1048560 },
	{ .name = "bench256", .size = 256, .n = 262143 },
	{ .name = "bench1024", .size = 1024, .n = 262143 },
};
#define N_POOLS (sizeof(pools) / sizeof(*pools))

static int make_pools(void)
{
	for (unsigned i = 0; i < N_POOLS; i++) {
		pools[i].pool = rte_mempool_create(pools[i].name,
			(unsigned)pools[i].n, (unsigned)pools[i].size, CACHE,
			0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
		if (pools[i].pool)
			continue;
		fprintf(stderr, "dpdk-mempool: a pool of %llu objects of "
			"%llu B: %s\n", (unsigned long long)pools[i].n,
			(unsigned long long)pools[i].size,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	return 0;
}

/*
 * Each pool can hold it all, as nobody says of which sizes the bytes are; the
 * last one if its objects are half as large as they may be.  Gives the total.
 */
static uint64_t size_pools(uint64_t bytes)
{
	uint64_t total = 64u << 20;

	for (unsigned i = 0; i < N_POOLS; i++) {
		bool last = i == N_POOLS - 1;
		uint64_t size = pools[i].size, n = bytes / (size >> last);

		if (pools[i].n < n)
			pools[i].n = n;
		total += (pools[i].n / (PAGE / (size + HEADER)) + 1) * PAGE;
	}
	return total;
}

static int create(uint64_t bytes)
{
	int err;

	if (bytes > MOST) {
		fprintf(stderr, "dpdk-mempool: up to %llu MiB live here, for "
			"each of its pools; not measured above %llu\n",
			(unsigned long long)bytes >> 20, MOST >> 20);
		return EXIT_SKIP;
	}
	err = dpdk_start(bench_backend.name, size_pools(bytes));
	if (err)
		return err;
	err = make_pools();
	if (err)
		dpdk_stop();
	return err;
}

static int attach(unsigned worker)
{
	if (worker >= RTE_MAX_LCORE) {
		fprintf(stderr, "dpdk-mempool: at most %d workers, as each "
			"needs an lcore's cache\n", RTE_MAX_LCORE);
		return -EINVAL;
	}
	RTE_PER_LCORE(_lcore_id) = worker;
	return 0;
}

static void detach(void)
{
}

static void *pool_alloc(size_t size)
{
	unsigned i = size <= 64 ? 0 : size <= 256 ? 1 : 2;
	void *p;

	if (size > 1024)
		return NULL;
	return rte_mempool_get(pools[i].pool, &p) < 0 ? NULL : p;
}

static void pool_free(void *p)
{
	rte_mempool_put(rte_mempool_from_obj(p), p);
}

struct backend bench_backend = {
	.name = "dpdk-mempool", .max_size = 1024, .fixed = true,
	.create = create, .attach = attach,
	.detach = detach, .destroy = dpdk_stop,
	.alloc = pool_alloc, .free = pool_free,
};
