/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agg.h - figures of slow paths: added up, taken off, put together, and what they
 * say of times.
 */
#ifndef BPF_AGG_H
#define BPF_AGG_H

#include <stdbool.h>

#include "bpf/record.h"

struct agg_row {
	struct agg_key key;
	struct agg     val;
};

/* Adds what b saw to a. */
void agg_add(struct agg *a, const struct agg *b);

/* Takes off what was seen before; the longest stays that of all times. */
void agg_take_off(struct agg *a, const struct agg *b);

/* The first time that is too long for a slot: the last one has what is seen. */
uint64_t agg_slot_end(const struct agg *a, int slot);

/* The time within which the share q (0..1) of the hits was: a slot's upper end. */
uint64_t agg_quantile(const struct agg *a, double q);

int agg_key_cmp(const void *a, const void *b);

/* Adds up rows that differ in what isn't told apart, sorts by key; how many left. */
uint32_t rows_fold(struct agg_row *rows, uint32_t n, bool by_process,
		   bool by_class);

#endif
