/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_recover.c - a client's death and a daemon's, by states made by hand:
 * what a kill can leave behind, and what must have become of it.  (Kills at
 * every instruction are tests/crash.)
 */
#include "tests/unit/rig_test.h"
#include "shm/parked.h"

/* What the owner had done to its span of 32 slots when it was killed. */
static void nothing(struct rig *r, const struct geom *g)
{
	(void)r;
	(void)g;
}

static void shared_one(struct rig *r, const struct geom *g)
{
	rig_share(r, g, 5);
}

static void shared_all(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < g->nslots; s++)
		rig_share(r, g, s);
}

static void shared_to_threshold(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < g->nslots - span_threshold(g); s++)
		rig_share(r, g, s);
}

static void shared_beyond(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s <= g->nslots - span_threshold(g); s++)
		rig_share(r, g, s);
}

static void leased(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 0);
}

static void leased_one(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 1);
}

static void leased_all(struct rig *r, const struct geom *g)
{
	lease_take(r, g, g->nslots);
}

/* Allocated from a lease, then freed by others: not harvested yet. */
static void leased_freed(struct rig *r, const struct geom *g)
{
	lease_take(r, g, g->nslots);
	andnot_sc(&geom_live(&r->sg, g)[0], 0xfull);
}

/* Killed while it opened a lease: parked, live not set yet. */
static void opening(struct rig *r, const struct geom *g)
{
	for (uint32_t s = 0; s < 7; s++)
		st_rlx(&geom_parked(&r->sg, g)[s], 1);
}

/* Killed while it closed one: live cleared, not all unparked. */
static void closing(struct rig *r, const struct geom *g)
{
	lease_take(r, g, 3);
	andnot_sc(&geom_live(&r->sg, g)[0], 0xfffffff8ull);
	for (uint32_t s = 3; s < 20; s++)
		st_rlx(&geom_parked(&r->sg, g)[s], 0);
}

static const struct fate {
	const char *what;
	void (*make)(struct rig *r, const struct geom *g);
	uint32_t life, state, objects;
} fates[] = {
	{ "empty", nothing, LIFE_OWNED, SPAN_FREE, 0 },
	{ "one shared", shared_one, LIFE_OWNED, SPAN_LISTED, 1 },
	{ "all shared", shared_all, LIFE_OWNED, SPAN_FULL, 32 },
	{ "at the threshold", shared_to_threshold, LIFE_OWNED, SPAN_LISTED, 24 },
	{ "below it", shared_beyond, LIFE_OWNED, SPAN_FULL, 25 },
	{ "no lease", nothing, LIFE_SHARED, SPAN_FREE, 0 },
	{ "leased", leased, LIFE_SHARED, SPAN_FREE, 0 },
	{ "one taken", leased_one, LIFE_SHARED, SPAN_LISTED, 1 },
	{ "all taken", leased_all, LIFE_SHARED, SPAN_FULL, 32 },
	{ "freed by others", leased_freed, LIFE_SHARED, SPAN_FULL, 28 },
	{ "opening", opening, LIFE_SHARED, SPAN_FREE, 0 },
	{ "closing", closing, LIFE_SHARED, SPAN_LISTED, 3 },
};

/* Spans of every fate, OWNED by p; then one that is only GRANTED. */
static void make_fates(struct rig *r, struct party p, struct geom *g)
{
	for (unsigned i = 0; i < N_OF(fates); i++) {
		g[i] = rig_span(r, p, span_class(fates[i].life, SC_1K));
		assert_int_equal(g[i].nslots, 32);
		fates[i].make(r, &g[i]);
	}
}

static span_id grant(struct rig *r, struct party p)
{
	struct span_wish w = { .spc = OWNED(SC_64) };
	uint32_t reason;
	span_id id;

	assert_int_equal(span_new(&r->h, &w, SPAN_GRANTED, p, &id, &reason), 0);
	return id;
}

