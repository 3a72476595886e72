/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_fill.c - 1 GiB of one size (--size, --ops objects), allocated, then freed
 * in the same order, by one worker: what memory costs that has never been
 * used, what the allocator adds to it, and what the system gets back, at once
 * and when a trim is through.
 *
 * The pointers lie in an array of the harness, resident before the clock
 * starts.  Each object gets a word when it is allocated; all are compared
 * between the two measured parts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calls.h"
#include "bench/exits.h"
#include "bench/space.h"

B_INLINE void allocate(struct worker *w, uint64_t **object, uint64_t n,
		       size_t size)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *p = b_alloc(w, size);

		if (!p) {
			fprintf(stderr, "fill: %s gave %llu of %llu objects of "
				"%zu bytes\n", w->p->backend,
				(unsigned long long)i, (unsigned long long)n,
				size);
			exit(EXIT_FAILED);
		}
		*p = i;
		object[i] = p;
	}
}

/* The null back end gives the same memory again: there is nothing to find. */
static inline void compare(struct worker *w, uint64_t **object, uint64_t n)
{
	if (!strcmp(w->p->backend, "null"))
		return;
	for (uint64_t i = 0; i < n; i++) {
		if (*object[i] == i)
			continue;
		fprintf(stderr, "fill: object %llu at %p says %llu: %s "
			"corrupts memory\n", (unsigned long long)i,
			(void *)object[i], (unsigned long long)*object[i],
			w->p->backend);
		exit(EXIT_FAILED);
	}
}

B_INLINE void free_all(struct worker *w, uint64_t **object, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		b_free(w, object[i]);
}

struct measured {
	uint64_t before, peak;			/* bytes held */
	uint64_t alloc_ns, free_ns;		/* of all */
};

/* Bytes held above what was before the first allocation. */
static inline uint64_t above(struct measured *m, uint64_t held)
{
	uint64_t extra = held > m->before ? held - m->before : 0;

	m->peak = extra > m->peak ? extra : m->peak;
	return extra;
}

/* Looks at the space after each part: others may run ahead, or behind. */
B_INLINE void fill(struct worker *w, uint64_t **object, struct measured *m)
{
	uint64_t n = w->p->ops, start;

	start = bench_now();
	allocate(w, object, n, w->p->size);
	m->alloc_ns = bench_now() - start;
	above(m, space_held(w->b));
	compare(w, object, n);
	above(m, space_held(w->b));
	start = bench_now();
	free_all(w, object, n);
	m->free_ns = bench_now() - start;
}

static inline void trim(struct worker *w, struct measured *m)
{
	uint64_t start = bench_now(), end, left;

	if (!w->b->trim)
		return;
	if (w->b->trim()) {
		fprintf(stderr, "fill: the trim of %s failed\n", w->p->backend);
		exit(EXIT_FAILED);
	}
	left = above(m, space_settled(w->b, &end));
	bench_metric(w->r, "trim_ms", (double)(end - start) / 1e6);
	bench_metric(w->r, "left_trim_bytes", (double)left);
}

RUN(fill)
{
	uint64_t n = w->p->ops, left, asked = n * w->p->size;
	uint64_t **object = bench_table(n * sizeof(*object));
	struct measured m = { .before = space_held(w->b) };

	b_start(w);
	fill(w, object, &m);
	b_stop(w, n);
	left = above(&m, space_held(w->b));
	bench_metric(w->r, "alloc_ns", (double)m.alloc_ns / (double)n);
	bench_metric(w->r, "free_ns", (double)m.free_ns / (double)n);
	bench_metric(w->r, "peak_bytes", (double)m.peak);
	/* Less than asked for: it was held before, and can't be compared. */
	if (m.peak >= asked)
		bench_metric(w->r, "overhead",
			     (double)m.peak / (double)asked - 1);
	bench_metric(w->r, "left_bytes", (double)left);
	trim(w, &m);
}

#if !BENCH_HEAP_FORM

static void defaults(struct bench_params *p)
{
	if (p->workers != 1) {
		fprintf(stderr, "fill: --workers %u: it takes one, whose "
			"memory is measured\n", p->workers);
		exit(EXIT_USAGE);
	}
	p->size = p->size ? p->size : 64;
	p->ops = p->ops ? p->ops : (1ull << 30) / p->size;
	if (p->size < sizeof(uint64_t)) {
		fprintf(stderr, "fill: --size %zu: an object holds a word, so "
			"8 or more\n", p->size);
		exit(EXIT_USAGE);
	}
}

static uint64_t live(const struct bench_params *p)
{
	return p->ops * p->size;
}

static void report(struct bench_shared *s, struct bench_result *total)
{
	memcpy(total->metric, s->result[0].metric, sizeof(total->metric));
	total->n_metrics = s->result[0].n_metrics;
}

extern const struct workload w_fill;
const struct workload w_fill = {
	.name = "fill",
	.help = "1 GiB of one size, and what is left of it",
	.default_workers = 1,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(fill),
	.report = report,
};

#endif
