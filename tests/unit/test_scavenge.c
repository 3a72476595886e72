/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_scavenge.c - the scavenger's policy with a clock of our own: goal,
 * order, pace, density, trims.
 */
#include "tests/unit/scavenge_test.h"

static void waits_for_the_second_tick(void **state)
{
	struct driver d;

	(void)state;
	start(&d, C(4));
	assert_false(step(&d));
	assert_int_equal(scavenge_wake_at(&d.s), d.now + d.s.cfg.tick_ns);
	pass_tick(&d);
	assert_false(step(&d));
	assert_int_equal(scavenge_wake_at(&d.s), d.now + d.s.cfg.tick_ns);
	pass_tick(&d);
	assert_true(scavenge_wake_at(&d.s) <= d.now);
	assert_true(step(&d));
	finish(&d);
}

static void goal_is_the_recent_peak(void **state)
{
	struct driver d;

	(void)state;
	start(&d, C(4));
	assert_int_equal(alloc(d.p, 1000, 1), 0);
	tick(&d);		/* a peak between two ticks */
	assert_int_equal(pages_free(d.p, PG(0), LEN(800)), 0);
	for (int k = 0; k < SCAVENGE_WINDOW; k++) {
		assert_int_equal(scavenge_goal(&d.s).n, 1100);
		pass_tick(&d);
	}
	assert_int_equal(scavenge_goal(&d.s).n, 220);
	d.s.cfg.keep = LEN(50);
	assert_int_equal(scavenge_goal(&d.s).n, 250);
	assert_int_equal(alloc(d.p, 600, 1), 0);
	tick(&d);
	assert_int_equal(scavenge_goal(&d.s).n, 880);
	finish(&d);
}

static void stops_at_the_goal(void **state)
{
	struct driver d;

	(void)state;
	start(&d, C(40));
	assert_int_equal(alloc(d.p, 2000, 1), 0);
	warm_up(&d);
	run(&d, 200);
	assert_int_equal(pages_committed(d.p).n, 2200);
	assert_int_equal(pages_uncommitted(d.p, PG(0), LEN(2200)).n, 0);
	/* Nothing more to do: no release, however long we wait. */
	run(&d, 40);
	assert_int_equal(d.released, C(40) - 2200);
	assert_false(step(&d));
	assert_int_equal(scavenge_wake_at(&d.s), d.s.next_tick);
	/* Less in use: resumes when the peak has left the window. */
	assert_int_equal(pages_free(d.p, PG(1000), LEN(1000)), 0);
	run(&d, SCAVENGE_WINDOW - 1);
	assert_int_equal(pages_committed(d.p).n, 2200);
	run(&d, 40);
	assert_int_equal(pages_committed(d.p).n, 1100);
	finish(&d);
}

/* Memory is given back from above, so what stays is below. */
static void goes_from_the_top_down(void **state)
{
	uint32_t last = NONE;
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(3));
	assert_int_equal(pages_take(d.p, PG(C(1) + 7), LEN(30)), 0);
	warm_up(&d);
	for (int k = 0; k < 100; k++) {
		while (!begin(&d, false, &at, &n))
			nap(&d);
		assert_true(at.n + n.n <= last);
		assert_true(n.n <= d.s.cfg.quantum.n);
		last = at.n;
		end(&d, at, n, true);
	}
	assert_int_equal(last, C(3) - 100 * d.s.cfg.quantum.n);
	finish(&d);
}

static void works_one_percent_of_the_time(void **state)
{
	struct driver d;
	uint64_t began;

	(void)state;
	start(&d, C(64));
	warm_up(&d);
	began = d.now;
	while (d.released < C(60)) {
		if (!step(&d))
			nap(&d);
	}
	/* 30720 pages of 20 us: 0.6 s of work, a minute of time. */
	assert_true(d.worked * 1000 >= (d.now - began) * 5);
	assert_true(d.worked * 1000 <= (d.now - began) * 15);
	finish(&d);
}

/* Waking for each of many cheap releases would cost more than they do. */
static void small_releases_share_a_pause(void **state)
{
	struct driver d;
	int row = 0;

	(void)state;
	start(&d, C(4));
	warm_up(&d);
	while (step(&d))
		row++;
	assert_int_equal(row, (MS + 8 * COST_PER_PAGE - 1) /
			 (8 * COST_PER_PAGE));
	assert_int_equal(scavenge_wake_at(&d.s), d.now + row * 8 *
			 COST_PER_PAGE * 99);
	d.now = scavenge_wake_at(&d.s) - 1;
	assert_false(step(&d));
	d.now++;
	assert_true(step(&d));
	finish(&d);
}

