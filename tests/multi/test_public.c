/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_public.c - the public API alone, processes and a real daemon: attach and
 * detach, forks, many processes, two heaps, read-only, signals, misuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <cmocka.h>

#include "include/mheap.h"
#include "tests/procs.h"

static char name[40], other[40];

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static mh_heap *attach(unsigned flags)
{
	mh_heap *h = mh_attach(name, flags);

	if (!h)
		fprintf(stderr, "# %s\n", mh_errmsg());
	return h;
}

static int setup(void **state)
{
	(void)state;
	snprintf(name, sizeof(name), "public-%d", (int)getpid());
	snprintf(other, sizeof(other), "public-%d.b", (int)getpid());
	return 0;
}

static struct mh_stats stats(mh_heap *h)
{
	struct mh_stats s = { 0 };

	assert_int_equal(mh_stats(h, &s, sizeof(s)), 0);
	return s;
}

/* The daemon learns of deaths by itself: poll to a deadline. */
static void wait_clients(mh_heap *h, uint64_t n)
{
	for (int i = 0; i < 1000 && stats(h).clients != n; i++)
		nap(10);
	assert_int_equal(stats(h).clients, n);
}

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

static int use_heap(void *arg)
{
	mh_heap *h = arg;
	char *p = mh_alloc(h, 100), *s;
	mh_handle v;

	CHECK(p);
	strcpy(p, "mine");
	s = mh_alloc_flags(h, 100, MH_SHARED);
	CHECK(s);
	v = mh_handle_of(h, s);
	CHECK(v && mh_deref(h, v) == s);
	mh_free(h, s);
	mh_free(h, p);
	return 0;
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

/* In a child: lets the inherited handle go and attaches as if exec'd. */
static mh_heap *afresh(mh_heap *inherited, unsigned flags)
{
	mh_heap *h = mh_detach(inherited) ? NULL : mh_attach(name, flags);

	if (!h)
		fprintf(stderr, "# %s\n", mh_errmsg());
	return h;
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
	mh_heap *a = attach(MH_START), *b = mh_attach(other, MH_START);
	char *p[200], *q[200];

	(void)state;
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

/* Signal handlers interrupt slow paths: EDEADLK, never a deadlock. */
static mh_heap *sig_heap;
static volatile sig_atomic_t sig_calls, sig_deadlk;

static void on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	sig_calls++;
	if (mh_trim(sig_heap) && errno == EDEADLK)
		sig_deadlk++;
	errno = saved;
}

static int signal_body(void *arg)
{
	struct itimerval t = { { 0, 0 }, { 0, 0 } };

	sig_heap = arg;
	signal(SIGALRM, on_signal);
	/* One signal a turn: a handler slower than its timer would starve us. */
	for (long i = 0; sig_deadlk < 20; i++) {
		CHECK(i < 200000000);
		t.it_value.tv_usec = 1 + i % 200;
		setitimer(ITIMER_REAL, &t, NULL);
		mh_trim(sig_heap);
	}
	CHECK(sig_calls >= 20);
	return 0;
}

static void signal_handlers(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_non_null(h);
	assert_int_equal(in_child(signal_body, h), 0);
	assert_int_equal(mh_detach(h), 0);
}

/* An application closes descriptors that it doesn't know. */
static int closefrom_body(void *arg)
{
	mh_heap *h = afresh(arg, 0);
	void *p;

	CHECK(h);
	close_range(3, ~0u, 0);
	for (int i = 0; i < 8; i++)
		CHECK(open("/dev/null", O_RDWR) >= 0);
	p = mh_alloc(h, 5 << 20);	/* needs the daemon */
	CHECK(p);
	memset(p, 1, 5 << 20);
	mh_free(h, p);
	CHECK(!use_heap(h));
	return 0;
}

static void closed_descriptors(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_non_null(h);
	assert_int_equal(in_child(closefrom_body, h), 0);
	wait_clients(h, 1);
	assert_int_equal(mh_detach(h), 0);
}

static size_t misplaced;

static int abort_body(void *arg)
{
	mh_heap *h = arg;
	struct rlimit none = { 0, 0 };
	char *p;

	CHECK(h);
	setrlimit(RLIMIT_CORE, &none);
	p = mh_alloc_flags(h, 64, MH_SHARED);
	CHECK(p);
	close(2);
	mh_free(h, p);
	mh_free(h, p + misplaced);
	return 0;
}

/* The default for misuse: print and abort. */
static void misuse_aborts(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_non_null(h);
	for (misplaced = 0; misplaced < 3; misplaced++)
		assert_int_equal(in_child(abort_body, h), 256 + SIGABRT);
	wait_clients(h, 1);
	assert_int_equal(mh_detach(h), 0);
}

static rlim_t few_fds;

static int hungry_body(void *arg)
{
	struct rlimit few = { few_fds, few_fds };
	mh_heap *h = arg;

	if (mh_detach(h))
		return 1;
	setrlimit(RLIMIT_NOFILE, &few);
	h = mh_attach(name, 0);
	if (h)
		return use_heap(h);
	CHECK(errno == EMFILE);
	CHECK(strstr(mh_errmsg(), "descriptors"));
	return 0;
}

static void few_descriptors(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_non_null(h);
	for (few_fds = 3; few_fds < 20; few_fds++)
		assert_int_equal(in_child(hungry_body, h), 0);
	assert_int_equal(mh_detach(h), 0);
}

/* What the program was before has to go, though it is a client again. */
static int after_exec(const char *heap)
{
	mh_heap *h = mh_attach(heap, 0);

	CHECK(h);
	for (int i = 0; stats(h).owned_bytes || stats(h).clients != 2; nap(10))
		CHECK(i++ < 1000);
	return 0;
}

static int exec_body(void *arg)
{
	CHECK(mh_alloc(arg, 5 << 20));
	execl("/proc/self/exe", "again", name, (char *)NULL);
	return 1;
}

static void exec_and_again(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_int_equal(in_child(exec_body, h), 0);
	assert_int_equal(mh_detach(h), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_twice),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(attach_detach_loop),
		cmocka_unit_test(forks),
		cmocka_unit_test(processes_64),
		cmocka_unit_test(two_heaps),
		cmocka_unit_test(read_only),
		cmocka_unit_test(signal_handlers),
		cmocka_unit_test(closed_descriptors),
		cmocka_unit_test(misuse_aborts),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(exec_and_again),
	};

	if (argc > 1)
		return after_exec(argv[1]);
	return cmocka_run_group_tests(tests, setup, NULL);
}
