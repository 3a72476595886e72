/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence.c - state words that no history explains: a client that went wild can
 * write central.  Such a span is QUARANTINED: its pages and its id are in use
 * by nobody from then on, `mheap verify` names it, and the rest of the heap
 * goes on.  A word without a span behind it is put back to FREE.
 *
 * Judged are only words that cannot be in transit: the daemon alone makes
 * spans, frees slots and moves generations on.  Takes no locks.
 */
#include "daemon/heap.h"

static bool party_sound(const struct heap *h, struct party p)
{
	if (p.slot == SH_DAEMON_SLOT)
		return party_eq(p, h->me);
	return p.slot >= 1 && p.slot <= h->sg.geo.nclients &&
	       client_state(h, p.slot) != CLIENT_FREE &&
	       party_eq(p, client_party(h, p.slot));
}

static bool word_sound(const struct heap *h, uint64_t w)
{
	switch (span_state(w)) {
	case SPAN_FULL:
	case SPAN_LISTED:
	case SPAN_QUARANTINED:
		return true;
	case SPAN_GRANTED:
	case SPAN_OWNED:
		return party_sound(h, span_party(w));
	}
	return false;		/* FREE, with geometry: the daemon knows better */
}

bool fence_span(struct heap *h, span_id id, uint64_t w)
{
	struct geom g;

	if (!geom_read(&h->sg, id, &g)) {
		if (span_state(w) != SPAN_FREE)
			span_move(&h->sg, id, &w, SPAN_FREE, NOBODY);
		return true;
	}
	if (word_sound(h, w))
		return false;
	if (span_move(&h->sg, id, &w, SPAN_QUARANTINED, NOBODY))
		add_rlx(&h->sg.whdr->count.quarantined_spans, 1); /* [H2] */
	return true;
}
