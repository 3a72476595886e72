/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_interrupted.c - calls of the library that something cuts into: signal
 * handlers that call it again, a thread that is cancelled, a fork while another
 * thread attaches, an attach that fails half way.
 */
#include <sys/time.h>
#include <time.h>

#include "tests/procs.h"
#include "tests/unit/exact_test.h"

static void *in_handler;
static int handler_errno;

static void from_handler(int signo)
{
	int saved = errno;

	(void)signo;
	in_handler = mh_alloc(a, 128);
	handler_errno = errno;
	errno = saved;
}

static int hook_signals(mh_heap *h, const void *p, int err, const char *s)
{
	raise(SIGUSR1);
	return note_misuse(h, p, err, s);
}

/* A handler that interrupts a slow path gets EDEADLK, never a slot. */
static void handler_in_a_slow_path(void **state)
{
	void *p = mh_alloc(a, 128), *q = mh_alloc(a, 64);

	(void)state;
	assert_true(array_n(&tls.mc->a, sc_of(128)) > 0);
	signal(SIGUSR1, from_handler);
	mh_set_error_hook(hook_signals);
	mh_free(a, q);
	mh_free(a, q);
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(hook_err, EALREADY);
	assert_null(in_handler);
	assert_int_equal(handler_errno, EDEADLK);
	assert_ptr_equal(tls.heap, a);
	mh_free(a, p);
}

static pthread_t main_thread;

static _Atomic int handled, waiting;

static void interrupt(int conn, unsigned n)
{
	(void)n;
	pthread_kill(main_thread, SIGUSR2);
	while (!ld_acq(&handled))
		;
	refuse_with(conn, -EUSERS);
}

static void attach_in_handler(int signo)
{
	int saved = errno;

	(void)signo;
	in_handler = mh_attach("exact-b", 0);
	handler_errno = errno;
	errno = saved;
	st_rel(&handled, 1);
}

static void handler_in_an_attach(void **state)
{
	struct server s;

	(void)state;
	main_thread = pthread_self();
	signal(SIGUSR2, attach_in_handler);
	server_start(&s, interrupt, false);
	setenv("MHEAP_SOCKET", s.path, 1);
	assert_null(mh_attach("exact", 0));
	assert_int_equal(errno, EUSERS);
	assert_null(in_handler);
	assert_int_equal(handler_errno, EDEADLK);
	server_stop(&s);
	unsetenv("MHEAP_SOCKET");
}

/* Says nothing until told. */
static void silent(int conn, unsigned n)
{
	(void)conn;
	(void)n;
	st_rel(&waiting, 1);
	while (!ld_acq(&handled))
		;
}

static void interrupted_often(int signo)
{
	(void)signo;
}

static int64_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* A daemon that says nothing, and a timer: the wait for an answer ends all the same. */
static void timer_in_an_attach(void **state)
{
	const struct itimerval often = { { 1, 0 }, { 1, 0 } }, never = { 0 };
	int64_t from = seconds();
	struct server s;

	(void)state;
	st_rel(&handled, 0);
	signal(SIGALRM, interrupted_often);
	server_start(&s, silent, false);
	setenv("MHEAP_SOCKET", s.path, 1);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_null(mh_attach("exact", 0));
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(seconds() - from < 60);
	signal(SIGALRM, SIG_DFL);
	st_rel(&handled, 1);
	server_stop(&s);
	unsetenv("MHEAP_SOCKET");
}

