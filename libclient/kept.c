/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c - runs that this thread keeps (kept.h).  What no longer has room goes the
 * way of all runs: FULL, and to whoever frees it; or LISTED, if somebody has.
 * Beyond KEPT_BYTES a thread that stands still keeps nothing from the others.
 *
 * Locks: none; a slow path is running, and the ring is its thread's.
 */
#include "libclient/client.h"

#define KEPT_LOOKS	4u	/* at the oldest of a class */

static struct geom *kept_at(struct kept *k, uint32_t i)
{
	return &k->run[(k->first + i) % KEPT_RUNS];
}

/* [L1] acquire: who freed it is done with it. */
static bool is_freed(const mh_heap *h, const struct geom *g)
{
	return !(ld_acq(&geom_live(&h->sg, g)[0]) & 1);		/* [L1] */
}

/* Freed, by this process: it is in no caches but ours. */
static bool is_near(const mh_heap *h, const struct geom *g)
{
	return holders_mover(holders_read(geom_holders(&h->sg, g))) ==
	       h->r->me.slot;
}

/* The i-th, out of the ring; those before it stay in order. */
static struct geom kept_remove(struct kept *k, uint32_t i)
{
	struct geom g = *kept_at(k, i);

	for (; i; i--)
		*kept_at(k, i) = *kept_at(k, i - 1);
	k->first = (k->first + 1) % KEPT_RUNS;
	k->n--;
	k->bytes -= geom_bytes(&g);
	return g;
}

bool kept_take(mh_heap *h, struct kept *k, uint32_t spc, struct geom *ret_g)
{
	uint32_t looks = 0;

	for (uint32_t i = 0; i < k->n && looks < KEPT_LOOKS; i++) {
		const struct geom *g = kept_at(k, i);

		if (g->spc != spc)
			continue;
		looks++;
		if (!is_freed(h, g))
			continue;
		if (k->bytes < KEPT_LINE && !is_near(h, g))
			return false;
		*ret_g = kept_remove(k, i);
		return true;
	}
	return false;
}

static void pass_oldest(mh_heap *h, struct kept *k)
{
	struct geom g = kept_remove(k, 0);

	pass_span(h, &g);
}

void kept_add(mh_heap *h, struct kept *k, const struct geom *g)
{
	while (k->n == KEPT_RUNS ||
	       (k->n && k->bytes + geom_bytes(g) > KEPT_BYTES))
		pass_oldest(h, k);
	*kept_at(k, k->n++) = *g;
	k->bytes += geom_bytes(g);
}

void kept_pass(mh_heap *h, struct kept *k)
{
	while (k->n)
		pass_oldest(h, k);
}
