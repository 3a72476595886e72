/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_public.c - the public API alone, processes and a real daemon: attach and
 * detach, forks, many processes, two heaps, read-only.  What programs do that
 * make it hard is in test_surroundings.c.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/multi/public.h"

static void attach_twice(void **state)
{
	mh_heap *h = attach(MH_START);
	struct mh_info i = { 0 };

	(void)state;
	assert_non_null(h);
	assert_ptr_equal(attach(MH_START), h);
	assert_null(mh_attach(name, 0));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mh_info(h, &i, sizeof(i)), 0);
	assert_string_equal(i.name, name);
	assert_int_equal(i.size, sizeof(i));
	assert_int_equal(i.daemon, 0);
	assert_int_equal(mh_info(h, &i, 16), 0);
	assert_int_equal(i.size, 16);
	assert_int_equal(mh_info(h, &i, 4), -1);
	assert_int_equal(mh_detach(h), 0);
	assert_non_null(mh_alloc(h, 10));
	assert_int_equal(mh_detach(h), 0);
	assert_int_equal(mh_detach(h), -1);
	assert_int_equal(errno, EINVAL);
	assert_null(mh_alloc(h, 10));
	assert_int_equal(errno, EINVAL);
}

static void bad_names(void **state)
{
	char longer[60];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[49] = 0;
	assert_null(mh_attach("a/b", 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_attach("../x", 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_attach(".x", 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_attach(longer, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_attach("x", 1u << 20));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_attach("no-such-heap", 0));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(mh_errmsg(), "MH_START"));
}

static void attach_detach_loop(void **state)
{
	mh_heap *keep = attach(MH_START);

	(void)state;
	assert_non_null(keep);
	wait_clients(keep, 1);
	assert_int_equal(mh_detach(keep), 0);
	for (int i = 0; i < 200; i++) {
		mh_heap *h = attach(MH_START);
		void *p, *q;

		assert_non_null(h);
		p = mh_alloc(h, 1 + (size_t)i * 50);
		q = mh_alloc_flags(h, 64, MH_SHARED);
		assert_non_null(p);
		assert_non_null(q);
		memset(p, 1, 1 + (size_t)i * 50);
		mh_free(h, q);
		assert_int_equal(mh_detach(h), 0);
	}
	keep = attach(MH_START);
	assert_int_equal(stats(keep).shared_objects, 0);
	assert_int_equal(stats(keep).owned_bytes, 0);
	assert_int_equal(mh_detach(keep), 0);
}

struct in_fork {
	mh_heap *h;
	char	*owned, *shared;
	char	*top;		/* of the parent's array */
};

/* The array of the class becomes long. */
static void turns(mh_heap *h, size_t size)
{
	static char *p[2000];

	for (int r = 0; r < 10; r++) {
		for (int i = 0; i < 2000; i++)
			assert_non_null(p[i] = mh_alloc(h, size));
		for (int i = 0; i < 2000; i++)
			mh_free(h, p[i]);
	}
}

static int keep_quiet(mh_heap *h, const void *p, int err, const char *s)
{
	(void)h;
	(void)p;
	(void)err;
	(void)s;
	return 0;
}

/* It may read what the parent owns, but not free it; shared it may. */
static int fork_body(void *arg)
{
	struct in_fork *f = arg;

	CHECK(!strcmp(f->owned, "parent's"));
	CHECK(mh_try_free(f->h, f->owned) == -1 && errno == EPERM);
	CHECK(mh_share(f->h, f->owned) == -1 && errno == EPERM);
	CHECK(mh_realloc(f->h, f->owned, 5000) == NULL && errno == EPERM);
	CHECK(!strcmp(f->shared, "everybody's"));
	mh_free(f->h, f->shared);
	for (int i = 0; i < 1000; i++)	/* none of the parent's array */
		CHECK(mh_alloc(f->h, 32) != f->top);
	CHECK(!use_heap(f->h));
	return 0;
}

static void forks(void **state)
{
	struct in_fork f;
	struct mh_stats s;

	(void)state;
	f.h = attach(MH_START);
	assert_non_null(f.h);
	f.owned = mh_alloc(f.h, 32);
	strcpy(f.owned, "parent's");
	turns(f.h, 32);
	f.top = mh_alloc(f.h, 32);
	mh_free(f.h, f.top);
	for (int i = 0; i < 20; i++) {
		f.shared = mh_alloc_flags(f.h, 32, MH_SHARED);
		strcpy(f.shared, "everybody's");
		assert_int_equal(in_child(fork_body, &f), 0);
		assert_string_equal(f.owned, "parent's");
		assert_int_equal(mh_try_free(f.h, f.shared), -1);
		assert_int_equal(errno, EALREADY);
	}
	wait_clients(f.h, 1);
	mh_free(f.h, f.owned);
	s = stats(f.h);
	assert_int_equal(s.shared_objects, 0);
	assert_int_equal(mh_detach(f.h), 0);
}

static int many_body(void *arg)
{
	mh_heap *h = afresh(arg, 0);
	void *p[100];

	CHECK(h);
	for (int r = 0; r < 20; r++) {
		for (int i = 0; i < 100; i++) {
			p[i] = mh_alloc_flags(h, (size_t)(i * i + 1),
					      i % 2 ? MH_SHARED : 0);
			CHECK(p[i]);
			memset(p[i], i, (size_t)(i * i + 1));
		}
		for (int i = 0; i < 100; i++) {
			CHECK(*(unsigned char *)p[i] == i);
			mh_free(h, p[i]);
		}
	}
	return 0;
}

static void processes_64(void **state)
{
	mh_heap *h = attach(MH_START);
	pid_t pid[64];

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 64; i++)
		pid[i] = child_start(many_body, h);
	for (int i = 0; i < 64; i++)
		assert_int_equal(child_wait(pid[i]), 0);
	wait_clients(h, 1);
	assert_int_equal(stats(h).shared_objects, 0);
	assert_int_equal(mh_detach(h), 0);
}

static void two_heaps(void **state)
{
	mh_heap *a = attach(MH_START), *b;
	char *p[200], *q[200], other[44];

	(void)state;
	snprintf(other, sizeof(other), "%s.b", name);
	b = mh_attach(other, MH_START);
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	for (int i = 0; i < 200; i++) {
		p[i] = mh_alloc(a, 64);
		q[i] = mh_alloc_flags(b, 64, i % 2 ? MH_SHARED : 0);
		memset(p[i], 1, 64);
		memset(q[i], 2, 64);
	}
	mh_set_error_hook(keep_quiet);
	assert_int_equal(mh_try_free(a, q[0]), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mh_try_free(b, p[0]), -1);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(p[i][63], 1);
		assert_int_equal(q[i][63], 2);
		mh_free(a, p[i]);
		mh_free(b, q[i]);
	}
	mh_set_error_hook(NULL);
	assert_int_equal(stats(b).shared_objects, 0);
	assert_int_equal(mh_detach(b), 0);
	assert_non_null(mh_alloc(a, 10));
	assert_int_equal(mh_detach(a), 0);
}

