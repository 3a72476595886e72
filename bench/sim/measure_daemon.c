/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_daemon.c - the daemon's work on a heap inside this process: its own
 * code, without sockets, wakes and system calls (measure_live has those).
 */
#include "bench/sim/measure.h"

#include <stdlib.h>
#include <string.h>

#include "tests/heaprig.h"

#define ROUNDS		100u
#define TABLE_IDS	8192u
#define CLIENTS		1024u

static struct rig *rig_of(uint64_t reserve, uint32_t clients)
{
	struct rig_opts o = { .reserve = reserve, .clients = clients,
			      .stripes = 1, .no_guard = true };

	return rig_new(&o);
}

/* One request, its span taken, given up empty and swept: memory at hand. */
static void measure_serve(struct class_costs *cc, unsigned bytes)
{
	struct samples serve = { .n = 0 };
	struct rig *r = rig_of(64u << 20, 4);
	struct party me = rig_join(r);
	uint32_t spc = span_class(LIFE_SHARED, sc_of(bytes));

	for (unsigned n = 0; n < ROUNDS; n++) {
		struct sh_cell *cell = rig_post(r, me, 0, OP_ALLOC, spc, 0);
		double began = now_ns();
		struct geom g;

		requests_serve(&r->h);
		sample(&serve, began, 1);
		if (cell->err || !central_take_grant(&r->sg, me,
				(span_id){ cell->result }, &g))
			abort();
		st_rel(&cell->word, (ld_acq(&cell->word) & ~3u) | CELL_IDLE);
		span_dispose(&r->sg, &g, me);
		sweep_all(&r->h, false);
	}
	cc->serve = typical(&serve);
	rig_free(r);
}

/* The stripes' lists keep what the sweep took until somebody pops it. */
static void drop_stale(struct rig *r, struct party me, uint32_t spc)
{
	struct geom g;
	unsigned busy;
	bool low;

	while (central_listed(&r->sg, spc))
		if (central_pop(&r->sg, me, spc, &g, &low, &busy))
			abort();
}

/* Targets of 64 spans, filled and taken back in turns. */
static void measure_provision(struct class_costs *cc, unsigned bytes)
{
	struct samples s = { .n = 0 }, back = { .n = 0 };
	struct rig *r = rig_of(1u << 30, 4);
	struct party me = rig_join(r);
	uint32_t spc = span_class(LIFE_SHARED, sc_of(bytes));

	for (unsigned n = 0; n < ROUNDS; n++) {
		double began;

		r->h.target[spc] = 64;
		began = now_ns();
		if (provision(&r->h, spc))
			abort();
		sample(&s, began, 64);
		began = now_ns();
		sweep_all(&r->h, false);
		sample(&back, began, 64);
		drop_stale(r, me, spc);
	}
	cc->provision = typical(&s);
	cc->retire = typical(&back);
	rig_free(r);
}

struct table {
	struct rig *r;
	struct party owner, other;
	struct geom g[TABLE_IDS];
	uint32_t n;
};

static struct table *table_new(void)
{
	struct table *t = calloc(1, sizeof(*t));
	uint32_t spc = span_class(LIFE_SHARED, sc_of(64));

	if (!t)
		abort();
	t->r = rig_of(512u << 20, CLIENTS);
	t->owner = rig_join(t->r);
	t->other = rig_join(t->r);
	t->n = TABLE_IDS;
	for (uint32_t i = 0; i < t->n; i++)
		t->g[i] = rig_span(t->r, t->owner, spc);
	return t;
}

static double sweep_per_id(struct table *t)
{
	struct samples s = { .n = 0 };

	for (unsigned n = 0; n < 20; n++) {
		double began = now_ns();

		sweep_all(&t->r->h, true);
		sample(&s, began, t->n);
	}
	return typical(&s);
}

/* Half of the slots live, or all. */
static void set_live(struct table *t, uint64_t bits)
{
	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t w = 0; w < live_words(t->g[i].nslots); w++)
			st_rlx(&geom_live(&t->r->sg, &t->g[i])[w], bits);
}

static void dispose_all(struct table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (span_dispose(&t->r->sg, &t->g[i], t->owner) ==
		    SPAN_LISTED)
			central_push(&t->r->sg, t->owner, t->g[i].spc,
				     t->g[i].id);
}

static void own_all(struct table *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		uint64_t w = span_load(&t->r->sg, t->g[i].id);

		if (!span_move(&t->r->sg, t->g[i].id, &w, SPAN_OWNED, t->owner))
			abort();
	}
}

static double reclaim(struct table *t, struct party p, uint32_t per)
{
	double began = now_ns();
	struct samples s = { .n = 0 };

	reclaim_client(&t->r->h, p.slot);
	sample(&s, began, per);
	return s.ns[0];
}

static void measure_tick(struct costs *c)
{
	struct samples s = { .n = 0 };
	struct rig *r = rig_of(64u << 20, CLIENTS);

	for (uint32_t i = 0; i < CLIENTS; i++)
		rig_join(r);
	for (unsigned n = 0; n < ROUNDS; n++) {
		double began = now_ns();

		requests_serve_all(&r->h);
		sample(&s, began, CLIENTS);
	}
	c->tick_slot = typical(&s);
	rig_free(r);
}

static void measure_table(struct costs *c)
{
	struct table *t = table_new();

	c->sweep_owned = sweep_per_id(t);
	set_live(t, ~0ull);
	dispose_all(t);
	c->sweep_full = sweep_per_id(t);
	own_all(t);
	set_live(t, 0x00000000ffffffffull);
	dispose_all(t);
	c->sweep_listed = sweep_per_id(t);
	c->reclaim_id = reclaim(t, t->other, t->n);
	own_all(t);
	set_live(t, 0);
	c->reclaim_span = reclaim(t, t->owner, t->n);
	rig_free(t->r);
	free(t);
}

void measure_daemon(struct costs *c)
{
	for (enum kind k = 0; k < KINDS; k++) {
		measure_serve(&c->k[k], kind_bytes[k]);
		measure_provision(&c->k[k], kind_bytes[k]);
	}
	measure_table(c);
	measure_tick(c);
}
