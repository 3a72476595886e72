/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ahead_trim.c - a trim, and memory ahead that is on its way or would be.
 */
#include "tests/unit/ahead_test.h"

/* A trim returns what lies ready, and what comes too late for it. */
static void a_trim_takes_it_all(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 64 * MIB,
						   .queued = true });

	(void)state;
	take_until_job(r);
	assert_true(r->h.ahead.in_flight > 0);
	commit_scavenge(&r->h, true);
	assert_true(r->h.force_scavenge);
	rig_end_jobs(r);
	assert_false(r->h.force_scavenge);
	assert_int_equal(ready(r), 0);
	assert_int_equal(r->piece[SEG_ARENA].nbacked,
			 pages_in_use(r->h.pages).n);
	assert_sound(r);
	rig_free(r);
}

/*
 * Somebody asks while a trim punches: a job for what may be asked next would be punched
 * as well, and so the next one, without end.
 */
static void a_request_during_a_trim(void **state)
{
	struct rig *r = growing((struct rig_opts){ .reserve = 256 * MIB,
						   .queued = true });
	uint32_t reason, top;
	unsigned jobs = 0;

	(void)state;
	take_until_job(r);
	rig_end_jobs(r);
	commit_scavenge(&r->h, true);
	assert_true(r->h.force_scavenge && r->njobs);
	assert_int_equal(take_span(r, &reason), -EAGAIN);
	top = seg_page_top(&r->sg);
	while (r->njobs && jobs++ < 100) {
		rig_end_job(r, 0);
		r->now += SECOND / 10;
		heap_tick(&r->h);
	}
	assert_true(jobs < 100);
	assert_false(r->h.force_scavenge);
	assert_true(seg_page_top(&r->sg) <= top + MIB / PAGE_BYTES);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trim_takes_it_all),
		cmocka_unit_test(a_request_during_a_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
