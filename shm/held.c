/* SPDX-License-Identifier: Apache-2.0 */
/* held.c - see held.h. */
#include "shm/held.h"

bool held_find(const struct seg *sg, uint64_t off, struct held_at *ret)
{
	struct geom g;
	uint32_t slot;

	if (!geom_of_page(sg, (pgno){ (uint32_t)(off >> PAGE_SHIFT) }, &g) ||
	    spc_life(g.spc) != LIFE_HELD || !geom_slot(&g, off, &slot))
		return false;
	*ret = (struct held_at){
		.off = off, .id = g.id, .slot = slot, .slots = g.nslots,
		.spc = g.spc, .gen = g.gen,
		.live = &geom_live(sg, &g)[slot / 64],
		.word = &geom_holders(sg, &g)[slot],
	};
	return true;
}