static void assert_fates(struct rig *r, const struct geom *g)
{
	for (unsigned i = 0; i < N_OF(fates); i++) {
		const struct fate *f = &fates[i];

		if (rig_state(r, g[i].id) != f->state)
			fail_msg("%s: state %u instead of %u", f->what,
				 rig_state(r, g[i].id), f->state);
		if (f->state != SPAN_FREE &&
		    span_free_slots(&r->sg, &g[i]) != 32 - f->objects)
			fail_msg("%s: %u slots are free", f->what,
				 span_free_slots(&r->sg, &g[i]));
	}
}

static struct rig *rig_big(void)
{
	return rig_new(&(struct rig_opts){ .reserve = 4u << 20 });
}

static void reclaim_by_the_rule(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g[N_OF(fates)], other = rig_span(r, q, SHARED(SC_1K));
	span_id id;

	(void)state;
	lease_take(r, &other, 4);
	make_fates(r, p, g);
	id = grant(r, p);
	rig_post(r, p, 2, OP_ALLOC, OWNED(SC_1K), 0);
	assert_true(reclaim_client(&r->h, p.slot) > 0);
	assert_fates(r, g);
	assert_int_equal(rig_state(r, id), SPAN_FREE);
	assert_true(span_is(&r->sg, other.id, SPAN_OWNED, q));
	assert_sound(r);
	assert_int_equal(r->report.shared_objects, 1 + 32 + 24 + 25 + 1 + 32 +
			 28 + 3 + 4);
	assert_int_equal(r->report.unlinked, 0);
	assert_int_equal(client_state(&r->h, p.slot), CLIENT_FREE);
	assert_int_equal(client_party(&r->h, p.slot).gen, p.gen + 1);
	assert_int_equal(r->sg.hdr->count.deaths, 1);
	rig_free(r);
}

static void reclaim_twice_is_once(void **state)
{
	struct rig *r = rig_big(), *c;
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)];

	(void)state;
	make_fates(r, p, g);
	reclaim_client(&r->h, p.slot);
	c = rig_copy(r);
	assert_int_equal(reclaim_client(&r->h, p.slot), 0);
	assert_true(rig_same(r, c));
	rig_free(c);
	rig_free(r);
}

/*
 * The daemon is killed after the n-th span of a reclaim.  The next one finds
 * the client DYING, which is proof of its death, and goes on.
 */
static void reclaim_interrupted(void **state)
{
	struct rig *r = rig_big(), *c;
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)];

	(void)state;
	make_fates(r, p, g);
	c = rig_copy(r);
	for (unsigned n = 0; n <= N_OF(fates); n++) {
		rig_copy_to(r, c);
		assert_int_equal(rig_open(c), 0);
		client_set_state(&c->h, p.slot, CLIENT_DYING);
		for (unsigned i = 0; i < n; i++) {
			uint64_t w = span_load(&c->sg, g[i].id);

			span_close(&c->sg, &g[i], p);
			assert_true(span_move(&c->sg, g[i].id, &w, SPAN_OWNED,
					      c->h.me));
			if (i + 1 < n)
				span_settle(&c->h, &g[i], false);
		}
		assert_int_equal(rig_reopen(c), 0);
		c->in_calls = true;
		assert_sound(c);
		reclaim_client(&c->h, p.slot);
		c->in_calls = false;
		assert_fates(c, g);
		assert_sound(c);
	}
	rig_free(c);
	rig_free(r);
}

