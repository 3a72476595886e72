/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chan.c - channels by two clients of one heap: what goes in comes out, once
 * and in order; what is refused; removal.  (The order when somebody stands still is in
 * test_chan_order.c, kills are in tests/crash/scenes_chan.c and tests/multi/relay.c.)
 */
#include "tests/unit/chan_test.h"

static void places_are_spread(void **state)
{
	static bool used[SH_PLACES_MAX];

	(void)state;
	for (uint32_t n = 1; n <= SH_PLACES_MAX; n *= 2) {
		const struct chan_order o = chan_order(n);

		memset(used, 0, sizeof(used));
		for (uint64_t pos = 5ull * n; pos < 6ull * n; pos++) {
			uint64_t i = chan_index(&o, pos);

			assert_true(i < n && !used[i]);
			used[i] = true;
			assert_true(n < 16 ||
				    i / 4 != chan_index(&o, pos + 1) / 4);
		}
	}
}

/* More places than one line, and ages of places: all of them full. */
static void large(void **state)
{
	mh_chan *c = open_chan(a, "l", 64);
	struct chan_sum sum;

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		unsigned *p = make(a, 64);

		for (unsigned i = 0; i < 64; i++)
			send(c, i);
		refused(ETIMEDOUT, mh_chan_send(c, p, 0));
		sum = chan_sum(&c->ch);
		assert_int_equal(sum.full, 64);
		assert_true(sum.oldest_ms < 60000);
		clientrig_verify(cr);
		for (unsigned i = 0; i < 64; i++)
			expect(c, i);
		nothing(c, ETIMEDOUT);
		assert_int_equal(mh_drop(a, p), 0);
	}
	mh_chan_close(c);
	assert_int_equal(mh_chan_remove(a, "l"), 0);
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
		assert_int_equal(chan_sum(&out->ch).full, CAPACITY);
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
	assert_null(mh_chan_open(a, "d", 1, 4));
	assert_null(mh_chan_open(a, "d", 1, MH_EXCL | MH_EXISTING));
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
	d = mh_chan_open(b, "r", 0, MH_EXISTING);
	assert_non_null(d);
	assert_int_equal(mh_chan_close(d), 0);
	send(c, 1);
	send(c, 2);
	assert_int_equal(mh_chan_remove(b, "r"), 0);
	refused(EPIPE, mh_chan_send(c, p, 0));
	nothing(c, EPIPE);
	assert_null(mh_chan_open(b, "r", 4, MH_EXISTING));
	assert_int_equal(errno, ENOENT);
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

/* What is held more than once stays; what comes twice, or isn't held, ends it. */
static void batches_of_all_sorts(void **state)
{
	void *p[4], *q[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		p[i] = make(a, i);
	assert_int_equal(mh_hold(a, p[1]), 0);
	assert_int_equal(mh_hold(b, p[2]), 0);
	assert_int_equal(mh_chan_send_batch(out, p, 4, 0), 4);
	assert_int_equal(mh_chan_recv_batch(in, q, 4, 0), 4);
	assert_int_equal(mh_drop(b, p[2]), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_ptr_equal(q[i], p[i]);
		assert_int_equal(mh_drop(b, p[i]), 0);
	}
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_drop(a, p[1]), 0);
	assert_int_equal(mh_drop(a, p[1]), -1);
	p[0] = p[1] = make(a, 0);
	assert_int_equal(mh_chan_send_batch(out, p, 2, 0), 1);
	assert_int_equal(errno, EINVAL);
	expect(in, 0);
	p[0] = p[1] = make(a, 0);
	assert_int_equal(mh_hold(a, p[0]), 0);
	assert_int_equal(mh_chan_send_batch(out, p, 2, 0), 1);
	assert_int_equal(errno, EBUSY);
	expect(in, 0);
	assert_int_equal(mh_drop(a, p[0]), 0);
	assert_int_equal(objects(), 0);
}

