/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ahead.c - memory before it is asked for: how much, when it ends, what it
 * yields to, and that nobody is told of its failures.
 */
#include "tests/unit/ahead_test.h"

/* The first span waits for a small job; then there is more than it needs. */
static void growth_begins_with_a_miss(void **state)
{
	struct rig *r = rig_with_taker((struct rig_opts){ .reserve = 64 * MIB,
							  .queued = true });
	uint32_t reason;

	(void)state;
	ahead_go(&r->h);
	assert_int_equal(r->njobs, 0);
	assert_int_equal(take_span(r, &reason), -EAGAIN);
	assert_false(r->job[0]->ahead);
	assert_in_range(r->job[0]->len.n, SPAN, 2 * JOB);
	assert_true(r->job[1]->ahead);
	assert_int_equal(r->job[1]->start.n, r->job[0]->len.n);
	rig_end_jobs(r);
	assert_int_equal(take_span(r, &reason), 0);
	assert_true(ready(r) >= JOB);
	assert_sound(r);
	rig_free(r);
}

/* From then on nobody who takes spans one by one ever meets a miss. */
static void growth_meets_no_miss(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 256 * MIB });
	uint64_t commits = r->commits;

	(void)state;
	assert_int_equal(take_all(r, 7000), 7000);
	assert_int_equal(r->commits, commits);
	assert_true(r->aheads >= 7000 * SPAN / JOB_MOST);
	assert_sound(r);
	rig_free(r);
}

/* Two jobs at a time, of which none is large. */
static void jobs_are_few_and_small(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 256 * MIB,
						   .queued = true });

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		uint32_t reason;

		if (take_span(r, &reason))
			rig_end_job(r, 0);
		assert_true(r->njobs <= 2);
		for (unsigned k = 0; k < r->njobs; k++)
			assert_true(r->job[k]->len.n <= JOB_MOST);
	}
	rig_end_jobs(r);
	assert_sound(r);
	rig_free(r);
}

static void the_window_grows_with_the_heap(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 4096 * MIB });
	struct party p = rig_join(r);

	(void)state;
	assert_int_equal(r->h.ahead.target, JOB);
	take_all(r, 2000);
	assert_in_range(r->h.ahead.target, 3 * JOB_MOST / 2, 2 * JOB_MOST);
	assert_in_range(ready(r), JOB_MOST, 3 * JOB_MOST);
	rig_run(r, p, 2048 * JOB_MOST);
	take_all(r, 4000);
	assert_in_range(r->h.ahead.target, 4 * JOB_MOST, 9 * JOB_MOST / 2);
	assert_in_range(ready(r), 3 * JOB_MOST, 6 * JOB_MOST);
	rig_free(r);
}

/* A second's growth is all that lies ready for the next. */
static void the_window_decays(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 256 * MIB });
	uint32_t *target = &r->h.ahead.target, was;

	(void)state;
	take_all(r, 2000);
	pass(r, SECOND);		/* grew in this one */
	was = *target;
	assert_in_range(was, 3 * JOB_MOST / 2, 2 * JOB_MOST);
	take_all(r, JOB / SPAN);
	pass(r, SECOND);		/* by less than half of that */
	assert_int_equal(*target, was / 2);
	take_all(r, was / 4 / SPAN + 1);
	pass(r, SECOND);		/* and by half of that */
	assert_int_equal(*target, was / 2);
	pass(r, SECOND);		/* not at all */
	assert_int_equal(*target, 0);
	assert_int_equal(r->h.scav.cfg.keep.n, 0);
	assert_sound(r);
	rig_free(r);
}

/* An idle heap gives it back like any other free memory. */
static void the_rest_is_returned(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB });

	(void)state;
	assert_true(ready(r) >= JOB);
	for (unsigned i = 0; i < 50; i++)
		pass(r, SECOND / 10);
	assert_int_equal(ready(r), 0);
	assert_sound(r);
	rig_free(r);
}

/* While a heap grows the scavenger leaves alone what is there for it. */
static void the_scavenger_waits(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 256 * MIB });

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		take_all(r, JOB_MOST / SPAN / 8);
		pass(r, SECOND / 10);
		assert_true(ready(r) > 0);
	}
	assert_int_equal(r->punches, 0);
	assert_sound(r);
	rig_free(r);
}