/* It died inside each stripe in turn, at each step of a push and of a pop. */
static void reclaim_frees_stripes(void **state)
{
	struct rig *r = rig_big();
	struct party p, q = rig_join(r);
	uint32_t spc = SHARED(SC_1K), k = spc * r->sg.geo.nstripes;
	struct sh_stripe *st = &r->sg.stripes[k];
	struct geom g[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		g[i] = rig_span(r, q, spc);
		lease_take(r, &g[i], 1);
		span_close(&r->sg, &g[i], q);
		assert_int_equal(span_dispose(&r->sg, &g[i], q), SPAN_LISTED);
	}
	for (unsigned step = 0; step < 5; step++) {
		uint64_t in_k = (uint64_t)(k + 1) << 32;

		p = rig_join(r);
		for (unsigned i = 0; i < 3; i++)
			xchg_sc(&r->sg.spans[g[i].id.n].link, 0);
		st_rlx(&r->sg.stripes[k + 1].head, 0);
		st_rlx(&r->sg.stripes[k + 1].count, 0);
		/* 2 -> 1 in the list; 0 is being linked, or 2 unlinked. */
		st_rlx(&r->sg.spans[g[1].id.n].link, in_k);
		st_rlx(&r->sg.spans[g[2].id.n].link, in_k | g[1].id.n);
		st_rlx(&st->head, g[step == 4 ? 1 : 2].id.n);
		st_rlx(&st->count, 2);
		if (step >= 1 && step < 4)
			st_rlx(&r->sg.spans[g[0].id.n].link,
			       in_k | g[2].id.n);
		if (step >= 2 && step < 4)
			st_rlx(&st->head, g[0].id.n);
		if (step == 3)
			st_rlx(&st->count, 3);
		st_rel(&st->lock, span_word(1, p, 0));
		reclaim_client(&r->h, p.slot);
		assert_int_equal(central_holder(&r->sg, k).slot, 0);
		assert_int_equal(ld_rlx(&st->count), 3);
		assert_sound(r);
		assert_int_equal(r->report.unlinked, 0);
		assert_int_equal(r->report.stale, 0);
	}
	assert_int_equal(r->sg.hdr->count.rebuilt_stripes, 5);
	rig_free(r);
}

static void slots_run_out_and_come_back(void **state)
{
	struct rig *r = rig_new(NULL);
	struct party p[4], none;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		p[i] = rig_join(r);
		assert_int_equal(p[i].slot, i + 1);
		assert_int_equal(p[i].gen, 1);
	}
	assert_int_equal(client_join(&r->h, &none), -EUSERS);
	reclaim_client(&r->h, 2);
	p[1] = rig_join(r);
	assert_int_equal(p[1].slot, 2);
	assert_int_equal(p[1].gen, 2);
	/* The generation after the last is 1, never 0. */
	st_rel(&r->sg.clients[3].word, (uint64_t)GEN_MASK << 8 | CLIENT_ACTIVE);
	reclaim_client(&r->h, 3);
	assert_int_equal(rig_join(r).gen, 1);
	assert_sound(r);
	rig_free(r);
}

static void join_without_memory(void **state)
{
	struct rig *r = rig_new(NULL);
	struct party p;

	(void)state;
	r->budget = 0;
	assert_int_equal(client_join(&r->h, &p), -ENOMEM);
	assert_int_equal(client_state(&r->h, 1), CLIENT_FREE);
	assert_sound(r);
	r->budget = 1u << 20;
	assert_int_equal(client_join(&r->h, &p), 0);
	assert_sound(r);
	rig_free(r);
}

/* Everything that lives through a restart, in every state. */
static void restart_keeps(void **state)
{
	struct rig *r = rig_big(), *c;
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)], run = rig_run(r, p, 77);
	uint64_t committed;
	span_id id;

	(void)state;
	make_fates(r, p, g);
	rig_join(r);
	reclaim_client(&r->h, 2);
	id = grant(r, p);
	assert_int_equal(names_set(&r->h, "a", 1), 0);
	heap_count(&r->h);
	committed = r->sg.hdr->count.committed_bytes;
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(r->sg.hdr->count.committed_bytes, committed);
	assert_int_equal(r->sg.hdr->epoch, 2);
	for (unsigned i = 0; i < N_OF(fates); i++)
		assert_true(span_is(&r->sg, g[i].id, SPAN_OWNED, p));
	assert_int_equal(rig_geom(r, run.id).start.n, run.start.n);
	assert_int_equal(rig_state(r, id), SPAN_FREE);	/* a grant is taken back */

	c = rig_copy(r);
	assert_int_equal(rig_reopen(r), 0);
	assert_true(rig_same(r, c));
	reclaim_client(&r->h, p.slot);
	assert_fates(r, g);
	assert_sound(r);
	rig_free(c);
	rig_free(r);
}

