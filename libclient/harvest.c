/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harvest.c - what others freed comes back, and spans that this process has no
 * more use for are given up.  Every function runs under the class lock.
 *
 * Give-up of a leased span with objects in it takes steps, because a thread may
 * stand between its look-up ("mine") and its push: forget the page table words
 * (frees go the foreign way from then on), count an epoch, and close only once
 * every thread has been at a slow path since and no array holds one of its
 * slots.  models/core_bytes.pml -DV_EPOCH is the proof.
 */
#include "libclient/client.h"
#include "shm/parked.h"

#define PENDING_MAX	16u

/* Freed by others: not live, not parked, not in my bitmap. */
static uint64_t freed_leased(struct pspan *ps, uint32_t w)
{
	uint64_t cand = ~ld_acq(&ps->live[w]) & ~map_word(ps->bits, w) & /* [L1] */
			slot_mask(ps->nslots, w);

	return cand ? cand & ~parked_mask(ps->parked, w * 64, cand) : 0;
}

static void take_leased(struct pspan *ps, uint32_t w, uint64_t freed)
{
	parked_set(ps->parked, w * 64, freed, PARKED_OWNER);		/* [P1] */
	order_for_recovery();
	or_rel(&ps->live[w], freed);				/* [L1] */
	map_add(ps->bits, w, freed);
}

static uint64_t freed_owned(const struct pspan *ps, uint32_t w)
{
	uint64_t known = known_word(ps, w);

	return known ? known & ~ld_acq(&ps->live[w]) : 0;	/* [L1] */
}

static uint32_t count_freed(struct pspan *ps)
{
	uint32_t n = 0;

	if (!ps->parked && !ps->nknown)		/* nobody else's business */
		return 0;
	for (uint32_t w = 0; w < live_words(ps->g.nslots); w++) {
		uint64_t live = ld_rlx(&ps->live[w]);		/* [L1] */
		uint64_t used = ps->parked ? ~map_word(ps->bits, w) :
				map_word(ps_knowns(ps), w);

		n += count_bits(used & ~live &
						    slot_mask(ps->g.nslots, w));
	}
	return n;
}

uint32_t ps_harvest(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	uint32_t got = 0, was = ps->nfree;

	for (uint32_t w = 0; w < live_words(ps->g.nslots); w++) {
		uint64_t f = ps->parked ? freed_leased(ps, w) :
			     freed_owned(ps, w);

		if (!f)
			continue;
		if (ps->parked) {
			take_leased(ps, w, f);
		} else {
			map_add(ps->bits, w, f);
			map_del(ps_knowns(ps), w, f);
		}
		got += count_bits(f);
	}
	if (!got)
		return 0;
	ps->nfree += got;
	if (!ps->parked)
		ps->nknown -= got;
	if (ps->mixed && !ps->nknown) {
		ps->mixed = false;
		ps_map(h, ps, true);
	}
	if (ps->where != PS_PARTIAL || was == 0)
		ps_move(c, ps, PS_PARTIAL);
	if (ps->nfree == ps->g.nslots)
		note_empty(h, c, 1, geom_bytes(&ps->g));
	add_rlx(&my_slot(h)->harvests, 1);			/* [C1] */
	cache_note(h, (int64_t)(got * ps->g.elem), 0);
	return got;
}

/* Of a few exhausted spans, one that has got enough free slots. */
struct pspan *harvest_some(mh_heap *h, struct pclass *c)
{
	for (uint32_t i = 0; i < SPAN_LOOKS && c->exhausted.head; i++) {
		struct pspan *ps = c->exhausted.head;

		if (count_freed(ps) >= span_threshold(&ps->g) &&
		    ps_harvest(h, c, ps))
			return ps;
		ps_move(c, ps, PS_EXHAUSTED);	/* to the tail */
	}
	return NULL;
}

/* An owned span whose slots are all shared objects: the heap's consumers. */
bool giveup_known(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	if (ps->parked || ps->nfree || ps->nknown != ps->g.nslots)
		return false;
	ps_release(h, c, ps);
	return true;
}

/*
 * [A1] sc against enter(): a thread shows its mcache, then reads the epoch; we
 * count the epoch, then look for mcaches.  So one that is missed here knows of
 * the epoch, and of the words forgotten before it.
 */
static bool all_passed(mh_heap *h, uint64_t epoch)
{
	struct mcache *mc = ld_sc(&h->r->mcaches);		/* [A1] */

	for (; mc; mc = mc->next)
		if (ld_sc(&mc->taken) && ld_acq(&mc->seen) < epoch) /* [A1] */
			return false;
	return true;
}

/*
 * Is no slot outside the bitmap parked by its owner, that is: none in an array?
 * Those that are borrowed, by us too, are like objects: they come home to
 * whosever span it is.
 */
static bool in_no_array(struct pspan *ps)
{
	for (uint32_t w = 0; w < live_words(ps->nslots); w++)
		if (parked_as(ps->parked, w * 64,		/* [P1] */
			      slot_mask(ps->nslots, w) &
			      ~map_word(ps->bits, w),
			      PARKED_OWNER, PARKED_OWNER))
			return false;
	return true;
}

static void forget(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	ps_map(h, ps, false);
	ps_move(c, ps, PS_PENDING);
	ps->epoch = add_sc(&h->r->giveups, 1) + 1;		/* [A1] */
}

static void recall(mh_heap *h, struct pclass *c, struct pspan *ps)
{
	ps_map(h, ps, true);
	ps_move(c, ps, ps->nfree ? PS_PARTIAL : PS_EXHAUSTED);
}

/*
 * Of so many: closes what may be closed; what has been freed meanwhile is taken
 * back.  The rest goes to the tail, or a few that must wait would hide those
 * behind them.
 */
void giveup_pending(mh_heap *h, struct pclass *c, uint32_t most)
{
	uint32_t n = c->pending.n < most ? c->pending.n : most;

	while (n--) {
		struct pspan *ps = c->pending.head;

		if (all_passed(h, ps->epoch) && in_no_array(ps)) {
			ps_release(h, c, ps);
		} else if (!c->partial.head &&
			   count_freed(ps) >= span_threshold(&ps->g)) {
			recall(h, c, ps);
			ps_harvest(h, c, ps);
		} else {
			ps_move(c, ps, PS_PENDING);
		}
	}
}

/*
 * This thread's arrays of the class come back unchanged refill after refill:
 * nobody frees here.  What it has used up is given to the heap's consumers.
 */
void giveup_exhausted(mh_heap *h, struct pclass *c, struct mcache *mc)
{
	struct pspan *ps;

	while ((ps = c->exhausted.head) && c->pending.n < PENDING_MAX)
		forget(h, c, ps);
	/* [A1] This thread is at a slow path, with its array of the class empty. */
	st_rel(&mc->seen, ld_acq(&h->r->giveups));
	giveup_pending(h, c, SPAN_LOOKS);
}
