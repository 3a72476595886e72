/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.h - slots of other processes' spans in our arrays; see lend.c.
 */
#ifndef LIBCLIENT_LEND_H
#define LIBCLIENT_LEND_H

#include "libclient/client.h"
#include "shm/parked.h"

/* What goes home together: slots of one live word of another's span. */
struct loans {
	struct slot_at at;	/* the span; nslots 0: none yet */
	_Atomic uint8_t *parked; /* its slot 0's */
	uint32_t w;
	uint64_t bits;		/* none: nothing to do */
};

#define STREAM		256u	/* frees of one class in a row */
#define LEND_FOR	65536u	/* frees until it is looked at again */

/*
 * A thread borrows where it frees a stream of one class.  Elsewhere slots go home
 * one by one: a byte marked lies in the line where the owner unparks its next
 * slot, and borrowed slots handed out again would mix the processes' objects in
 * lines; only what is saved on a stream is worth that.
 */
static inline bool lend_wanted(struct mcache *mc, uint32_t i)
{
	mc->in_a_row = mc->foreign == i ? mc->in_a_row + 1 : 0;
	mc->foreign = i;
	if (mc->in_a_row >= STREAM && !mc->lend[i])
		mc->lend[i] = LEND_FOR;
	return mc->lend[i] != 0;
}

/* May this process borrow slots of such spans when it frees them? */
static inline bool lendable(mh_heap *h, uint32_t spc)
{
	return spc_life(spc) == LIFE_SHARED && sc_is_small(spc_size_class(spc)) &&
	       !(h->flags & MH_CHECKED) && h->r->me.slot - 1 < LENDERS - 1;
}

/*
 * Marks the slot and pushes it on array i; no lock.  False: nothing was done, as
 * the array is full or the object was freed before.
 */
static inline bool borrow(mh_heap *h, struct mcache *mc, void *p, uint32_t i,
			  const struct slot_at *at)
{
	_Atomic uint8_t *parked = slot_parked(at);
	char *top = ld_rlx(&mc->a.top[i]);			/* [A1] */

	if (unlikely(top >= mc->a.limit[i] || ld_rlx(parked) || /* [P1] */
		     !(ld_rlx(&at->live[at->slot / 64]) >>	/* [L1] */
		       at->slot % 64 & 1)))
		return false;
	st_rlx(parked, parked_by(h->r->me.slot));		/* [P1] */
	order_for_recovery();
	array_put(top, true, p, parked);
	st_rel(&mc->a.top[i], top + sizeof(struct slot_ref));	/* [A1] */
	mc->lend[i]--;
	mc->remote++;
	return true;
}

/*
 * Flush of an array of class spc, its lock held: a borrowed entry of another span
 * than the last one's, or of the same (loan_of).  0, or what is wrong with it.
 */
int loan_first(mh_heap *h, struct loans *l, const struct slot_ref *e,
	       uint32_t spc);
int loan_add(mh_heap *h, struct loans *l, const struct slot_ref *e);

static inline bool loan_of(const struct loans *l, const struct slot_ref *e)
{
	return (uintptr_t)e->parked - (uintptr_t)l->parked < l->at.nslots;
}

/* ... and at the end: what is left of the group goes home. */
void loans_home(mh_heap *h, struct loans *l);

#endif
