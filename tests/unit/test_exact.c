/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_exact.c - interleavings that once went wrong, each by hand: answers that
 * come at the last moment, grants that were taken back, give-ups that wait,
 * slots freed twice by two threads, spans in a list of another class, and calls
 * from handlers, cancelled threads and forks in the middle of an attach.
 *
 * A thread plays mheapd's socket where the library must be inside a system
 * call at the right moment.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "shm/wire.h"
#include "tests/clientrig.h"
#include "tests/procs.h"

#define SHARED_64	span_class(LIFE_SHARED, sc_of(64))

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 8,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a, *b;
static int hook_err;
static pthread_barrier_t gate;

static int note_misuse(mh_heap *h, const void *p, int err, const char *s)
{
	(void)h;
	(void)p;
	(void)s;
	hook_err = err;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	alarm(60);		/* most of these fail by hanging */
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	hook_err = 0;
	mh_set_error_hook(note_misuse);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	clientrig_free(cr);
	alarm(0);
	return 0;
}

static void refuse_with(int conn, int err)
{
	struct wire_welcome w = { .magic = WIRE_MAGIC, .type = WIRE_WELCOME,
				  .status = err };

	assert_int_equal(send(conn, &w, sizeof(w), MSG_NOSIGNAL), sizeof(w));
}

/*
 * The daemon, played by the server, answers the request while the client is
 * about to give up.
 */
static void late(int conn, unsigned n)
{
	if (!n)
		return;		/* away */
	requests_serve_all(&cr->r->h);
	clientrig_resume(cr);
	refuse_with(conn, -ESHUTDOWN);
}

/* A socket on which `answer` is called for each connection, with its number. */
struct server {
	char	  path[64];
	int	  fd;
	pthread_t t;
	void	  (*answer)(int conn, unsigned n);
	_Atomic int ready;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	struct wire_hello hello;

	if (s->answer == late)
		clientrig_pause(cr);
	st_rel(&s->ready, 1);
	for (unsigned n = 0; ; n++) {
		int conn = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			return NULL;
		if (recv(conn, &hello, sizeof(hello), 0) == sizeof(hello))
			s->answer(conn, n);
		close(conn);
	}
}

static void server_start(struct server *s, void (*answer)(int, unsigned))
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(s->path, sizeof(s->path), "/tmp/mheap-exact-%d.sock",
		 (int)getpid());
	strcpy(addr.sun_path, s->path);
	unlink(s->path);
	s->answer = answer;
	st_rel(&s->ready, 0);
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (void *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	assert_int_equal(pthread_create(&s->t, NULL, serve, s), 0);
	while (!ld_acq(&s->ready))
		;
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->t, NULL);
	close(s->fd);
	unlink(s->path);
}

static void answer_at_the_last_moment(void **state)
{
	struct server s;
	void *p;

	(void)state;
	server_start(&s, late);
	strcpy(a->socket_path, s.path);
	p = mh_alloc(a, 3 << 20);
	server_stop(&s);
	assert_non_null(p);
	a->socket_path[0] = 0;
	mh_free(a, p);
}

/* Serves one request of a with the id of a grant for another thread of a. */
static void *grant_another(void *arg)
{
	struct sh_cell *c = &cr->r->sg.slots[a->r->me.slot].cells[0];
	const struct span_wish wish = { .spc = SHARED_64 };
	uint32_t word, reason;
	span_id id;

	(void)arg;
	clientrig_pause(cr);
	pthread_barrier_wait(&gate);
	do {
		word = ld_acq(&c->word);
	} while ((word & 3) != CELL_POSTED);
	assert_int_equal(span_new(&cr->r->h, &wish, SPAN_GRANTED, a->r->me, &id,
				  &reason), 0);
	c->result = id.n;
	c->err = 0;
	assert_true(cas_ar(&c->word, &word, (word & ~3u) | CELL_DONE));
	clientrig_resume(cr);
	return NULL;
}

static void wrong_grant(size_t size)
{
	pthread_t t;
	char *p;

	pthread_barrier_init(&gate, NULL, 2);
	assert_int_equal(pthread_create(&t, NULL, grant_another, NULL), 0);
	pthread_barrier_wait(&gate);
	p = mh_alloc(a, size);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_non_null(p);
	assert_true(mh_usable_size(a, p) >= size);
	memset(p, 1, size);
	mh_free(a, p);
	assert_int_equal(hook_err, 0);
}

static void grant_of_another_thread(void **state)
{
	(void)state;
	wrong_grant(1000);
	wrong_grant(100000);
	wrong_grant(3 << 20);
}

/* Has an mcache, and is at no slow path until the end. */
static void *idler(void *arg)
{
	void *p = mh_alloc_flags(arg, 64, MH_SHARED);

	assert_non_null(p);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	mh_free(arg, p);
	return NULL;
}

static uint64_t owned(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.owned_bytes;
}

/*
 * A producer gives spans up, which an idle thread holds up.  Others free what
 * is in all but the first of them: it comes back, wherever those stand.
 */
