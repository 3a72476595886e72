/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop_faults.c - what the kernel may say to loop_uring.c and seldom does:
 * interrupted workers (tmpfs before Linux 6.11), a multishot request ended
 * unasked, a moment without memory.
 */
#include "tests/unit/loop_test.h"

#include <dlfcn.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MIB UINT64_C(1048576)

static struct fault {
	loop_id end;  /* have the kernel end this one's request, once */
	int from, to; /* then tell of result `to` instead of `from` */
	int times;
} fault;

static void tell_otherwise(struct io_uring_cqe *cqe)
{
	if (fault.times && cqe->user_data && cqe->res == fault.from) {
		fault.times--;
		cqe->res = fault.to;
	}
}

/* Stands before the library's function of this name. */
int io_uring_submit_and_wait_timeout(struct io_uring *ring,
				     struct io_uring_cqe **cqe_ptr,
				     unsigned int wait_nr,
				     struct __kernel_timespec *ts,
				     sigset_t *sigmask)
{
	int (*real)(struct io_uring *, struct io_uring_cqe **, unsigned int,
		    struct __kernel_timespec *, sigset_t *);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned int head;
	int ret;

	if (fault.end) {
		sqe = io_uring_get_sqe(ring);
		io_uring_prep_cancel64(sqe, fault.end, 0);
		io_uring_sqe_set_data64(sqe, 0);
		fault.end = 0;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "io_uring_submit_and_wait_timeout");
	ret = real(ring, cqe_ptr, wait_nr, ts, sigmask);
	io_uring_for_each_cqe(ring, head, cqe) tell_otherwise(cqe);
	return ret;
}

#define PENDING 1 /* no result is positive */

static void test_fallocate_interrupted_is_tried_again(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);

	fault = (struct fault){ .from = 0, .to = -EINTR, .times = 3 };
	loop_fallocate(l, fd, 0, 0, MIB, keep_result, &res);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(res, 0);
	assert_int_equal(fault.times, 0);
	assert_int_equal(loop_in_flight(l), 0);
	close(fd);
}

static void test_fallocate_interrupted_and_cancelled(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);
	loop_id id = loop_fallocate(l, fd, 0, 0, MIB, keep_result, &res);

	fault = (struct fault){ .from = 0, .to = -EINTR, .times = 1 };
	while (fault.times)
		assert_true(loop_once(l, 1000) >= 0);
	assert_int_equal(loop_in_flight(l), 1);
	assert_int_equal(loop_cancel(l, id), 0);
	assert_int_equal(loop_in_flight(l), 0);
	assert_true(quiet(l));
	assert_int_equal(res, PENDING);
	close(fd);
}

/* The piece after one that was cut short begins where that one ended. */
static void test_zero_goes_on_where_it_was_cut(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);
	struct stat st;

	fault = (struct fault){ .from = MIB, .to = 8192, .times = 2 };
	loop_zero(l, fd, 0, 2 * MIB + 16384, keep_result, &res);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(res, 2 * MIB + 16384);
	assert_int_equal(fault.times, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2 * MIB + 16384);
	close(fd);
}

static void test_zero_interrupted_is_tried_again(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);

	fault = (struct fault){ .from = MIB, .to = -EINTR, .times = 3 };
	loop_zero(l, fd, 0, MIB, keep_result, &res);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(res, MIB);
	assert_int_equal(fault.times, 0);
	assert_int_equal(loop_in_flight(l), 0);
	close(fd);
}

/* What was written before memory ran out counts; nothing is an error. */
static void test_zero_without_memory(void **state)
{
	struct loop *l = *state;
	int res = PENDING, fd = memfd_create("test_loop", 0);

	fault = (struct fault){ .from = 4096, .to = -ENOSPC, .times = 1 };
	loop_zero(l, fd, 0, MIB + 4096, keep_result, &res);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(res, MIB);
	fault.times = 1;
	res = PENDING;
	loop_zero(l, fd, 0, 4096, keep_result, &res);
	while (res == PENDING)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(res, -ENOSPC);
	assert_int_equal(loop_in_flight(l), 0);
	close(fd);
}

struct ended {
	int result, calls; /* calls before anything is to be read */
	uint64_t rest;
};

static void check_watched_on(struct loop *l, const struct ended *e)
{
	int n = 0, fd = eventfd(0, 0);
	loop_id id = loop_poll(l, fd, POLLIN, count_poll, &n);
	uint64_t start;

	assert_true(quiet(l));
	start = now_ns();
	fault = (struct fault){ id, -ECANCELED, e->result, 1 };
	while (fault.times)
		assert_true(loop_once(l, 1000) > 0);
	assert_int_equal(n, e->calls);
	eventfd_write(fd, 1);
	assert_true(reaches(l, &n, e->calls + 1));
	assert_true(now_ns() - start >= e->rest);
	assert_int_equal(loop_cancel(l, id), 0);
	assert_true(quiet(l));
	close(fd);
}

static void test_poll_ended_by_the_kernel_is_watched_on(void **state)
{
	check_watched_on(*state, &(struct ended){ -ECANCELED, 0, 0 });
	check_watched_on(*state, &(struct ended){ 0, 1, 0 });
}

static void test_poll_without_memory_rests_and_goes_on(void **state)
{
	check_watched_on(*state, &(struct ended){ -ENOMEM, 0, 100 * MS });
}

static void test_rest_can_be_cancelled(void **state)
{
	struct loop *l = *state;
	int n = 0, fd = eventfd(0, 0);
	loop_id id = loop_poll(l, fd, POLLIN, count_poll, &n);

	assert_true(quiet(l));
	fault = (struct fault){ id, -ECANCELED, -ENOMEM, 1 };
	while (fault.times)
		assert_true(loop_once(l, 1000) > 0);
	eventfd_write(fd, 1);
	assert_int_equal(loop_cancel(l, id), 0);
	assert_int_equal(loop_once(l, 200), 0);
	assert_int_equal(n, 0);
	close(fd);
}

static const struct CMUnitTest tests[] = {
	WITH_LOOP(test_fallocate_interrupted_is_tried_again),
	WITH_LOOP(test_fallocate_interrupted_and_cancelled),
	WITH_LOOP(test_zero_goes_on_where_it_was_cut),
	WITH_LOOP(test_zero_interrupted_is_tried_again),
	WITH_LOOP(test_zero_without_memory),
	WITH_LOOP(test_poll_ended_by_the_kernel_is_watched_on),
	WITH_LOOP(test_poll_without_memory_rests_and_goes_on),
	WITH_LOOP(test_rest_can_be_cancelled),
};

int main(void)
{
	return RUN_WITH_LOOP(tests);
}
