/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop_fallocate.c - fallocate beside a running loop: its results, that it
 * stalls nobody, and that neither cancel, destroy nor a stop signal spoils it.
 */
#include "tests/unit/loop_test.h"

#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define MIB	(UINT64_C(1) << 20)
#define LARGEST (256 * MIB) /* file a test may make */
#define PENDING 1	    /* no result is positive */

/* A memfd has no other bound: a wrong length would fill the machine. */
static int cap_files(rlim_t bytes)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_FSIZE, &lim))
		return -1;
	lim.rlim_cur = bytes;
	return setrlimit(RLIMIT_FSIZE, &lim);
}

static uint64_t bytes_in(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? UINT64_MAX : (uint64_t)st.st_blocks * 512;
}

static int fallocate_result(struct loop *l, int fd, int mode, uint64_t len)
{
	uint64_t end = now_ns() + PATIENCE;
	int res = PENDING;

	if (!loop_fallocate(l, fd, mode, 0, len, keep_result, &res))
		return PENDING;
	while (res == PENDING && now_ns() < end)
		loop_once(l, 50);
	return res;
}

static void test_fallocate_results(void **state)
{
	struct loop *l = *state;
	int fd = memfd_create("test_loop", MFD_CLOEXEC);

	assert_int_equal(fallocate_result(l, fd, 0, 4 * MIB), 0);
	assert_int_equal(bytes_in(fd), 4 * MIB);
	assert_int_equal(
		fallocate_result(l, fd,
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 3 * MIB),
		0);
	assert_int_equal(bytes_in(fd), MIB);
	assert_int_equal(fallocate_result(l, fd, 0, 0), -EINVAL);
	assert_int_equal(fallocate_result(l, fd, 0, 2 * LARGEST), -EFBIG);
	close(fd);
	assert_int_equal(fallocate_result(l, fd, 0, MIB), -EBADF);
	assert_int_equal(loop_in_flight(l), 0);
}

/*
 * A tmpfs with a limit refuses at once what can never fit; anything else would
 * first try, so nothing else is asked.  Our cap must not answer in its place.
 */
static void test_fallocate_no_space(void **state)
{
	struct loop *l = *state;
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct statfs fs = { 0 };
	uint64_t too_much;
	int res;

	if (fd < 0 || fstatfs(fd, &fs) || fs.f_type != TMPFS_MAGIC ||
	    !fs.f_blocks) {
		print_message("# /dev/shm is no tmpfs with a limit\n");
		close(fd);
		return;
	}
	too_much = ((uint64_t)fs.f_blocks + 1) * (uint64_t)fs.f_bsize;
	assert_int_equal(cap_files(RLIM_INFINITY), 0);
	res = fallocate_result(l, fd, 0, too_much);
	assert_int_equal(cap_files(LARGEST), 0);
	assert_int_equal(res, -ENOSPC);
	assert_int_equal(bytes_in(fd), 0);
	close(fd);
}

static void test_fallocate_does_not_stall_timers(void **state)
{
	struct loop *l = *state;
	int ticks = 0, res = PENDING, fd = memfd_create("test_loop", 0);

	loop_timer(l, MS, MS, count, &ticks);
	loop_fallocate(l, fd, 0, 0, LARGEST, keep_result, &res);
	assert_int_equal(loop_in_flight(l), 1);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) >= 0);
	assert_int_equal(res, 0);
	assert_int_equal(loop_in_flight(l), 0);
	assert_int_equal(bytes_in(fd), LARGEST);
	/* A completion is handled before timers: a stalled loop had no tick. */
	print_message("# %d ticks during a fallocate of 256 MiB\n", ticks);
	assert_true(ticks > 0);
	close(fd);
}

static void test_fallocate_cancelled_before_its_turn(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);
	loop_id id = loop_fallocate(l, fd, 0, 0, MIB, keep_result, &res);

	assert_int_equal(loop_cancel(l, id), 0);
	assert_int_equal(loop_in_flight(l), 0);
	assert_true(quiet(l));
	assert_int_equal(res, PENDING);
	assert_int_equal(bytes_in(fd), 0);
	close(fd);
}

static void test_fallocate_cancelled_runs_to_its_end(void **state)
{
	struct loop *l = *state;
	uint64_t end = now_ns() + PATIENCE;
	int res = PENDING, fd = memfd_create("test_loop", 0);
	loop_id id = loop_fallocate(l, fd, 0, 0, 64 * MIB, keep_result, &res);

	assert_true(loop_once(l, 0) >= 0);
	assert_int_equal(loop_cancel(l, id), 0);
	assert_int_equal(loop_in_flight(l), 1);
	while (loop_in_flight(l) && now_ns() < end)
		assert_true(loop_once(l, 50) >= 0);
	assert_int_equal(loop_in_flight(l), 0);
	assert_int_equal(res, PENDING);
	assert_int_equal(bytes_in(fd), 64 * MIB);
	close(fd);
}

static void test_destroy_waits_for_fallocate(void **state)
{
	int res = PENDING, fd = memfd_create("test_loop", 0);
	struct loop *l;

	(void)state;
	assert_int_equal(loop_new(&l), 0);
	loop_fallocate(l, fd, 0, 0, 128 * MIB, keep_result, &res);
	assert_true(loop_once(l, 0) >= 0);
	loop_destroy(l);
	assert_int_equal(res, PENDING); /* not called */
	assert_int_equal(bytes_in(fd), 128 * MIB);
	close(fd);
}

static void allocate_and_tell(int out)
{
	int res = PENDING, fd = memfd_create("test_loop", 0);
	struct loop *l;

	CHECK(!loop_new(&l));
	loop_fallocate(l, fd, 0, 0, LARGEST, keep_result, &res);
	CHECK(loop_once(l, 0) >= 0);
	CHECK(write(out, "x", 1) == 1);
	while (res == PENDING)
		CHECK(loop_once(l, 1000) >= 0);
	CHECK(res == 0);
	CHECK(bytes_in(fd) == LARGEST);
	_exit(0);
}

/* Stopped by job control, a debugger or the freezer: nobody notices. */
static void test_fallocate_survives_stop_signal(void **state)
{
	int status, out[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		allocate_and_tell(out[1]);
	assert_int_equal(read(out[0], &c, 1), 1);
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGCONT);
	assert_int_equal(status_of(pid), 0);
	close(out[0]);
	close(out[1]);
}

static const struct CMUnitTest tests[] = {
	WITH_LOOP(test_fallocate_results),
	WITH_LOOP(test_fallocate_no_space),
	WITH_LOOP(test_fallocate_does_not_stall_timers),
	WITH_LOOP(test_fallocate_cancelled_before_its_turn),
	WITH_LOOP(test_fallocate_cancelled_runs_to_its_end),
	cmocka_unit_test(test_destroy_waits_for_fallocate),
	cmocka_unit_test(test_fallocate_survives_stop_signal),
};

int main(void)
{
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || cap_files(LARGEST))
		return 1;
	return RUN_WITH_LOOP(tests);
}
