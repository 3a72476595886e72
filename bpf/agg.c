/* SPDX-License-Identifier: Apache-2.0 */
/* agg.c - see agg.h.  Keeps nothing, and asks nobody. */
#include "bpf/agg.h"

#include <stdlib.h>
#include <string.h>

#include "shm/probe_ids.h"

_Static_assert(CLASS_NONE == NO_CLASS, "one number");

void agg_add(struct agg *a, const struct agg *b)
{
	a->count += b->count;
	a->nobj += b->nobj;
	a->errors += b->errors;
	a->sum_ns += b->sum_ns;
	a->wait_ns += b->wait_ns;
	if (a->max_ns < b->max_ns)
		a->max_ns = b->max_ns;
	for (int i = 0; i < HIST_SLOTS; i++)
		a->hist[i] += b->hist[i];
}

void agg_take_off(struct agg *a, const struct agg *b)
{
	a->count -= b->count;
	a->nobj -= b->nobj;
	a->errors -= b->errors;
	a->sum_ns -= b->sum_ns;
	a->wait_ns -= b->wait_ns;
	for (int i = 0; i < HIST_SLOTS; i++)
		a->hist[i] -= b->hist[i];
}

uint64_t agg_slot_end(const struct agg *a, int slot)
{
	return slot < HIST_SLOTS - 1 ? 2ULL << slot : a->max_ns + 1;
}

uint64_t agg_quantile(const struct agg *a, double q)
{
	uint64_t seen = 0, total = 0;

	for (int i = 0; i < HIST_SLOTS; i++)
		total += a->hist[i];
	for (int i = 0; i < HIST_SLOTS; i++) {
		seen += a->hist[i];
		if (seen && (double)seen >= q * (double)total) {
			uint64_t end = agg_slot_end(a, i) - 1;

			return end < a->max_ns ? end : a->max_ns;
		}
	}
	return 0;
}

int agg_key_cmp(const void *a, const void *b)
{
	const struct agg_key *x = a, *y = b;

	if (x->probe != y->probe)
		return x->probe < y->probe ? -1 : 1;
	if (x->sub != y->sub)
		return x->sub < y->sub ? -1 : 1;
	if (x->level != y->level)
		return x->level < y->level ? -1 : 1;
	return x->tgid == y->tgid ? 0 : x->tgid < y->tgid ? -1 : 1;
}

uint32_t rows_fold(struct agg_row *rows, uint32_t n, bool by_process,
		   bool by_class)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!by_process)
			rows[i].key.tgid = 0;
		if (!by_class)
			rows[i].key.sub = 0;
	}
	qsort(rows, n, sizeof(*rows), agg_key_cmp);
	for (uint32_t i = 0; i < n; i++) {
		if (out && !agg_key_cmp(&rows[out - 1], &rows[i]))
			agg_add(&rows[out - 1].val, &rows[i].val);
		else
			rows[out++] = rows[i];
	}
	return out;
}
