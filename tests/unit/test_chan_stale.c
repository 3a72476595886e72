/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan_stale.c - handles of channels that were removed, while their index is
 * used again.
 */
#include "tests/unit/chan_test.h"

/*
 * One was removed, and its index is another's: by its old handle nothing comes out of
 * that, and nothing goes in, also for who looked before and comes back now.
 */
static void removed_and_used_again(void **state)
{
	mh_chan *to, *from;
	struct chan_msg m = { .p = NULL };
	void *p = make(a, 7);

	(void)state;
	send(out, 1);
	assert_true(chan_next(&in->ch, &m));
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	to = open_chan(a, "d", CAPACITY / 2);
	from = open_chan(b, "d", 1);
	assert_int_equal(to->ch.index, out->ch.index);
	assert_false(place_claim(&in->ch, m.p, m.seq, 1));
	for (unsigned i = 0; i < CAPACITY / 2; i++) {
		send(to, i);
		nothing(in, EPIPE);
		refused(EPIPE, mh_chan_send(out, p, 0));
		assert_int_equal(mh_chan_send_batch(out, &p, 1, 0), 0);
		assert_int_equal(errno, EPIPE);
	}
	for (unsigned i = 0; i < CAPACITY / 2; i++)
		expect(from, i);
	/* Places that this one has not are beyond the positions of the past, too. */
	for (unsigned i = 0; i < CAPACITY; i++)
		assert_true(place_pos(ld_acq(&out->ch.places[i].seq)) >=
			    SH_PLACES_MAX);
	assert_int_equal(mh_drop(a, p), 0);
	mh_chan_close(to);
	mh_chan_close(from);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
}

/* Somebody fills a place of a removed one: its index is not another's meanwhile. */
static void filled_when_removed(void **state)
{
	void *p = make(a, 1);
	uint64_t pos = ld_rlx(&out->ch.c->tail);
	struct sh_place *place = chan_place(&out->ch, pos);
	mh_chan *other;

	(void)state;
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	assert_true(chan_fill(&out->ch, place, pos, mh_handle_of(a, p), 1, 0));
	other = open_chan(a, "d", CAPACITY);
	assert_int_not_equal(other->ch.index, out->ch.index);
	st_rel(&place->seq, place_empty(pos + CAPACITY));
	mh_chan_close(other);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
	assert_int_equal(mh_drop(a, p), 0);
}

/*
 * The index is another's, of another capacity, where a receiver stands still: who has the
 * old handle doesn't pass over that place.
 */
static void used_again_with(unsigned capacity)
{
	void *p = make(a, 1000);
	mh_chan *to, *from;
	struct chan_msg m = { .p = NULL };
	uint64_t seq;

	assert_int_equal(mh_chan_remove(a, "c"), 0);
	to = open_chan(a, "d", capacity);
	from = open_chan(b, "d", 1);
	assert_int_equal(to->ch.index, out->ch.index);
	for (unsigned i = 0; i < capacity; i++)
		send(to, i);
	assert_true(chan_next(&from->ch, &m));
	assert_true(place_claim(&from->ch, m.p, m.seq, b->r->me.slot));
	for (unsigned i = 1; i < capacity; i++)
		expect(from, i);
	/* By the old handle's capacity, too, the tail's place is that one. */
	for (unsigned i = 0; ld_rlx(&to->ch.c->tail) % CAPACITY; i++) {
		send(to, i);
		expect(from, i);
	}
	seq = ld_acq(&m.p->seq);
	refused(EPIPE, mh_chan_send(out, p, 0));
	assert_int_equal(ld_acq(&m.p->seq), seq);
	clientrig_pause(cr);
	held_unqueue(&cr->r->h, m.handle, &to->ch, m.seq);
	clientrig_resume(cr);
	place_emptied(m.p);
	for (unsigned i = 0; i < 3 * capacity; i++) {
		send(to, i);
		expect(from, i);
	}
	mh_chan_close(to);
	mh_chan_close(from);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
	assert_int_equal(mh_drop(a, p), 0);
}

static void used_again_by_a_smaller_one(void **state)
{
	(void)state;
	used_again_with(CAPACITY / 4);
}

static void used_again_by_a_larger_one(void **state)
{
	(void)state;
	used_again_with(CAPACITY * 2);
}

/* Removed and made again between the daemon's answer and the look at the index. */
static void index_of_another_name(void **state)
{
	struct chan ch;

	(void)state;
	assert_true(chan_view_named(&a->sg, out->ch.index, "c", &ch));
	assert_int_equal(mh_chan_remove(a, "c"), 0);
	assert_false(chan_view_named(&a->sg, out->ch.index, "c", &ch));
	mh_chan_close(out);
	out = open_chan(a, "d", CAPACITY);
	assert_int_equal(out->ch.index, in->ch.index);
	assert_false(chan_view_named(&a->sg, out->ch.index, "c", &ch));
	assert_int_equal(mh_chan_remove(a, "d"), 0);
}

/* The daemon was killed when it had raised the places for another capacity. */
static void raised_for_another_capacity(void **state)
{
	mh_chan *c = open_chan(a, "d", 64);
	const struct chan_order o = chan_order(16);
	struct chan ch = c->ch;

	(void)state;
	mh_chan_close(c);
	assert_int_equal(mh_chan_remove(a, "d"), 0);
	for (uint32_t k = 0; k < 5; k++)
		st_rel(&ch.places[chan_index(&o, k)].seq,
		       place_empty(SH_PLACES_MAX + k));
	clientrig_verify(cr);
}

#define SENDERS	2u
#define ROUNDS	1500u

static _Atomic bool over;

/* Through whatever channel has the name; one that is removed meanwhile says so. */
static void *send_on(void *arg)
{
	mh_heap *h = arg;

	while (!ld_acq(&over)) {
		mh_chan *c = mh_chan_open(h, "x", CAPACITY, 0);
		void *p = NULL;

		if (!c)
			abort();
		do {
			if (!p)
				p = mh_alloc_flags(h, 64, MH_HELD);
			if (mh_chan_send_batch(c, &p, 1, 0))
				p = NULL;
		} while (p ? errno == ETIMEDOUT && !ld_acq(&over) : true);
		if (mh_drop(h, p))
			abort();
		mh_chan_close(c);
	}
	return NULL;
}

static void *receive_on(void *arg)
{
	mh_heap *h = arg;

	while (!ld_acq(&over)) {
		mh_chan *c = mh_chan_open(h, "x", CAPACITY, 0);
		void *p;

		if (!c)
			abort();
		while ((p = mh_chan_recv(c, 0)) ||
		       (errno == ETIMEDOUT && !ld_acq(&over)))
			if (p && mh_drop(h, p))
				abort();
		mh_chan_close(c);
	}
	return NULL;
}

/* Channels come and go under those who use them: nothing stays behind. */
static void removals_beside_streams(void **state)
{
	pthread_t t[2 * SENDERS];

	(void)state;
	st_rel(&over, false);
	for (unsigned i = 0; i < 2 * SENDERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i < SENDERS ?
						send_on : receive_on,
						i % 2 ? a : b), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		while (mh_chan_remove(a, "x"))
			sched_yield();
	st_rel(&over, true);
	for (unsigned i = 0; i < 2 * SENDERS; i++)
		pthread_join(t[i], NULL);
	mh_chan_remove(a, "x");
	clientrig_verify(cr);
	assert_int_equal(objects(), 0);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(removed_and_used_again), T(filled_when_removed),
		T(used_again_by_a_smaller_one), T(used_again_by_a_larger_one),
		T(index_of_another_name), T(raised_for_another_capacity),
		T(removals_beside_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
