/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_held.c - held objects by two clients of one heap: who holds them, names
 * that do, and what is refused.  (Deaths are in test_held_recover.c, kills in
 * tests/crash.)
 */
#include <sys/single_threaded.h>

#include "tests/unit/held_test.h"

#define MANY	3000u

static const size_t sizes[] = { 1, 64, 1000, 32768, 65536, 3u << 20 };

static uint64_t bytes(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.held_bytes;
}

static void one_holder(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = make(a, sizes[i]);

		memset(p, 1, sizes[i]);
		assert_true(mh_usable_size(a, p) >= sizes[i]);
		assert_true(mh_usable_size(a, p) >= 64);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_int_equal(objects(), 1);
		assert_int_equal(bytes(), mh_usable_size(a, p));
		assert_ptr_equal(mh_deref(b, mh_handle_of(a, p)), p);
		assert_int_equal(mh_drop(a, p), 0);
		assert_int_equal(objects(), 0);
		refused(EINVAL, mh_drop(a, p));
		/* The daemon may have taken a large one's span back already. */
		assert_int_equal(mh_hold(b, p), -1);
		assert_true(errno == ESTALE ||
			    (errno == EINVAL && sizes[i] > 32768));
	}
}

static void counted_in_a_process(void **state)
{
	void *p = make(a, 100);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(mh_hold(a, p), 0);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(objects(), 1);
		assert_int_equal(mh_drop(a, p), 0);
	}
	assert_int_equal(objects(), 0);
	refused(EINVAL, mh_drop(a, p));
}

static void two_holders(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = make(a, sizes[i]);

		refused(EINVAL, mh_drop(b, p));
		assert_int_equal(mh_hold(b, p), 0);
		assert_int_equal(mh_drop(a, p), 0);
		assert_int_equal(objects(), 1);
		refused(EINVAL, mh_drop(a, p));
		assert_int_equal(mh_hold(a, p), 0);
		assert_int_equal(mh_drop(b, p), 0);
		assert_int_equal(mh_drop(a, p), 0);
		assert_int_equal(objects(), 0);
	}
}

/* What others drop last comes back to its owner, who hands it out again. */
static void slots_go_round(void **state)
{
	void *p[MANY];
	uint64_t spans = 0;
	struct mh_stats s;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			p[i] = make(a, 256);
			assert_int_equal(mh_hold(b, p[i]), 0);
			assert_int_equal(mh_drop(a, p[i]), 0);
		}
		assert_int_equal(objects(), MANY);
		for (unsigned i = 0; i < MANY; i++)
			assert_int_equal(mh_drop(b, p[i]), 0);
		assert_int_equal(objects(), 0);
		assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
		if (!round)
			spans = s.spans;
		else
			assert_true(s.spans <= 4 * spans);
	}
	assert_int_equal(mh_trim(a), 0);
	assert_int_equal(mh_trim(b), 0);
	assert_int_equal(mh_trim(a), 0);
}

/* Counts of a span whose id was one of fewer slots before. */
static void ids_used_anew(void **state)
{
	void *p[20];

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		p[0] = make(b, round % 2 ? 5000 : 100000);
		assert_int_equal(mh_hold(a, p[0]), 0);
		assert_int_equal(mh_drop(a, p[0]), 0);
		assert_int_equal(mh_drop(b, p[0]), 0);
		assert_int_equal(mh_trim(b), 0);
		for (unsigned i = 0; i < 20; i++) {
			p[i] = make(b, round % 2 ? 64 : 1000);
			assert_int_equal(mh_hold(a, p[i]), 0);
		}
		for (unsigned i = 0; i < 20; i++) {
			assert_int_equal(mh_drop(a, p[i]), 0);
			assert_int_equal(mh_drop(b, p[i]), 0);
		}
		assert_int_equal(mh_trim(b), 0);
	}
}

/* What a thread looked at last was at this address, in a span of the past. */
static void address_used_anew(void **state)
{
	static const size_t of[] = { 64, 1000, 5000, 200 };
	char *last = NULL;
	unsigned same = 0;

	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		char *p = make(a, of[round % 4]);

		same += p == last;
		memset(p, (int)round, of[round % 4]);
		assert_int_equal(mh_hold(b, p), 0);	/* b's look was the last */
		assert_int_equal(mh_drop(a, p), 0);
		refused(EINVAL, mh_drop(a, p));
		assert_int_equal(objects(), 1);
		clientrig_verify(cr);
		assert_int_equal(mh_drop(b, p), 0);
		assert_int_equal(mh_trim(a), 0);
		assert_int_equal(mh_trim(b), 0);
		last = p;
	}
	assert_true(same > 8);
}

