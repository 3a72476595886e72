/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_threadtest.c - each worker allocates 5,000 objects of one size, then frees
 * them in the same order, again and again: caches run empty and full.
 */
#include "bench/calls.h"

#define BATCH	5000u

B_INLINE uint32_t fill(struct worker *w, void **object, size_t size)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		object[i] = b_alloc(w, size);
		if (!object[i]) {
			b_failed(w);
			return i;
		}
		b_touch(object[i]);
	}
	return BATCH;
}

B_INLINE void empty(struct worker *w, void **object, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		b_free(w, object[i]);
}

B_INLINE uint64_t batches(struct worker *w, void **object, size_t size,
			  uint64_t n)
{
	uint64_t done = 0;

	while (done < n) {
		uint32_t got = fill(w, object, size);

		empty(w, object, got);
		done += got;
		if (got < BATCH)
			break;
	}
	return done;
}

RUN(threadtest)
{
	void **object = bench_table(BATCH * sizeof(*object));
	size_t size = w->p->size;
	uint64_t n = w->p->ops;

	batches(w, object, size, 1);
	b_start(w);
	n = batches(w, object, size, n);
	b_stop(w, n);
}

#if !BENCH_HEAP_FORM
static void defaults(struct bench_params *p)
{
	p->size = p->size ? p->size : 64;
	p->ops = p->ops ? p->ops : 40000000;
}

static uint64_t live(const struct bench_params *p)
{
	return BATCH * p->size * p->workers;
}

extern const struct workload w_threadtest;
const struct workload w_threadtest = {
	.name = "threadtest",
	.help = "5,000 allocations, then 5,000 frees; --size (64)",
	.default_workers = 2,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(threadtest),
};
#endif
