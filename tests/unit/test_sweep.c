/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sweep.c - spans ahead of demand, and the walks over the span table.
 */
#include "tests/unit/rig_test.h"

static void want(struct rig *r, uint32_t spc)
{
	or_rel(&r->sg.ctl->want[spc / 64], 1ull << spc % 64);
	requests_serve(&r->h);
}

static void wants_are_provisioned(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	uint32_t spc = SHARED(SC_1K), most;

	(void)state;
	want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 1);
	r->now += 1000000000;
	want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 2);
	want(r, spc);			/* at once again: it is hot */
	assert_int_equal(central_listed(&r->sg, spc), 8);
	for (unsigned i = 0; i < 20; i++)
		want(r, spc);
	/* All provisioned spans stay below a 64th of what may be used. */
	most = central_listed(&r->sg, spc);
	assert_int_equal(most, 8);	/* 256 KiB of so small a heap */
	assert_true(r->h.provisioned[0] <= MIB / 4);
	for (uint32_t bit = 0; bit < 64 * SH_WANT_WORDS; bit++)
		want(r, bit);	/* nonsense is passed over */
	assert_true(r->h.provisioned[0] <= MIB / 4);
	assert_true(r->h.provisioned[1] <= MIB);
	assert_sound(r);
	rig_free(r);
}

/* Large objects that are passed on: a MiB of a class at most; owned ones, none. */
static void runs_that_are_passed_on_lie_in_wait(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 512 * MIB });
	uint32_t sc = sc_of_run(64u << 10), spc = span_class(LIFE_HELD, sc);
	uint32_t large = span_class(LIFE_SHARED, sc_of_run(MIB));

	(void)state;
	want(r, span_class(LIFE_OWNED, sc));
	assert_int_equal(central_listed(&r->sg, span_class(LIFE_OWNED, sc)), 0);
	want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 1);
	for (unsigned i = 0; i < 20; i++)
		want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 16);
	want(r, large);
	want(r, large);
	assert_true(central_listed(&r->sg, large) <= 1);
	assert_true(r->h.provisioned[1] <= MIB + MIB / 4);
	want(r, SHARED(SC_1K));			/* there is as much for others */
	want(r, SHARED(SC_1K));
	assert_in_range(central_listed(&r->sg, SHARED(SC_1K)), 4, 8);
	sweep_all(&r->h, true);			/* it leaves them */
	assert_in_range(r->sg.hdr->count.spans, 20, 25);
	sweep_all(&r->h, false);		/* a trim does not */
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_sound(r);
	rig_free(r);
}

static bool is_up(struct rig *r, uint32_t spc)
{
	return ld_rlx(&r->sg.ctl->want[spc / 64]) >> spc % 64 & 1;
}

/*
 * Where the lists hold what they may, a hint stays up and nobody rings again,
 * until a tick, or until somebody found no span at all.
 */
static void vain_wants_stay_up(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	uint32_t spc = SHARED(SC_1K);
	bool low;
	unsigned busy;
	struct geom g;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		want(r, spc);
		assert_false(is_up(r, spc));
	}
	want(r, spc);
	assert_true(is_up(r, spc));
	assert_true(central_pop(&r->sg, p, spc, &g, &low, &busy));
	want(r, spc);			/* nobody hears it now */
	assert_int_equal(central_listed(&r->sg, spc), 7);
	r->now += 100000000;
	heap_tick(&r->h);
	assert_false(is_up(r, spc));
	assert_int_equal(central_listed(&r->sg, spc), 8);
	want(r, spc);
	assert_true(is_up(r, spc));
	rig_post(r, p, 0, OP_ALLOC, spc, 0);
	requests_serve(&r->h);
	assert_false(is_up(r, spc));
	assert_true(central_pop(&r->sg, p, spc, &g, &low, &busy));
	want(r, spc);
	assert_false(is_up(r, spc));
	assert_int_equal(central_listed(&r->sg, spc), 8);
	rig_free(r);
}

static void ring_for_sweep(struct rig *r)
{
	or_rel(&r->sg.ctl->bell[0], 1);
	requests_serve(&r->h);
}

static bool bell_is_up(struct rig *r)
{
	return ld_rlx(&r->sg.ctl->bell[0]) & 1;
}

/* The same for the hint to sweep: once that brings back nothing. */
static void vain_sweeps_stay_up(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	uint32_t reason;
	uint64_t sweeps;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		rig_span(r, p, OWNED(SC_1K));
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), 0);
	ring_for_sweep(r);
	assert_int_equal(r->sg.hdr->count.spans, 64);
	assert_false(bell_is_up(r));
	ring_for_sweep(r);
	assert_int_equal(r->sg.hdr->count.spans, 64);
	assert_true(bell_is_up(r));
	sweeps = r->sg.hdr->count.sweeps;
	ring_for_sweep(r);
	assert_int_equal(r->sg.hdr->count.sweeps, sweeps);
	r->now += 100000000;
	heap_tick(&r->h);
	assert_false(bell_is_up(r));
	ring_for_sweep(r);
	assert_true(r->sg.hdr->count.sweeps > sweeps);
	assert_sound(r);
	rig_free(r);
}