static void a_pause_is_bounded(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(4));
	warm_up(&d);
	assert_true(begin(&d, false, &at, &n));
	assert_int_equal(pages_free(d.p, at, n), 0);
	scavenge_done(&d.s, d.now, UINT64_MAX, n);
	assert_false(step(&d));
	assert_in_range(d.s.next_at - d.now, 9 * SEC, 10 * SEC);
	assert_int_equal(scavenge_wake_at(&d.s), d.s.next_tick);
	d.now += 10 * SEC;
	assert_true(step(&d));
	finish(&d);
}

static void one_background_release_at_a_time(void **state)
{
	struct driver d;
	npages n, m;
	pgno at, other;

	(void)state;
	start(&d, C(4));
	warm_up(&d);
	assert_true(begin(&d, false, &at, &n));
	assert_false(begin(&d, false, &other, &m));
	assert_int_equal(scavenge_wake_at(&d.s), d.s.next_tick);
	pass_tick(&d);
	assert_false(begin(&d, false, &other, &m));
	end(&d, at, n, true);
	assert_true(step(&d));
	finish(&d);
}

static void keeps_huge_pages_whole(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(4));
	d.s.cfg.huge = LEN(256);
	/* Above 256 free pages there are 3 odd ones. */
	assert_int_equal(pages_take(d.p, PG(C(3) + 259), LEN(253)), 0);
	warm_up(&d);
	assert_true(begin(&d, false, &at, &n));
	assert_int_equal(at.n, C(3));
	assert_int_equal(n.n, 259);
	end(&d, at, n, true);
	d.now = scavenge_wake_at(&d.s);
	assert_true(begin(&d, false, &at, &n));
	assert_int_equal(at.n, C(2) + 256);
	assert_int_equal(n.n, 256);
	end(&d, at, n, true);
	finish(&d);
}

/* Chunks 1 and 3 are nearly full. */
static void start_dense(struct driver *d)
{
	start(d, C(4));
	assert_int_equal(pages_take(d->p, PG(C(1)), LEN(PAGES_DENSE)), 0);
	assert_int_equal(pages_take(d->p, PG(C(3)), LEN(PAGES_DENSE)), 0);
	warm_up(d);
}

static void end_first_background(struct driver *d)
{
	npages n;
	pgno at;

	assert_true(begin(d, false, &at, &n));
	assert_int_equal(at.n + n.n, C(3));
	end(d, at, n, true);
}

static void leaves_dense_chunks_alone(void **state)
{
	struct driver d;

	(void)state;
	start_dense(&d);
	end_first_background(&d);
	run(&d, 30);
	assert_int_equal(pages_uncommitted(d.p, PG(C(1)), LEN(P)).n, 0);
	assert_int_equal(pages_uncommitted(d.p, PG(C(3)), LEN(P)).n, 0);
	assert_int_equal(d.released, C(4) - 2 * PAGES_DENSE * 11 / 10);
	finish(&d);
}

/* Emptied in this generation, chunk 3 is left alone until the next. */
static void leaves_chunks_alone_that_were_dense(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start_dense(&d);
	end_first_background(&d);
	assert_int_equal(pages_free(d.p, PG(C(3)), LEN(PAGES_DENSE)), 0);
	d.s.below = PG(NONE);
	assert_true(step(&d));
	assert_int_equal(pages_uncommitted(d.p, PG(C(3)), LEN(P)).n, 0);
	pass_tick(&d);
	assert_true(begin(&d, false, &at, &n));
	assert_int_equal(at.n + n.n, C(4));
	end(&d, at, n, true);
	finish(&d);
}

/* A call skips only so many, and asks to be called again soon. */
static void many_dense_chunks_take_many_calls(void **state)
{
	struct driver d;
	int calls = 0;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(400));
	for (uint32_t c = 100; c < 400; c++)
		assert_int_equal(pages_take(d.p, PG(C(c)), LEN(503)), 0);
	warm_up(&d);
	while (!begin(&d, false, &at, &n)) {
		uint64_t wake = scavenge_wake_at(&d.s);

		assert_in_range(wake, d.now + 1, d.now + 10 * MS);
		d.now = wake;
		calls++;
	}
	assert_int_equal(at.n + n.n, C(100));
	assert_int_equal(calls, 300 / 64);
	end(&d, at, n, true);
	finish(&d);
}