/* The peak is of what is used, not of what is on its way. */
static void coming_pages_are_no_peak(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .queued = true });
	uint32_t used;

	(void)state;
	used = (take_until_job(r) + 1) * SPAN;
	commit_scavenge(&r->h, false);
	assert_int_equal(scavenge_goal(&r->h.scav).n,
			 used + r->h.ahead.target + 2 * JOB);
	ahead_stop(&r->h);
	assert_in_range(scavenge_goal(&r->h.scav).n, used, used + 16);
	rig_end_jobs(r);
	rig_free(r);
}

/* A write that was cut short: what is there is used, the rest is not. */
static void cut_short(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .queued = true });
	uint32_t had, start;

	(void)state;
	take_until_job(r);
	assert_true(r->job[0]->ahead);
	start = r->job[0]->start.n;
	had = ready(r);
	r->partial = 5;
	while (rig_end_job(r, -ENOSPC))
		;
	assert_int_equal(ready(r), had + 5);
	assert_int_equal(pages_uncommitted(r->h.pages, (pgno){ start },
					   (npages){ 6 }).n, 1);
	assert_sound(r);
	/* It rests a second, and then begins with the next miss. */
	take_all(r, 1000);
	assert_int_equal(r->njobs, 1);
	assert_false(r->job[0]->ahead);
	rig_end_jobs(r);
	assert_int_equal(r->h.ahead.target, 0);
	r->now += SECOND + 1;
	take_all(r, 1000);
	assert_true(r->h.ahead.target > 0);
	rig_end_jobs(r);
	assert_sound(r);
	rig_free(r);
}

/* Memory runs out under it: the last page goes to whoever asks. */
static void memory_runs_out(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB,
						  .budget = 20 * MIB });
	struct party p = rig_join(r);
	struct sh_cell *c;

	(void)state;
	do {
		c = rig_post(r, p, 0, OP_ALLOC, OWNED(SC_1K), 0);
		requests_serve(&r->h);
		assert_sound(r);
	} while (!c->err);
	assert_int_equal(c->err, -ENOMEM);
	assert_int_equal(c->reason, ENOMEM_BACKING);
	assert_true(r->aheads > 0);
	assert_true(r->budget + ready(r) * PAGE_BYTES < SPAN * PAGE_BYTES);
	r->budget += 2 * SPAN * PAGE_BYTES;
	c = rig_post(r, p, 0, OP_ALLOC, OWNED(SC_1K), 0);
	requests_serve(&r->h);
	assert_int_equal(c->err, 0);
	assert_sound(r);
	rig_free(r);
}

/* Who waits for a job ahead that fails asks for itself. */
static void failures_are_not_told(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .queued = true });
	struct party p = rig_join(r);
	struct sh_cell *c;

	(void)state;
	take_all(r, 1000);
	assert_true(r->job[0]->ahead);
	c = rig_post(r, p, 0, OP_ALLOC, OWNED(SC_1K), 0);
	requests_serve(&r->h);
	for (unsigned i = 0; i < r->njobs; i++)
		assert_true(r->job[i]->ahead);	/* it waits for these */
	while (r->job[0]->ahead)
		rig_end_job(r, -ENOSPC);
	assert_int_equal(ld_acq(&c->word) & 3, CELL_POSTED);
	rig_end_jobs(r);
	assert_int_equal(ld_acq(&c->word) & 3, CELL_DONE);
	assert_int_equal(c->err, 0);
	assert_int_equal(r->sg.hdr->count.enomem, 0);
	assert_sound(r);
	rig_free(r);
}

/* At the limit all of it belongs to who asks, whatever lies ready elsewhere. */
static void the_limit_is_for_those_who_ask(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .limit = 16 * MIB });
	struct party p = rig_join(r);
	struct span_wish run = { .len = { 0 } };
	uint32_t reason = 0, room;
	span_id id;
	int err;

	(void)state;
	take_all(r, 200);
	heap_count(&r->h);
	assert_true(ready(r) > 0);
	assert_true(r->sg.hdr->count.committed_bytes <= 16 * MIB);
	room = commit_allowance(&r->h) + ready(r);
	run.len.n = room - 8;		/* but for tables */
	assert_int_equal(span_new(&r->h, &run, SPAN_GRANTED, p, &id, &reason),
			 0);
	assert_sound(r);
	while (!(err = take_span(r, &reason)))
		;
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(reason, ENOMEM_LIMIT);
	heap_count(&r->h);
	assert_true(r->sg.hdr->count.committed_bytes <= 16 * MIB);
	assert_sound(r);
	rig_free(r);
}

