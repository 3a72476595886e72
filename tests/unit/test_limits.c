/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_limits.c - the daemon's heap on a rig: memory that runs out, limits, and
 * what goes back to the system.
 */
#include <stdio.h>

#include "tests/unit/rig_test.h"

static unsigned fill(struct rig *r, uint32_t spc, uint32_t *ret_reason)
{
	unsigned n = 0;
	int err;

	while (!(err = try_span(r, spc, ret_reason)))
		n++;
	assert_int_equal(err, -ENOMEM);
	return n;
}

static void reserve_runs_out(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	uint32_t reason = 0;

	(void)state;
	assert_int_equal(fill(r, OWNED(SC_1K), &reason), 32);
	assert_int_equal(reason, ENOMEM_RESERVE);
	assert_sound(r);
	sweep_all(&r->h, false);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_int_equal(fill(r, OWNED(SC_1K), &reason), 32);
	assert_sound(r);
	rig_free(r);
}

static void span_ids_run_out(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct span_wish w = { .len = { 1 } };
	uint32_t reason = 0, n = 0;
	span_id id;

	(void)state;
	while (!span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id, &reason))
		n++;
	assert_int_equal(n, r->sg.geo.nspans - 1);
	assert_int_equal(reason, ENOMEM_SPANS);
	assert_sound(r);
	rig_free(r);
}

static void memory_runs_out(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .budget = MIB });
	uint32_t reason = 0;
	unsigned n = fill(r, OWNED(SC_1K), &reason);

	(void)state;
	assert_in_range(n, 10, 31);
	assert_int_equal(reason, ENOMEM_BACKING);
	assert_sound(r);
	/* The window is widened only as far as there is memory. */
	assert_true(r->budget < 33u << 10);
	r->budget += 64u << 10;
	assert_int_equal(fill(r, OWNED(SC_1K), &reason), 2);
	assert_sound(r);
	rig_free(r);
}

static void no_memory_at_all(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	uint32_t reason = 0;

	(void)state;
	for (uint64_t budget = 0; budget < 200u << 10; budget += 4096) {
		struct rig *c = rig_copy(r);

		c->budget = budget;
		assert_int_equal(rig_open(c), 0);
		while (!try_span(c, OWNED(SC_1K), &reason))
			;
		assert_int_equal(reason, ENOMEM_BACKING);
		assert_sound(c);
		rig_free(c);
	}
	rig_free(r);
}

static void limit_holds(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB,
						  .limit = 2 * MIB });
	uint32_t reason = 0;
	unsigned n = fill(r, OWNED(SC_1K), &reason);

	(void)state;
	assert_int_equal(reason, ENOMEM_LIMIT);
	heap_count(&r->h);
	assert_in_range(r->sg.hdr->count.committed_bytes, 2 * MIB - 40000,
			2 * MIB);
	assert_in_range(n, 40, 64);
	heap_set_limit(&r->h, 3 * MIB);
	assert_in_range(fill(r, OWNED(SC_1K), &reason), 31, 32);
	assert_sound(r);
	rig_free(r);
}

/* What is free and has memory elsewhere is punched to stay in the limit. */
static void limit_makes_room(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB,
						  .limit = 4 * MIB });
	struct party p = rig_join(r);
	struct geom g[40];
	uint32_t reason;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		g[i] = rig_run(r, p, 8);
	for (unsigned i = 0; i < 40; i += 2)
		retire(r, &g[i]);
	assert_int_equal(r->punches, 0);
	rig_run(r, p, 200);
	assert_true(r->punches > 0);
	assert_sound(r);
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), 0);
	rig_free(r);
}

static uint32_t why;		/* of the last that was refused */

static int open_chan(struct rig *r, struct party p, unsigned n, uint32_t places)
{
	struct sh_cell *c = rig_post(r, p, 0, OP_CHAN_OPEN, places, 0);

	snprintf(c->text, sizeof(c->text), "c%u", n);
	requests_serve(&r->h);
	assert_int_equal(ld_acq(&c->word) & 3, CELL_DONE);
	why = c->reason;
	return c->err;
}

static uint64_t committed(struct rig *r)
{
	heap_count(&r->h);
	return r->sg.hdr->count.committed_bytes;
}

