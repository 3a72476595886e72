/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heaprig_client.c - what clients do to a rig's heap, single-threaded: join, take
 * spans, lease, allocate, share, hold, free, ask.  See heaprig.h.
 */
#include "tests/heaprig.h"
#include "tests/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/held.h"
#include "shm/parked.h"

struct party rig_join(struct rig *r)
{
	struct party p;

	MUST(!client_join(&r->h, &p));
	client_set_state(&r->h, p.slot, CLIENT_ACTIVE);
	return p;
}

static struct geom new_span(struct rig *r, struct party p,
			    const struct span_wish *wish)
{
	struct geom g;
	uint32_t reason;
	span_id id;

	MUST(!span_new(&r->h, wish, SPAN_GRANTED, p, &id, &reason));
	MUST(central_take_grant(&r->sg, p, id, &g));
	return g;
}

struct geom rig_span(struct rig *r, struct party p, uint32_t spc)
{
	return new_span(r, p, &(struct span_wish){ .spc = spc });
}

struct geom rig_run(struct rig *r, struct party p, uint32_t pages)
{
	return new_span(r, p, &(struct span_wish){ .len = { pages } });
}

struct geom rig_geom(struct rig *r, span_id id)
{
	struct geom g;

	MUST(geom_read(&r->sg, id, &g));
	return g;
}

void rig_lease(struct rig *r, const struct geom *g)
{
	_Atomic uint64_t *live = geom_live(&r->sg, g);
	_Atomic uint8_t *parked = geom_parked(&r->sg, g);

	for (uint32_t w = 0; w < live_words(g->nslots); w++) {
		uint64_t free = ~ld_acq(&live[w]) & slot_mask(g->nslots, w);

		for (uint64_t m = free; m; m &= m - 1)
			st_rlx(&parked[w * 64 + __builtin_ctzll(m)], 1);
		order_for_recovery();
		or_rel(&live[w], free);
	}
}

void rig_alloc(struct rig *r, const struct geom *g, uint32_t slot)
{
	_Atomic uint8_t *parked = geom_parked(&r->sg, g);

	MUST(ld_rlx(&parked[slot]) == 1);
	st_rlx(&parked[slot], 0);
}

bool rig_free_slot(struct rig *r, struct party p, const struct geom *g,
		   uint32_t slot)
{
	uint64_t bit = 1ull << slot % 64;

	MUST(andnot_sc(&geom_live(&r->sg, g)[slot / 64], bit) & bit);
	if (!span_freed(&r->sg, g, p))
		return false;
	central_push(&r->sg, p, g->spc, g->id);
	return true;
}

void rig_lend(struct rig *r, const struct geom *g, uint32_t slot,
	      struct party to)
{
	_Atomic uint8_t *parked = geom_parked(&r->sg, g);
	uint32_t sc = spc_size_class(g->spc);

	MUST(!ld_rlx(&parked[slot]));
	or_rel(&r->sg.slots[to.slot].lent[sc / 64], 1ull << sc % 64);
	st_rlx(&parked[slot], parked_by(to.slot));
}

void rig_share(struct rig *r, const struct geom *g, uint32_t slot)
{
	or_rel(&geom_live(&r->sg, g)[slot / 64], 1ull << slot % 64);
}

void rig_hold(struct rig *r, const struct geom *g, uint32_t slot,
	      struct party p)
{
	struct sh_holder *word = &geom_holders(&r->sg, g)[slot];
	uint32_t sc = spc_size_class(g->spc);

	MUST(spc_life(g->spc) == LIFE_HELD);
	or_rel(&r->sg.slots[p.slot].held[sc / 64], 1ull << sc % 64);
	if (held_exists(&r->sg, g, slot)) {
		MUST(held_hold(word, holder_bit(p.slot)));
		return;
	}
	held_born(word, holder_bit(p.slot), p.slot);
	st_rlx(&geom_parked(&r->sg, g)[slot], 0);
	rig_share(r, g, slot);
	held_open(word, holder_bit(p.slot));
}

struct sh_cell *rig_post(struct rig *r, struct party p, uint32_t cell,
			 uint32_t op, uint32_t a0, uint32_t a1)
{
	struct sh_cell *c = &r->sg.slots[p.slot].cells[cell];

	c->op = op;
	memset(c->arg, 0, sizeof(c->arg));
	c->arg[0] = a0;
	c->arg[1] = a1;
	st_rel(&c->word, ((ld_acq(&c->word) >> 2) + 1) << 2 | CELL_POSTED);
	or_rel(&r->sg.ctl->bell[p.slot / 64], 1ull << p.slot % 64);
	return c;
}
