/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_surroundings.c - the public API in programs that make it hard: signal
 * handlers, closed descriptors and few of them, misuse, exec.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "libclient/client.h"
#include "tests/multi/public.h"

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

static int is_open(void *arg)
{
	struct stat st;

	for (int fd = 3; fd < 11; fd++)
		CHECK(!fstat(fd, &st));
	(void)arg;
	return 0;
}

/* Eventfds are all of one inode, whoever made them. */
static int eventfds_body(void *arg)
{
	mh_heap *h = afresh(arg, 0);
	eventfd_t n;

	CHECK(h);
	close_range(3, ~0u, 0);
	for (int fd = 3; fd < 11; fd++)
		CHECK(eventfd(0, EFD_NONBLOCK) == fd);
	for (int i = 0; i < 20; i++)
		CHECK(mh_alloc(h, 3 << 20));
	CHECK(!in_child(is_open, NULL));
	CHECK(!mh_detach(h));
	for (int fd = 3; fd < 11; fd++)
		CHECK(eventfd_read(fd, &n) && errno == EAGAIN);
	return 0;
}

static void closed_descriptors(void **state)
{
	mh_heap *h = attach(MH_START);

	(void)state;
	assert_non_null(h);
	assert_int_equal(in_child(eventfds_body, h), 0);
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

static int starts_a_daemon(void *arg)
{
	CHECK(mh_alloc(arg, 5 << 20));
	return 0;
}

/* A detach is the first call after the daemon was restarted. */
static void detach_from_a_new_daemon(void **state)
{
	mh_heap *h = attach(MH_START);
	uint32_t epoch;

	(void)state;
	assert_non_null(h);
	epoch = ld_acq(&h->sg.hdr->epoch);
	assert_int_equal(kill((pid_t)ld_rlx(&h->sg.hdr->daemon_pid), SIGKILL), 0);
	assert_int_equal(in_child(starts_a_daemon, h), 0);
	assert_int_not_equal(ld_acq(&h->sg.hdr->epoch), epoch);
	assert_int_equal(mh_detach(h), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signal_handlers),
		cmocka_unit_test(closed_descriptors),
		cmocka_unit_test(misuse_aborts),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(exec_and_again),
		cmocka_unit_test(detach_from_a_new_daemon),
	};

	if (argc > 1)
		return after_exec(argv[1]);
	return cmocka_run_group_tests(tests, setup, NULL);
}
