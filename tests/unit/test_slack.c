/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_slack.c - what a process holds unused: little of a small process, not
 * more than its peak says, and other classes' before it grows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libclient/client.h"
#include "shm/count.h"
#include "tests/clientrig.h"

#define MIB	(1ull << 20)
#define MANY	8192u

static const struct rig_opts opts = { .reserve = 256 * MIB, .clients = 4,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a;
static void *object[MANY];

static int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_free(cr);
	return 0;
}

static void fill(size_t size, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		object[i] = mh_alloc(a, size);
		assert_non_null(object[i]);
	}
}

static void empty(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		mh_free(a, object[i]);
}

/* Against the spans themselves. */
static void check_sums(void)
{
	uint64_t owned = 0, free = 0;

	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		struct pclass *c = &a->r->cls[spc];
		struct plist *l[] = { &c->partial, &c->exhausted, &c->pending };

		for (unsigned k = 0; k < 3; k++)
			for (struct pspan *ps = l[k]->head; ps; ps = ps->next) {
				owned += geom_bytes(&ps->g);
				free += ps->nfree == ps->g.nslots ?
					geom_bytes(&ps->g) : 0;
			}
	}
	assert_int_equal(a->r->owned, owned);
	assert_int_equal(a->r->empty, free);
}

/* A few of each size: hardly anything stays but what arrays hold. */
static void small_is_small(void **state)
{
	(void)state;
	for (size_t size = 8; size <= MIB; size += size / 4 + 8) {
		fill(size, 3);
		empty(3);
	}
	check_sums();
	assert_true(a->r->peak <= 16 * MIB);
	assert_true(a->r->empty <= a->r->peak / 4 + MIB);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(a->r->owned, 0);
	check_sums();
}

/* In turns of all or nothing the daemon is hardly needed. */
static void turns_are_quiet(void **state)
{
	struct mh_stats before, after;

	(void)state;
	fill(64, MANY);
	empty(MANY);
	mh_stats(a, &before, sizeof(before));
	for (unsigned i = 0; i < 10; i++) {
		fill(64, MANY / 4);
		empty(MANY / 4);
	}
	mh_stats(a, &after, sizeof(after));
	assert_in_range(after.daemon_calls - before.daemon_calls, 0, 16);
	check_sums();
}

/* One class gives what it has unused to another that grows. */
static void growth_takes_from_others(void **state)
{
	uint64_t peak;

	(void)state;
	fill(4096, MANY);
	empty(MANY);
	peak = a->r->peak;
	assert_in_range(peak, 31 * MIB, 40 * MIB);
	assert_true(a->r->empty <= peak / 4 + MIB);
	assert_true(a->r->empty > MIB);
	fill(8192, MANY / 2);
	assert_true(a->r->owned <= peak + peak / 8);
	check_sums();
	empty(MANY / 2);
	check_sums();
}

static npages longest(size_t size)
{
	struct pclass *c = &a->r->cls[span_class(LIFE_OWNED, sc_of(size))];
	struct plist *l[] = { &c->partial, &c->exhausted };
	npages n = { 0 };

	for (unsigned k = 0; k < 2; k++)
		for (struct pspan *ps = l[k]->head; ps; ps = ps->next)
			n.n = ps->g.len.n > n.n ? ps->g.len.n : n.n;
	return n;
}

/* A class has short spans at first, longer ones with use: an eighth of it. */
static void spans_grow_with_use(void **state)
{
	(void)state;
	fill(512, 500);
	assert_int_equal(longest(512).n, 4);
	empty(500);
	fill(512, MANY);
	assert_int_equal(longest(512).n, 16);
	empty(MANY);
	fill(512, MANY);	/* long ones come back as they were */
	empty(MANY);
	check_sums();
}

/* Large objects in turns keep their span, whatever lies unused elsewhere. */
static void large_in_turns(void **state)
{
	struct mh_stats before, after;

	(void)state;
	for (size_t size = 8; size <= 32768; size += size / 4 + 8) {
		fill(size, 3);
		empty(3);
	}
	fill(MIB, 1);
	empty(1);
	mh_stats(a, &before, sizeof(before));
	for (unsigned i = 0; i < 1000; i++) {
		fill(MIB, 1);
		empty(1);
	}
	mh_stats(a, &after, sizeof(after));
	assert_int_equal(after.daemon_calls, before.daemon_calls);
	check_sums();
}

/*
 * They stay in an array, so that no slow path is taken: one of each size, up to
 * 2 MiB of all sizes and threads; the array of who comes later holds none.
 */
static void one_run_of_a_size_stays(void **state)
{
	uint64_t refills;

	(void)state;
	fill(16, 1);	/* the room that is for arrays of any size has an owner */
	for (size_t size = MIB / 4; size <= MIB; size += MIB / 4) {
		fill(size, 1);
		mh_free(a, object[0]);
	}
	fill(MIB / 4, 1);	/* what the larger ones made way of */
	empty(1);
	assert_in_range(a->r->first_runs, 3 * MIB / 2, 2 * MIB);
	refills = slot_refills(my_slot(a));
	for (unsigned i = 0; i < 100; i++) {
		fill(MIB / 4, 1);
		empty(1);
	}
	assert_int_equal(slot_refills(my_slot(a)), refills);
	for (unsigned i = 0; i < 100; i++) {
		fill(MIB, 1);
		empty(1);
	}
	assert_int_equal(slot_refills(my_slot(a)), refills + 100);
	check_sums();
}

/* A trim forgets the peak. */
static void trim_begins_anew(void **state)
{
	(void)state;
	fill(1024, MANY);
	empty(MANY);
	assert_true(a->r->peak >= 7 * MIB);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(a->r->owned, 0);
	fill(64, 1);
	assert_true(a->r->peak < MIB);
	empty(1);
	check_sums();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_is_small, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_are_quiet, setup, teardown),
		cmocka_unit_test_setup_teardown(growth_takes_from_others, setup,
						teardown),
		cmocka_unit_test_setup_teardown(spans_grow_with_use, setup,
						teardown),
		cmocka_unit_test_setup_teardown(large_in_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(one_run_of_a_size_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trim_begins_anew, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
