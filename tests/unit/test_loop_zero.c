/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop_zero.c - zeros written beside a running loop: what is there then,
 * short writes, cancel, destroy, stop signals, and a lock that outlives none of
 * it.
 */
#include "tests/unit/loop_test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB	(UINT64_C(1) << 20)
#define LARGEST (256 * MIB) /* file a test may make */
#define PENDING (-1000000)  /* no result is that */

static uint64_t bytes_in(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? UINT64_MAX : (uint64_t)st.st_blocks * 512;
}

static int zero_result(struct loop *l, int fd, uint64_t off, uint64_t len)
{
	uint64_t end = now_ns() + PATIENCE;
	int res = PENDING;

	if (!loop_zero(l, fd, off, len, keep_result, &res))
		return PENDING;
	while (res == PENDING && now_ns() < end)
		loop_once(l, 50);
	return res;
}

/* The first byte in [from, to) that is not c; to: there is none. */
static uint64_t differs(int fd, uint64_t from, uint64_t to, char c)
{
	static char buf[65536];

	while (from < to) {
		ssize_t n = pread(fd, buf, sizeof(buf), (off_t)from);

		assert_true(n > 0);
		for (ssize_t i = 0; i < n && from < to; i++, from++)
			if (buf[i] != c)
				return from;
	}
	return to;
}

/* All of the range, in pieces, and not a byte beside it. */
static void test_zero_writes_the_range(void **state)
{
	const uint64_t from = 3 * 4096, to = from + 2 * MIB + 512 * 1024;
	struct loop *l = *state;
	int fd = memfd_create("test_loop", MFD_CLOEXEC);
	static char ones[4 * MIB];

	memset(ones, 1, sizeof(ones));
	assert_int_equal(write(fd, ones, sizeof(ones)), sizeof(ones));
	assert_int_equal(zero_result(l, fd, from, to - from), to - from);
	assert_int_equal(differs(fd, 0, from, 1), from);
	assert_int_equal(differs(fd, from, to, 0), to);
	assert_int_equal(differs(fd, to, sizeof(ones), 1), sizeof(ones));
	assert_int_equal(loop_in_flight(l), 0);
	close(fd);
}

static void test_zero_brings_memory(void **state)
{
	struct loop *l = *state;
	int fd = memfd_create("test_loop", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 64 * MIB), 0);
	assert_int_equal(zero_result(l, fd, 8 * MIB, 5 * MIB), 5 * MIB);
	assert_int_equal(bytes_in(fd), 5 * MIB);
	assert_int_equal(zero_result(l, fd, 0, 0), 0);
	close(fd);
	assert_int_equal(zero_result(l, fd, 0, MIB), -EBADF);
	assert_int_equal(loop_in_flight(l), 0);
}

/* The limit of file sizes cuts a write short, as a full file system does. */
static void test_zero_cut_short(void **state)
{
	struct loop *l = *state;
	int fd = memfd_create("test_loop", MFD_CLOEXEC);
	const uint64_t got = MIB + 4096;

	assert_int_equal(zero_result(l, fd, LARGEST - got, 4 * MIB), got);
	assert_int_equal(bytes_in(fd), got);
	assert_int_equal(zero_result(l, fd, LARGEST, MIB), -EFBIG);
	assert_int_equal(bytes_in(fd), got);
	close(fd);
}

static void test_zero_does_not_stall_timers(void **state)
{
	struct loop *l = *state;
	int ticks = 0, res = PENDING, fd = memfd_create("test_loop", 0);

	loop_timer(l, MS, MS, count, &ticks);
	loop_zero(l, fd, 0, LARGEST, keep_result, &res);
	assert_int_equal(loop_in_flight(l), 1);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) >= 0);
	assert_int_equal(res, LARGEST);
	assert_int_equal(loop_in_flight(l), 0);
	assert_true(ticks > 0);
	close(fd);
}

static void test_zero_cancelled_before_its_turn(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);
	loop_id id = loop_zero(l, fd, 0, MIB, keep_result, &res);

	assert_int_equal(loop_cancel(l, id), 0);
	assert_int_equal(loop_in_flight(l), 0);
	assert_true(quiet(l));
	assert_int_equal(res, PENDING);
	assert_int_equal(bytes_in(fd), 0);
	close(fd);
}

