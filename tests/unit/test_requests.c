/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_requests.c - the cells: what is granted, refused, waits, is cancelled;
 * nonsense from a client that is broken.
 */
#include <stdio.h>

#include "shm/names.h"
#include "tests/unit/rig_test.h"

#define SPC	OWNED(SC_1K)

static bool done(struct sh_cell *c)
{
	return (ld_acq(&c->word) & 3) == CELL_DONE;
}

static void cancel(struct sh_cell *c)
{
	st_rel(&c->word, ((ld_acq(&c->word) >> 2) + 1) << 2 | CELL_IDLE);
}

/* Posts, serves; the cell is DONE and idle again. */
static int ask(struct rig *r, struct party p, uint32_t op, uint32_t a0,
	       uint32_t a1, struct sh_cell **ret_c)
{
	struct sh_cell *c = rig_post(r, p, 0, op, a0, a1);
	uint32_t seq = ld_acq(&c->word) >> 2;

	requests_serve(&r->h);
	assert_true(done(c));
	assert_int_equal(ld_acq(&c->word) >> 2, seq);
	st_rel(&c->word, seq << 2 | CELL_IDLE);
	if (ret_c)
		*ret_c = c;
	return c->err;
}

static void alloc_is_granted(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	struct party p = rig_join(r);
	struct sh_cell *c;
	struct geom g;

	(void)state;
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), 0);
	assert_true(span_is(&r->sg, (span_id){ c->result }, SPAN_GRANTED, p));
	assert_true(central_take_grant(&r->sg, p, (span_id){ c->result }, &g));
	assert_int_equal(g.spc, SPC);
	assert_int_equal(r->nwoken, 1);
	assert_ptr_equal(r->woken[0], &c->word);
	assert_int_equal(ask(r, p, OP_ALLOC, OWNED(0), 123, &c), 0);
	assert_true(central_take_grant(&r->sg, p, (span_id){ c->result }, &g));
	assert_int_equal(g.len.n, 123);
	assert_int_equal(r->sg.hdr->count.requests, 2);
	assert_sound(r);
	rig_free(r);
}

static void only_cells_that_rang(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 7, OP_ALLOC, SPC, 0);

	(void)state;
	xchg_ar(&r->sg.ctl->bell[0], 0);	/* the bell was lost */
	requests_serve(&r->h);
	assert_false(done(c));
	requests_serve_all(&r->h);		/* the timer finds it */
	assert_true(done(c));
	assert_int_equal(c->err, 0);
	/* Bits of nobody, and of slots that there are not. */
	for (unsigned i = 0; i < SH_BELL_WORDS; i++)
		or_rel(&r->sg.ctl->bell[i], ~0ull);
	requests_serve(&r->h);
	assert_int_equal(r->sg.hdr->count.requests, 1);
	assert_sound(r);
	rig_free(r);
}

static void bad_arguments(void **state)
{
	const struct {
		uint32_t op, arg[3];
		int err;
	} bad[] = {
		{ OP_ALLOC, { SPAN_CLASSES }, -EINVAL },
		{ OP_ALLOC, { UINT32_MAX }, -EINVAL },
		{ OP_ALLOC, { OWNED(0) }, -EINVAL },		/* no length */
		{ OP_ALLOC, { SPC, 3 }, -EINVAL },	/* not the class's */
		{ OP_ALLOC, { SHARED(SC_1K), 8 }, -EINVAL },	/* one length */
		{ OP_ALLOC, { OWNED(SC_64), 32 }, -EINVAL },
		{ OP_ALLOC, { OWNED(70), 10 }, -EINVAL },	/* a run's is one */
		{ OP_ALLOC, { SHARED(3) }, -EINVAL },
		{ OP_ALLOC, { HELD(7) }, -EINVAL },
		{ OP_ALLOC, { OWNED(0), 129 }, -EINVAL },	/* of 128 */
		{ OP_ALLOC, { OWNED(0), UINT32_MAX }, -EINVAL },
		{ OP_ALLOC, { OWNED(0), 4, 3 }, -EINVAL },
		{ OP_ALLOC, { OWNED(0), 4, 512 }, -EINVAL },
		{ OP_RETURN, { 0 }, -EINVAL },
		{ OP_RETURN, { UINT32_MAX }, -EINVAL },
		{ OP_NAME_SET, { 0 }, -EINVAL },		/* no text */
		{ OP_NAME_REMOVE, { 0 }, -ENOENT },
		{ 0, { 0 }, -ENOSYS },
		{ 99, { 0 }, -ENOSYS },
		{ UINT32_MAX, { 0 }, -ENOSYS },
	};
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);

	(void)state;
	for (unsigned i = 0; i < N_OF(bad); i++) {
		struct sh_cell *c = rig_post(r, p, 3, bad[i].op, 0, 0);

		memcpy(c->arg, bad[i].arg, sizeof(bad[i].arg));
		requests_serve(&r->h);
		assert_true(done(c));
		if (c->err != bad[i].err)
			fail_msg("request %u: %d", i, c->err);
	}
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_sound(r);
	rig_free(r);
}

