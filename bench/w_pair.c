/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_pair.c - alloc, write one byte, free: the shortest path there is.
 */
#include "bench/calls.h"

#define WARM_UP	1000

B_INLINE uint64_t pairs(struct worker *w, size_t size, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = b_alloc(w, size);

		if (!p) {
			b_failed(w);
			return i;
		}
		b_touch(p);
		b_free(w, p);
	}
	return n;
}

RUN(pair)
{
	size_t size = w->p->size;
	uint64_t n = w->p->ops;

	pairs(w, size, WARM_UP);
	b_start(w);
	n = pairs(w, size, n);
	b_stop(w, n);
}

#if !BENCH_HEAP_FORM
static void defaults(struct bench_params *p)
{
	p->size = p->size ? p->size : 64;
	p->ops = p->ops ? p->ops : 80000000;
}

static uint64_t live(const struct bench_params *p)
{
	return p->size * p->workers;
}

extern const struct workload w_pair;
const struct workload w_pair = {
	.name = "pair",
	.help = "alloc, write a byte, free; --size (64)",
	.default_workers = 1,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(pair),
};
#endif
