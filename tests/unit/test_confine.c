/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_confine.c - code that the tracer doesn't trust can do nothing from where it
 * is run, whatever it tries, and can't stay there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/confine.h"

static char path[] = "/tmp/mheap-confine.XXXXXX";
static int opened;			/* by us, before it is confined */
static volatile int wrote;
static volatile sig_atomic_t hurt;

static int ready(void *arg)
{
	(void)arg;
	return 0;
}

static int not_ready(void *arg)
{
	(void)arg;
	return -ENOEXEC;
}

static uint64_t answer(void *arg)
{
	struct timespec t;

	(void)arg;
	wrote = 1;
	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) ? 0 : 42;
}

static void test_runs(void **state)
{
	uint64_t word = 0;

	(void)state;
	assert_int_equal(confined(ready, answer, NULL, &word), 0);
	assert_int_equal(word, 42);
	assert_int_equal(wrote, 0);	/* the memory is its own */
	word = 7;
	assert_int_equal(confined(not_ready, answer, NULL, &word), -ENOEXEC);
	assert_int_equal(word, 7);
}

static uint64_t removes(void *arg)
{
	return (uint64_t)unlink(path) + (uintptr_t)arg;
}

static uint64_t writes(void *arg)
{
	return (uint64_t)write(opened, "x", 1) + (uintptr_t)arg;
}

static uint64_t kills(void *arg)
{
	return (uint64_t)kill(*(pid_t *)arg, SIGUSR1);
}

static uint64_t runs_a_program(void *arg)
{
	char *argv[] = { (char *)"rm", path, NULL };

	(void)arg;
	return (uint64_t)execv("/bin/rm", argv);
}

#ifdef __x86_64__
/* unlink(2) by the other two tables of calls. */
static uint64_t removes_as_x32(void *arg)
{
	(void)arg;
	return (uint64_t)syscall(0x40000000 | SYS_unlink, path);
}

static uint64_t removes_as_i386(void *arg)
{
	uint64_t r = 10;

	(void)arg;
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(path) : "memory");
	return r;
}
#endif

static uint64_t writes_to(void *arg)
{
	*(volatile char *)arg = 0;
	return 0;
}

static uint64_t (*const bad[])(void *arg) = {
	removes, writes, kills, runs_a_program,
#ifdef __x86_64__
	removes_as_x32, removes_as_i386,
#endif
};

static void on_usr1(int sig)
{
	hurt = sig;
}

static void test_may_not(void **state)
{
	pid_t me = getpid();
	uint64_t word = 0;
	char byte;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(confined(ready, bad[i], &me, &word),
				 -EFAULT);
	assert_int_equal(word, 0);
	assert_int_equal(hurt, 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(read(opened, &byte, 1), 0);
}

static void test_faults(void **state)
{
	static const char constant[1];
	uint64_t word;

	(void)state;
	assert_int_equal(confined(ready, writes_to,
				  (void *)(uintptr_t)constant, &word), -EFAULT);
}

static uint64_t stays(void *arg)
{
	while (!wrote)
		;
	return (uintptr_t)arg;
}

static void test_must_end(void **state)
{
	struct timespec began, now;
	uint64_t word;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &began);
	assert_int_equal(confined(ready, stays, NULL, &word), -EFAULT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(now.tv_sec - began.tv_sec, 1, 60);
}

static int setup(void **state)
{
	(void)state;
	signal(SIGUSR1, on_usr1);
	opened = mkstemp(path);
	return opened < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(opened);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_may_not),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_must_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
