/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_waits.c - waits for a daemon that is away: many threads of a process wait as
 * long as one does.  (enter.c and call.c are in here, with half a second in place of
 * half a minute.)
 */
#include "libclient/client.h"
static void (*step_in)(const void *looked_at);

static inline void between(const void *looked_at)
{
	if (step_in)
		step_in(looked_at);
}

/* In enter.c: after each look. */
#define ld_acq_plain(p)	atomic_load_explicit((p), memory_order_acquire)
#undef ld_acq
#define ld_acq(p)	({ __typeof__(*(p)) v_ = ld_acq_plain(p); between(p); v_; })
#undef DAEMON_WAIT_MS
#define DAEMON_WAIT_MS	500
#include "libclient/enter.c"
#undef ld_acq
#define ld_acq(p)	ld_acq_plain(p)
#include "libclient/call.c"

#include <sys/stat.h>

#include "libclient/chan.h"
#include "tests/procs.h"
#include "tests/unit/exact_test.h"

/* In turns, 8 at a time, it takes 20 times as long; a busy machine, less than 16. */
#define THREADS		160
#define LONGEST_MS	(16 * DAEMON_WAIT_MS)

static _Atomic unsigned timed_out;

static void *asks(void *arg)
{
	if (!mh_alloc(arg, 3 << 20) && errno == ETIMEDOUT)
		add_rlx(&timed_out, 1);
	return NULL;
}

/* All at once; how long it took. */
static uint64_t all_ask(mh_heap *h)
{
	pthread_t t[THREADS];
	uint64_t from = mono_ms();
	int n = 0;

	while (n < THREADS && !pthread_create(&t[n], NULL, asks, h))
		n++;
	while (n)
		pthread_join(t[--n], NULL);
	return mono_ms() - from;
}

/* There are fewer cells than threads. */
static void requests_of_many_threads(void **state)
{
	(void)state;
	strcpy(a->socket_path, "/nonexistent/mheap.sock");
	clientrig_pause(cr);
	assert_in_range(all_ask(a), DAEMON_WAIT_MS, LONGEST_MS);
	clientrig_resume(cr);
	assert_int_equal(ld_rlx(&timed_out), THREADS);
}

static int child(void *arg)
{
	uint64_t ms = all_ask(arg);

	CHECK(ms >= DAEMON_WAIT_MS && ms < LONGEST_MS);
	CHECK(ld_rlx(&timed_out) == THREADS);
	return 0;
}

static void threads_of_a_forked_child(void **state)
{
	(void)state;
	st_rlx(&timed_out, 0);
	strcpy(a->socket_path, "/nonexistent/mheap.sock");
	assert_int_equal(in_child(child, a), 0);
}

#define MANY	1000u		/* enough for a stream: frees that would borrow */

static void *shared[MANY + 2], *freed_before;

static int frees(void *arg)
{
	uint64_t from = mono_ms();

	for (unsigned i = 0; i < MANY + 1; i++) {
		errno = 77;
		mh_free(arg, shared[i]);
		CHECK(errno == 77);
	}
	CHECK(!mh_try_free(arg, shared[MANY + 1]));
	CHECK(mh_try_free(arg, shared[0]) && errno == EALREADY);
	CHECK(mono_ms() - from < DAEMON_WAIT_MS);
	hook_err = 0;
	mh_free(arg, freed_before);
	CHECK(hook_err == EALREADY);
	return 0;
}

/* To free what others shared takes neither a client slot nor a daemon. */
static void frees_of_a_forked_child(void **state)
{
	struct mh_stats s;

	(void)state;
	for (unsigned i = 0; i < MANY + 2; i++) {
		shared[i] = mh_alloc_shared(b, i < MANY ? 1000 : 100000);
		assert_non_null(shared[i]);
	}
	freed_before = mh_alloc_shared(a, 64);
	mh_free(a, freed_before);	/* a's thread has it at hand */
	strcpy(a->socket_path, "/nonexistent/mheap.sock");
	assert_int_equal(in_child(frees, a), 0);
	assert_ptr_equal(mh_alloc_shared(a, 64), freed_before);
	assert_ptr_equal(mh_deref(a, mh_handle_of(a, freed_before)), freed_before);
	mh_free(a, freed_before);
	clientrig_pause(cr);
	sweep_all(&cr->r->h, false);	/* for which it has rung */
	clientrig_resume(cr);
	assert_int_equal(mh_stats(b, &s, sizeof(s)), 0);
	assert_int_equal(s.shared_objects, 0);
}

static mh_chan *channel;

static int waits_not(void *arg)
{
	uint64_t from = mono_ms();
	unsigned n = 3;

	for (unsigned flags = MH_NOWAIT; n--; flags = n ? MH_NOWAIT | MH_SHARED :
						      MH_NOWAIT | MH_HELD) {
		errno = 0;
		CHECK(!mh_alloc_flags(arg, 64, flags) && errno == EAGAIN);
		CHECK(!mh_alloc_flags(arg, 1 << 20, flags) && errno == EAGAIN);
	}
	CHECK(!mh_chan_recv(channel, 0) && errno == ETIMEDOUT);
	CHECK(!mh_chan_recv(channel, 50) && errno == ETIMEDOUT);
	CHECK(mono_ms() - from < DAEMON_WAIT_MS);
	return 0;
}

/* Who doesn't want to wait doesn't wait to join, either. */
static void nowait_in_a_forked_child(void **state)
{
	(void)state;
	channel = mh_chan_open(a, "c", 4, 0);
	assert_non_null(channel);
	strcpy(a->socket_path, "/nonexistent/mheap.sock");
	assert_int_equal(in_child(waits_not, a), 0);
	assert_int_equal(mh_chan_close(channel), 0);
}

