/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_threads.c - channels and threads: many senders and receivers, those
 * that sleep are woken, and a descriptor says when there is something.
 */
#include "tests/unit/chan_test.h"

#define PAIRS	4
#define EACH	4000u

struct worker {
	pthread_t t;
	mh_chan *c;
	unsigned id, n;
	unsigned last[PAIRS];
};

static unsigned *make_nth(const struct worker *w, unsigned i)
{
	unsigned *p = mh_alloc_flags(w->c->h, 64, MH_HELD);

	if (!p)
		abort();
	p[0] = w->id;
	p[1] = i;
	return p;
}

/* As many as there is room for at a time, at least one. */
static void send_them(mh_chan *c, void **p, size_t n)
{
	for (size_t done = 0, some; done < n; done += some)
		if (!(some = mh_chan_send_batch(c, p + done, n - done, -1)))
			abort();
}

#define BATCH	5u

/* Every other one sends batches. */
static void *send_all(void *arg)
{
	struct worker *w = arg;
	void *p[BATCH];

	for (unsigned i = 1; i <= EACH; i += BATCH) {
		for (unsigned k = 0; k < BATCH; k++)
			p[k] = make_nth(w, i + k);
		if (w->id & 1)
			send_them(w->c, p, BATCH);
		else
			for (unsigned k = 0; k < BATCH; k++)
				if (mh_chan_send(w->c, p[k], -1))
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

struct holding {
	pthread_t t;
	void *p[CAPACITY];
	_Atomic bool over;
	unsigned times;
};

static void *hold_and_drop(void *arg)
{
	struct holding *x = arg;

	while (!ld_acq(&x->over) || !x->times) {
		for (unsigned i = 0; i < CAPACITY; i++) {
			if (mh_hold(a, x->p[i]))
				continue;
			if (mh_drop(a, x->p[i]))
				abort();
			x->times++;
		}
	}
	return NULL;
}

/* Another thread holds a batch's messages meanwhile: what it holds stays held. */
static void batch_beside_holds(void **state)
{
	struct holding x = { .over = false };
	mh_chan *back = open_chan(a, "c", 1);
	void *q[CAPACITY];

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		x.p[i] = make(a, i);
	assert_int_equal(pthread_create(&x.t, NULL, hold_and_drop, &x), 0);
	for (unsigned round = 0; round < 4000; round++) {
		size_t sent = 0, got = 0;

		while (sent < CAPACITY) {
			size_t some = mh_chan_send_batch(out, x.p + sent,
							 CAPACITY - sent, -1);

			assert_true(some > 0);
			sent += some;
		}
		while (got < CAPACITY)
			got += mh_chan_recv_batch(back, q + got,
						  CAPACITY - got, -1);
		for (unsigned i = 0; i < CAPACITY; i++)
			assert_ptr_equal(q[i], x.p[i]);
	}
	st_rel(&x.over, true);
	pthread_join(x.t, NULL);
	for (unsigned i = 0; i < CAPACITY; i++) {
		assert_int_equal(mh_drop(a, x.p[i]), 0);
		assert_int_equal(mh_drop(a, x.p[i]), -1);
	}
	assert_int_equal(objects(), 0);
	mh_chan_close(back);
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
		uint64_t from = mono_ms();
		unsigned n = i % 3 + 1;

		for (unsigned k = 0; k < i % 7 * 2000; k++)
			cpu_relax();
		for (unsigned k = 0; k < n; k++)
			send(out, 1);
		sent += n;
		while (ld_acq(&woken) < sent)
			sched_yield();
		slow += mono_ms() - from > 1000;
	}
	assert_true(slow < 4);
	for (unsigned i = 0; i < PAIRS; i++)
		send(out, 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		pthread_join(r[i].t, NULL);
		mh_chan_close(r[i].c);
	}
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
		T(many_in_two_clients), T(many_clients),
		T(batch_beside_holds), T(sleepers_are_woken), T(fd_for_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