/* Killed in jobs of which some had done a part: the next gets it anew. */
static void restart_in_the_middle(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .queued = true });
	struct heap_job job;

	(void)state;
	take_until_job(r);
	assert_true(r->njobs > 0);
	job = *r->job[0];
	memset(r->piece[SEG_ARENA].backed + job.start.n, 1, job.len.n / 2);
	r->forgetful = true;
	assert_int_equal(rig_reopen(r), 0);
	assert_int_equal(r->h.ahead.target, 0);
	assert_int_equal(pages_uncommitted(r->h.pages, job.start, job.len).n,
			 job.len.n);
	assert_sound(r);
	r->queued = false;
	assert_int_equal(take_all(r, 1000), 1000);
	assert_int_equal(pages_uncommitted(r->h.pages, job.start, job.len).n, 0);
	assert_sound(r);
	rig_free(r);
}

/* Spans in advance wait for pages in advance, and come with them. */
static void provisioning_goes_along(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 256 * MIB,
						  .queued = true });
	uint32_t spc = OWNED(SC_1K);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		or_rel(&r->sg.ctl->want[spc / 64], 1ull << spc % 64);
		requests_serve(&r->h);
	}
	assert_int_equal(r->h.target[spc], 8);
	assert_int_equal(central_listed(&r->sg, spc), 0);
	for (unsigned i = 0; i < r->njobs; i++)
		assert_true(r->job[i]->ahead);	/* nobody waits */
	rig_end_jobs(r);
	assert_int_equal(central_listed(&r->sg, spc), 8);
	assert_int_equal(r->commits, 0);
	assert_sound(r);
	rig_free(r);
}

/* Holes too small for what grows are left alone. */
static void small_holes_are_left(void **state)
{
	struct rig *r = rig_with_taker((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	struct geom g[64];
	uint32_t reason;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		g[i] = rig_run(r, p, i % 2 ? 2 : 30);
	for (unsigned i = 1; i < 64; i += 2) {
		uint64_t w = span_load(&r->sg, g[i].id);

		assert_true(span_move(&r->sg, g[i].id, &w, SPAN_OWNED,
				      r->h.me));
		assert_true(span_retire(&r->h, &g[i]));
	}
	commit_scavenge(&r->h, true);
	assert_int_equal(take_span(r, &reason), 0);
	for (unsigned i = 1; i < 63; i += 2)
		assert_int_equal(pages_uncommitted(r->h.pages, g[i].start,
						   g[i].len).n, 2);
	assert_true(ready(r) >= JOB);
	assert_sound(r);
	rig_free(r);
}

/* A miss further down: growth goes on from there. */
static void growth_moves(void **state)
{
	struct rig *r = rig_with_taker((struct rig_opts){ .reserve = 256 * MIB });
	struct party p = rig_join(r);
	uint64_t commits, w;
	struct geom g;

	(void)state;
	g = rig_run(r, p, 1000);
	take_all(r, 500);
	w = span_load(&r->sg, g.id);
	assert_true(span_move(&r->sg, g.id, &w, SPAN_OWNED, r->h.me));
	assert_true(span_retire(&r->h, &g));
	commit_scavenge(&r->h, true);
	assert_int_equal(take_all(r, 1), 1);
	assert_in_range(r->h.ahead.from, g.start.n, g.start.n + 8);
	commits = r->commits;
	assert_int_equal(take_all(r, 1500), 1500);
	assert_int_equal(r->commits, commits);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_begins_with_a_miss),
		cmocka_unit_test(growth_meets_no_miss),
		cmocka_unit_test(jobs_are_few_and_small),
		cmocka_unit_test(the_window_grows_with_the_heap),
		cmocka_unit_test(the_window_decays),
		cmocka_unit_test(the_rest_is_returned),
		cmocka_unit_test(the_scavenger_waits),
		cmocka_unit_test(coming_pages_are_no_peak),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(failures_are_not_told),
		cmocka_unit_test(the_limit_is_for_those_who_ask),
		cmocka_unit_test(restart_in_the_middle),
		cmocka_unit_test(provisioning_goes_along),
		cmocka_unit_test(small_holes_are_left),
		cmocka_unit_test(growth_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