static void says_nothing(int conn, unsigned n)
{
	char end;

	(void)n;
	if (recv(conn, &end, 1, 0) > 0)
		_exit(1);
}

static int asks_who_stands_still(void *arg)
{
	struct server s;
	mh_heap *h = arg;

	server_start(&s, says_nothing, false);
	strcpy(h->socket_path, s.path);
	errno = 0;
	CHECK(!mh_alloc_flags(h, 64, MH_NOWAIT) && errno == EAGAIN);
	CHECK(!mh_chan_recv(channel, 0) && errno == ETIMEDOUT);
	server_stop(&s);
	return 0;
}

static void nowait_of_who_stands_still(void **state)
{
	(void)state;
	channel = mh_chan_open(a, "c", 4, 0);
	assert_non_null(channel);
	assert_int_equal(in_child(asks_who_stands_still, a), 0);
	assert_int_equal(mh_chan_close(channel), 0);
}

/* A daemon that makes a slot ours and dies before it says so. */
static struct server dying;
static struct wire_hello heard[4];
static int file;

static void promises(int conn, unsigned n)
{
	const struct wire_welcome w = {
		.magic = WIRE_MAGIC, .type = WIRE_WELCOME, .slot = 5, .gen = 7,
		.nonce = 99, .heap_bytes = a->sg.geo.heap_bytes };
	struct wire_ready ready;

	heard[n] = dying.hello;
	if (n == 1)
		refuse_with(conn, -ESTALE);
	else if (n)
		refuse_with(conn, -EUSERS);
	else
		welcome_with(conn, &w, file);
	if (!n && recv(conn, &ready, sizeof(ready), 0) != sizeof(ready))
		_exit(1);
}

static int joins(void *arg)
{
	mh_heap *h = arg;
	struct stat st;

	file = memfd_create("waits", MFD_CLOEXEC);
	CHECK(!fstat(file, &st));
	h->heap_ino = st.st_ino;
	h->heap_map = h->arena;		/* there, as in any forked child */
	server_start(&dying, promises, false);
	strcpy(h->socket_path, dying.path);
	CHECK(!mh_alloc(h, 64) && errno == EUSERS);
	server_stop(&dying);
	CHECK(!(heard[0].flags & WIRE_RESUME) && !heard[0].slot);
	CHECK(heard[1].flags & WIRE_RESUME && heard[1].slot == 5 &&
	      heard[1].gen == 7 && heard[1].nonce == 99);
	CHECK(!(heard[2].flags & WIRE_RESUME) && !heard[2].slot);
	return 0;
}

/* Its successor is asked for that slot, and for another one if it has it not. */
static void a_slot_that_was_promised(void **state)
{
	(void)state;
	assert_int_equal(in_child(joins, a), 0);
}

static uint32_t serial;

static void another_joins(const void *looked_at)
{
	if (looked_at != &a->r->live)
		return;
	step_in = NULL;
	st_rel(&a->r->live, serial);
}

/* A forked child's thread that looked before another one has joined. */
static void joined_meanwhile(void **state)
{
	void *p;

	(void)state;
	serial = ld_acq(&a->r->live);
	st_rel(&a->r->live, 0);
	step_in = another_joins;
	p = mh_alloc(a, 3000);
	assert_null(step_in);
	assert_non_null(p);
	mh_free(a, p);
}

static struct party reserved;

#define LATE_MS	50

static void answers_late(int conn, unsigned n)
{
	const struct wire_welcome w = {
		.magic = WIRE_MAGIC, .type = WIRE_WELCOME,
		.slot = reserved.slot, .gen = reserved.gen, .nonce = 99,
		.heap_bytes = a->sg.geo.heap_bytes };
	const struct wire_ready go = { .magic = WIRE_MAGIC, .type = WIRE_GO,
				       .nonce = 99 };
	struct timespec t = { 0, LATE_MS * 1000000 };
	struct wire_ready ready;

	(void)n;
	welcome_with(conn, &w, file);
	if (recv(conn, &ready, sizeof(ready), 0) != sizeof(ready))
		_exit(1);
	nanosleep(&t, NULL);
	if (send(conn, &go, sizeof(go), MSG_NOSIGNAL) != sizeof(go))
		_exit(1);
	says_nothing(conn, n);
}

static int joins_first(void *arg)
{
	mh_heap *h = arg;
	int left = DAEMON_WAIT_MS;
	struct stat st;

	file = memfd_create("waits", MFD_CLOEXEC);
	CHECK(!fstat(file, &st));
	h->heap_ino = st.st_ino;
	h->heap_map = h->arena;
	server_start(&dying, answers_late, false);
	strcpy(h->socket_path, dying.path);
	CHECK(!chan_unusable(channel, &left));
	CHECK(left <= DAEMON_WAIT_MS - LATE_MS);
	unlink(dying.path);
	return 0;
}

/* What joining takes of the time that a receive may take. */
static void join_within_a_timeout(void **state)
{
	(void)state;
	channel = mh_chan_open(a, "c", 4, 0);
	assert_non_null(channel);
	clientrig_pause(cr);
	reserved = rig_join(cr->r);
	clientrig_resume(cr);
	assert_int_equal(in_child(joins_first, a), 0);
	assert_int_equal(mh_chan_close(channel), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_RIG(requests_of_many_threads),
		ON_RIG(threads_of_a_forked_child),
		ON_RIG(frees_of_a_forked_child),
		ON_RIG(nowait_in_a_forked_child),
		ON_RIG(nowait_of_who_stands_still),
		ON_RIG(a_slot_that_was_promised),
		ON_RIG(joined_meanwhile),
		ON_RIG(join_within_a_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
