/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.c - freeing a stream of small shared objects of others' spans.  The slot
 * is borrowed: marked as ours and put on this thread's array, from where it is
 * handed out again like one of our own.  What an array can't hold goes home in
 * groups of one live word: one atomic clears their bits, then they are
 * unmarked, then the span's state is read.
 *
 *	object -> mark -> array -> object ...			(no atomic)
 *	          mark -> array -> live cleared -> unmarked	(flush)
 *
 * The right to free an object is the right to mark it: nobody else writes its
 * byte.  A second free finds the mark or the live bit; of two at the same
 * instant the later flush reports.  models/lend.pml is the proof, [P1] and [P2]
 * the rows.  Lock: the class's for the flush; none to borrow.
 */
#include <errno.h>

#include "libclient/lend.h"
#include "libclient/seen.h"

void freed_elsewhere(mh_heap *h, span_id id)
{
	struct geom g;

	/* If it has become another class's since, who pops it passes it on. */
	if (geom_read(&h->sg, id, &g) && span_freed(&h->sg, &g, h->r->me))
		offer_span(h, &g);
}

void loans_home(mh_heap *h, struct loans *l)
{
	if (!l->bits)
		return;
	andnot_sc(&l->at.live[l->w], l->bits);		/* [L1] before [P1] */
	order_for_recovery();
	parked_set(l->parked, l->w * 64, l->bits, 0);
	l->bits = 0;
	if (span_state(span_load(&h->sg, l->at.id)) == SPAN_FULL)
		freed_elsewhere(h, l->at.id);
}

int loan_first(mh_heap *h, struct loans *l, const struct slot_ref *e,
	       uint32_t spc)
{
	uint64_t off = (uint64_t)((char *)ld_rlx(&e->p) - h->arena); /* [A1] */
	struct slot_at at;

	if (!slot_find(&h->sg, off, &at) || at.spc != spc)
		return EINVAL;
	if (e->parked != slot_parked(&at))
		return EALREADY;
	loans_home(h, l);
	l->at = at;
	l->parked = e->parked - at.slot;
	return loan_add(h, l, e);
}

int loan_add(mh_heap *h, struct loans *l, const struct slot_ref *e)
{
	uint32_t slot = (uint32_t)(e->parked - l->parked);
	uint64_t bit = 1ull << slot % 64;

	if (slot / 64 != l->w) {
		loans_home(h, l);
		l->w = slot / 64;
	}
	if (ld_rlx(e->parked) != parked_by(h->r->me.slot) ||	/* [P1] */
	    l->bits & bit)
		return EALREADY;
	l->bits |= bit;
	return 0;
}
