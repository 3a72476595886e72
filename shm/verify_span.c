/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_span.c - what must hold for each span by itself: its state word, its
 * geometry against the size classes, its pages, live bits and parked bytes.
 * Reads only.
 */
#include "shm/parked.h"
#include "shm/verify_walk.h"

#include <errno.h>
#include <stdlib.h>

#define READS	8	/* of a span that moves on while it is looked at */

static int fault(struct verify *v, const struct geom *g, uint64_t w,
		 const char *what)
{
	return v_fault(v, "%s: %s", v_span_text(g->id, w).s, what);
}

static int check_shape(struct verify *v, const struct geom *g, uint64_t w)
{
	uint32_t sc = spc_size_class(g->spc);

	if (sc && !span_class_ok(g->spc))
		return fault(v, g, w, "no span may be of its class");
	if (sc && !span_npages_ok(g->spc, g->len.n))
		return fault(v, g, w, "the length is not its class's");
	if (g->elem != (sc ? sc_size(sc) : geom_bytes(g)))
		return fault(v, g, w, "the size of a slot is not its class's");
	if (g->nslots != geom_bytes(g) / g->elem)
		return fault(v, g, w, "the number of slots is not its length's");
	if (g->block_len != block_granules(spc_life(g->spc), g->nslots))
		return fault(v, g, w, "the block's length is not its class's");
	return 0;
}

static int check_place(struct verify *v, const struct geom *g, uint64_t w)
{
	if (g->start.n + g->len.n > seg_page_top(v->sg))
		return fault(v, g, w, "it reaches beyond the top page");
	for (uint32_t i = 0; i < g->len.n; i++) {
		uint32_t p = g->start.n + i;
		uint32_t id = ld_acq(&v->sg->pagemap[p]);	/* [G2] */

		if (id != g->id.n)
			return v_fault(v, "%s: its page %u is mapped to span %u",
				       v_span_text(g->id, w).s, p, id);
		if (!(ld_rlx(&v->sg->commit[p / 64]) >> p % 64 & 1)) /* [G3] */
			return v_fault(v, "%s: its page %u has no memory by "
				       "the commit bits",
				       v_span_text(g->id, w).s, p);
	}
	return 0;
}

static int check_party(struct verify *v, const struct geom *g, uint64_t w)
{
	uint32_t state = span_state(w);

	if (state != SPAN_OWNED && state != SPAN_GRANTED) {
		if (!party_eq(span_party(w), NOBODY))
			return fault(v, g, w, "the state has no owner, the "
				     "word names one");
		return 0;
	}
	if (!v_alive(v, span_party(w)))
		return fault(v, g, w, "its owner is not alive");
	return 0;
}

/* Bits behind the last slot, in its word and in the padding. */
static int check_tail(struct verify *v, const struct geom *g, uint64_t w)
{
	_Atomic uint64_t *live = geom_live(v->sg, g);
	uint32_t words = block_live_bytes(g->nslots) / 8;

	for (uint32_t i = g->nslots / 64; i < words; i++) {
		uint64_t mask = i < live_words(g->nslots) ?
				slot_mask(g->nslots, i) : 0;
		uint64_t stray = ld_acq(&live[i]) & ~mask;	/* [L1] */

		if (stray)
			return v_fault(v, "%s: the live bit of slot %u is set, "
				       "there are %u slots",
				       v_span_text(g->id, w).s, i * 64 +
				       (uint32_t)__builtin_ctzll(stray),
				       g->nslots);
	}
	return 0;
}

static bool client_free(struct verify *v, uint32_t slot)
{
	return (ld_acq(&v->sg->clients[slot].word) & 0xff) == /* [R1] */
	       CLIENT_FREE;
}

/* One parked byte that is not 0. */
static int check_parked_slot(struct verify *v, const struct geom *g,
			     uint64_t w, uint32_t slot, uint8_t byte)
{
	uint32_t lent = byte - PARKED_LENT;

	if (byte != PARKED_OWNER && (!lent || lent > v->sg->geo.nclients))
		return v_fault(v, "%s: the parked byte of slot %u is %u",
			       v_span_text(g->id, w).s, slot, byte);
	if (byte != PARKED_OWNER && client_free(v, lent))
		return v_fault(v, "%s: slot %u is lent to client slot %u, "
			       "which is free", v_span_text(g->id, w).s, slot,
			       lent);
	if (byte == PARKED_OWNER && span_state(w) != SPAN_OWNED)
		return v_fault(v, "%s: slot %u is parked, but no lease is open",
			       v_span_text(g->id, w).s, slot);
	if (ld_acq(&geom_live(v->sg, g)[slot / 64]) >>	/* [L1] */
	    slot % 64 & 1)
		return 0;
	v->rep->transit++;
	return v->transit_ok ? 0 :
	       v_fault(v, "%s: slot %u is parked and not live: somebody freed "
		       "a free slot", v_span_text(g->id, w).s, slot);
}

