/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_large.c - objects of many pages, of which one byte each is written: large
 * frees the object at once, large-fifo keeps the last 16.
 */
#include "bench/calls.h"

#define WARM_UP	64
#define KEPT	16u

B_INLINE uint64_t pairs(struct worker *w, size_t size, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void *p = b_alloc(w, size);

		if (!p) {
			b_failed(w);
			return i;
		}
		b_touch_pages(p, size);
		b_free(w, p);
	}
	return n;
}

static uint64_t round_trips(const struct worker *w)
{
	return w->b->round_trips ? w->b->round_trips() : 0;
}

static void report_trips(struct worker *w, uint64_t before)
{
	if (w->b->round_trips)
		bench_metric(w->r, "daemon_calls",
			     (double)(round_trips(w) - before));
}

RUN(large)
{
	size_t size = w->p->size;
	uint64_t n = w->p->ops, before;

	pairs(w, size, WARM_UP);
	before = round_trips(w);
	b_start(w);
	n = pairs(w, size, n);
	b_stop(w, n);
	report_trips(w, before);
}

/* kept: a ring, empty places are NULL. */
B_INLINE uint64_t turns(struct worker *w, void **kept, size_t size, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		void **place = &kept[i % KEPT];

		if (*place)
			b_free(w, *place);
		*place = b_alloc(w, size);
		if (!*place) {
			b_failed(w);
			return i;
		}
		b_touch_pages(*place, size);
	}
	return n;
}

RUN(large_fifo)
{
	void *kept[KEPT] = { NULL };
	size_t size = w->p->size;
	uint64_t n = w->p->ops, before;

	turns(w, kept, size, WARM_UP);
	before = round_trips(w);
	b_start(w);
	n = turns(w, kept, size, n);
	b_stop(w, n);
	report_trips(w, before);
	for (unsigned i = 0; i < KEPT; i++)
		if (kept[i])
			b_free(w, kept[i]);
}

#if !BENCH_HEAP_FORM
/* About as many pages whatever the size; at the least some objects. */
static void defaults(struct bench_params *p)
{
	p->size = p->size ? p->size : 65536;
	p->ops = p->ops ? p->ops : (600ull << 30) / p->size + 1000;
}

static uint64_t live(const struct bench_params *p)
{
	return p->size * p->workers;
}

static uint64_t live_fifo(const struct bench_params *p)
{
	return KEPT * live(p);
}

extern const struct workload w_large, w_large_fifo;
const struct workload w_large = {
	.name = "large",
	.help = "alloc, write to each page, free; --size (64K)",
	.default_workers = 1,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(large),
};
const struct workload w_large_fifo = {
	.name = "large-fifo",
	.help = "the same, the last 16 are kept; --size (64K)",
	.default_workers = 1,
	.defaults = defaults,
	.live = live_fifo,
	BENCH_RUNS(large_fifo),
};
#endif
