/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_test.h - what the tests of the event loop share.
 *
 * Waiting is always for a condition, with a deadline that only a broken loop
 * meets.  Children leave by _exit(): 0, or 1 after naming the failed check.
 */
#ifndef MHEAP_TESTS_LOOP_TEST_H
#define MHEAP_TESTS_LOOP_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"

#define MS	 UINT64_C(1000000)
#define PATIENCE (20 * 1000 * MS)

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

/* Turns until *n is at least want; false: it was not to be. */
static inline bool reaches(struct loop *l, const int *n, int want)
{
	uint64_t end = now_ns() + PATIENCE;

	while (*n < want)
		if (now_ns() > end || loop_once(l, 50) < 0)
			return false;
	return true;
}

/* Turns until what is there has been handled. */
static inline bool quiet(struct loop *l)
{
	int n;

	while ((n = loop_once(l, 0)) > 0)
		;
	return n == 0;
}

static inline void until(struct loop *l, const int *n, int want)
{
	assert_true(reaches(l, n, want));
}

static inline int make(void **state)
{
	struct loop *l;

	if (loop_new(&l))
		return -1;
	*state = l;
	return 0;
}

static inline int destroy(void **state)
{
	loop_destroy(*state);
	return 0;
}

/* In a child, where an assert would run the rest of the suite once more. */
#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x)) {                                                    \
			fprintf(stderr, "# line %d: %s\n", __LINE__, #x);      \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static inline int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
}

static inline void in_child(void (*body)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		body();
		_exit(0);
	}
	assert_int_equal(status_of(pid), 0);
}

static inline void count(void *arg)
{
	++*(int *)arg;
}

static inline void count_poll(void *arg, unsigned int revents)
{
	(void)revents;
	++*(int *)arg;
}

static inline void keep_result(void *arg, int res)
{
	*(int *)arg = res;
}

static inline int open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Lowers the limit so that no descriptor is left; returns the old limit. */
static inline struct rlimit use_up_descriptors(void)
{
	struct rlimit old, low;
	int next = dup(0);

	CHECK(next > 0);
	close(next);
	CHECK(!getrlimit(RLIMIT_NOFILE, &old));
	low = (struct rlimit){ (rlim_t)next, old.rlim_max };
	CHECK(!setrlimit(RLIMIT_NOFILE, &low));
	return old;
}

#define WITH_LOOP(t) cmocka_unit_test_setup_teardown(t, make, destroy)

/* The tests, or a skip that says why there is no loop on this machine. */
#define RUN_WITH_LOOP(tests)                                                   \
	(loop_or_skip() ? cmocka_run_group_tests(tests, NULL, NULL) : 0)

static inline bool loop_or_skip(void)
{
	char buf[512];
	struct loop *l;
	int ret = loop_new(&l);

	if (ret)
		printf("1..0 # SKIP %s\n", loop_explain(ret, buf, sizeof(buf)));
	else
		loop_destroy(l);
	return !ret;
}

#endif