/* Channels count, and what is free elsewhere makes room for them. */
static void channels_are_limited(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB, .chans = 512,
						  .limit = 4 * MIB });
	struct party p = rig_join(r);
	struct geom g = rig_run(r, p, 128);
	unsigned n = 0, more;
	uint32_t i;

	(void)state;
	assert_int_equal(chan_open(&r->h, "small", 1, 0, &i), 0);
	while (!open_chan(r, p, n, SH_PLACES_MAX))
		assert_true(++n < 512);
	assert_int_equal(why, ENOMEM_LIMIT);
	assert_true(n > 10);
	assert_in_range(committed(r), 4 * MIB - 40000, 4 * MIB);
	assert_int_equal(ld_acq(&r->sg.hdr->serving), 0);
	retire(r, &g);
	for (more = 0; !open_chan(r, p, n + more, SH_PLACES_MAX); more++)
		;
	assert_in_range(more, 40, 128);
	assert_true(committed(r) <= 4 * MIB);
	assert_int_equal(open_chan(r, p, 0, SH_PLACES_MAX), 0);	/* it is there */
	/* What was removed has its memory still, whichever has less. */
	assert_int_equal(chan_remove(&r->h, "small"), 0);
	assert_int_equal(chan_remove(&r->h, "c1"), 0);
	assert_int_equal(open_chan(r, p, 600, SH_PLACES_MAX), 0);
	assert_sound(r);
	rig_free(r);
}

/* Nor where there is no memory behind the segments. */
static void channels_without_memory(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB, .chans = 512 });
	struct party p = rig_join(r);
	struct geom g = rig_run(r, p, 16);
	unsigned n = 0;

	(void)state;
	assert_int_equal(open_chan(r, p, n++, SH_PLACES_MAX), 0);
	r->budget = 0;			/* but free pages have some */
	while (!open_chan(r, p, n, SH_PLACES_MAX))
		assert_true(++n < 512);
	assert_int_equal(why, ENOMEM_BACKING);
	retire(r, &g);
	assert_int_equal(open_chan(r, p, n, SH_PLACES_MAX), 0);
	assert_sound(r);
	rig_free(r);
}

/* So do clients' slots. */
static void clients_are_limited(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB, .clients = 400,
						  .limit = 4 * MIB });
	struct party p;
	unsigned n = 0;
	int err;

	(void)state;
	while (!(err = client_join(&r->h, &p)))
		n++;
	assert_int_equal(err, -ENOMEM);
	assert_in_range(n, 10, 399);
	assert_in_range(committed(r), 4 * MIB - 40000, 4 * MIB);
	rig_free(r);
}

static void punches_that_fail(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB,
						  .limit = 4 * MIB });
	struct span_wish w = { .len = { 300 } };
	struct party p = rig_join(r);
	struct geom g[40];
	uint32_t reason = 0;
	span_id id;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		g[i] = rig_run(r, p, 8);
	for (unsigned i = 0; i < 40; i += 2)
		retire(r, &g[i]);
	r->punch_err = -EIO;
	assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id,
				  &reason), -ENOMEM);
	assert_int_equal(reason, ENOMEM_LIMIT);
	assert_sound(r);
	r->punch_err = 0;
	assert_int_equal(span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id,
				  &reason), 0);
	assert_sound(r);
	rig_free(r);
}

/* The same with jobs that take time: who waits is told, not led in circles. */
static void punches_that_fail_later(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB,
						  .limit = 4 * MIB });
	struct party p = rig_join(r);
	struct sh_cell *c;
	struct geom g[40];
	unsigned ended = 0;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		g[i] = rig_run(r, p, 8);
	for (unsigned i = 0; i < 40; i += 2)
		retire(r, &g[i]);
	r->queued = true;
	c = rig_post(r, p, 0, OP_ALLOC, OWNED(0), 300);
	requests_serve(&r->h);
	while (rig_end_job(r, -EIO))
		assert_true(ended++ < 100);
	assert_true(ended > 0);
	assert_int_equal(ld_acq(&c->word) & 3, CELL_DONE);
	assert_int_equal(c->err, -ENOMEM);
	assert_int_equal(c->reason, ENOMEM_LIMIT);
	assert_sound(r);
	c = rig_post(r, p, 0, OP_ALLOC, OWNED(0), 300);
	requests_serve(&r->h);
	rig_end_jobs(r);
	assert_int_equal(c->err, 0);
	assert_sound(r);
	rig_free(r);
}