/* A text without an end is cut, not read beyond. */
static void names_by_request(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 0, OP_NAME_SET, 0, 0);
	char cut[64] = { 0 };

	(void)state;
	memset(c->text, 'z', sizeof(c->text));
	memset(cut, 'z', 63);
	c->value = 0x1234;
	requests_serve(&r->h);
	assert_int_equal(c->err, 0);
	assert_non_null(name_find(&r->sg, cut, NULL));
	assert_int_equal(name_find(&r->sg, cut, NULL)->handle, 0x1234);
	rig_post(r, p, 0, OP_NAME_REMOVE, 0, 0);
	requests_serve(&r->h);
	assert_int_equal(c->err, 0);
	assert_null(name_find(&r->sg, cut, NULL));
	/* "It is a held object": then it must be one. */
	rig_post(r, p, 0, OP_NAME_SET, true, 0);
	requests_serve(&r->h);
	assert_int_equal(c->err, -ESTALE);
	assert_null(name_find(&r->sg, cut, NULL));
	rig_free(r);
}

static void the_slot_decides(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	static const struct {
		uint32_t state;
		bool served;
	} row[] = {
		{ CLIENT_JOINING, false }, { CLIENT_DYING, false },
		{ CLIENT_AWAY, true }, { CLIENT_ACTIVE, true },
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(row); i++) {
		struct sh_cell *c = rig_post(r, p, i, OP_SWEEP, 0, 0);

		client_set_state(&r->h, p.slot, row[i].state);
		requests_serve(&r->h);
		assert_int_equal(done(c), row[i].served);
	}
	rig_free(r);
}

/* Cells of two clients wait for one job. */
static void waits_for_memory(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 2 * MIB });
	struct party p = rig_join(r), q = rig_join(r);
	struct sh_cell *a = rig_post(r, p, 0, OP_ALLOC, SPC, 0);
	struct sh_cell *b = rig_post(r, q, 5, OP_ALLOC, OWNED(0), 20);

	(void)state;
	rig_run(r, p, 224);		/* leaves 32 pages */
	r->queued = true;
	requests_serve(&r->h);
	requests_serve_all(&r->h);	/* waits once, however often it is seen */
	assert_false(done(a));
	assert_false(done(b));		/* though the job has all there is */
	assert_int_equal(r->h.nwaiters, 2);
	assert_int_equal(r->njobs, 1);
	rig_end_jobs(r);
	assert_true(done(a));
	assert_true(done(b));
	assert_int_equal(r->h.nwaiters, 0);
	assert_sound(r);
	rig_free(r);
}