static int check_parked(struct verify *v, const struct geom *g, uint64_t w)
{
	_Atomic uint8_t *parked = geom_parked(v->sg, g);

	if (!spc_leased(g->spc) ||
	    span_state(w) == SPAN_QUARANTINED)
		return 0;
	for (uint32_t s = 0; s < g->nslots; s++) {
		uint8_t byte = ld_rlx(&parked[s]);		/* [P1] */

		if (byte && check_parked_slot(v, g, w, s, byte))
			return 1;
	}
	return 0;
}

static int check_threshold(struct verify *v, const struct geom *g, uint64_t w)
{
	uint32_t free = span_free_slots(v->sg, g), want = span_threshold(g);

	if (span_state(w) == SPAN_LISTED && free < want)
		return v_fault(v, "%s: %u of %u slots are free, too few to be "
			       "LISTED", v_span_text(g->id, w).s, free,
			       g->nslots);
	if (span_state(w) != SPAN_FULL || free < want)
		return 0;
	v->rep->transit++;
	return v->transit_ok && v->rep->clients ? 0 :
	       v_fault(v, "%s: %u of %u slots are free, so a wake was lost",
		       v_span_text(g->id, w).s, free, g->nslots);
}

static int check_span(struct verify *v, const struct geom *g, uint64_t w)
{
	return check_shape(v, g, w) || check_place(v, g, w) ||
	       check_party(v, g, w) || check_tail(v, g, w) ||
	       check_parked(v, g, w) || v_holders(v, g, w) ||
	       check_threshold(v, g, w);
}

/* Objects of the heap: live and not parked. */
static void count_objects(struct verify *v, const struct geom *g)
{
	uint64_t live = g->nslots - span_free_slots(v->sg, g);
	_Atomic uint8_t *parked = geom_parked(v->sg, g);

	if (spc_leased(g->spc))
		for (uint32_t s = 0; s < g->nslots; s++) {	/* [P1] */
			if (ld_rlx(&parked[s]) && live)
				live--;
		}
	if (spc_life(g->spc) == LIFE_HELD) {
		v->rep->held_objects += live;
		v->rep->held_bytes += live * g->elem;
	} else {
		v->rep->shared_objects += live;
		v->rep->shared_bytes += live * g->elem;
	}
}

static int keep(struct verify *v, const struct geom *g, uint64_t w)
{
	if (v->nused == v->cap) {
		uint32_t cap = v->cap ? v->cap * 2 : 256;
		struct vspan *more = realloc(v->used, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		v->used = more;
		v->cap = cap;
	}
	v->used[v->nused++] = (struct vspan){
		.word = w, .id = g->id, .start = g->start, .len = g->len,
		.block = g->block, .block_len = g->block_len,
	};
	return 0;
}

static int look(struct verify *v, span_id id, uint64_t w)
{
	struct geom g;

	if (span_state(w) > SPAN_QUARANTINED)
		return v_fault(v, "%s: there is no such state",
			       v_span_text(id, w).s);
	if (span_state(w) == SPAN_FREE) {
		v->rep->spans_by_state[SPAN_FREE]++;
		return 0;
	}
	if (!geom_read(v->sg, id, &g))
		return v_fault(v, "%s: its geometry entry is odd or impossible",
			       v_span_text(id, w).s);
	if (check_span(v, &g, w))
		return 1;
	v->rep->spans_by_state[span_state(w)]++;
	count_objects(v, &g);
	return keep(v, &g, w);
}

/* A fault counts only if the state word has stood still meanwhile. */
int v_spans(struct verify *v)
{
	uint32_t top = seg_span_top(v->sg);

	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint64_t transit = v->rep->transit, w;
		int r = 0;

		for (int i = 0; i < READS; i++) {
			w = span_load(v->sg, id);
			v->rep->transit = transit;
			r = look(v, id, w);
			if (r <= 0 || span_load(v->sg, id) == w)
				break;
			r = 0;
		}
		if (r)
			return r;
	}
	return 0;
}
