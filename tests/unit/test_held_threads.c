/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_held_threads.c - held objects and threads: objects that are got by a name
 * while it is replaced, and holds that threads of a process share.
 */
#include "tests/unit/held_test.h"

#define THREADS	4
#define SWAPS	1500u

struct swapper {
	mh_heap *h;
	_Atomic unsigned *left;
	unsigned got;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, mh_errmsg());
	abort();
}

static void *get_by_name(void *arg)
{
	struct swapper *s = arg;

	while (ld_acq(s->left)) {
		unsigned *p = mh_name_get(s->h, "swapped");

		if (!p)
			die("no object");
		/* Freed, and written by somebody else? */
		if (p[0] != p[15] || p[0] > SWAPS)
			die("another object");
		s->got++;
		if (mh_drop(s->h, p))
			die("not held");
	}
	return NULL;
}

static void publish(unsigned i, size_t size)
{
	unsigned *p = make(a, size);

	for (unsigned k = 0; k < 16; k++)
		p[k] = i;
	assert_int_equal(mh_name_set(a, "swapped", p), 0);
	assert_int_equal(mh_drop(a, p), 0);
	/* Once in a while all that is free goes, and its blocks to others. */
	if (i % 64 == 0)
		assert_int_equal(mh_trim(a), 0);
}

/* Threads of two clients get what another replaces all the time. */
static void swapped_under_readers(void **state)
{
	struct swapper s[THREADS];
	pthread_t t[THREADS];
	_Atomic unsigned left = SWAPS;

	(void)state;
	publish(0, 64);
	for (unsigned i = 0; i < THREADS; i++) {
		s[i] = (struct swapper){ i % 2 ? a : b, &left, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, get_by_name, &s[i]), 0);
	}
	for (unsigned i = 1; i <= SWAPS; i++) {
		publish(i, 64 << i % 4);
		st_rel(&left, SWAPS - i);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_name_remove(a, "swapped"), 0);
	assert_int_equal(objects(), 0);
}

struct churner {
	mh_heap *h;
	void *shared;
	unsigned seed;
};

static void *churn(void *arg)
{
	struct churner *c = arg;
	void *p[32] = { NULL };

	for (unsigned i = 0; i < 20000; i++) {
		unsigned k = (c->seed = c->seed * 1664525 + 1013904223) >> 27;

		if (mh_hold(c->h, c->shared))
			abort();
		if (p[k] && mh_drop(c->h, p[k]))
			abort();
		p[k] = mh_alloc_flags(c->h, 64 + c->seed % 256, MH_HELD);
		if (!p[k] || mh_drop(c->h, c->shared))
			abort();
	}
	for (unsigned k = 0; k < 32; k++)
		if (p[k] && mh_drop(c->h, p[k]))
			abort();
	return NULL;
}

static void threads_share_a_hold(void **state)
{
	struct churner c[THREADS];
	pthread_t t[THREADS];
	void *p = make(a, 64);

	(void)state;
	assert_int_equal(mh_hold(b, p), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		c[i] = (struct churner){ i % 2 ? a : b, p, i };
		assert_int_equal(pthread_create(&t[i], NULL, churn, &c[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(objects(), 0);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(swapped_under_readers), T(threads_share_a_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
