/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sizeclass_rule.c - Go's rule for size classes, written from its description.
 *
 * Candidate sizes advance by a step that grows with the size, so that rounding
 * up wastes at most about an eighth.  A candidate gets the shortest span whose
 * tail is at most an eighth.  Two neighbours that put equally many objects in
 * equally long spans are one class, the larger.  Last, each class is widened
 * as far as its object count allows.
 *
 * Pure arithmetic, no state, no locks.  It knows nothing of this heap's own
 * classes and span lengths: those are mksizeclass.c's business.
 */
#include "shm/sizeclass_rule.h"

#include <stdbool.h>

#define GROW_UNIT 128u	/* the last step widens by multiples of this */

/* The step from a candidate that is a power of two up to the next one. */
static uint32_t step_from(uint32_t size)
{
	if (size >= 2048)
		return 256;
	if (size >= 128)
		return size / 8;
	return size >= 32 ? 16 : 8;
}

static uint32_t shortest_span(uint32_t size)
{
	uint32_t span = RULE_PAGE;

	while (span % size > span / 8)
		span += RULE_PAGE;
	return span / RULE_PAGE;
}

static bool same_fill(const struct rule_class *a, const struct rule_class *b)
{
	uint32_t span = a->npages * RULE_PAGE;

	return a->npages == b->npages && span / a->size == span / b->size;
}

static void widen(struct rule_class *c)
{
	uint32_t span = c->npages * RULE_PAGE;
	uint32_t widest = span / (span / c->size) / GROW_UNIT * GROW_UNIT;

	if (widest > c->size)
		c->size = widest;
}

unsigned rule_classes(struct rule_class out[RULE_MAX])
{
	uint32_t size, step = 8;
	unsigned i, n = 0;

	for (size = 8; size <= RULE_SMALL_MAX; size += step) {
		struct rule_class c = { size, shortest_span(size) };

		if ((size & (size - 1)) == 0)
			step = step_from(size);
		if (n > 0 && same_fill(&c, &out[n - 1]))
			n--;
		if (n == RULE_MAX)
			return 0;
		out[n++] = c;
	}
	for (i = 0; i < n; i++)
		widen(&out[i]);
	return n;
}

uint32_t rule_max_waste(uint32_t size, uint32_t prev, uint32_t span_bytes)
{
	uint64_t nslots = span_bytes / size;
	uint64_t lost = (size - prev - 1) * nslots + span_bytes % size;

	return (uint32_t)((lost * 20000 / span_bytes + 1) / 2);
}