/* Half-states of a birth and of a death that the daemon was killed in. */
static void born(struct rig *r, struct geom *g)
{
	st_rel(&r->sg.spans[g->id.n].state, span_word(SPAN_FREE, NOBODY, 7));
}

static void born_odd(struct rig *r, struct geom *g)
{
	born(r, g);
	or_rel(&r->sg.geom[g->id.n].seq, 1);
	st_rel(&r->sg.geom[g->id.n].len, 12345678);
}

static void born_half_mapped(struct rig *r, struct geom *g)
{
	born(r, g);
	st_rel(&r->sg.pagemap[g->start.n + 2], 0);
}

static void dying_odd(struct rig *r, struct geom *g)
{
	born(r, g);
	or_rel(&r->sg.geom[g->id.n].seq, 1);
	st_rel(&r->sg.pagemap[g->start.n], 0);
}

static void in_transit(struct rig *r, struct geom *g)
{
	st_rel(&r->sg.spans[g->id.n].state, span_word(SPAN_OWNED, r->h.me, 7));
}

static void in_transit_leased(struct rig *r, struct geom *g)
{
	lease_take(r, g, 0);
	in_transit(r, g);
}

/* A client wrote into a word of a span that there is not: no pages, no harm. */
static void scribbled(struct rig *r, struct geom *g)
{
	shared_all(r, g);
	dying_odd(r, g);
	st_rel(&r->sg.spans[g->id.n].state, span_word(SPAN_LISTED, NOBODY, 7));
}

static void restart_mends(void **state)
{
	static void (*const make[])(struct rig *, struct geom *) = {
		born, born_odd, born_half_mapped, dying_odd, in_transit,
		in_transit_leased, scribbled,
	};
	struct rig *r, *c;
	struct party p;
	struct geom g[3];

	(void)state;
	for (unsigned i = 0; i < N_OF(make); i++) {
		r = rig_big();
		p = rig_join(r);
		for (unsigned k = 0; k < 3; k++)
			g[k] = rig_span(r, p, SHARED(SC_1K));
		make[i](r, &g[1]);
		assert_int_equal(rig_reopen(r), 0);
		assert_int_equal(rig_state(r, g[1].id), SPAN_FREE);
		assert_true(span_is(&r->sg, g[2].id, SPAN_OWNED, p));
		for (unsigned k = 0; k < g[1].len.n; k++)
			assert_int_equal(r->sg.pagemap[g[1].start.n + k], 0);
		assert_int_equal(r->sg.hdr->count.spans, 2);
		assert_sound(r);
		c = rig_copy(r);
		assert_int_equal(rig_reopen(r), 0);
		assert_true(rig_same(r, c));
		/* The id, the pages and the block are to be had again. */
		g[1] = rig_span(r, p, SHARED(SC_1K));
		assert_int_equal(span_free_slots(&r->sg, &g[1]), 32);
		assert_sound(r);
		rig_free(c);
		rig_free(r);
	}
}

/* Owner and borrower die, the one first, then the other. */
static void lent_both_ways(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));
	struct geom f = rig_span(r, q, SHARED(SC_1K));

	(void)state;
	lease_take(r, &g, 8);
	rig_lend(r, &g, 0, q);
	rig_lend(r, &g, 1, p);		/* since before it had the span */
	lease_take(r, &f, 32);
	for (uint32_t s = 0; s < span_threshold(&f); s++)
		rig_lend(r, &f, s, p);
	assert_int_equal(span_dispose(&r->sg, &f, q), SPAN_FULL);
	reclaim_client(&r->h, p.slot);
	assert_sound(r);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_int_equal(span_free_slots(&r->sg, &g), 32 - 7);
	assert_int_equal(geom_parked(&r->sg, &g)[0], parked_by(q.slot));
	assert_int_equal(rig_state(r, f.id), SPAN_LISTED);
	assert_int_equal(span_free_slots(&r->sg, &f), span_threshold(&f));
	reclaim_client(&r->h, q.slot);
	assert_sound(r);
	assert_int_equal(span_free_slots(&r->sg, &g), 32 - 6);
	rig_free(r);
}

