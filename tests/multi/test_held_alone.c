/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_held_alone.c - hold and drop in processes with one thread, which go the
 * short way (hold.c); all that runs beside a rig's daemon has two.
 */
#include <signal.h>
#include <sys/single_threaded.h>

#include "tests/multi/public.h"

#define SLOTS	100

static mh_heap *alone(void)
{
	mh_heap *h = attach(MH_START);

	assert_non_null(h);
	assert_true(__libc_single_threaded);
	return h;
}

static void refused(int r, int err)
{
	assert_int_equal(r, -1);
	assert_int_equal(errno, err);
}

static void counts(void **state)
{
	mh_heap *h = alone();
	void *p = mh_alloc_flags(h, 64, MH_HELD);

	(void)state;
	assert_non_null(p);
	assert_int_equal(mh_name_set(h, "kept", p), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(mh_drop(h, p), 0);
		refused(mh_drop(h, p), EINVAL);
		assert_int_equal(mh_hold(h, p), 0);
		assert_int_equal(mh_hold(h, p), 0);
		assert_int_equal(mh_drop(h, p), 0);
	}
	assert_int_equal(stats(h).held_objects, 1);
	assert_int_equal(mh_name_remove(h, "kept"), 0);
	assert_int_equal(stats(h).held_objects, 1);
	assert_int_equal(mh_drop(h, p), 0);
	assert_int_equal(stats(h).held_objects, 0);
	assert_int_equal(mh_detach(h), 0);
}

/* It was looked at last, and its slot is nobody's now. */
static void gone(void **state)
{
	mh_heap *h = alone();
	void *stays = mh_alloc_flags(h, 64, MH_HELD);
	void *p = mh_alloc_flags(h, 64, MH_HELD);

	(void)state;
	assert_int_equal(mh_hold(h, p), 0);
	assert_int_equal(mh_drop(h, p), 0);
	assert_int_equal(mh_drop(h, p), 0);
	refused(mh_hold(h, p), ESTALE);
	refused(mh_drop(h, p), EINVAL);
	assert_int_equal(mh_hold(h, stays), 0);
	assert_int_equal(mh_drop(h, stays), 0);
	assert_int_equal(mh_drop(h, stays), 0);
	assert_int_equal(stats(h).held_objects, 0);
	assert_int_equal(mh_detach(h), 0);
}

/* Slots of one span, and of others, by turns. */
static void many(void **state)
{
	static const size_t sizes[] = { 64, 1000, 200000 };
	mh_heap *h = alone();
	char *p[SLOTS];

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		p[i] = mh_alloc_flags(h, sizes[i % 3], MH_HELD);
		assert_non_null(p[i]);
		*p[i] = (char)i;
	}
	for (int step = 1; step < SLOTS; step++) {
		for (int i = step; i < SLOTS; i += step)
			assert_int_equal(mh_hold(h, p[i]), 0);
		for (int i = step; i < SLOTS; i += step)
			assert_int_equal(mh_drop(h, p[i]), 0);
	}
	assert_int_equal(stats(h).held_objects, SLOTS);
	for (int i = 0; i < SLOTS; i++) {
		assert_int_equal(*p[i], i);
		assert_int_equal(mh_drop(h, p[i]), 0);
	}
	assert_int_equal(stats(h).held_objects, 0);
	assert_int_equal(mh_detach(h), 0);
}

struct shared {
	mh_heap *h;
	void	*p, *beside;
};

/* What the parent looked at last is in the child's memory, its counts aren't. */
static int child_holds(void *arg)
{
	struct shared *x = arg;

	CHECK(mh_drop(x->h, x->p) == -1 && errno == EINVAL);
	for (int i = 0; i < 3; i++) {
		CHECK(!mh_hold(x->h, x->p));
		CHECK(!mh_hold(x->h, x->beside));
		CHECK(!mh_drop(x->h, x->p));
		CHECK(mh_drop(x->h, x->p) == -1 && errno == EINVAL);
		CHECK(!mh_drop(x->h, x->beside));
	}
	CHECK(!mh_hold(x->h, x->p));
	return 0;	/* and dies holding it */
}

static void forks(void **state)
{
	struct shared x = { .h = alone() };

	(void)state;
	x.beside = mh_alloc_flags(x.h, 64, MH_HELD);
	x.p = mh_alloc_flags(x.h, 64, MH_HELD);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(mh_hold(x.h, x.p), 0);
		assert_int_equal(mh_drop(x.h, x.p), 0);
		assert_int_equal(in_child(child_holds, &x), 0);
		wait_clients(x.h, 1);
		assert_int_equal(stats(x.h).held_objects, 2);
	}
	assert_int_equal(mh_drop(x.h, x.p), 0);
	assert_int_equal(mh_drop(x.h, x.beside), 0);
	assert_int_equal(stats(x.h).held_objects, 0);
	assert_int_equal(mh_detach(x.h), 0);
}

/* Another attach of the same heap at the same addresses. */
static void attached_again(void **state)
{
	mh_heap *keep = alone();
	void *p = mh_alloc_flags(keep, 64, MH_HELD);
	mh_heap *h;

	(void)state;
	assert_int_equal(mh_hold(keep, p), 0);
	assert_int_equal(mh_drop(keep, p), 0);
	assert_int_equal(mh_detach(keep), 0);
	refused(mh_hold(keep, p), EINVAL);
	h = alone();
	refused(mh_drop(h, p), EINVAL);
	assert_int_equal(mh_detach(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(gone),
		cmocka_unit_test(many),
		cmocka_unit_test(forks),
		cmocka_unit_test(attached_again),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
