/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_requests_later.c - requests that are not answered at once: those that a restarted
 * daemon finds, and those that wait for memory.
 */
#include <stdlib.h>

#include "shm/names.h"
#include "tests/unit/rig_test.h"

#define SPC	OWNED(SC_1K)

static bool done(struct sh_cell *c)
{
	return (ld_acq(&c->word) & 3) == CELL_DONE;
}

/* A restarted daemon takes back what was granted and serves what is POSTED. */
static void restart_serves_what_is_posted(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct sh_cell *granted = rig_post(r, p, 0, OP_ALLOC, SPC, 0), *posted;

	(void)state;
	requests_serve(&r->h);
	posted = rig_post(r, p, 1, OP_ALLOC, SPC, 0);
	assert_int_equal(rig_reopen(r), 0);
	requests_serve_all(&r->h);
	assert_true(done(granted));
	assert_true(done(posted));
	assert_true(span_is(&r->sg, (span_id){ posted->result }, SPAN_GRANTED,
			    p));
	assert_int_equal(r->sg.hdr->count.spans, 1);
	assert_sound(r);
	rig_free(r);
}

static struct sh_cell *post_name(struct rig *r, struct party p, uint32_t op,
				 uint64_t handle)
{
	struct sh_cell *c = rig_post(r, p, 0, op, 0, 0);

	strcpy(c->text, "n");
	c->value = handle;
	return c;
}

/*
 * The daemon was killed at the removal of a name, which another client sets then: the
 * one that was begun is ended first, though the other one's slot is looked at before.
 */
static void restart_ends_what_was_begun_first(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r), q = rig_join(r);
	struct sh_cell *set, *removed;

	(void)state;
	assert_int_equal(names_set(&r->h, "n", 0x1, false), 0);
	removed = post_name(r, q, OP_NAME_REMOVE, 0);
	/* As serving_begin() has it: the cell, and that the name was there. */
	st_rel(&r->h.sg.whdr->serving, (uint64_t)ld_acq(&removed->word) << 32 |
				       q.slot << 16 | 2 | 1);
	set = post_name(r, p, OP_NAME_SET, 0x2);
	assert_true(p.slot < q.slot);
	assert_int_equal(rig_reopen(r), 0);
	requests_serve_all(&r->h);
	assert_true(done(removed) && !removed->err);
	assert_true(done(set) && !set->err);
	assert_non_null(name_find(&r->sg, "n", NULL));
	assert_int_equal(name_find(&r->sg, "n", NULL)->handle, 0x2);
	rig_free(r);
}

/* The cell asks for something else once it has its answer, which goes back. */
static void ask_anew(struct rig *r, struct party p, uint32_t cell, uint32_t pages)
{
	struct sh_cell *c = &r->sg.slots[p.slot].cells[cell];
	uint32_t word = ld_acq(&c->word);
	struct geom g;

	if ((word & 3) == CELL_POSTED)
		return;
	if ((word & 3) == CELL_DONE && !c->err) {
		assert_true(central_take_grant(&r->sg, p, (span_id){ c->result },
					       &g));
		retire(r, &g);
	}
	st_rel(&c->word, word >> 2 << 2 | CELL_IDLE);
	rig_post(r, p, cell, OP_ALLOC, OWNED(0), pages);
}

static void step_at_random(struct rig *r, struct party p)
{
	static const int ends[] = { 0, 0, 0, -ENOSPC, -EIO };

	r->punch_err = rand() % 3 ? 0 : -EIO;
	r->no_start = rand() % 4 == 0;
	if (rand() % 3)
		ask_anew(r, p, (uint32_t)rand() % SH_CELLS, 1 + (uint32_t)rand() % 60);
	if (rand() % 2)
		rig_end_job(r, ends[rand() % 5]);
	r->now += (uint64_t)(rand() % 200) * 1000000;
	if (rand() % 2)
		requests_serve(&r->h);
	else
		heap_tick(&r->h);
}

/* Jobs fail, can't be begun, come late: whoever waits waits for one that is there. */
static void waits_for_what_will_come(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 16 * MIB, .queued = true,
						  .limit = 6 * MIB });
	struct party p = rig_join(r);
	unsigned waited = 0;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		step_at_random(r, p);
		waited += r->h.nwaiters;
		if (r->h.nwaiters && !r->h.jobs)
			fail_msg("step %u: %u wait for nothing", i,
				 r->h.nwaiters);
	}
	assert_true(waited > 1000);
	assert_sound(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_serves_what_is_posted),
		cmocka_unit_test(restart_ends_what_was_begun_first),
		cmocka_unit_test(waits_for_what_will_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