static void cancelled_while_it_waits(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB,
						  .queued = true });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 0, OP_ALLOC, SPC, 0);

	(void)state;
	requests_serve(&r->h);
	assert_false(done(c));
	cancel(c);
	rig_end_jobs(r);
	assert_int_equal(r->nwoken, 0);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	/* Cancelled and asked anew: the new request is served, once. */
	c = rig_post(r, p, 0, OP_ALLOC, SPC, 0);
	requests_serve(&r->h);
	assert_true(done(c));
	assert_int_equal(r->sg.hdr->count.spans, 1);
	assert_sound(r);
	rig_free(r);
}

/* The rig's memory is where the daemon can be interrupted in a request. */
static struct sh_cell *victim;
static int (*real_back)(void *, enum seg_kind, uint64_t, uint64_t);

static int cancel_then_back(void *arg, enum seg_kind seg, uint64_t off,
			    uint64_t len)
{
	if (victim)
		cancel(victim);
	victim = NULL;
	return real_back(arg, seg, off, len);
}

/* The client gives up between the daemon's look and its DONE: taken back. */
static void cancel_wins(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 0, OP_ALLOC, SPC, 0);
	uint32_t seq = ld_acq(&c->word) >> 2;

	(void)state;
	real_back = r->h.io.back;
	r->h.io.back = cancel_then_back;
	victim = c;
	requests_serve(&r->h);
	assert_null(victim);
	assert_int_equal(ld_acq(&c->word), (seq + 1) << 2 | CELL_IDLE);
	assert_int_equal(r->nwoken, 0);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_sound(r);
	rig_free(r);
}

/* What a channel's request gives is no span, whoever has one of that number. */
static void cancelled_channel(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .chans = 4 });
	struct party p = rig_join(r);
	struct sh_cell *c, *span;
	uint32_t id;

	(void)state;
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &span), 0);
	id = span->result;
	real_back = r->h.io.back;
	r->h.io.back = cancel_then_back;
	for (uint32_t i = 0; i <= id; i++) {
		c = rig_post(r, p, 1, OP_CHAN_OPEN, 8, 0);
		snprintf(c->text, sizeof(c->text), "c%u", i);
		victim = c;
		requests_serve(&r->h);
		assert_null(victim);
		assert_int_equal(c->result, i);
	}
	assert_true(span_is(&r->sg, (span_id){ id }, SPAN_GRANTED, p));
	rig_free(r);
}

/* The daemon's DONE comes first: the cancel fails and finds the grant. */
static void done_wins(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *c = rig_post(r, p, 0, OP_ALLOC, SPC, 0);
	uint32_t posted = ld_acq(&c->word);
	struct geom g;

	(void)state;
	requests_serve(&r->h);
	assert_false(cas_ar(&c->word, &posted,
			    ((posted >> 2) + 1) << 2 | CELL_IDLE));
	assert_int_equal(posted & 3, CELL_DONE);
	assert_true(central_take_grant(&r->sg, p, (span_id){ c->result }, &g));
	assert_sound(r);
	rig_free(r);
}

static void quota(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r), q = rig_join(r);
	struct sh_cell *c;
	struct geom g[4];

	(void)state;
	r->h.quota_spans = 4;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), 0);
		assert_true(central_take_grant(&r->sg, p, (span_id){ c->result },
					       &g[i]));
	}
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), -ENOMEM);
	assert_int_equal(c->reason, ENOMEM_QUOTA);
	assert_int_equal(ask(r, q, OP_ALLOC, SPC, 0, &c), 0);
	/* Nor is anything made ahead, which nobody would be asked for. */
	or_rel(&r->sg.ctl->want[SPC / 64], 1ull << SPC % 64);
	requests_serve(&r->h);
	assert_int_equal(central_listed(&r->sg, SPC), 0);
	/* What it has given up does not count, nor is it forgotten. */
	assert_int_equal(span_dispose(&r->sg, &g[0], p), SPAN_LISTED);
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), 0);
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), -ENOMEM);
	/* Nor by a daemon that was restarted. */
	assert_int_equal(rig_reopen(r), 0);
	r->h.quota_spans = 4;
	assert_int_equal(r->h.client_spans[p.slot], 3);	/* the grant went */
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), 0);
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), -ENOMEM);
	assert_sound(r);
	rig_free(r);
}

