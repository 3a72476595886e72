/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frag.h - what w_frag.c keeps: sizes as a database asks for them, the table of
 * what lives, and samples of the space it takes.  It owns the sizes and the
 * book-keeping, and neither allocates nor frees.
 */
#ifndef BENCH_FRAG_H
#define BENCH_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/bench.h"

/*
 * A kind of object: min bytes, or up to min << octaves, each power of two as
 * likely.  percent: of the live bytes, not of the objects.
 */
struct kind {
	const char	*name;
	uint32_t	min, octaves, percent;
};

#define N_KINDS	5

struct mix {
	struct kind	kind[N_KINDS];
	uint32_t	upto[N_KINDS];	/* of 2^32: the kinds' odds, added up */
};

/* Small rows, then wide ones and more blobs. */
extern struct mix frag_rows, frag_documents;

void mix_prepare(struct mix *m);
const struct kind *mix_kind(const struct mix *m, uint32_t random);
uint32_t kind_size(const struct kind *k, uint64_t random);

/* An object; both its ends say which. */
struct item {
	char		*p;		/* NULL: deleted */
	uint32_t	size, tag;
	const struct kind *kind;
};

static inline void item_mark(struct item *it)
{
	*(uint64_t *)it->p = it->tag;
	it->p[it->size - 1] = (char)it->tag;
}

static inline bool item_intact(const struct item *it)
{
	return *(uint64_t *)it->p == it->tag &&
	       it->p[it->size - 1] == (char)it->tag;
}

enum { FRAG_STEPS = 40, FRAG_PHASES = 5 };

/* Space over time, one sample for each step. */
struct space_log {
	const struct backend *b;
	uint64_t	before;		/* held before the first object */
	uint64_t	sampling_ns;	/* time that isn't the allocator's */
	uint64_t	peak, peak_live, sum, sum_live;
	unsigned	n;
	uint64_t	held[FRAG_STEPS * FRAG_PHASES];
	uint64_t	live[FRAG_STEPS * FRAG_PHASES];
};

void space_log_start(struct space_log *l, const struct backend *b);
/* Bytes held now, above that; and when no more is given back. */
uint64_t space_log_held(const struct space_log *l);
uint64_t space_log_settled(const struct space_log *l);
/* The same, noted for a step, with how many were asked for. */
uint64_t space_log_sample(struct space_log *l, uint64_t live);
/* One line for each step: step, live bytes, bytes held. */
void space_log_write(const struct space_log *l, const char *path);

#endif