/* As in a process with one thread: the daemon's is kept out. */
static int quickly(int (*call)(mh_heap *h, void *p), void *p)
{
	char was = __libc_single_threaded;
	int r;

	clientrig_pause(cr);
	__libc_single_threaded = 1;
	r = call(b, p);
	__libc_single_threaded = was;
	clientrig_resume(cr);
	return r;
}

/* What the short way knows is of that object, its span and the time since b joined. */
static void short_way(void **state)
{
	_Atomic uint32_t none = 0;
	void *p = make(a, 64), *q = make(a, 64);

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		assert_int_equal(quickly(mh_hold, p), 0);
		assert_int_equal(quickly(mh_drop, p), 0);
		assert_ptr_equal(tls.quick.p, p);
		tls.quick.n = &none;		/* would count there */
		tls.quick.gen2 += round == 0 ? 2 : 0;
		tls.quick.joined -= round == 1;
		tls.quick.p = round == 2 ? q : p;
		if (round == 3)
			break;
		assert_int_equal(quickly(mh_hold, p), 0);
		assert_int_equal(none, 0);
		assert_int_equal(quickly(mh_drop, p), 0);
		assert_int_equal(none, 0);
		refused(EINVAL, quickly(mh_drop, p));
	}
	assert_int_equal(quickly(mh_hold, p), 0);	/* and it does */
	assert_int_equal(none, 1);
	assert_int_equal(quickly(mh_drop, p), 0);
	assert_int_equal(none, 0);
	assert_int_equal(mh_drop(a, q), 0);
	assert_int_equal(mh_drop(a, p), 0);
	refused(ESTALE, quickly(mh_hold, p));
	assert_int_equal(objects(), 0);
}

/* Who only receives and drops takes no slow path: it is counted all the same. */
static void drops_are_counted(void **state)
{
	_Atomic uint64_t *n = &a->sg.slots[b->r->me.slot].remote_frees;
	void *p[3], *q;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		p[i] = make(a, 64);
		assert_int_equal(mh_hold(b, p[i]), 0);
		assert_int_equal(mh_drop(a, p[i]), 0);
	}
	q = make(b, 1000);		/* the thread's heap is b from here on */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(mh_drop(b, p[i]), 0);
		assert_int_equal(ld_rlx(n), i + 1);
	}
	assert_int_equal(mh_drop(b, q), 0);
}

static void random_walk(void **state)
{
	enum { N = 500 };
	static struct { char *p; unsigned n[2]; } t[N];
	mh_heap *h[2] = { a, b };
	unsigned seed = 7;

	(void)state;
	memset(t, 0, sizeof(t));
	for (unsigned i = 0; i < 200000; i++) {
		unsigned k, w;

		seed = seed * 1103515245 + 12345;
		k = seed / 65536 % N;
		w = seed >> 8 & 1;
		if (!t[k].p) {
			t[k].p = make(h[w], 64 + k * 4);
			t[k].n[w] = 1;
			*(unsigned *)t[k].p = k;
			continue;
		}
		assert_int_equal(*(unsigned *)t[k].p, k);
		if (seed >> 9 & 1) {
			assert_int_equal(mh_hold(h[w], t[k].p), 0);
			t[k].n[w]++;
		} else if (t[k].n[w]) {
			assert_int_equal(mh_drop(h[w], t[k].p), 0);
			if (!--t[k].n[w] && !t[k].n[!w])
				t[k].p = NULL;
		} else {
			refused(EINVAL, mh_drop(h[w], t[k].p));
		}
	}
	clientrig_verify(cr);
}

static int found;

static int note(mh_heap *h, const void *p, int err, const char *text)
{
	(void)h;
	(void)p;
	(void)text;
	found = err;
	return 0;
}

static void not_to_be_freed(void **state)
{
	(void)state;
	mh_set_error_hook(note);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = make(a, sizes[i]);
		mh_heap *h[2] = { a, b };

		for (unsigned k = 0; k < 2; k++) {
			found = 0;
			mh_free(h[k], p);
			assert_int_equal(found, EINVAL);
			refused(EINVAL, mh_try_free(h[k], p));
			refused(EINVAL, mh_share(h[k], p));
			assert_null(mh_realloc(h[k], p, 8u << 20));
			assert_int_equal(errno, EINVAL);
			assert_ptr_equal(mh_realloc(h[k], p, 1), p);
			refused(EINVAL, mh_drop(h[k], p + 16));
		}
		assert_int_equal(mh_drop(a, p), 0);
	}
	mh_set_error_hook(NULL);
}