static void trim_returns_everything(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	struct party p = rig_join(r);
	struct geom g[20];
	uint32_t had;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		g[i] = rig_span(r, p, OWNED(SC_1K));
	for (unsigned i = 0; i < 20; i += 3)
		retire(r, &g[i]);
	had = pages_committed(r->h.pages).n;
	assert_true(had > 20 * 4);	/* memory is got ahead of demand */
	commit_scavenge(&r->h, true);
	assert_int_equal(pages_free_committed(r->h.pages).n, 0);
	assert_int_equal(r->piece[SEG_ARENA].nbacked, 13 * 4);
	assert_false(r->h.force_scavenge);
	assert_sound(r);
	/* The counter is in bytes, and the memory comes back when wanted. */
	assert_int_equal(r->sg.hdr->count.returned_bytes,
			 (had - 13 * 4) * PAGE_BYTES);
	rig_span(r, p, OWNED(SC_1K));
	assert_sound(r);
	rig_free(r);
}

/* A trim of jobs that take time, with ticks of the background in between. */
static void trim_in_steps(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 192 * MIB });
	struct party p = rig_join(r);
	unsigned rounds = 0;
	struct geom g;

	(void)state;
	g = rig_run(r, p, 24000);
	retire(r, &g);
	assert_int_equal(pages_free_committed(r->h.pages).n, 24000);
	r->queued = true;
	commit_scavenge(&r->h, true);
	assert_in_range(r->njobs, 1, 16);
	while (r->njobs) {
		assert_true(r->h.punching <= 64 * MIB);
		r->now += 10000000;
		heap_tick(&r->h);
		assert_true(rig_end_job(r, 0));
		assert_sound(r);
		assert_true(rounds++ < 64);
	}
	assert_int_equal(pages_free_committed(r->h.pages).n, 0);
	assert_int_equal(r->piece[SEG_ARENA].nbacked, 0);
	rig_free(r);
}

/* A job takes some pages more, unless there is no memory for them. */
static void the_window_gives_way(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB,
						  .queued = true });
	uint32_t reason;

	(void)state;
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), -EAGAIN);
	assert_int_equal(r->job[0]->len.n, 32);
	rig_end_job(r, -ENOSPC);	/* then what was asked for alone */
	assert_int_equal(r->job[0]->len.n, 4);
	rig_end_job(r, -ENOSPC);
	assert_int_equal(r->h.last_commit, -ENOSPC);
	assert_int_equal(pages_committed(r->h.pages).n, 0);
	rig_end_jobs(r);
	assert_sound(r);
	rig_free(r);
}

static void pages_in_a_job_are_nobodys(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 2 * MIB });
	struct party p = rig_join(r);
	uint32_t reason;

	(void)state;
	rig_run(r, p, 224);		/* leaves 32 pages */
	r->queued = true;
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), -EAGAIN);
	assert_int_equal(r->njobs, 1);
	/* The window has all there is: another has to wait for it. */
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), -EAGAIN);
	assert_int_equal(r->njobs, 1);
	assert_sound(r);
	rig_end_jobs(r);
	assert_int_equal(try_span(r, OWNED(SC_1K), &reason), 0);
	assert_sound(r);
	rig_free(r);
}

static void background_returns_the_excess(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	struct geom g;

	(void)state;
	rig_run(r, p, 1000);
	g = rig_run(r, p, 7000);
	retire(r, &g);
	assert_int_equal(pages_committed(r->h.pages).n, 8000);
	for (unsigned i = 0; i < 300; i++) {
		r->now += 100000000;
		heap_tick(&r->h);
	}
	assert_in_range(pages_committed(r->h.pages).n, 1024, 1110);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve_runs_out),
		cmocka_unit_test(span_ids_run_out),
		cmocka_unit_test(memory_runs_out),
		cmocka_unit_test(no_memory_at_all),
		cmocka_unit_test(limit_holds),
		cmocka_unit_test(limit_makes_room),
		cmocka_unit_test(channels_are_limited),
		cmocka_unit_test(channels_without_memory),
		cmocka_unit_test(clients_are_limited),
		cmocka_unit_test(punches_that_fail),
		cmocka_unit_test(punches_that_fail_later),
		cmocka_unit_test(trim_returns_everything),
		cmocka_unit_test(trim_in_steps),
		cmocka_unit_test(the_window_gives_way),
		cmocka_unit_test(pages_in_a_job_are_nobodys),
		cmocka_unit_test(background_returns_the_excess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
