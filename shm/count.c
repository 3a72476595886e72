/* SPDX-License-Identifier: Apache-2.0 */
/* count.c - see count.h. */
#include "shm/count.h"

#include <string.h>

/* Live and not parked: objects of the heap. */
static uint32_t objects(const struct seg *sg, const struct geom *g)
{
	uint32_t n = g->nslots - span_free_slots(sg, g);
	_Atomic uint8_t *parked = geom_parked(sg, g);

	if (!spc_leased(g->spc))
		return n;
	for (uint32_t s = 0; s < g->nslots; s++)
		n -= n && ld_rlx(&parked[s]);			/* [P1] */
	return n;
}

static void count_span(const struct seg *sg, span_id id, struct heap_count *t,
		       struct client_count *clients)
{
	uint64_t w = span_load(sg, id);
	uint32_t state = span_state(w), live, slot = span_party(w).slot;
	struct geom g;

	t->by_state[state & 7]++;
	if (state == SPAN_FREE || !geom_read(sg, id, &g))
		return;
	live = objects(sg, &g);
	t->spans++;
	if (spc_life(g.spc) == LIFE_HELD) {
		t->held_objects += live;
		t->held_bytes += live * g.elem;
	} else {
		t->shared_objects += live;
		t->shared_bytes += live * g.elem;
	}
	t->quarantined += state == SPAN_QUARANTINED;
	t->cls[g.spc].spans++;
	t->cls[g.spc].bytes += geom_bytes(&g);
	t->cls[g.spc].live += live;
	t->cls[g.spc].free += g.nslots - live;
	if (state != SPAN_OWNED && state != SPAN_GRANTED)
		return;
	t->owned_bytes += geom_bytes(&g);
	if (clients && slot <= sg->geo.nclients) {
		clients[slot].spans++;
		clients[slot].owned_bytes += geom_bytes(&g);
		clients[slot].shared_bytes += live * g.elem;
	}
}

void tally_add(struct tally *sum, const struct sh_tally *t)
{
	for (int i = 0; i < 3; i++)
		sum->refills[i] += ld_rlx(&t->refills[i]);	/* [C1] */
	sum->objects += ld_rlx(&t->objects);			/* [C1] */
	sum->flushes += ld_rlx(&t->flushes);			/* [C1] */
	sum->flushed += ld_rlx(&t->flushed);			/* [C1] */
	sum->failed += ld_rlx(&t->failed);			/* [C1] */
}

uint64_t slot_refills(const struct sh_slot *s)
{
	struct tally sum = { .objects = 0 };

	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		tally_add(&sum, &s->tally[spc]);
	return sum.refills[0] + sum.refills[1] + sum.refills[2] + sum.failed;
}

static void count_clients(const struct seg *sg, struct heap_count *t)
{
	for (uint32_t i = 1; i <= sg->geo.nclients; i++) {
		uint64_t w = ld_acq(&sg->clients[i].word);	/* [R1] */

		if ((w & 0xff) == CLIENT_FREE)
			continue;
		t->clients++;
		t->refills += slot_refills(&sg->slots[i]);
		t->daemon_calls += ld_rlx(&sg->slots[i].daemon_calls); /* [C1] */
	}
}

void count_heap(const struct seg *sg, struct heap_count *ret,
		struct client_count *clients)
{
	uint32_t top = seg_span_top(sg);

	memset(ret, 0, sizeof(*ret));
	for (span_id id = { 1 }; id.n < top; id.n++)
		count_span(sg, id, ret, clients);
	count_clients(sg, ret);
}
