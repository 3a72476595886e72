/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan.c - channels by two clients of one heap: what goes in comes out, once
 * and in order; what is refused; removal; places where somebody stands still; and
 * many threads.  (Deaths are in test_chan_recover.c, kills in tests/crash.)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libclient/chan.h"
#include "tests/clientrig.h"

#define CAPACITY	8u
#define PAIRS		4
#define EACH		4000u

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 8,
				      .stripes = 2, .names = 16, .chans = 4 };
static struct clientrig *cr;
static mh_heap *a, *b;
static mh_chan *out, *in;	/* the same channel, by a and by b */

static mh_chan *open_chan(mh_heap *h, const char *name, unsigned capacity)
{
	mh_chan *c = mh_chan_open(h, name, capacity, 0);

	assert_non_null(c);
	return c;
}

static int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	out = open_chan(a, "c", CAPACITY);
	in = open_chan(b, "c", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	mh_chan_close(out);
	mh_chan_close(in);
	mh_chan_remove(a, "c");
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	assert_int_equal(cr->r->report.held_objects, 0);
	clientrig_free(cr);
	return 0;
}

static uint64_t objects(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.held_objects;
}

static unsigned *make(mh_heap *h, unsigned n)
{
	unsigned *p = mh_alloc_flags(h, 64 + n % 3 * 1000, MH_HELD);

	assert_non_null(p);
	*p = n;
	return p;
}

static void send(mh_chan *c, unsigned n)
{
	assert_int_equal(mh_chan_send(c, make(c->h, n), 0), 0);
}

static void expect(mh_chan *c, unsigned n)
{
	unsigned *p = mh_chan_recv(c, 0);

	assert_non_null(p);
	assert_int_equal(*p, n);
	assert_int_equal(mh_drop(c->h, p), 0);
}

#define refused(err, call)	do {					\
	errno = 0;							\
	assert_int_equal((call), -1);					\
	assert_int_equal(errno, (err));					\
	assert_true(*mh_errmsg());					\
} while (0)

static void nothing(mh_chan *c, int err)
{
	errno = 0;
	assert_null(mh_chan_recv(c, 0));
	assert_int_equal(errno, err);
}

static void one_by_one(void **state)
{
	(void)state;
	nothing(in, ETIMEDOUT);
	for (unsigned i = 0; i < 5000; i++) {
		send(out, i);
		expect(in, i);
	}
	nothing(in, ETIMEDOUT);
	assert_int_equal(objects(), 0);
}

static void full_and_empty(void **state)
{
	unsigned *p = make(a, 77);

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < CAPACITY; i++)
			send(out, i);
		assert_int_equal(chan_depth(&out->ch), CAPACITY);
		refused(ETIMEDOUT, mh_chan_send(out, p, 0));
		refused(ETIMEDOUT, mh_chan_send(out, p, 2));
		clientrig_verify(cr);
		assert_int_equal(objects(), CAPACITY + 1);
		for (unsigned i = 0; i < CAPACITY; i++)
			expect(in, i);
		nothing(in, ETIMEDOUT);
	}
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 0);
}

static void is_handed_over(void **state)
{
	unsigned *p = make(a, 1);

	(void)state;
	assert_int_equal(mh_chan_send(out, p, 0), 0);
	refused(EINVAL, mh_drop(a, p));
	refused(EINVAL, mh_chan_send(out, p, 0));
	refused(ESTALE, mh_hold(b, p));
	assert_ptr_equal(mh_chan_recv(in, 0), p);
	assert_int_equal(mh_hold(a, p), 0);	/* b covers it */
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(mh_hold(a, p), 0);	/* twice: one is handed over */
	assert_int_equal(mh_chan_send(out, p, 0), 0);
	refused(EBUSY, mh_chan_send(out, p, 0));
	assert_int_equal(mh_hold(b, p), 0);	/* a covers it */
	refused(EBUSY, mh_chan_send(in, p, 0));
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 1);
	assert_ptr_equal(mh_chan_recv(out, 0), p);	/* also by who sent it */
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 0);
}

