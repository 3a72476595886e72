/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizes.h - sequences of random sizes and slots, made before what is measured so
 * that a step costs two loads.  They repeat, each after another prime number of
 * steps, so together only after thousands of millions.
 */
#ifndef BENCH_SIZES_H
#define BENCH_SIZES_H

#include <math.h>

#include "bench/calls.h"

#define SIZES_N	65521u		/* primes */
#define SLOTS_N	65519u

struct sequence {
	uint32_t *size, *slot;
	uint32_t size_at, slot_at;
};

/* From min to max, each as likely; with log, each power of two is. */
B_INLINE uint32_t random_size(struct worker *w, size_t min, size_t max,
			      bool log)
{
	double u = (double)(b_random(w) >> 11) * 0x1p-53;

	if (log)
		return (uint32_t)exp2(log2((double)min) +
				      u * log2((double)max / (double)min));
	return (uint32_t)(min + (size_t)(u * (double)(max - min + 1)));
}

B_INLINE struct sequence make_sequence(struct worker *w, uint32_t n_slots)
{
	struct sequence q = {
		.size = bench_table(SIZES_N * sizeof(*q.size)),
		.slot = bench_table(SLOTS_N * sizeof(*q.slot)),
	};

	for (uint32_t i = 0; i < SIZES_N; i++)
		q.size[i] = random_size(w, w->p->size, w->p->size_max,
					w->p->log);
	for (uint32_t i = 0; i < SLOTS_N; i++)
		q.slot[i] = (uint32_t)((b_random(w) >> 32) * n_slots >> 32);
	return q;
}

B_INLINE uint32_t next_size(struct sequence *q)
{
	uint32_t size = q->size[q->size_at];

	q->size_at = q->size_at + 1 == SIZES_N ? 0 : q->size_at + 1;
	return size;
}

B_INLINE uint32_t next_slot(struct sequence *q)
{
	uint32_t slot = q->slot[q->slot_at];

	q->slot_at = q->slot_at + 1 == SLOTS_N ? 0 : q->slot_at + 1;
	return slot;
}

/* What the workloads of mixed sizes have in common. */
static inline void default_sizes(struct bench_params *p)
{
	if (!p->size_max)
		p->size_max = p->size ? p->size : p->log ? 32768 : 1024;
	if (!p->size)
		p->size = p->log ? 8 : 16;
}

/* Of objects of average size. */
static inline uint64_t live_bytes(const struct bench_params *p, uint64_t n)
{
	return n * p->workers * (p->size + p->size_max) / 2;
}

#endif
