/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclaim.c - client slots, and the one recovery rule: a dead process's spans
 * are closed (live of the parked cleared, unparked), then go by their count to
 * the page heap, to mcentral, or become FULL; what it held is let go before (held.c), and
 * what it had borrowed of others' spans is freed.  Stripes that it died in are rebuilt; its slot is freed last of
 * all, with the next generation.
 *
 * Idempotent: whatever step the daemon itself dies at, the next one does it
 * again from the state words.
 */
#include "daemon/heap.h"
#include "shm/probe.h"
#include "shm/probe_ids.h"

#include <errno.h>

uint32_t client_state(const struct heap *h, uint32_t slot)
{
	return (uint32_t)ld_acq(&h->sg.clients[slot].word) & 0xff; /* [R1] */
}

struct party client_party(const struct heap *h, uint32_t slot)
{
	uint64_t w = ld_acq(&h->sg.clients[slot].word);		/* [R1] */

	return (struct party){ slot, (uint32_t)(w >> 8) & GEN_MASK };
}

static void client_set(struct heap *h, struct party p, uint32_t state)
{
	st_rel(&h->sg.clients[p.slot].word,			/* [R1] */
	       (uint64_t)(p.gen & GEN_MASK) << 8 | state);
}

void client_set_state(struct heap *h, uint32_t slot, uint32_t state)
{
	client_set(h, client_party(h, slot), state);
}

/* Into the sum of what those did who are gone. */
static void tally_move(struct sh_tally *sum, struct sh_tally *t)
{
	_Atomic uint64_t *to = (_Atomic uint64_t *)sum;
	_Atomic uint64_t *from = (_Atomic uint64_t *)t;

	for (size_t i = 0; i < sizeof(*t) / sizeof(*from); i++) {
		uint64_t n = ld_rlx(&from[i]);			/* [C1] */

		if (!n)
			continue;
		add_rlx(&to[i], n);				/* [C1] */
		st_rlx(&from[i], 0);				/* [C1] */
	}
}

/* The next size class from sc on that the client used; SC_COUNT: none. */
static uint32_t next_used(const struct heap *h, uint32_t slot, uint32_t sc)
{
	const struct sh_slot *s = &h->sg.slots[slot];

	for (; sc < SC_COUNT; sc = (sc | 63) + 1) {
		uint64_t bits = ld_acq(&s->used[sc / 64]) >> sc % 64; /* [K4] */

		if (bits)
			return sc + (uint32_t)__builtin_ctzll(bits);
	}
	return SC_COUNT;
}

/* The bits go last: the daemon may die meanwhile. */
static void tallies_reset(struct heap *h, uint32_t slot)
{
	struct sh_slot *s = &h->sg.slots[slot];
	struct sh_tally *sum = h->sg.slots[0].tally;

	for (uint32_t sc = next_used(h, slot, 0); sc < SC_COUNT;
	     sc = next_used(h, slot, sc + 1))
		for (uint32_t spc = sc; spc < SPAN_CLASSES; spc += SC_COUNT)
			tally_move(&sum[spc], &s->tally[spc]);
	st_rel(&s->used[0], 0);					/* [K4] */
	st_rel(&s->used[1], 0);					/* [K4] */
}

static void watches_reset(struct heap *h, uint32_t slot)
{
	for (uint32_t i = 0; i < SH_WATCHES; i++)
		st_rlx(&h->sg.slots[slot].watch[i], 0);		/* [O3] */
}

static void slot_reset(struct heap *h, uint32_t slot)
{
	struct sh_slot *s = &h->sg.slots[slot];

	/* [Q2] Set, it would keep the next client of the slot from ringing. */
	andnot_ar(&h->sg.ctl->bell[slot / 64], 1ull << slot % 64);
	for (uint32_t i = 0; i < SH_CELLS; i++)
		st_rel(&s->cells[i].word, CELL_IDLE);		/* [Q1] */
	st_rlx(&s->harvests, 0);				/* [C1] */
	st_rlx(&s->daemon_calls, 0);				/* [C1] */
	st_rlx(&s->waits, 0);					/* [C1] */
	st_rlx(&s->wait_ns, 0);					/* [C1] */
	st_rlx(&s->inuse_bytes, 0);				/* [C1] */
	st_rlx(&s->cached_bytes, 0);				/* [C1] */
	st_rlx(&s->remote_frees, 0);				/* [C1] */
	st_rlx(&s->lent[0], 0);					/* [P2] */
	st_rlx(&s->lent[1], 0);					/* [P2] */
	st_rlx(&s->held[0], 0);					/* [O2] */
	st_rlx(&s->held[1], 0);					/* [O2] */
	watches_reset(h, slot);
	for (uint32_t i = 0; i < SH_CHANS_MAX / 64; i++)
		st_rlx(&s->chans[i], 0);			/* [M4] */
	tallies_reset(h, slot);
}

/* Memory of a slot that nobody has had; the first one brings slot 0 with it. */
static int slot_back(struct heap *h, uint32_t slot)
{
	uint64_t off = h->sg.geo.slots_off, each = sizeof(struct sh_slot);
	uint64_t has = round_up(h->slots_top * each, 4096);
	uint64_t then = round_up((slot + 1) * each, 4096);

	/* Room that is being made will do: nobody can be told to wait. */
	if (then > has && commit_room(h, then - has) == -ENOMEM)
		return -ENOMEM;
	return heap_back(h, SEG_CENTRAL, off + (slot == 1 ? 0 : slot * each),
			 off + (slot + 1) * each);
}