/* What is laid ready is as long as it is wanted; nonsense is passed over. */
static void provisioned_as_asked_for(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 0, OP_ALLOC, OWNED(SC_1K), 16);
	uint32_t n = 0;
	struct geom g;

	(void)state;
	requests_serve(&r->h);
	assert_int_equal(c->err, 0);
	assert_true(geom_read(&r->sg, (span_id){ c->result }, &g));
	assert_int_equal(g.len.n, 16);
	assert_int_equal(g.nslots, 128);
	st_rlx(&r->sg.ctl->want_pages[OWNED(SC_1K)], 16);
	want(r, OWNED(SC_1K));
	assert_true(r->h.provisioned[0] >= 16 * PAGE_BYTES);
	for (uint32_t i = 1; i < seg_span_top(&r->sg); i++)
		if (span_state(span_load(&r->sg, (span_id){ i })) ==
		    SPAN_LISTED && geom_read(&r->sg, (span_id){ i }, &g)) {
			assert_int_equal(g.len.n, 16);
			n++;
		}
	assert_true(n > 0);
	for (unsigned i = 0; i < 256; i++) {
		st_rlx(&r->sg.ctl->want_pages[OWNED(SC_1K)], (uint8_t)i);
		hints_again(&r->h);
		want(r, OWNED(SC_1K));
		assert_int_equal(r->h.length[OWNED(SC_1K)],
				 i == 4 || i == 8 || i == 16 ? i : 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		r->now += 100000000;
		heap_tick(&r->h);
	}
	assert_int_equal(r->h.provisioned[0], 0);
	assert_sound(r);
	rig_free(r);
}

static void targets_decay(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	uint32_t spc = OWNED(SC_1K);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 8);
	for (unsigned i = 0; i < 100; i++) {
		r->now += 100000000;
		heap_tick(&r->h);
	}
	assert_int_equal(r->h.provisioned[0], 0);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_sound(r);
	rig_free(r);
}

/* Provisioning that had to wait for memory is made up for by the timer. */
static void provisioning_waits(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB,
						  .queued = true });
	uint32_t spc = OWNED(SC_1K);

	(void)state;
	want(r, spc);
	assert_int_equal(central_listed(&r->sg, spc), 0);
	rig_end_jobs(r);
	heap_tick(&r->h);
	assert_int_equal(central_listed(&r->sg, spc), 1);
	assert_sound(r);
	rig_free(r);
}

/* A span that is FULL with room, as when a freer died before it looked. */
static void sweep_finds_lost_wakes(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_1K));

	(void)state;
	rig_lease(r, &g);
	for (uint32_t s = 0; s < g.nslots; s++)
		rig_alloc(r, &g, s);
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_FULL);
	assert_sound(r);
	andnot_sc(&geom_live(&r->sg, &g)[0], 0xffull);
	assert_non_null(strstr(rig_check(r), "a wake was lost"));
	sweep_all(&r->h, true);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	andnot_sc(&geom_live(&r->sg, &g)[0], ~0ull);
	sweep_all(&r->h, true);
	assert_int_equal(rig_state(r, g.id), SPAN_FREE);
	assert_sound(r);
	rig_free(r);
}

static void sweep_is_paced(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	uint32_t reason, top;

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(try_span(r, OWNED(SC_1K), &reason), 0);
	top = seg_span_top(&r->sg);
	assert_true(top > 50);
	sweep_some(&r->h, 10);
	assert_int_equal(r->sg.hdr->count.spans, 40);
	sweep_some(&r->h, top);		/* to the end of the round */
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_int_equal(r->sg.hdr->count.sweeps, 1);
	assert_int_equal(r->h.sweep_at, 0);
	rig_free(r);
}

static unsigned used_chunks(const struct rig *r)
{
	unsigned n = 0;

	for (uint32_t k = 0; k <= r->sg.geo.nspans / IDS_CHUNK; k++)
		n += r->h.ids_used[k] != 0;
	return n;
}

/* A heap that was large: what is left of it is all that walks look at. */
static void walks_pass_what_is_free(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r), q = rig_join(r);
	struct geom g[1024], left;

	(void)state;
	assert_int_equal(used_chunks(r), 0);
	for (unsigned i = 0; i < N_OF(g); i++)
		g[i] = rig_span(r, p, OWNED(SC_1K));
	left = rig_span(r, q, OWNED(SC_1K));
	assert_in_range(used_chunks(r), 4, 6);
	for (unsigned i = 0; i < N_OF(g); i++)
		retire(r, &g[i]);
	assert_int_equal(used_chunks(r), 1);
	assert_int_equal(ids_from(&r->h, (span_id){ 1 }, left.id.n + 1).n,
			 left.id.n / IDS_CHUNK * IDS_CHUNK);
	assert_sound(r);
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(used_chunks(r), 1);
	assert_int_equal(reclaim_client(&r->h, q.slot), geom_bytes(&left));
	assert_int_equal(used_chunks(r), 0);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_are_provisioned),
		cmocka_unit_test(runs_that_are_passed_on_lie_in_wait),
		cmocka_unit_test(vain_wants_stay_up),
		cmocka_unit_test(vain_sweeps_stay_up),
		cmocka_unit_test(provisioned_as_asked_for),
		cmocka_unit_test(targets_decay),
		cmocka_unit_test(provisioning_waits),
		cmocka_unit_test(sweep_finds_lost_wakes),
		cmocka_unit_test(sweep_is_paced),
		cmocka_unit_test(walks_pass_what_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
