/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - a slot of a span as an observer sees it.  Reads only. */
#ifndef TOOLS_OBJECT_H
#define TOOLS_OBJECT_H

#include "shm/span.h"

/*
 * EMPTY is what everybody can see.  A slot of owned objects whose live bit is
 * clear may hold one or not: only the owner knows (PRIVATE).
 */
enum slot_use { SLOT_SHARED, SLOT_PARKED, SLOT_PRIVATE, SLOT_EMPTY };

static inline enum slot_use slot_use(const struct seg *sg, const struct geom *g,
				     uint64_t word, uint32_t slot)
{
	uint64_t live = ld_sc(&geom_live(sg, g)[slot / 64]);	/* [L1] */
	uint32_t state = span_state(word), life = spc_life(g->spc);

	if (state == SPAN_FREE || state == SPAN_GRANTED)
		return SLOT_EMPTY;
	if (!(live >> slot % 64 & 1))
		return life == LIFE_OWNED && state == SPAN_OWNED ?
		       SLOT_PRIVATE : SLOT_EMPTY;
	return life != LIFE_OWNED && state == SPAN_OWNED &&
	       ld_rlx(&geom_parked(sg, g)[slot]) ?		/* [P1] */
	       SLOT_PARKED : SLOT_SHARED;
}

#endif