int client_join(struct heap *h, struct party *ret_p)
{
	const struct sh_geometry *g = &h->sg.geo;

	for (uint32_t slot = 1; slot <= g->nclients; slot++) {
		struct party p = client_party(h, slot);

		if (client_state(h, slot) != CLIENT_FREE)
			continue;
		if (slot_back(h, slot))
			return -ENOMEM;
		if (h->slots_top <= slot)
			h->slots_top = slot + 1;
		slot_reset(h, slot);
		if (!p.gen)
			p.gen = 1;
		client_set(h, p, CLIENT_JOINING);
		h->client_spans[slot] = 0;
		*ret_p = p;
		return 0;
	}
	return -EUSERS;
}

/* One span of the dead: OWNED or GRANTED.  Returns the bytes it covered. */
static uint64_t reclaim_span(struct heap *h, span_id id, struct party dead)
{
	uint64_t w = span_load(&h->sg, id);
	struct geom g;

	if ((span_state(w) != SPAN_OWNED && span_state(w) != SPAN_GRANTED) ||
	    !party_eq(span_party(w), dead))
		return 0;
	if (!geom_read(&h->sg, id, &g)) {	/* somebody scribbled */
		span_move(&h->sg, id, &w, SPAN_FREE, NOBODY);
		return 0;
	}
	if (span_state(w) == SPAN_OWNED)
		span_close(&h->sg, &g, dead);
	if (!span_move(&h->sg, id, &w, SPAN_OWNED, h->me))
		return 0;
	span_settle(h, &g, false);
	return geom_bytes(&g);
}

/* What the dead had borrowed of a span that isn't its own comes back. */
static void reclaim_lent(struct heap *h, span_id id, struct party dead)
{
	const struct sh_slot *s = &h->sg.slots[dead.slot];
	uint32_t state = span_state(span_load(&h->sg, id)), sc;
	struct geom g;

	if ((state != SPAN_OWNED && state != SPAN_FULL &&
	     state != SPAN_LISTED) || !geom_read(&h->sg, id, &g))
		return;
	sc = spc_size_class(g.spc);
	if (!(ld_acq(&s->lent[sc / 64 % 2]) >> sc % 64 & 1))	/* [P2] */
		return;
	span_unlend(&h->sg, &g, dead);
	/* Even if nothing was left to free: the last daemon may have died here. */
	if (span_freed(&h->sg, &g, h->me))
		central_push(&h->sg, h->me, g.spc, id);
}

static void reclaim_all_lent(struct heap *h, struct party dead)
{
	const struct sh_slot *s = &h->sg.slots[dead.slot];
	uint32_t top = seg_span_top(&h->sg);

	if (!ld_acq(&s->lent[0]) && !ld_acq(&s->lent[1]))	/* [P2] */
		return;
	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top))
		reclaim_lent(h, id, dead);
}

static void rebuild_stripe(struct heap *h, uint32_t k, struct party dead)
{
	uint32_t n = h->sg.geo.nstripes;
	bool on = PROBE_ON(lock_freed);
	uint64_t began = on ? probe_clock() : 0;

	central_rebuild(&h->sg, k, dead, h->me);
	add_rlx(&h->sg.whdr->count.rebuilt_stripes, 1);		/* [H2] */
	if (on)
		PROBE_FIRE(lock_freed, lock_id(LOCK_STRIPE, k / n, k % n),
			   LOCK_STRIPE, h->sg.clients[dead.slot].pid, dead.slot,
			   probe_clock() - began);
}

static void reclaim_stripes(struct heap *h, uint32_t spc, struct party dead)
{
	uint32_t n = h->sg.geo.nstripes;

	for (uint32_t k = spc * n; k < (spc + 1) * n; k++)
		if (party_eq(central_holder(&h->sg, k), dead))
			rebuild_stripe(h, k, dead);
}

static void reclaim_all_stripes(struct heap *h, struct party dead)
{
	for (uint32_t sc = next_used(h, dead.slot, 0); sc < SC_COUNT;
	     sc = next_used(h, dead.slot, sc + 1))
		for (uint32_t spc = sc; spc < SPAN_CLASSES; spc += SC_COUNT)
			reclaim_stripes(h, spc, dead);
}

uint64_t reclaim_client(struct heap *h, uint32_t slot)
{
	struct party dead = client_party(h, slot);
	struct sh_counters *c = &h->sg.whdr->count;
	uint32_t state = client_state(h, slot);
	uint64_t bytes = 0, spans = 0, began = h->io.now_ns(h->io.arg);
	uint32_t top = seg_span_top(&h->sg);

	if (state == CLIENT_FREE)
		return 0;
	if (state != CLIENT_LEAVING)
		client_set(h, dead, CLIENT_DYING);
	watches_reset(h, slot);
	chans_recover(h, dead);
	held_recover(h, dead);
	retire_begin(h);
	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top)) {
		uint64_t n = reclaim_span(h, id, dead);

		bytes += n;
		spans += n != 0;
	}
	retire_end(h);
	reclaim_all_lent(h, dead);
	reclaim_all_stripes(h, dead);
	chans_wake(h, dead);
	slot_reset(h, slot);
	if (state != CLIENT_LEAVING) {
		add_rlx(&c->deaths, 1);				/* [H2] */
		add_rlx(&c->reclaimed_bytes, bytes);		/* [H2] */
		add_rlx(&c->reclaim_ns, h->io.now_ns(h->io.arg) - began); /* [H2] */
	}
	if (PROBE_ON(client_dead))
		PROBE_FIRE(client_dead, slot, h->sg.clients[slot].pid, spans,
			   bytes, h->io.now_ns(h->io.arg) - began, state);
	h->client_spans[slot] = 0;
	dead.gen = (dead.gen & GEN_MASK) == GEN_MASK ? 1 : dead.gen + 1;
	client_set(h, dead, CLIENT_FREE);	/* [R1] last of all */
	return bytes;
}