/* The same where it doesn't even accept: its backlog is full. */
static void timer_in_a_connect(void **state)
{
	const struct itimerval often = { { 1, 0 }, { 1, 0 } }, never = { 0 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), waits;
	int64_t from = seconds();

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/mheap-full-%d.sock",
		 (int)getpid());
	unlink(addr.sun_path);
	assert_int_equal(bind(fd, (void *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	waits = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(waits, (void *)&addr, sizeof(addr)), 0);
	signal(SIGALRM, interrupted_often);
	setenv("MHEAP_SOCKET", addr.sun_path, 1);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_null(mh_attach("exact", 0));
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(seconds() - from < 60);
	signal(SIGALRM, SIG_DFL);
	unsetenv("MHEAP_SOCKET");
	close(waits);
	close(fd);
	unlink(addr.sun_path);
}

static void *cancelled(void *arg)
{
	void *p = mh_alloc(arg, 3 << 20);

	mh_free(arg, p);
	pthread_testcancel();
	return arg;
}

/* A cancelled thread leaves no lock behind. */
static void cancelled_in_a_slow_path(void **state)
{
	struct server s;
	pthread_t t;
	void *p, *end;

	(void)state;
	st_rel(&handled, 0);
	st_rel(&waiting, 0);
	server_start(&s, silent, false);
	strcpy(a->socket_path, s.path);
	clientrig_pause(cr);
	assert_int_equal(pthread_create(&t, NULL, cancelled, a), 0);
	while (!ld_acq(&waiting))
		;
	pthread_cancel(t);
	clientrig_resume(cr);
	st_rel(&handled, 1);
	pthread_join(t, &end);
	assert_ptr_equal(end, PTHREAD_CANCELED);
	p = mh_alloc(a, 5 << 20);
	assert_non_null(p);
	mh_free(a, p);
	server_stop(&s);
	a->socket_path[0] = 0;
}

static void *attaching(void *arg)
{
	(void)arg;
	assert_null(mh_attach("exact", 0));
	return NULL;
}

static int attach_body(void *arg)
{
	(void)arg;
	alarm(20);
	setenv("MHEAP_SOCKET", "/nonexistent/mheap.sock", 1);
	CHECK(!mh_attach("exact-c", 0));
	CHECK(errno == ENOENT);
	return 0;
}

/* Forked while another thread attaches: the child can attach all the same. */
static void fork_in_an_attach(void **state)
{
	struct server s;
	pthread_t t;

	(void)state;
	st_rel(&handled, 0);
	st_rel(&waiting, 0);
	server_start(&s, silent, false);
	setenv("MHEAP_SOCKET", s.path, 1);
	assert_int_equal(pthread_create(&t, NULL, attaching, NULL), 0);
	while (!ld_acq(&waiting))
		;
	assert_int_equal(in_child(attach_body, NULL), 0);
	st_rel(&handled, 1);
	pthread_join(t, NULL);
	server_stop(&s);
	unsetenv("MHEAP_SOCKET");
}

/* A welcome to three files that are no heap. */
static void no_heap(int conn, unsigned n)
{
	const struct wire_welcome w = { .magic = WIRE_MAGIC, .type = WIRE_WELCOME,
					.heap_bytes = 1 << 20,
					.central_bytes = 1 << 20,
					.arena_bytes = 1 << 20 };
	int fd = memfd_create("exact-file", MFD_CLOEXEC);

	(void)n;
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	welcome_with(conn, &w, fd);
	close(fd);
}

static unsigned mapped(const char *what)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned n = 0;

	while (fgets(line, sizeof(line), f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

/* What it mapped, no more and no less, goes when an attach fails. */
static void failed_attach_unmaps(void **state)
{
	struct server s;
	unsigned before = mapped("zero");

	(void)state;
	server_start(&s, no_heap, false);
	setenv("MHEAP_SOCKET", s.path, 1);
	for (unsigned i = 0; i < 10; i++) {
		assert_null(mh_attach("exact", 0));
		assert_int_equal(errno, EPROTO);
	}
	assert_int_equal(mapped("exact-file"), 0);
	assert_int_equal(mapped("zero"), before);
	server_stop(&s);
	unsetenv("MHEAP_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(handler_in_a_slow_path),
		ON_RIG(handler_in_an_attach),
		ON_RIG(timer_in_an_attach),
		ON_RIG(timer_in_a_connect),
		ON_RIG(cancelled_in_a_slow_path),
		ON_RIG(fork_in_an_attach),
		ON_RIG(failed_attach_unmaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