static void named_and_sent(void **state)
{
	unsigned *p = make(a, 1);

	(void)state;
	assert_int_equal(mh_name_set(a, "n", p), 0);
	assert_int_equal(mh_chan_send(out, p, 0), 0);
	assert_ptr_equal(mh_name_get(b, "n"), p);
	assert_int_equal(mh_name_remove(b, "n"), 0);
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(objects(), 1);
	assert_ptr_equal(mh_chan_recv(in, 0), p);
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(objects(), 0);
}

static void what_is_refused(void **state)
{
	char *o = mh_alloc(a, 64), *s = mh_alloc_shared(a, 64);
	unsigned *p = make(a, 1);
	char longest[80];
	int here;

	(void)state;
	refused(EINVAL, mh_chan_send(out, o, 0));
	refused(EINVAL, mh_chan_send(out, s, 0));
	refused(EINVAL, mh_chan_send(out, &here, 0));
	refused(EINVAL, mh_chan_send(out, NULL, 0));
	refused(EINVAL, mh_chan_send(out, (char *)p + 16, 0));
	refused(EINVAL, mh_chan_send(in, p, 0));	/* b doesn't hold it */
	memset(longest, 'x', sizeof(longest));
	longest[64] = 0;
	assert_null(mh_chan_open(a, longest, 1, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_chan_open(a, "", 1, 0));
	assert_null(mh_chan_open(a, "d", 0, 0));
	assert_null(mh_chan_open(a, "d", 1025, 0));
	assert_null(mh_chan_open(a, "d", 1, 2));
	assert_int_equal(errno, EINVAL);
	assert_null(mh_chan_open(a, "c", 1, MH_EXCL));
	assert_int_equal(errno, EEXIST);
	refused(ENOENT, mh_chan_remove(a, "d"));
	mh_free(a, o);
	mh_free(a, s);
	assert_int_equal(mh_drop(a, p), 0);
}

static void all_in_use(void **state)
{
	mh_chan *c[3];
	char name[8];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3; i++) {
			snprintf(name, sizeof(name), "%u", i);
			c[i] = mh_chan_open(a, name, 1u << (round + i), MH_EXCL);
			assert_non_null(c[i]);
			send(c[i], i);
		}
		assert_null(mh_chan_open(a, "one more", 1, 0));
		assert_int_equal(errno, ENOSPC);
		assert_int_equal(objects(), 3);
		for (unsigned i = 0; i < 3; i++) {
			snprintf(name, sizeof(name), "%u", i);
			assert_int_equal(mh_chan_remove(b, name), 0);
			nothing(c[i], EPIPE);
			assert_int_equal(mh_chan_close(c[i]), 0);
		}
		assert_int_equal(objects(), 0);
		clientrig_verify(cr);
	}
}

static void removed(void **state)
{
	mh_chan *c = open_chan(a, "r", 4), *d;
	unsigned *p = make(a, 1);

	(void)state;
	send(c, 1);
	send(c, 2);
	assert_int_equal(mh_chan_remove(b, "r"), 0);
	refused(EPIPE, mh_chan_send(c, p, 0));
	nothing(c, EPIPE);
	d = open_chan(b, "r", 2);
	assert_int_equal(d->ch.index, c->ch.index);
	refused(EPIPE, mh_chan_send(c, p, 0));
	send(d, 5);
	expect(d, 5);
	mh_chan_close(d);
	mh_chan_close(c);
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(mh_chan_remove(b, "r"), 0);
}