/* All free memory, at once, several at a time, dense or not. */
static void force_takes_everything(void **state)
{
	struct {
		pgno at;
		npages n;
	} job[64];
	unsigned int jobs = 0;
	struct driver d;

	(void)state;
	start_dense(&d);
	scavenge_trim(&d.s);
	while (begin(&d, true, &job[jobs].at, &job[jobs].n)) {
		jobs++;
		assert_true(jobs < N_OF(job));
	}
	assert_int_equal(jobs, 4);
	assert_int_equal(d.s.in_flight, C(4) - 2 * PAGES_DENSE);
	/* Pages on their way out count neither as memory nor as in use. */
	tick(&d);
	assert_int_equal(scavenge_goal(&d.s).n, 2 * PAGES_DENSE * 11 / 10);
	while (jobs--)
		end(&d, job[jobs].at, job[jobs].n, true);
	assert_int_equal(pages_free_committed(d.p).n, 0);
	assert_int_equal(pages_committed(d.p).n, 2 * PAGES_DENSE);
	/* Not paced, and not charged to the background. */
	assert_int_equal(d.s.next_at, 0);
	assert_int_equal(d.s.work_ns, 0);
	finish(&d);
}

/* What a trim is releasing is no excess for the background. */
static void background_counts_on_a_trim(void **state)
{
	npages n, other;
	pgno at, spare;
	struct driver d;

	(void)state;
	start(&d, C(2));
	assert_int_equal(alloc(d.p, 480, 1), 0);
	warm_up(&d);
	assert_true(begin(&d, true, &at, &n));
	assert_int_equal(n.n, P);
	assert_false(begin(&d, false, &spare, &other));
	end(&d, at, n, false);
	pass_tick(&d);
	assert_true(step(&d));
	finish(&d);
}

/* After a tick the background has another look at what it has passed. */
static void a_tick_begins_a_new_pass(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(2));
	warm_up(&d);
	for (int k = 0; k < 2; k++) {
		assert_true(begin(&d, false, &at, &n));
		assert_int_equal(at.n + n.n, C(2));
		end(&d, at, n, false);
		assert_true(begin(&d, true, &at, &n));
		assert_int_equal(at.n + n.n, C(2));
		end(&d, at, n, false);
		pass_tick(&d);
	}
	finish(&d);
}

/* Before any tick, and while the background pauses. */
static void force_needs_no_time(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(2));
	assert_true(begin(&d, true, &at, &n));
	end(&d, at, n, true);
	assert_int_equal(n.n, P);
	warm_up(&d);
	while (step(&d))
		;
	assert_true(d.s.next_at > d.now);
	assert_true(begin(&d, true, &at, &n));
	end(&d, at, n, true);
	assert_int_equal(pages_committed(d.p).n, 0);
	finish(&d);
}

static void failing_releases_end(void **state)
{
	struct driver d;
	npages n;
	pgno at;

	(void)state;
	start(&d, C(8));
	for (int round = 1; round <= 3; round++) {
		scavenge_trim(&d.s);
		while (begin(&d, true, &at, &n))
			end(&d, at, n, false);
		assert_int_equal(d.releases, 8 * round);
		assert_false(begin(&d, true, &at, &n));
	}
	warm_up(&d);
	d.s.cfg.tick_ns = 1000 * SEC;
	pass_tick(&d);
	d.releases = 0;
	while (scavenge_wake_at(&d.s) < d.s.next_tick) {
		if (scavenge_wake_at(&d.s) > d.now)
			d.now = scavenge_wake_at(&d.s);
		if (begin(&d, false, &at, &n))
			end(&d, at, n, false);
		assert_true(d.releases <= C(8) / 8);
	}
	assert_int_equal(d.releases, C(8) / 8);
	assert_int_equal(pages_committed(d.p).n, C(8));
	finish(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_the_second_tick),
		cmocka_unit_test(goal_is_the_recent_peak),
		cmocka_unit_test(stops_at_the_goal),
		cmocka_unit_test(goes_from_the_top_down),
		cmocka_unit_test(works_one_percent_of_the_time),
		cmocka_unit_test(small_releases_share_a_pause),
		cmocka_unit_test(a_pause_is_bounded),
		cmocka_unit_test(one_background_release_at_a_time),
		cmocka_unit_test(keeps_huge_pages_whole),
		cmocka_unit_test(leaves_dense_chunks_alone),
		cmocka_unit_test(leaves_chunks_alone_that_were_dense),
		cmocka_unit_test(many_dense_chunks_take_many_calls),
		cmocka_unit_test(force_takes_everything),
		cmocka_unit_test(background_counts_on_a_trim),
		cmocka_unit_test(a_tick_begins_a_new_pass),
		cmocka_unit_test(force_needs_no_time),
		cmocka_unit_test(failing_releases_end),
	};

	return cmocka_run_group_tests_name("scavenge", tests, NULL, NULL);
}
