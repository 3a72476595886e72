/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_fd.c - a channel's descriptor: its thread, detach, fork, handlers, and what
 * others receive meanwhile.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/procs.h"
#include "tests/unit/chan_test.h"

/* The process's threads, as they were. */
struct threads {
	int	 tid[64];
	unsigned n;
};

static struct threads threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct threads t = { .n = 0 };
	struct dirent *e;

	assert_non_null(d);
	while (t.n < 64 && (e = readdir(d)))
		if (e->d_name[0] != '.')
			t.tid[t.n++] = atoi(e->d_name);
	closedir(d);
	return t;
}

/* One that there was not. */
static int added(const struct threads *before)
{
	const struct threads now = threads();

	for (unsigned i = 0; i < now.n; i++) {
		unsigned k = 0;

		while (k < before->n && before->tid[k] != now.tid[i])
			k++;
		if (k == before->n)
			return now.tid[i];
	}
	return 0;
}

/* One that was joined may be listed for a moment more. */
static void assert_gone(int tid)
{
	uint64_t end = mono_ms() + 10000;
	char path[64];

	assert_int_not_equal(tid, 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d", tid);
	while (!access(path, F_OK))
		assert_true(mono_ms() < end);
}

/* A detach ends the library's threads; recovery looks where one may have been woken. */
static void fd_and_detach(void **state)
{
	mh_heap *h = clientrig_attach(cr, 0);
	mh_chan *c = open_chan(h, "c", 1);
	_Atomic uint64_t *chans = &my_slot(h)->chans[0];
	uint32_t slot = h->r->me.slot;
	const struct threads before = threads();
	int tid;

	(void)state;
	st_rel(chans, 0);
	assert_true(mh_chan_fd(c) >= 0);
	assert_true(ld_acq(chans) >> c->ch.index & 1);
	tid = added(&before);
	mh_detach(h);
	assert_gone(tid);
	refused(EINVAL, mh_chan_fd(c));
	assert_int_equal(mh_chan_close(c), 0);
	clientrig_pause(cr);
	reclaim_client(&cr->r->h, slot);
	clientrig_resume(cr);
}

/* A stopped one is made anew, and ends with its handle. */
static void fd_once_more(void **state)
{
	mh_chan *c = open_chan(a, "c", 1);
	const struct threads before = threads();
	int tid;

	(void)state;
	assert_true(mh_chan_fd(c) >= 0);
	tid = added(&before);
	chan_fds_stop(a);
	assert_gone(tid);
	assert_true(mh_chan_fd(c) >= 0);
	tid = added(&before);
	assert_int_equal(mh_chan_close(c), 0);
	assert_gone(tid);
}

static int child(void *arg)
{
	CHECK(fcntl(*(int *)arg, F_GETFD) < 0 && errno == EBADF);
	return 0;
}

/* It is its process's alone: a child has it no more, and takes no signal from it. */
static void fd_and_fork(void **state)
{
	int fd = mh_chan_fd(in);

	(void)state;
	assert_true(fd >= 0);
	setenv("MHEAP_SOCKET", "/nonexistent/mheap.sock", 1);
	assert_null(mh_attach("c", 0));		/* who attaches watches forks */
	unsetenv("MHEAP_SOCKET");
	assert_int_equal(in_child(child, &fd), 0);
	send(out, 1);
	assert_true(readable(fd, 10000));
	expect(in, 1);
}

static int closes(void *arg)
{
	mh_chan *c = arg;

	st_rel(&c->watch, NULL);	/* as when the fork comes a store earlier */
	chan_fds_in_child();
	CHECK(ld_acq(&c->watch));
	CHECK(!mh_chan_close(c));
	chan_fds_stop(a);		/* finds none that is gone */
	return 0;
}

/* A fork while another thread makes it: the child's handle knows what is in the list. */
static void fd_made_at_a_fork(void **state)
{
	mh_chan *c = open_chan(a, "c", 1);

	(void)state;
	assert_true(mh_chan_fd(c) >= 0);
	assert_int_equal(in_child(closes, c), 0);
	assert_int_equal(mh_chan_close(c), 0);
}

static int in_handler, handler_errno;

static void from_handler(int signo)
{
	int saved = errno;

	(void)signo;
	in_handler = mh_chan_fd(in);
	handler_errno = errno;
	errno = saved;
}

static int raises(mh_heap *h, const void *p, int err, const char *sentence)
{
	(void)h;
	(void)p;
	(void)err;
	(void)sentence;
	raise(SIGUSR1);
	return 0;
}

/* In a handler that interrupted the library: its locks may be taken. */
static void fd_in_a_handler(void **state)
{
	void *p = mh_alloc(a, 64);

	(void)state;
	signal(SIGUSR1, from_handler);
	mh_set_error_hook(raises);
	mh_free(a, p);
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);	/* finds it in the middle */
	mh_set_error_hook(NULL);
	signal(SIGUSR1, SIG_DFL);
	assert_int_equal(in_handler, -1);
	assert_int_equal(handler_errno, EDEADLK);
}

/* Who polls hears of it as who sleeps does. */
static void fd_of_a_destroyed_heap(void **state)
{
	_Atomic uint32_t *status = &cr->r->h.sg.whdr->status;
	uint32_t was = ld_acq(status);
	int fd = mh_chan_fd(in);

	(void)state;
	assert_true(fd >= 0);
	assert_false(readable(fd, 0));
	st_rel(status, HEAP_DESTROYED);
	assert_true(readable(fd, 10000));
	nothing(in, ESHUTDOWN);
	st_rel(status, was);
	nothing(in, ETIMEDOUT);
	assert_false(readable(fd, 0));
}

#define ROUNDS	3000u
#define END	1000000u

static void *recv_all(void *arg)
{
	unsigned *p, n;

	do {
		p = mh_chan_recv(arg, -1);
		if (!p)
			abort();
		n = *p;
		if (mh_drop(b, p))
			abort();
	} while (n != END);
	return NULL;
}

/* Receives what there is, or finds nothing. */
static void recv_some(mh_chan *c, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		void *p = mh_chan_recv(c, 0);

		if (p)
			assert_int_equal(mh_drop(c->h, p), 0);
	}
}

/*
 * Others receive while the descriptor is being made readable: a receive that finds
 * nothing makes it unreadable also then.
 */
static void fd_of_what_others_receive(void **state)
{
	mh_chan *c = open_chan(a, "c", 1);
	int fd = mh_chan_fd(c);
	pthread_t t;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pthread_create(&t, NULL, recv_all, in), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		send(out, i);
		recv_some(c, i % 50);
		for (unsigned tries = 0; readable(fd, 0); tries++) {
			assert_true(tries < 1000000);
			recv_some(c, 1);
		}
	}
	send(out, END);
	pthread_join(t, NULL);
	mh_chan_close(c);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(fd_and_detach), T(fd_once_more), T(fd_and_fork), T(fd_made_at_a_fork),
		T(fd_in_a_handler),
		T(fd_of_a_destroyed_heap), T(fd_of_what_others_receive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
