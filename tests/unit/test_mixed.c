/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mixed.c - owned objects beside shared ones: frees take no slow path, and
 * what is wrong is found at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libclient/pageword.h"
#include "tests/clientrig.h"

#define SIZE	64u
#define MANY	4000u
#define THREADS	4

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 4,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a, *b;
static int found;

static int note(mh_heap *h, const void *p, int err, const char *text)
{
	(void)h;
	(void)p;
	(void)text;
	found = err;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	mh_set_error_hook(note);
	found = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mh_set_error_hook(NULL);
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_free(cr);
	return 0;
}

static void *make(void)
{
	void *p = mh_alloc(a, SIZE);

	assert_non_null(p);
	return p;
}

static void *make_shared(void)
{
	void *p = make();

	assert_int_equal(mh_share(a, p), 0);
	return p;
}

static uint32_t in_array(void)
{
	return array_n(&tls.mc->a, sc_of(SIZE));
}

/* The slow path is barred, as in a signal handler that interrupts it. */
static void no_slow_path(void **state)
{
	void *p[4];
	uint32_t n;

	(void)state;
	make_shared();
	for (unsigned i = 0; i < 4; i++)
		p[i] = make();
	n = in_array();
	tls.inside = true;
	for (unsigned i = 0; i < 3; i++)
		mh_free(a, p[i]);
	tls.inside = false;
	assert_int_equal(in_array(), n + 3);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(mh_try_free(a, p[3]), 0);
}

static void freed_before(void **state)
{
	void *s = make_shared(), *p = make(), *q = make_shared();

	(void)state;
	make();
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);
	mh_free(a, p);			/* free in the span's bitmap */
	assert_int_equal(found, EALREADY);
	found = 0;
	mh_free(b, s);
	assert_int_equal(found, 0);
	mh_free(a, s);			/* not harvested yet */
	assert_int_equal(found, EALREADY);
	found = 0;
	mh_free(a, q);
	assert_int_equal(found, 0);
	mh_free(a, q);
	assert_int_equal(found, EALREADY);
	found = 0;
	mh_free(a, (char *)make() + 1);
	assert_int_equal(found, EINVAL);
}

/*
 * The span of a shared object may be given up by another thread while we free
 * it: its bitmaps are zeros by then, but it is not ours.
 */
static void given_up_meanwhile(void **state)
{
	char *p = make_shared();
	uint64_t page = (uint64_t)(p - a->arena) >> PAGE_SHIFT;
	struct pspan *ps = pt_pspan(pt_load(a, page));
	uint32_t slot = 0, n;

	(void)state;
	make();
	assert_true(ps_slot(ps, p, &slot));
	map_del(ps_knowns(ps), slot / 64, 1ull << slot % 64);
	n = in_array();
	tls.inside = true;
	mh_free(a, p);
	tls.inside = false;
	assert_int_equal(in_array(), n);
	map_add(ps_knowns(ps), slot / 64, 1ull << slot % 64);
	mh_free(a, p);
	assert_int_equal(found, 0);
	assert_int_equal(in_array(), n);
}

static void freed_twice_in_an_array(void **state)
{
	void *p;

	(void)state;
	make_shared();
	p = make();
	mh_free(a, p);
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(found, EALREADY);
}

static void all_come_back(void **state)
{
	static void *p[MANY];
	struct mh_stats s;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		p[i] = i % 3 ? make() : make_shared();
	for (unsigned i = 0; i < MANY; i++)
		mh_free(i % 3 || i % 2 ? a : b, p[i]);
	assert_int_equal(mh_trim(b), 0);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(found, 0);
	assert_int_equal(a->r->owned, 0);
	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	assert_int_equal(s.shared_objects, 0);
}

/* Spans become mixed, are given up and come back while others free there. */
static void *runs(void *arg)
{
	void *p[100];

	for (unsigned r = 0; r < 300; r++) {
		for (unsigned i = 0; i < 100; i++) {
			p[i] = mh_alloc(a, 4096);
			if ((r + i) % (r % 7 + 1) == 0)
				mh_share(a, p[i]);
		}
		for (unsigned i = 0; i < 100; i++)
			mh_free(a, p[i]);
	}
	return arg;
}

static void threads(void **state)
{
	pthread_t t[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, runs, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(found, 0);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(a->r->owned, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_slow_path, setup, teardown),
		cmocka_unit_test_setup_teardown(freed_before, setup, teardown),
		cmocka_unit_test_setup_teardown(given_up_meanwhile, setup,
						teardown),
		cmocka_unit_test_setup_teardown(freed_twice_in_an_array, setup,
						teardown),
		cmocka_unit_test_setup_teardown(all_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
