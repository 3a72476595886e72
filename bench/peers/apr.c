/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apr.c - the back end apr: Apache's relocatable memory (apr_rmm: first fit in
 * one list, one lock) over anonymous apr_shm that the workers inherit, with a
 * pthread mutex between processes, the fastest of the locks that APR has.
 *
 * It walks its lists, of the free and of the used, from the start: tens of
 * microseconds a call with ten thousand objects, so what may have many more
 * would take days and is refused.  Gives nothing back.
 */
#include <apr_anylock.h>
#include <apr_general.h>
#include <apr_rmm.h>
#include <apr_shm.h>
#include <apu_version.h>
#include <errno.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/exits.h"

#define MOST	(64ull << 20)	/* bytes that may live at once */

/* A block's header is 24 bytes, and a first fit has holes. */
#define SIZE(bytes) (2 * (bytes) + (64u << 20))

static apr_pool_t *pool;
static apr_shm_t *shm;
static apr_proc_mutex_t *mutex;
static apr_rmm_t *rmm;

static int check(apr_status_t status, const char *what)
{
	char why[128];

	if (status == APR_SUCCESS)
		return 0;
	fprintf(stderr, "apr: %s: %s\n", what,
		apr_strerror(status, why, sizeof(why)));
	return -EIO;
}

static int make_heap(uint64_t bytes)
{
	apr_anylock_t lock = { .type = apr_anylock_procmutex };
	int err = check(apr_proc_mutex_create(&mutex, NULL,
					      APR_LOCK_PROC_PTHREAD, pool),
			"a mutex between processes");

	if (!err)
		err = check(apr_shm_create(&shm, SIZE(bytes), NULL, pool),
			    "shared memory");
	if (err)
		return err;
	lock.lock.pm = mutex;
	return check(apr_rmm_init(&rmm, &lock, apr_shm_baseaddr_get(shm),
				  apr_shm_size_get(shm), pool), "its heap");
}

static void destroy(void)
{
	apr_pool_destroy(pool);
	apr_terminate();
}

static int create(uint64_t bytes)
{
	int err;

	if (bytes > MOST) {
		fprintf(stderr, "apr: up to %llu MiB live here; above %llu its "
			"lists take too long: not measured\n",
			(unsigned long long)bytes >> 20, MOST >> 20);
		return EXIT_SKIP;
	}
	err = check(apr_initialize(), "start");
	if (!err)
		err = check(apr_pool_create(&pool, NULL), "a pool");
	if (err)
		return err;
	err = make_heap(bytes);
	if (err)
		destroy();
	return err;
}

static int attach(unsigned worker)
{
	(void)worker;
	bench_backend.heap = rmm;
	return check(apr_proc_mutex_child_init(&mutex, NULL, pool),
		     "the mutex in a worker");
}

static void detach(void)
{
}

static void *heap_alloc(void *heap, size_t size)
{
	apr_rmm_off_t off = apr_rmm_malloc(heap, size);

	return off ? apr_rmm_addr_get(heap, off) : NULL;
}

static void heap_free(void *heap, void *p)
{
	apr_rmm_free(heap, apr_rmm_offset_get(heap, p));
}

static uint64_t handle(void *p)
{
	return apr_rmm_offset_get(rmm, p);
}

static void *deref(uint64_t h)
{
	return apr_rmm_addr_get(rmm, h);
}

struct backend bench_backend = {
	.name = "apr", .version = APU_VERSION_STRING,
	.create = create, .attach = attach,
	.detach = detach, .destroy = destroy,
	.heap_alloc = heap_alloc, .heap_free = heap_free,
	.handle = handle, .deref = deref,
};