static void pending_spans_come_back(void **state)
{
	enum { SLOTS = 512, SPANS = 20, KEPT = 6 };
	struct pclass *c = pclass_of(a, SHARED_64);
	static void *p[SLOTS * SPANS];
	pthread_t t;
	uint64_t n;

	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	assert_int_equal(pthread_create(&t, NULL, idler, a), 0);
	pthread_barrier_wait(&gate);
	for (unsigned i = 0; i < SLOTS * SPANS; i++) {
		p[i] = mh_alloc_flags(a, 64, MH_SHARED);
		assert_non_null(p[i]);
	}
	assert_true(c->pending.n > KEPT);
	n = owned();
	for (unsigned i = SLOTS * KEPT; i < SLOTS * SPANS; i++)
		mh_free(b, p[i]);
	for (unsigned i = SLOTS * KEPT; i < SLOTS * (SPANS - 1); i++)
		p[i] = mh_alloc_flags(a, 64, MH_SHARED);
	assert_true(owned() <= n);
	for (unsigned i = 0; i < SLOTS * (SPANS - 1); i++)
		mh_free(b, p[i]);
	pthread_barrier_wait(&gate);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(hook_err, 0);
}

static void *volatile twice;

static void *free_again(void *arg)
{
	mh_free(arg, twice);
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	return NULL;		/* its array is flushed */
}

/*
 * Freed by two threads: when the second copy comes home, its page is another
 * class's.  It must not become a free slot of that one.
 */
static void freed_twice_then_another_class(void **state)
{
	enum { N = 1000 };
	static char *q[N];
	bool there = false;
	pthread_t t;
	char *p;

	(void)state;
	pthread_barrier_init(&gate, NULL, 2);
	p = twice = mh_alloc(a, 64);
	assert_int_equal(pthread_create(&t, NULL, free_again, a), 0);
	pthread_barrier_wait(&gate);
	mh_free(a, p);
	assert_int_equal(mh_trim(a), 0);	/* the span is gone */
	for (unsigned i = 0; i < N; i++) {
		q[i] = mh_alloc(a, 1024);
		there |= q[i] == p;
	}
	assert_true(there);
	pthread_barrier_wait(&gate);
	pthread_join(t, NULL);
	pthread_barrier_destroy(&gate);
	assert_int_equal(hook_err, EINVAL);
	for (unsigned i = 0; i < N; i++)
		mh_free(a, q[i]);
	assert_int_equal(mh_trim(a), 0);
}

/* A pusher came late: its span's id is of another class by now. */
static void listed_under_another_class(void **state)
{
	uint32_t spc = span_class(LIFE_OWNED, sc_of(64)), other = spc + 1;
	struct rig *r = rig_new(&(struct rig_opts){ 0 });
	struct party me = rig_join(r);
	struct geom g = rig_span(r, me, spc), got;
	unsigned busy;
	bool low;

	(void)state;
	rig_share(r, &g, 3);
	assert_int_equal(span_dispose(&r->sg, &g, me), SPAN_LISTED);
	assert_true(central_push(&r->sg, me, other, g.id));
	assert_false(central_pop(&r->sg, me, spc, &got, &low, &busy));
	sweep_all(&r->h, true);
	assert_null(rig_check(r));
	assert_true(central_pop(&r->sg, me, spc, &got, &low, &busy));
	assert_int_equal(got.id.n, g.id.n);
	assert_int_equal(span_dispose(&r->sg, &g, me), SPAN_LISTED);
	rig_free(r);
}

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
	assert_true(ld_rlx(&tls.mc->a[sc_of(128)].n) > 0);
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
	server_start(&s, interrupt);
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
	server_start(&s, silent);
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
	server_start(&s, silent);
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
	struct wire_welcome w = { .magic = WIRE_MAGIC, .type = WIRE_WELCOME,
				  .heap_bytes = 1 << 20, .central_bytes = 1 << 20,
				  .arena_bytes = 1 << 20 };
	union { struct cmsghdr align; char room[CMSG_SPACE(4 * sizeof(int))]; } u;
	struct iovec iov = { &w, sizeof(w) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u,
			    .msg_controllen = sizeof(u) };
	int fd = memfd_create("exact-file", MFD_CLOEXEC);
	int fds[4] = { fd, fd, fd, fd };

	(void)n;
	memset(&u, 0, sizeof(u));
	CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof(fds));
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(sendmsg(conn, &m, MSG_NOSIGNAL), sizeof(w));
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
	server_start(&s, no_heap);
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

#define ON_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(answer_at_the_last_moment),
		ON_RIG(grant_of_another_thread),
		ON_RIG(pending_spans_come_back),
		ON_RIG(freed_twice_then_another_class),
		cmocka_unit_test(listed_under_another_class),
		ON_RIG(handler_in_a_slow_path),
		ON_RIG(handler_in_an_attach),
		ON_RIG(cancelled_in_a_slow_path),
		ON_RIG(fork_in_an_attach),
		ON_RIG(failed_attach_unmaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
