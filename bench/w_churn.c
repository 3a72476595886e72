/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_churn.c - objects of mixed sizes that die in random order: 10,000 slots for
 * each worker; an operation frees the object of a random one and puts another
 * there.  churn has one worker unless told, multi many in one heap.
 *
 * --check writes a tag to both ends of each object and looks for it before the
 * free: who hands out memory twice is found.  It costs time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/sizes.h"

#define N_SLOTS	10000u

struct slots {
	unsigned char **p;
	uint32_t *size;		/* --check only */
	unsigned char salt;
};

static void spoilt(const char *backend, const void *p, uint32_t size)
{
	fprintf(stderr, "churn: somebody else wrote to the object %p of %u "
		"bytes: %s gave its memory out twice\n", p, size, backend);
	exit(1);
}

B_INLINE void mark(struct slots *s, uint32_t i, uint32_t size)
{
	s->size[i] = size;
	s->p[i][0] = s->p[i][size - 1] = (unsigned char)(i ^ s->salt);
}

B_INLINE void compare(struct worker *w, struct slots *s, uint32_t i)
{
	unsigned char tag = (unsigned char)(i ^ s->salt);
	uint32_t size = s->size[i];

	if (s->p[i][0] != tag || s->p[i][size - 1] != tag)
		spoilt(w->b->name, s->p[i], size);
}

/* False: the allocation failed, the slot is empty. */
B_INLINE bool fill_slot(struct worker *w, struct slots *s, uint32_t i,
			uint32_t size, bool check)
{
	unsigned char *p = b_alloc(w, size);

	s->p[i] = p;
	if (!p) {
		b_failed(w);
		return false;
	}
	if (check)
		mark(s, i, size);
	else
		b_touch(p);
	return true;
}

B_INLINE uint64_t replace(struct worker *w, struct slots s, struct sequence q,
			  uint64_t n, bool check)
{
	for (uint64_t done = 0; done < n; done++) {
		uint32_t i = next_slot(&q);

		if (check)
			compare(w, &s, i);
		b_free(w, s.p[i]);
		if (!fill_slot(w, &s, i, next_size(&q), check))
			return done;
	}
	return n;
}

B_INLINE bool fill(struct worker *w, struct slots *s, struct sequence *q)
{
	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (!fill_slot(w, s, i, next_size(q), true))
			return false;
	return true;
}

B_INLINE void empty(struct worker *w, struct slots *s)
{
	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (s->p[i])
			b_free(w, s->p[i]);
}

RUN(churn)
{
	struct sequence q = make_sequence(w, N_SLOTS);
	struct slots s = {
		.p = bench_table(N_SLOTS * sizeof(*s.p)),
		.size = bench_table(N_SLOTS * sizeof(*s.size)),
		.salt = (unsigned char)(w->index * 31),
	};
	uint64_t n = w->p->ops;

	if (fill(w, &s, &q)) {
		b_start(w);
		if (w->p->check)
			n = replace(w, s, q, n, true);
		else
			n = replace(w, s, q, n, false);
		b_stop(w, n);
	}
	empty(w, &s);
}

#if !BENCH_HEAP_FORM
static void defaults(struct bench_params *p)
{
	default_sizes(p);
	p->ops = p->ops ? p->ops : p->log ? 20000000 : 40000000;
}

static uint64_t live(const struct bench_params *p)
{
	return live_bytes(p, N_SLOTS);
}

#define CHURN(n, n_workers, text)                                              \
	.name = n, .help = text, .default_workers = n_workers,                 \
	.defaults = defaults, .live = live, BENCH_RUNS(churn)

extern const struct workload w_churn, w_multi;
const struct workload w_churn = {
	CHURN("churn", 1, "replace a random one of 10,000 objects, 16..1024 B; "
	      "--log: 8 B..32 KiB")
};
const struct workload w_multi = {
	CHURN("multi", 16, "churn by many in one heap")
};
#endif