/* The piece under way is the last, be it the first or a later one. */
static void test_zero_cancelled_ends_with_the_piece(void **state)
{
	struct loop *l = *state;

	for (int pieces = 0; pieces < 3; pieces++) {
		int res = PENDING, fd = memfd_create("test_loop", 0);
		loop_id id = loop_zero(l, fd, 0, LARGEST, keep_result, &res);
		uint64_t end = now_ns() + PATIENCE;

		assert_true(loop_once(l, 0) >= 0);
		while (bytes_in(fd) < (uint64_t)pieces * LOOP_ZERO_PIECE)
			assert_true(loop_once(l, 50) >= 0);
		assert_int_equal(loop_cancel(l, id), 0);
		while (loop_in_flight(l) && now_ns() < end)
			assert_true(loop_once(l, 50) >= 0);
		assert_int_equal(loop_in_flight(l), 0);
		assert_int_equal(res, PENDING);
		assert_int_equal(bytes_in(fd) % LOOP_ZERO_PIECE, 0);
		assert_true(bytes_in(fd) < LARGEST);
		close(fd);
	}
}

static void test_destroy_waits_for_zero(void **state)
{
	int res = PENDING, fd = memfd_create("test_loop", 0);
	struct loop *l;
	uint64_t had;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	loop_zero(l, fd, 0, LARGEST, keep_result, &res);
	assert_true(loop_once(l, 0) >= 0);
	loop_destroy(l);
	assert_int_equal(res, PENDING); /* not called */
	had = bytes_in(fd);
	assert_int_equal(had, LOOP_ZERO_PIECE);
	usleep(20000);
	assert_int_equal(bytes_in(fd), had);
	close(fd);
}

static void zero_and_tell(int fd, int out)
{
	int res = PENDING;
	struct loop *l;

	CHECK(!loop_new(&l));
	loop_zero(l, fd, 0, LARGEST, keep_result, &res);
	CHECK(loop_once(l, 0) >= 0);
	CHECK(write(out, "x", 1) == 1);
	while (res == PENDING)
		CHECK(loop_once(l, 1000) >= 0);
	CHECK(res == LARGEST);
	CHECK(bytes_in(fd) == LARGEST);
	_exit(0);
}

/* Forks a child that zeroes fd, and returns while it does so. */
static pid_t child_zeroes(int fd, void (*before)(int fd))
{
	int out[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (before)
			before(fd);
		zero_and_tell(fd, out[1]);
	}
	assert_int_equal(read(out[0], &c, 1), 1);
	close(out[0]);
	close(out[1]);
	return pid;
}

static void test_zero_survives_stop_signal(void **state)
{
	int status, fd = memfd_create("test_loop", 0);
	pid_t pid = child_zeroes(fd, NULL);

	(void)state;
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(status_of(pid), 0);
	close(fd);
}

static char lock_path[] = "/tmp/test_loop_zero.XXXXXX";

static void take_lock(int fd)
{
	int lock = open(lock_path, O_RDWR | O_CLOEXEC);

	(void)fd;
	CHECK(lock >= 0 && !flock(lock, LOCK_EX | LOCK_NB));
}

/*
 * What a daemon that is killed has begun must have ended when its lock can be
 * had: the next one gives these very pages away.
 */
static void test_killed_lock_outlasts_the_zeros(void **state)
{
	int lock = mkstemp(lock_path);

	(void)state;
	assert_true(lock >= 0);
	for (int i = 0; i < 20; i++) {
		int fd = memfd_create("test_loop", 0), status;
		pid_t pid = child_zeroes(fd, take_lock);
		uint64_t had;

		usleep((useconds_t)i * 500);
		kill(pid, SIGKILL);
		assert_int_equal(flock(lock, LOCK_EX), 0);
		had = bytes_in(fd);
		usleep(2000);
		assert_int_equal(bytes_in(fd), had);
		assert_int_equal(flock(lock, LOCK_UN), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		close(fd);
	}
	unlink(lock_path);
	close(lock);
}

static const struct CMUnitTest tests[] = {
	WITH_LOOP(test_zero_writes_the_range),
	WITH_LOOP(test_zero_brings_memory),
	WITH_LOOP(test_zero_cut_short),
	WITH_LOOP(test_zero_does_not_stall_timers),
	WITH_LOOP(test_zero_cancelled_before_its_turn),
	WITH_LOOP(test_zero_cancelled_ends_with_the_piece),
	cmocka_unit_test(test_destroy_waits_for_zero),
	cmocka_unit_test(test_zero_survives_stop_signal),
	cmocka_unit_test(test_killed_lock_outlasts_the_zeros),
};

int main(void)
{
	struct rlimit lim;

	/* A memfd has no other bound: a wrong length would fill the machine. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR ||
	    getrlimit(RLIMIT_FSIZE, &lim))
		return 1;
	lim.rlim_cur = LARGEST;
	if (setrlimit(RLIMIT_FSIZE, &lim))
		return 1;
	return RUN_WITH_LOOP(tests);
}