/* Its last object's live bit is cleared, its mark is not: no page heap yet. */
static void on_its_way_is_not_empty(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));

	(void)state;
	rig_share(r, &g, 3);
	rig_lend(r, &g, 3, q);
	andnot_sc(geom_live(&r->sg, &g), 1ull << 3);
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
	central_push(&r->sg, p, g.spc, g.id);
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	reclaim_client(&r->h, q.slot);
	assert_sound(r);
	sweep_all(&r->h, false);
	assert_int_equal(rig_state(r, g.id), SPAN_FREE);
	assert_sound(r);
	rig_free(r);
}

static void restart_moves_transit_on(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));

	(void)state;
	lease_take(r, &g, 3);
	in_transit(r, &g);
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_int_equal(span_free_slots(&r->sg, &g), 29);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	rig_free(r);
}

static void restart_frees_its_stripe(void **state)
{
	struct rig *r = rig_big();
	uint32_t reason, k = SHARED(SC_1K) * r->sg.geo.nstripes;
	struct span_wish w = { .spc = SHARED(SC_1K) };
	span_id id[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY,
					  &id[i], &reason), 0);
	/* Killed in a rebuild: the list emptied, one span linked again. */
	st_rel(&r->sg.stripes[k].lock, span_word(1, r->h.me, 0));
	st_rlx(&r->sg.spans[id[2].n].link, (uint64_t)(k + 1) << 32 | id[1].n);
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(r->sg.stripes[k].lock, 0);
	assert_int_equal(central_listed(&r->sg, w.spc), 3);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	rig_free(r);
}

/* Killed with jobs under way: done or not, the pages are free again. */
static void restart_forgets_jobs(void **state)
{
	struct rig *r = rig_new(&(struct rig_opts){ .reserve = 4u << 20,
						    .queued = true });
	struct span_wish w = { .spc = OWNED(SC_1K) };
	uint32_t reason;
	span_id id;

	(void)state;
	assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id,
				  &reason), -EAGAIN);
	memset(r->piece[SEG_ARENA].backed, 1, 100);	/* it had come so far */
	r->forgetful = true;
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(pages_in_use(r->h.pages).n, 0);
	assert_sound(r);
	assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id,
				  &reason), -EAGAIN);
	rig_end_jobs(r);
	assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id,
				  &reason), 0);
	commit_scavenge(&r->h, true);
	assert_true(r->njobs > 0);
	assert_int_equal(rig_reopen(r), 0);	/* killed before the punch */
	assert_int_equal(r->sg.hdr->count.spans, 1);
	assert_sound(r);
	rig_free(r);
}

static void restart_without_memory(void **state)
{
	struct rig *r = rig_big();
	struct party p = rig_join(r);
	struct geom g[N_OF(fates)];

	(void)state;
	make_fates(r, p, g);
	r->budget = 0;
	assert_int_equal(rig_reopen(r), 0);	/* it needs none */
	r->in_calls = true;
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reclaim_by_the_rule),
		cmocka_unit_test(reclaim_twice_is_once),
		cmocka_unit_test(reclaim_interrupted),
		cmocka_unit_test(reclaim_frees_stripes),
		cmocka_unit_test(slots_run_out_and_come_back),
		cmocka_unit_test(join_without_memory),
		cmocka_unit_test(restart_keeps),
		cmocka_unit_test(restart_mends),
		cmocka_unit_test(lent_both_ways),
		cmocka_unit_test(on_its_way_is_not_empty),
		cmocka_unit_test(restart_moves_transit_on),
		cmocka_unit_test(restart_frees_its_stripe),
		cmocka_unit_test(restart_forgets_jobs),
		cmocka_unit_test(restart_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
