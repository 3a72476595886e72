/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_cache.c - false sharing: does the allocator put small objects of two
 * processors into one cache line?  An operation allocates an object, writes each
 * of its bytes 100 times and frees it.
 *
 *	cache-thrash	from the start
 *	cache-scratch	the first worker allocates one object for each, side by
 *			side; each frees the one it got, then goes on as above:
 *			does it get the same line again?
 */
#include "bench/calls.h"

#define WRITES	100

B_INLINE void scribble(void *p, size_t size)
{
	volatile char *byte = p;

	for (int i = 0; i < WRITES; i++)
		for (size_t at = 0; at < size; at++)
			byte[at]++;
}

B_INLINE uint64_t thrash(struct worker *w, size_t size, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = b_alloc(w, size);

		if (!p) {
			b_failed(w);
			return i;
		}
		scribble(p, size);
		b_free(w, p);
	}
	return n;
}

RUN(cache_thrash)
{
	size_t size = w->p->size;
	uint64_t n = w->p->ops;

	b_start(w);
	n = thrash(w, size, n);
	b_stop(w, n);
}

/* 0 in the place of an object: there is none. */
B_INLINE void hand_out(struct worker *w, uint64_t *object)
{
	for (unsigned i = 0; i < w->p->workers; i++) {
		void *p = b_alloc(w, w->p->size);

		if (p)
			object[i] = b_handle(w, p);
		else
			b_failed(w);
	}
}

RUN(cache_scratch)
{
	uint64_t *object = b_area(w);
	size_t size = w->p->size;
	uint64_t n = w->p->ops;

	if (w->index == 0)
		hand_out(w, object);
	b_start(w);
	if (object[w->index])
		b_free(w, b_deref(w, object[w->index]));
	n = thrash(w, size, n);
	b_stop(w, n);
}

#if !BENCH_HEAP_FORM
static void defaults(struct bench_params *p)
{
	p->size = p->size ? p->size : 8;
	p->ops = p->ops ? p->ops : 8000000 / p->size;
}

static uint64_t live(const struct bench_params *p)
{
	return 2 * p->size * p->workers;
}

static uint64_t area(const struct bench_params *p)
{
	return p->workers * sizeof(uint64_t);
}

extern const struct workload w_cache_scratch, w_cache_thrash;
const struct workload w_cache_scratch = {
	.name = "cache-scratch",
	.help = "false sharing that another worker began; --size (8)",
	.default_workers = 2,
	.passes = true,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(cache_scratch),
};
const struct workload w_cache_thrash = {
	.name = "cache-thrash",
	.help = "false sharing between workers' own objects; --size (8)",
	.default_workers = 2,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(cache_thrash),
};
#endif
