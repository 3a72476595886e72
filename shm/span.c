/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span.c - moves of spans; see span.h for the picture and models/core_bytes.pml
 * for the proof.  Shared by owners, freers, takers and the daemon.
 * Takes no lock; every loop is bounded by the number of slots or by a CAS that
 * somebody else won.
 */
#include "shm/parked.h"
#include "shm/span.h"

bool span_move(const struct seg *sg, span_id id, uint64_t *seen,
	       uint32_t state, struct party p)
{
	uint64_t to = span_word(state, p, span_version(*seen) + 1);

	/* [S1] sc: publishing FULL must come before the recount's loads. */
	return cas_sc(&sg->spans[id.n].state, seen, to);
}

bool span_is(const struct seg *sg, span_id id, uint32_t state, struct party p)
{
	uint64_t w = span_load(sg, id);

	return span_state(w) == state && party_eq(span_party(w), p);
}

uint32_t span_free_slots(const struct seg *sg, const struct geom *g)
{
	_Atomic uint64_t *live = geom_live(sg, g);
	uint32_t used = 0;

	for (uint32_t w = 0; w < live_words(g->nslots); w++)
		used += count_bits(
			ld_sc(&live[w]) &		/* [L1] */
			slot_mask(g->nslots, w));
	return g->nslots - used;
}

/* Are so many free that a new owner is well served?  Looks no further than that. */
static bool span_worth(const struct seg *sg, const struct geom *g)
{
	_Atomic uint64_t *live = geom_live(sg, g);
	uint32_t least = span_threshold(g), nfree = 0;

	if (g->nslots == 1)
		return !(ld_sc(&live[0]) & 1);		/* [L1] */
	for (uint32_t w = 0; w < live_words(g->nslots) && nfree < least; w++)
		nfree += count_bits(
			~ld_sc(&live[w]) &		/* [L1] */
			slot_mask(g->nslots, w));
	return nfree >= least;
}

bool span_empty(const struct seg *sg, const struct geom *g)
{
	_Atomic uint8_t *parked = geom_parked(sg, g);

	if (span_free_slots(sg, g) != g->nslots)
		return false;
	if (!spc_leased(g->spc))
		return true;
	for (uint32_t w = 0; w < live_words(g->nslots); w++)
		if (parked_mask(parked, w * 64, slot_mask(g->nslots, w)))
			return false;
	return true;
}

/* Frees parked slots of one word. */
static void close_word(const struct seg *sg, const struct geom *g, uint32_t w,
		       uint64_t mask)
{
	if (!mask)
		return;
	andnot_sc(&geom_live(sg, g)[w], mask);		/* [L1] before [P1] */
	order_for_recovery();
	parked_set(geom_parked(sg, g), w * 64, mask, 0);
	order_for_recovery();		/* before the state word moves */
}

/* All that is parked as either says. */
static void close_marked(const struct seg *sg, const struct geom *g,
			 uint8_t mark, uint8_t other)
{
	for (uint32_t w = 0; w < live_words(g->nslots); w++) {
		uint64_t mask = parked_as(geom_parked(sg, g), w * 64,
					  slot_mask(g->nslots, w), mark, other);

		close_word(sg, g, w, mask);
	}
}

void span_close(const struct seg *sg, const struct geom *g, struct party dead)
{
	if (spc_leased(g->spc))
		close_marked(sg, g, PARKED_OWNER, parked_by(dead.slot));
}

void span_unlend(const struct seg *sg, const struct geom *g, struct party dead)
{
	uint8_t mark = parked_by(dead.slot);

	if (spc_life(g->spc) == LIFE_SHARED && mark != PARKED_OWNER)
		close_marked(sg, g, mark, mark);
}

void span_close_slots(const struct seg *sg, const struct geom *g,
		      const uint64_t *slots)
{
	for (uint32_t w = 0; w < live_words(g->nslots); w++)
		close_word(sg, g, w, slots[w]);
}

uint32_t span_dispose(const struct seg *sg, const struct geom *g,
		      struct party me)
{
	uint64_t w = span_load(sg, g->id), full;

	for (;;) {
		if (span_state(w) != SPAN_OWNED || !party_eq(span_party(w), me))
			return SPAN_QUARANTINED;
		if (span_worth(sg, g)) {
			if (span_move(sg, g->id, &w, SPAN_LISTED, NOBODY))
				return SPAN_LISTED;
			continue;
		}
		full = span_word(SPAN_FULL, NOBODY, span_version(w) + 1);
		if (!span_move(sg, g->id, &w, SPAN_FULL, NOBODY))
			continue;
		/*
		 * Recount: a freer that saw OWNED did nothing more.  Taken
		 * back only as published: otherwise somebody else moves it
		 * on, and g may be another span's by now.
		 */
		if (!span_worth(sg, g) ||
		    !span_move(sg, g->id, &full, SPAN_OWNED, me))
			return SPAN_FULL;
		w = span_load(sg, g->id);
	}
}

bool span_freed(const struct seg *sg, const struct geom *g, struct party me)
{
	uint64_t w = span_load(sg, g->id);
	struct geom now;

	if (span_state(w) != SPAN_FULL || !span_worth(sg, g))
		return false;
	if (!span_move(sg, g->id, &w, SPAN_OWNED, me))
		return false;
	/* What was read before the CAS may be of the span that it was then. */
	if (geom_same(sg, g))
		return span_dispose(sg, g, me) == SPAN_LISTED;
	return geom_read(sg, g->id, &now) &&
	       span_dispose(sg, &now, me) == SPAN_LISTED;
}
