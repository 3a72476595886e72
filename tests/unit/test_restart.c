/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_restart.c - the daemon's death, by states made by hand: what a kill of it
 * can leave behind, and what the next one makes of it.  Clients' deaths are in
 * test_recover.c.
 */
#include "tests/unit/fates.h"

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
	assert_int_equal(names_set(&r->h, "a", 1, false), 0);
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
		cmocka_unit_test(restart_keeps),
		cmocka_unit_test(restart_mends),
		cmocka_unit_test(restart_moves_transit_on),
		cmocka_unit_test(restart_frees_its_stripe),
		cmocka_unit_test(restart_forgets_jobs),
		cmocka_unit_test(restart_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