/* A receiver stands still with a place that it is taking. */
static void passed_over(void **state)
{
	struct chan *ch = &out->ch;
	uint64_t pos, handle;

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	assert_true(chan_next(ch, &pos, &handle));
	assert_true(chan_claim(ch, pos, b->r->me.slot));
	for (unsigned i = 1; i < 100; i++) {
		expect(in, i);
		send(out, i + CAPACITY - 1);
	}
	/* It goes on: its message is out of the channel, its place free. */
	for (unsigned i = 100; i < 100 + CAPACITY - 1; i++)
		expect(in, i);
	nothing(in, ETIMEDOUT);
	clientrig_pause(cr);
	held_unqueue(&cr->r->h, handle, ch, pos);
	clientrig_resume(cr);
	chan_emptied(ch, pos);
	for (unsigned i = 0; i < 3 * CAPACITY; i++) {
		send(out, i);
		expect(in, i);
	}
	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	for (unsigned i = 0; i < CAPACITY; i++)
		expect(in, i);
	assert_int_equal(objects(), 0);
}

/* Hints that are far behind, or never written. */
static void old_hints(void **state)
{
	struct sh_chan *c = out->ch.c;
	uint64_t head = ld_rlx(&c->head), tail = ld_rlx(&c->tail);

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		send(out, 2 * i);
		send(out, 2 * i + 1);
		if (i % 3 == 0)
			st_rlx(&c->tail, tail);
		if (i % 5 == 0)
			st_rlx(&c->head, head);
		expect(in, 2 * i);
		if (i % 7 == 0)
			st_rlx(&c->tail, tail);
		expect(in, 2 * i + 1);
		nothing(in, ETIMEDOUT);
		if (i % 20 == 0) {
			head = ld_rlx(&c->head);
			tail = ld_rlx(&c->tail);
		}
	}
}

static void batches(void **state)
{
	void *p[20], *q[20];

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 20; i++)
			p[i] = make(a, i);
		assert_int_equal(mh_chan_send_batch(out, p, 20, 0), CAPACITY);
		assert_int_equal(errno, ETIMEDOUT);
		assert_int_equal(mh_chan_recv_batch(in, q, 20, -1), CAPACITY);
		for (unsigned i = 0; i < 20; i++) {
			if (i < CAPACITY)
				assert_ptr_equal(q[i], p[i]);
			assert_int_equal(mh_drop(i < CAPACITY ? b : a, p[i]), 0);
		}
		assert_int_equal(mh_chan_recv_batch(in, q, 20, 1), 0);
		assert_int_equal(errno, ETIMEDOUT);
	}
}

static void read_only(void **state)
{
	mh_heap *ro = clientrig_attach(cr, MH_READONLY);
	mh_chan *c = open_chan(ro, "c", 1);
	void *p;

	(void)state;
	send(out, 3);
	p = mh_chan_recv(c, 0);
	assert_non_null(p);
	assert_int_equal(*(unsigned *)p, 3);
	assert_int_equal(mh_chan_send(c, p, 0), 0);
	expect(in, 3);
	mh_chan_close(c);
	clientrig_kill(cr, ro);
}

struct worker {
	pthread_t t;
	mh_chan *c;
	unsigned id, n;
	unsigned last[PAIRS];
};

static void *send_all(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 1; i <= EACH; i++) {
		unsigned *p = mh_alloc_flags(w->c->h, 64, MH_HELD);

		if (!p)
			abort();
		p[0] = w->id;
		p[1] = i;
		if (mh_chan_send(w->c, p, -1))
			abort();
	}
	return NULL;
}

static void *recv_all(void *arg)
{
	struct worker *w = arg;
	unsigned *p;

	while ((p = mh_chan_recv(w->c, -1))) {
		if (!p[0] && !p[1])
			break;
		/* Of each sender in its order. */
		if (p[1] <= w->last[p[0]])
			abort();
		w->last[p[0]] = p[1];
		w->n++;
		if (mh_drop(w->c->h, p))
			abort();
	}
	if (!p || mh_drop(w->c->h, p))
		abort();
	return NULL;
}

