/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_wait.c - wakes that must not get lost, one by one: who wakes nobody takes
 * the futex's bit down, by which it is seen that somebody has tried.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/asleep.h"
#include "tests/unit/chan_test.h"

struct sleeper {
	pthread_t t;
	mh_chan *c;
	void *p;
	_Atomic int tid;
	int err;
};

static void *send_one(void *arg)
{
	struct sleeper *s = arg;

	st_rel(&s->tid, (int)syscall(SYS_gettid));
	s->err = mh_chan_send(s->c, s->p, -1) ? errno : 0;
	return NULL;
}

static void *recv_one(void *arg)
{
	struct sleeper *s = arg;

	st_rel(&s->tid, (int)syscall(SYS_gettid));
	s->p = mh_chan_recv(s->c, -1);
	return NULL;
}

static void start(struct sleeper *s, void *(*f)(void *))
{
	assert_int_equal(pthread_create(&s->t, NULL, f, s), 0);
	while (!ld_acq(&s->tid) || !is_asleep(s->tid))
		sched_yield();
}

static bool may_sleep(_Atomic uint32_t *word)
{
	return ld_sc(word) & CHAN_MAY_SLEEP;
}

/* As a receiver does it, but that he wakes nobody. */
static void empty(const struct chan_msg *m)
{
	clientrig_pause(cr);
	held_unqueue(&cr->r->h, m->handle, &out->ch, m->seq);
	clientrig_resume(cr);
	place_emptied(m->p);
}

static struct chan_msg claim(void)
{
	struct chan_msg m;

	assert_true(chan_next(&in->ch, &m));
	assert_true(place_claim(&in->ch, m.p, m.seq, b->r->me.slot));
	return m;
}

/* All places FULL, and the next two positions' ones are EMPTY for later ones. */
static void fill_past_two(void)
{
	struct chan_msg m[2];

	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	m[0] = claim();
	m[1] = claim();
	expect(in, 2);
	send(out, CAPACITY);		/* past both */
	empty(&m[0]);
	empty(&m[1]);
}

static void expect_up_to(unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++)
		expect(in, i);
	nothing(in, ETIMEDOUT);
}

/*
 * A place that was passed over is EMPTY, and nobody could use it.  Who fills the last
 * position before it wakes one for it.
 */
static void woken_for_a_place_passed_over(void **state)
{
	struct sleeper s = { .c = out };
	struct chan_msg m;

	(void)state;
	fill_past_two();
	for (unsigned i = 3; i < CAPACITY - 1; i++) {
		m = claim();
		empty(&m);
		send(out, i + CAPACITY);
	}
	s.p = make(a, 100);
	start(&s, send_one);		/* the last of the round is FULL */
	assert_true(may_sleep(&out->ch.c->room));
	expect(in, CAPACITY - 1);	/* wakes one, not two */
	pthread_join(s.t, NULL);
	assert_int_equal(s.err, 0);
	assert_false(may_sleep(&out->ch.c->room));
	expect(in, CAPACITY);
	for (unsigned i = 3; i < CAPACITY - 1; i++)
		expect(in, i + CAPACITY);
	expect_up_to(100, 100);
	assert_int_equal(objects(), 0);
}

/* Who is woken and can't send any more leaves the room to another. */
static void woken_in_vain(void **state)
{
	mh_chan *other = open_chan(b, "d", 2);
	struct sleeper s = { .c = out, .p = make(a, 1) };

	(void)state;
	assert_int_equal(mh_hold(b, s.p), 0);
	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	start(&s, send_one);
	assert_int_equal(mh_chan_send(other, s.p, 0), 0);
	expect(in, 0);			/* wakes him */
	pthread_join(s.t, NULL);
	assert_int_equal(s.err, EBUSY);
	assert_false(may_sleep(&out->ch.c->room));
	expect_up_to(1, CAPACITY - 1);
	expect(other, 1);
	assert_int_equal(mh_drop(a, s.p), 0);
	mh_chan_close(other);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
	assert_int_equal(objects(), 0);
}

static enum { NOT_YET, IN_TIME, LATE } woken;