static void not_held(void **state)
{
	void *o = mh_alloc(a, 64), *s = mh_alloc_shared(a, 64);
	int here;

	(void)state;
	refused(EINVAL, mh_hold(a, o));
	refused(EINVAL, mh_hold(b, s));
	refused(EINVAL, mh_drop(b, s));
	refused(EINVAL, mh_hold(a, NULL));
	refused(EINVAL, mh_hold(a, &here));
	assert_null(mh_alloc_flags(a, 64, MH_HELD | MH_SHARED));
	assert_int_equal(errno, EINVAL);
	mh_free(a, o);
	mh_free(a, s);
}

static void names_hold(void **state)
{
	char *p = make(a, 200), *q = make(a, 200);

	(void)state;
	assert_int_equal(mh_name_set(a, "p", p), 0);
	assert_int_equal(mh_name_set(a, "p", p), 0);
	refused(EBUSY, mh_name_set(b, "other", p));
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 2);
	assert_ptr_equal(mh_name_get(b, "p"), p);
	assert_int_equal(mh_name_set(a, "p", q), 0);	/* replaces */
	assert_int_equal(objects(), 2);
	clientrig_verify(cr);
	assert_int_equal(mh_drop(b, p), 0);
	assert_int_equal(objects(), 1);
	assert_ptr_equal(mh_name_get(b, "p"), q);
	assert_int_equal(mh_name_remove(b, "p"), 0);
	assert_int_equal(mh_drop(a, q), 0);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_drop(b, q), 0);
	assert_int_equal(objects(), 0);
	assert_null(mh_name_get(b, "p"));
	assert_int_equal(errno, ENOENT);
	refused(ESTALE, mh_name_set(a, "q", q));
}

/* One name, objects of each lifetime in turn. */
static void names_of_all_lifetimes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		void *s = mh_alloc_shared(a, 64), *h = make(a, 64);

		assert_int_equal(mh_name_set(a, "n", s), 0);
		assert_ptr_equal(mh_name_get(b, "n"), s);
		assert_int_equal(mh_name_set(a, "n", h), 0);
		assert_int_equal(mh_drop(a, h), 0);
		assert_ptr_equal(mh_name_get(b, "n"), h);
		clientrig_verify(cr);
		assert_int_equal(mh_drop(b, h), 0);
		assert_int_equal(objects(), 1);
		mh_free(b, s);
		if (i % 3 == 2)
			assert_int_equal(mh_name_remove(b, "n"), 0);
	}
}

static void full_of_names(void **state)
{
	char name[8];
	void *p;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "%u", i);
		p = make(a, 64);
		assert_int_equal(mh_name_set(a, name, p), 0);
		assert_int_equal(mh_drop(a, p), 0);
	}
	p = make(a, 64);
	refused(ENOSPC, mh_name_set(a, "one more", p));
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 16);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(mh_name_remove(a, name), 0);
	}
	assert_int_equal(objects(), 0);
}

static void read_only(void **state)
{
	mh_heap *ro = clientrig_attach(cr, MH_READONLY);
	void *p = make(a, 64);

	(void)state;
	assert_null(mh_alloc_flags(ro, 64, MH_HELD));
	assert_int_equal(errno, EROFS);
	assert_null(mh_alloc_flags(ro, 1u << 20, MH_HELD));
	assert_int_equal(errno, EROFS);
	assert_int_equal(mh_hold(ro, p), 0);
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_name_set(ro, "r", p), 0);
	assert_ptr_equal(mh_name_get(ro, "r"), p);
	assert_int_equal(mh_name_remove(ro, "r"), 0);
	assert_int_equal(mh_drop(ro, p), 0);
	assert_int_equal(objects(), 1);
	assert_int_equal(mh_drop(ro, p), 0);
	assert_int_equal(objects(), 0);
	clientrig_kill(cr, ro);
}

static void checked(void **state)
{
	mh_heap *c = clientrig_attach(cr, MH_CHECKED);
	void *p[100];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++)
			p[i] = make(c, 64);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(mh_drop(c, p[i]), 0);
		assert_int_equal(objects(), 0);
	}
	clientrig_kill(cr, c);
}

/* A signal handler that interrupts a change of a count. */
static void interrupted(void **state)
{
	void *p = make(a, 64);

	(void)state;
	tls.counting = true;
	refused(EDEADLK, mh_hold(a, p));
	refused(EDEADLK, mh_drop(a, p));
	assert_null(mh_alloc_flags(a, 64, MH_HELD));
	assert_int_equal(errno, EDEADLK);
	tls.counting = false;
	assert_int_equal(mh_drop(a, p), 0);
}

int main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_holder), T(counted_in_a_process), T(two_holders),
		T(slots_go_round), T(ids_used_anew),
		T(address_used_anew), T(short_way),
		T(drops_are_counted),
		T(random_walk),
		T(not_to_be_freed), T(not_held), T(names_hold),
		T(names_of_all_lifetimes), T(full_of_names), T(read_only),
		T(checked), T(interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