/* Each thread is a client of its own, or half of them share one. */
static void many(unsigned clients)
{
	struct worker s[PAIRS], r[PAIRS];
	mh_heap *h[4] = { a, b };
	unsigned sum = 0;

	for (unsigned i = 2; i < clients; i++)
		h[i] = clientrig_attach(cr, 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		s[i] = (struct worker){ .c = open_chan(h[i % clients], "c", 1),
					.id = i };
		r[i] = (struct worker){ .c = open_chan(h[(i + 1) % clients],
						       "c", 1) };
		assert_int_equal(pthread_create(&s[i].t, NULL, send_all, &s[i]), 0);
		assert_int_equal(pthread_create(&r[i].t, NULL, recv_all, &r[i]), 0);
	}
	for (unsigned i = 0; i < PAIRS; i++)
		pthread_join(s[i].t, NULL);
	for (unsigned i = 0; i < PAIRS; i++) {
		unsigned *end = make(a, 0);

		end[0] = end[1] = 0;
		assert_int_equal(mh_chan_send(out, end, -1), 0);
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		pthread_join(r[i].t, NULL);
		sum += r[i].n;
		mh_chan_close(r[i].c);
		mh_chan_close(s[i].c);
	}
	assert_int_equal(sum, PAIRS * EACH);
	assert_int_equal(objects(), 0);
	for (unsigned i = 2; i < clients; i++)
		clientrig_kill(cr, h[i]);
}

static void many_in_two_clients(void **state)
{
	(void)state;
	many(2);
}

static void many_clients(void **state)
{
	(void)state;
	many(4);
}

static _Atomic unsigned woken;

static void *sleep_and_recv(void *arg)
{
	unsigned *p, over = 0;

	while (!over) {
		p = mh_chan_recv(arg, -1);
		if (!p)
			abort();
		over = *p == 0;
		add_sc(&woken, 1);
		if (mh_drop(((mh_chan *)arg)->h, p))
			abort();
	}
	return NULL;
}

static int64_t now_ms(void)
{
	return chan_deadline(0);
}

/* Nobody sleeps on beside a message: that would take a turn of two seconds. */
static void sleepers_are_woken(void **state)
{
	unsigned slow = 0, sent = 0;
	struct worker r[PAIRS];

	(void)state;
	st_rel(&woken, 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		r[i].c = open_chan(i % 2 ? a : b, "c", 1);
		assert_int_equal(pthread_create(&r[i].t, NULL, sleep_and_recv,
						r[i].c), 0);
	}
	for (unsigned i = 0; i < 400; i++) {
		int64_t from = now_ms();
		unsigned n = i % 3 + 1;

		for (unsigned k = 0; k < i % 7 * 2000; k++)
			cpu_relax();
		for (unsigned k = 0; k < n; k++)
			send(out, 1);
		sent += n;
		while (ld_acq(&woken) < sent)
			sched_yield();
		slow += now_ms() - from > 1000;
	}
	assert_true(slow < 4);
	for (unsigned i = 0; i < PAIRS; i++)
		send(out, 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		pthread_join(r[i].t, NULL);
		mh_chan_close(r[i].c);
	}
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents == POLLIN;
}

static void fd_for_poll(void **state)
{
	int fd = mh_chan_fd(in);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mh_chan_fd(in), fd);
	assert_false(readable(fd, 0));
	for (unsigned i = 0; i < 300; i++) {
		send(out, i);
		assert_true(readable(fd, 10000));
		if (i % 2)
			send(out, i + 1);
		expect(in, i);
		assert_true(readable(fd, 0));	/* more may be there */
		if (i % 2)
			expect(in, i + 1);
		nothing(in, ETIMEDOUT);
		assert_false(readable(fd, i % 50 ? 0 : 20));
	}
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	assert_true(readable(fd, 10000));
	nothing(in, EPIPE);
	mh_chan_close(in);
	in = open_chan(b, "c", 1);
	fd = mh_chan_fd(in);
	assert_true(fd >= 0);
	assert_false(readable(fd, 0));
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_by_one), T(full_and_empty), T(is_handed_over),
		T(named_and_sent), T(what_is_refused), T(all_in_use), T(removed),
		T(passed_over), T(old_hints), T(batches), T(read_only),
		T(many_in_two_clients), T(many_clients),
		T(sleepers_are_woken), T(fd_for_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