/* More than one goes of. */
static void long_batch(void **state)
{
	mh_chan *to = open_chan(a, "long", 128), *from = open_chan(b, "long", 1);
	void *p[100], *q[100];

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 100; i++)
			p[i] = make(a, i);
		assert_int_equal(mh_chan_send_batch(to, p, 100, 0), 100);
		assert_int_equal(mh_chan_recv_batch(from, q, 100, 0), 100);
		for (unsigned i = 0; i < 100; i++) {
			assert_ptr_equal(q[i], p[i]);
			assert_int_equal(mh_drop(b, q[i]), 0);
		}
	}
	mh_chan_close(to);
	mh_chan_close(from);
	assert_int_equal(mh_chan_remove(a, "long"), 0);
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

/*
 * Both v and w hold p.  v has sent it, received it again, and stands still before
 * its place is empty; w, who had found the place empty before, is about to send p
 * there.
 */
struct rivals {
	mh_heap	 *v, *w;
	mh_chan	 *c;		/* v's */
	unsigned *p;
	struct chan_msg m;
};

static struct sh_holder *word_of(const void *p)
{
	struct held_at at = { 0 };

	assert_true(held_find(&a->sg, (uint64_t)((const char *)p - a->arena),
			      &at));
	return at.word;
}

static void set_word(const void *p, struct holders w)
{
	st_rlx(&word_of(p)->lo, w.lo);
	st_rlx(&word_of(p)->hi, w.hi);
}

static struct rivals rivals_new(void)
{
	struct rivals x = { .v = clientrig_attach(cr, 0),
			    .w = clientrig_attach(cr, 0) };

	x.c = open_chan(x.v, "c", 1);
	x.p = make(x.v, 1);
	assert_int_equal(mh_hold(x.w, x.p), 0);
	assert_int_equal(mh_hold(x.v, x.p), 0);	/* twice: one it keeps */
	assert_int_equal(mh_chan_send(x.c, x.p, 0), 0);
	assert_true(chan_next(&x.c->ch, &x.m));
	assert_true(place_claim(&x.c->ch, x.m.p, x.m.seq, x.v->r->me.slot));
	set_word(x.p, holders_queued(my_bit(x.v), &x.c->ch, place_pos(x.m.seq),
				     x.w->r->me.slot));
	return x;
}

static void receiver_dies_while_another_sends_the_same(void **state)
{
	struct rivals x = rivals_new();
	struct holders w;

	(void)state;
	mh_chan_close(x.c);
	clientrig_kill(cr, x.v);
	w = holders_read(word_of(x.p));
	assert_true(holders_queue(w) && holders_none(w));
	assert_int_equal(holders_mover(w), x.w->r->me.slot);
	set_word(x.p, my_bit(x.w));		/* not to that place */
	clientrig_verify(cr);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_drop(x.w, x.p), 0);
	assert_int_equal(objects(), 0);
	clientrig_kill(cr, x.w);
}

static void sender_dies_while_another_receives_the_same(void **state)
{
	struct rivals x = rivals_new();
	struct holders w;

	(void)state;
	clientrig_kill(cr, x.w);
	w = holders_read(word_of(x.p));
	assert_int_equal(holders_tag(w), TAG_NO);
	assert_true(holders_has(w, my_bit(x.v)));
	place_emptied(x.m.p);
	assert_int_equal(mh_drop(x.v, x.p), 0);
	assert_int_equal(objects(), 0);
	mh_chan_close(x.c);
	clientrig_kill(cr, x.v);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(places_are_spread), T(large), T(one_by_one),
		T(full_and_empty), T(is_handed_over), T(named_and_sent),
		T(what_is_refused), T(all_in_use), T(removed),
		T(batches), T(batches_of_all_sorts), T(long_batch),
		T(read_only),
		T(receiver_dies_while_another_sends_the_same),
		T(sender_dies_while_another_receives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