static void look_at_phase(void *arg, _Atomic uint32_t *word)
{
	(void)arg;
	(void)word;
	if (woken != LATE)
		woken = chan_phase(&out->ch) == CHAN_REMOVING ? IN_TIME : LATE;
}

/* Before the removal is done: the next daemon does it again if this one dies. */
static void removal_wakes_first(void **state)
{
	void (*was)(void *, _Atomic uint32_t *) = cr->r->h.io.wake;
	int r;

	(void)state;
	woken = NOT_YET;
	clientrig_pause(cr);
	cr->r->h.io.wake = look_at_phase;
	r = chan_remove(&cr->r->h, "c");
	cr->r->h.io.wake = was;
	clientrig_resume(cr);
	assert_int_equal(r, 0);
	assert_int_equal(woken, IN_TIME);
}

static void *send_batch(void *arg)
{
	struct sleeper *s = arg;
	void *p[2] = { make(a, 1), s->p };
	size_t sent;

	st_rel(&s->tid, (int)syscall(SYS_gettid));
	sent = mh_chan_send_batch(s->c, p, 2, -1);
	/* It waits for the first only; at the end of a turn that may be all. */
	if (sent == 1)
		sent += mh_chan_send_batch(s->c, p + 1, 1, -1);
	s->err = sent == 2 ? 0 : errno;
	return NULL;
}

/* Of a batch that waited the ages are those of the messages, not of the call. */
static void ages_after_a_wait(void **state)
{
	struct sleeper s = { .c = out, .p = make(a, 2) };
	uint64_t from, asleep = mono_ms();
	struct chan_sum sum;

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	start(&s, send_batch);
	while (mono_ms() - asleep < 200)
		sched_yield();
	from = mono_ms();
	for (unsigned i = 0; i < CAPACITY - 1; i++) {
		struct chan_msg m = claim();

		empty(&m);
	}
	expect(in, CAPACITY - 1);	/* wakes him: there is room for both */
	pthread_join(s.t, NULL);
	assert_int_equal(s.err, 0);
	sum = chan_sum(&in->ch);
	assert_int_equal(sum.full, 2);
	assert_true(sum.oldest_ms <= mono_ms() - from + 20);	/* a coarse clock */
	expect_up_to(1, 2);
	assert_int_equal(objects(), 0);
}

/*
 * A descriptor's thread, which has slept longer, is woken in place of a receiver: it wakes
 * him, too, or that would take a turn of two seconds.
 */
static void fd_beside_a_receiver(void **state)
{
	struct sleeper s = { .c = in };
	mh_chan *c = open_chan(a, "c", 1);
	int fd = mh_chan_fd(c);
	unsigned slow = 0;

	(void)state;
	assert_true(fd >= 0);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t from;

		s.tid = 0;
		start(&s, recv_one);
		from = mono_ms();
		send(out, i);
		pthread_join(s.t, NULL);
		slow += mono_ms() - from > 1000;
		assert_non_null(s.p);
		assert_int_equal(mh_drop(b, s.p), 0);
		while (readable(fd, 0))
			nothing(c, ETIMEDOUT);
	}
	assert_true(slow < 4);
	mh_chan_close(c);
}

/* Its handle is closed when it may have been woken: then he is woken as well. */
static void fd_closed_beside_a_receiver(void **state)
{
	struct sleeper s = { .c = in };
	unsigned slow = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		mh_chan *c = open_chan(a, "c", 1);
		uint64_t from;

		assert_true(mh_chan_fd(c) >= 0);
		s.tid = 0;
		start(&s, recv_one);
		from = mono_ms();
		send(out, i);
		mh_chan_close(c);
		pthread_join(s.t, NULL);
		slow += mono_ms() - from > 1000;
		assert_non_null(s.p);
		assert_int_equal(mh_drop(b, s.p), 0);
	}
	assert_true(slow < 2);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(woken_for_a_place_passed_over), T(woken_in_vain),
		T(removal_wakes_first), T(ages_after_a_wait),
		T(fd_beside_a_receiver), T(fd_closed_beside_a_receiver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