static int reader_body(void *arg)
{
	mh_heap *h = afresh(arg, MH_READONLY);
	char *p;

	CHECK(h);
	p = mh_name_get(h, "greeting");
	CHECK(p && !strcmp(p, "hello"));
	CHECK(!mh_alloc(h, 10) && errno == EROFS);
	CHECK(mh_try_free(h, p) == -1 && errno == EROFS);
	CHECK(mh_share(h, p) == -1 && errno == EROFS);
	CHECK(!mh_name_get(h, "nothing") && errno == ENOENT);
	*p = 'x';		/* ends in SIGSEGV */
	return 2;
}

static void read_only(void **state)
{
	mh_heap *h = attach(MH_START);
	char *p;

	(void)state;
	assert_non_null(h);
	p = mh_alloc(h, 16);
	strcpy(p, "hello");
	assert_int_equal(mh_name_set(h, "greeting", p), 0);
	assert_int_equal(in_child(reader_body, h), 256 + SIGSEGV);
	assert_string_equal(p, "hello");
	assert_int_equal(mh_name_remove(h, "greeting"), 0);
	mh_free(h, p);
	assert_int_equal(mh_detach(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_twice),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(attach_detach_loop),
		cmocka_unit_test(forks),
		cmocka_unit_test(processes_64),
		cmocka_unit_test(two_heaps),
		cmocka_unit_test(read_only),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