/* Refused with a reason; but first, what is empty is collected. */
static void no_memory(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *c;
	struct geom g;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), 0);
	assert_int_equal(ask(r, p, OP_ALLOC, SPC, 0, &c), -ENOMEM);
	assert_int_equal(c->reason, ENOMEM_RESERVE);
	assert_int_equal(r->sg.hdr->count.enomem, 1);
	assert_int_equal(r->sg.hdr->count.enomem_reason, ENOMEM_RESERVE);
	assert_int_equal(r->sg.hdr->count.enomem_asked, 1024);
	assert_true(central_take_grant(&r->sg, p, (span_id){ 7 }, &g));
	assert_int_equal(span_dispose(&r->sg, &g, p), SPAN_LISTED);
	assert_int_equal(ask(r, p, OP_ALLOC, OWNED(SC_64), 0, &c), 0);
	assert_int_equal(c->result, 7);
	assert_sound(r);
	rig_free(r);
}

static void returned_by_version(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = given_up(r, p, SPC, 0), some = given_up(r, p, SPC, 1);
	uint32_t version = span_version(span_load(&r->sg, g.id));

	(void)state;
	assert_int_equal(ask(r, p, OP_RETURN, g.id.n, version - 1, NULL),
			 -ESTALE);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_int_equal(ask(r, p, OP_RETURN, g.id.n, version, NULL), 0);
	assert_int_equal(rig_state(r, g.id), SPAN_FREE);
	assert_int_equal(ask(r, p, OP_RETURN, g.id.n, version, NULL), -ESTALE);
	/* Not empty: offered again, not lost. */
	version = span_version(span_load(&r->sg, some.id));
	assert_int_equal(ask(r, p, OP_RETURN, some.id.n, version, NULL), 0);
	assert_int_equal(rig_state(r, some.id), SPAN_LISTED);
	assert_sound(r);
	assert_int_equal(r->report.unlinked, 0);
	rig_free(r);
}

static void trim_and_sweep(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	struct party p = rig_join(r);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		given_up(r, p, SPC, i % 2);
	assert_int_equal(ask(r, p, OP_SWEEP, 0, 0, NULL), 0);
	assert_int_equal(r->sg.hdr->count.spans, 2);
	assert_true(pages_free_committed(r->h.pages).n > 0);
	assert_int_equal(ask(r, p, OP_TRIM, 0, 0, NULL), 0);
	assert_int_equal(pages_free_committed(r->h.pages).n, 0);
	assert_sound(r);
	rig_free(r);
}

/* Its waiting request must not serve or stop the next client of the slot. */
static void dead_while_it_waits(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB,
						  .queued = true });
	struct party p = rig_join(r), q;
	struct sh_cell *c = rig_post(r, p, 0, OP_ALLOC, SPC, 0);

	(void)state;
	requests_serve(&r->h);
	reclaim_client(&r->h, p.slot);
	q = rig_join(r);
	assert_int_equal(q.slot, p.slot);
	c = rig_post(r, q, 0, OP_ALLOC, SHARED(SC_1K), 0);
	requests_serve(&r->h);
	rig_end_jobs(r);
	assert_true(done(c));
	assert_true(span_is(&r->sg, (span_id){ c->result }, SPAN_GRANTED, q));
	assert_int_equal(r->sg.hdr->count.spans, 1);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_is_granted),
		cmocka_unit_test(only_cells_that_rang),
		cmocka_unit_test(bad_arguments),
		cmocka_unit_test(names_by_request),
		cmocka_unit_test(the_slot_decides),
		cmocka_unit_test(waits_for_memory),
		cmocka_unit_test(cancelled_while_it_waits),
		cmocka_unit_test(cancel_wins),
		cmocka_unit_test(cancelled_channel),
		cmocka_unit_test(done_wins),
		cmocka_unit_test(quota),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(returned_by_version),
		cmocka_unit_test(trim_and_sweep),
		cmocka_unit_test(dead_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
