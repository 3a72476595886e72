/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_order.c - somebody stands still at a place, or hints are old: what goes on
 * all the same, in which order, and that nothing is left behind.
 */
#include "tests/unit/chan_test.h"

/* Of a full channel b is taking the first message; how its place was. */
static struct chan_msg stand_still(void)
{
	struct chan_msg m;

	for (unsigned i = 0; i < CAPACITY; i++)
		send(out, i);
	assert_true(chan_next(&out->ch, &m));
	assert_true(place_claim(&out->ch, m.p, m.seq, b->r->me.slot));
	return m;
}

/* The message that was being taken is out of the channel, its place free. */
static void go_on(const struct chan_msg *m)
{
	clientrig_pause(cr);
	held_unqueue(&cr->r->h, m->handle, &out->ch, m->seq);
	clientrig_resume(cr);
	place_emptied(m->p);
}

/* A receiver stands still with a place that it is taking. */
static void passed_over(void **state)
{
	struct chan_msg m = stand_still();

	(void)state;
	for (unsigned i = 1; i < 100; i++) {
		expect(in, i);
		send(out, i + CAPACITY - 1);
	}
	/* It goes on: its message is out of the channel, its place free. */
	for (unsigned i = 100; i < 100 + CAPACITY - 1; i++)
		expect(in, i);
	nothing(in, ETIMEDOUT);
	go_on(&m);
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

/* He goes on before others come to what they passed over. */
static void passed_over_and_left(void **state)
{
	struct chan_msg m = stand_still();

	(void)state;
	for (unsigned i = 1; i < 4; i++)
		expect(in, i);
	for (unsigned i = CAPACITY; i < CAPACITY + 3; i++)
		send(out, i);		/* the first place is passed over */
	go_on(&m);
	for (unsigned i = 4; i < CAPACITY + 3; i++)
		expect(in, i);
	nothing(in, ETIMEDOUT);
	for (unsigned i = 0; i < 3 * CAPACITY; i++) {
		send(out, i);
		expect(in, i);
	}
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

/* As stand_still(), and the first of the next round was sent beyond that place. */
static struct chan_msg pass_over(void)
{
	struct chan_msg m = stand_still();

	expect(in, 1);
	expect(in, 2);
	send(out, CAPACITY);
	return m;
}

/* The tail as another sender has read it before that. */
static uint64_t old_tail(const struct chan_msg *m)
{
	return place_pos(m->seq) + CAPACITY;
}

/* Nobody fills a position that receivers have gone past. */
static void order_of_a_late_sender(void **state)
{
	mh_heap *late = clientrig_attach(cr, 0);
	mh_chan *c = open_chan(late, "c", 1);
	struct chan_msg m = pass_over();
	_Atomic uint64_t *tail = &out->ch.c->tail;
	uint64_t now = ld_rlx(tail);

	(void)state;
	for (unsigned i = 3; i <= CAPACITY; i++)
		expect(in, i);
	go_on(&m);
	st_rlx(tail, old_tail(&m));
	send(c, 100);
	if (ld_rlx(tail) < now)
		st_rlx(tail, now);
	send(c, 101);
	expect(in, 100);
	expect(in, 101);
	mh_chan_close(c);
	clientrig_kill(cr, late);
	assert_int_equal(objects(), 0);
}

/* A message is found though no hint says that anything is there. */
static void behind_a_place_passed_over(void **state)
{
	struct chan_msg m;

	(void)state;
	m = pass_over();
	for (unsigned i = 3; i < CAPACITY; i++)
		expect(in, i);
	go_on(&m);
	st_rlx(&out->ch.c->tail, old_tail(&m));
	expect(in, CAPACITY);
	nothing(in, ETIMEDOUT);
	assert_int_equal(objects(), 0);
}

/* Without room beyond nothing is passed over: the place is of use at once. */
static void no_room_beyond(void **state)
{
	struct chan_msg m = stand_still();
	unsigned *p = make(a, CAPACITY);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		refused(ETIMEDOUT, mh_chan_send(out, p, 0));
	go_on(&m);
	assert_int_equal(mh_chan_send(out, p, 0), 0);
	for (unsigned i = 1; i <= CAPACITY; i++)
		expect(in, i);
	assert_int_equal(objects(), 0);
}

/* All stand still: room is one's who goes on, each after another. */
static void all_stand_still(void **state)
{
	struct chan_msg m[CAPACITY];
	unsigned *p = make(a, 100);

	(void)state;
	m[0] = stand_still();
	for (unsigned i = 1; i < CAPACITY; i++) {
		assert_true(chan_next(&in->ch, &m[i]));
		assert_true(place_claim(&in->ch, m[i].p, m[i].seq,
					b->r->me.slot));
	}
	refused(ETIMEDOUT, mh_chan_send(out, p, 0));
	nothing(in, ETIMEDOUT);
	for (unsigned i = CAPACITY; i-- > 0;) {
		go_on(&m[i]);
		assert_int_equal(mh_chan_send(out, p, 0), 0);
		assert_ptr_equal(mh_chan_recv(in, 0), p);
		assert_int_equal(mh_hold(a, p), 0);
		assert_int_equal(mh_drop(b, p), 0);
	}
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 0);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(passed_over), T(passed_over_and_left), T(old_hints),
		T(order_of_a_late_sender), T(behind_a_place_passed_over),
		T(no_room_beyond), T(all_stand_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
