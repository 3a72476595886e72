/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_long.c - arrays that run over and run empty in turns become long, within
 * an allowance, and short again when they should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libclient/client.h"
#include "shm/count.h"
#include "tests/clientrig.h"

#define KIB	1024u
#define BATCH	5000u
#define ROUNDS	20u
#define SIZE	64u

static const struct rig_opts opts = { .reserve = 256u << 20, .clients = 4,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a;

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

static uint64_t batches(void)
{
	struct sh_slot *s = my_slot(a);
	struct tally sum = { .objects = 0 };

	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		tally_add(&sum, &s->tally[spc]);
	return slot_refills(s) + sum.flushes;
}

/* n objects, then none; each keeps its number while it is there. */
static void turn(size_t size, uint32_t n)
{
	uint32_t **p = malloc(n * sizeof(*p));

	for (uint32_t i = 0; i < n; i++) {
		p[i] = mh_alloc(a, size);
		assert_non_null(p[i]);
		*p[i] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(*p[i], i);
		mh_free(a, p[i]);
	}
	free(p);
}

static void turns(size_t size, uint32_t n)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		turn(size, n);
}

static uint32_t cap(size_t size)
{
	return array_cap(&tls.mc->a, sc_of(size));
}

static void assert_short(size_t size)
{
	unsigned i = sc_of(size);

	assert_ptr_equal(tls.mc->a.base[i], tls.mc->home[i]);
	assert_in_range(cap(size), 1, sc_cache_max(i));
}

static void turns_take_no_slow_path(void **state)
{
	uint64_t n;

	(void)state;
	turns(SIZE, BATCH);
	assert_true(cap(SIZE) >= BATCH);
	n = batches();
	turns(SIZE, BATCH);
	assert_in_range(batches() - n, 0, 1);
}

/* What goes one way needs no more than a short array. */
static void one_way_stays_short(void **state)
{
	(void)state;
	turn(SIZE, 10 * BATCH);
	assert_short(SIZE);
	for (unsigned i = 0; i < BATCH; i++)
		assert_non_null(mh_alloc(a, SIZE));
	assert_in_range(cap(SIZE), 1, 2 * sc_cache_max(sc_of(SIZE)));
}

/* Of all classes together: the least, or a share of the peak. */
static void allowance_is_kept(void **state)
{
	(void)state;
	for (size_t size = 8; size <= 4 * KIB; size *= 2) {
		turns(size, BATCH / 4);
		assert_true(a->r->longer <= 512 * KIB ||
			    a->r->longer <= a->r->peak / 16);
	}
	assert_true(a->r->longer > 256 * KIB);
}

static void trim_makes_short(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		turns(SIZE, BATCH);
		assert_true(a->r->longer > 256 * KIB);
		assert_int_equal(mh_trim(a), 0);
		assert_short(SIZE);
		assert_int_equal(a->r->longer, 0);
		assert_int_equal(a->r->owned, 0);
	}
}

static void *thread_turns(void *size)
{
	turns(*(size_t *)size, BATCH);
	return NULL;
}

static void thread_takes_it_along(void **state)
{
	size_t size[] = { SIZE, 2 * SIZE };
	pthread_t t;

	(void)state;
	turn(SIZE, 1);
	for (unsigned i = 0; i < 2; i++) {
		pthread_create(&t, NULL, thread_turns, &size[i]);
		pthread_join(t, NULL);
		assert_int_equal(a->r->longer, 0);
	}
}

/* mh_try_free searches arrays: they are short from then on. */
static void search_makes_short(void **state)
{
	void *p;

	(void)state;
	turns(SIZE, BATCH);
	p = mh_alloc(a, SIZE);
	assert_int_equal(mh_try_free(a, p), 0);
	assert_int_equal(mh_try_free(a, p), -1);
	assert_int_equal(errno, EALREADY);
	assert_short(SIZE);
	assert_int_equal(a->r->longer, 0);
	turns(SIZE, BATCH);
	assert_short(SIZE);
}

/* Peeks, trims and moves at once, for the thread sanitizer. */
static void *thread_peeks(void *stop)
{
	while (!ld_acq((_Atomic int *)stop)) {			/* [A1] */
		void *p = mh_alloc(a, 4 * SIZE);

		mh_try_free(a, p);
		mh_try_free(a, p);
		mh_trim(a);
	}
	return NULL;
}

static void moves_under_peeks(void **state)
{
	size_t size[] = { SIZE, 4 * SIZE, 2 * SIZE };
	_Atomic int stop = 0;
	pthread_t t[3], peeks;

	(void)state;
	turn(SIZE, 1);
	pthread_create(&t[0], NULL, thread_turns, &size[0]);
	pthread_create(&t[1], NULL, thread_turns, &size[1]);
	pthread_create(&peeks, NULL, thread_peeks, &stop);
	pthread_create(&t[2], NULL, thread_turns, &size[2]);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	st_rel(&stop, 1);					/* [A1] */
	pthread_join(peeks, NULL);
	assert_int_equal(a->r->longer, 0);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(a->r->owned, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(turns_take_no_slow_path, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_way_stays_short, setup,
						teardown),
		cmocka_unit_test_setup_teardown(allowance_is_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trim_makes_short, setup,
						teardown),
		cmocka_unit_test_setup_teardown(thread_takes_it_along, setup,
						teardown),
		cmocka_unit_test_setup_teardown(search_makes_short, setup,
						teardown),
		cmocka_unit_test_setup_teardown(moves_under_peeks, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
