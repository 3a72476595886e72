/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kept.c - runs that a thread keeps: made anew once others have freed them,
 * the oldest first, and never more of them than it may have.
 */
#include "tests/unit/held_test.h"

#define RUN	(64u << 10)
#define MIB	(1u << 20)

static const unsigned lives[] = { MH_SHARED, MH_HELD };

static char *made(unsigned life, size_t size)
{
	char *p = mh_alloc_flags(a, size, life);

	assert_non_null(p);
	memset(p, 1, size);
	return p;
}

/* By another process. */
static void gone(unsigned life, void *p)
{
	if (life == MH_SHARED) {
		mh_free(b, p);
		return;
	}
	assert_int_equal(mh_hold(b, p), 0);
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(mh_drop(b, p), 0);
}

static uint64_t word_of(const void *p)
{
	uint64_t off = (uint64_t)((const char *)p - a->arena);
	uint32_t id = ld_acq(&a->sg.pagemap[off >> PAGE_SHIFT]);

	return span_load(&a->sg, (span_id){ id });
}

static bool is_kept(const void *p)
{
	uint64_t w = word_of(p);

	return span_state(w) == SPAN_OWNED &&
	       party_eq(span_party(w), a->r->me);
}

/* As many on their way as there are; no span is moved, no list touched. */
static void a_stream(void **state)
{
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		char *p[8];
		uint64_t w[8];

		for (unsigned i = 0; i < 8; i++) {
			p[i] = made(lives[l], RUN);
			w[i] = word_of(p[i]);
			assert_true(is_kept(p[i]));
		}
		for (unsigned i = 0; i < 80; i++) {
			gone(lives[l], p[i % 8]);
			assert_ptr_equal(made(lives[l], RUN), p[i % 8]);
			assert_int_equal(word_of(p[i % 8]), w[i % 8]);
			clientrig_verify(cr);
		}
		for (unsigned i = 0; i < 8; i++)
			gone(lives[l], p[i]);
	}
}

/* One that lives long stands in nobody's way. */
static void beside_one_that_stays(void **state)
{
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		char *stays = made(lives[l], RUN), *p = made(lives[l], RUN);

		for (unsigned i = 0; i < 10; i++) {
			gone(lives[l], p);
			assert_ptr_equal(made(lives[l], RUN), p);
		}
		gone(lives[l], p);
		gone(lives[l], stays);
	}
}

/* Of one class only, and none where more than a page's alignment is asked for. */
static void of_its_class(void **state)
{
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		char *p = made(lives[l], RUN), *q, *r;

		gone(lives[l], p);
		q = made(lives[l], 3 * RUN);
		assert_ptr_not_equal(q, p);
		r = mh_alloc_flags(a, RUN, lives[l] | MH_ALIGN(21));
		assert_non_null(r);
		assert_ptr_not_equal(r, p);
		assert_int_equal((uintptr_t)r % (2u << 20), 0);
		assert_ptr_equal(made(lives[l], RUN), p);
		gone(lives[l], p);
		gone(lives[l], q);
		gone(lives[l], r);
	}
}

static void assert_passed(const void *p, uint32_t state)
{
	assert_int_equal(span_state(word_of(p)), state);
}

/* The oldest go, in use or not: 32 of them, or 2 MiB. */
static void no_more_than_it_may(void **state)
{
	char *p[KEPT_RUNS + 2];

	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		for (unsigned i = 0; i < KEPT_RUNS + 2; i++)
			p[i] = made(lives[l], 40000);
		assert_passed(p[0], SPAN_FULL);
		assert_passed(p[1], SPAN_FULL);
		for (unsigned i = 2; i < KEPT_RUNS + 2; i++)
			assert_true(is_kept(p[i]));
		gone(lives[l], p[2]);
		p[2] = made(lives[l], MIB);
		assert_true(is_kept(p[2]));
		for (unsigned i = 0; i < KEPT_RUNS + 2; i++)
			gone(lives[l], p[i]);
		for (unsigned i = 0; i < 3; i++)
			p[i] = made(lives[l], MIB);
		assert_passed(p[0], SPAN_FULL);
		assert_true(is_kept(p[1]) && is_kept(p[2]));
		p[3] = made(lives[l], 3 * MIB);		/* of no class */
		assert_passed(p[3], SPAN_FULL);
		for (unsigned i = 0; i < 4; i++)
			gone(lives[l], p[i]);
		clientrig_verify(cr);
	}
}

/* What is free in its hands is the heap's after a trim, what is in use anybody's. */
static void trimmed(void **state)
{
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		char *p = made(lives[l], RUN), *q = made(lives[l], RUN);

		gone(lives[l], q);
		assert_true(is_kept(q));
		assert_int_equal(mh_trim(a), 0);
		assert_passed(p, SPAN_FULL);
		assert_false(is_kept(q));
		gone(lives[l], p);
		assert_int_not_equal(span_state(word_of(p)), SPAN_FULL);
		clientrig_verify(cr);
	}
}

static void *two_made(void *arg)
{
	char **p = arg;

	p[0] = made(MH_SHARED, RUN);
	p[1] = made(MH_HELD, RUN);
	return NULL;
}

static void of_a_thread_that_ends(void **state)
{
	pthread_t t;
	char *p[2];

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, two_made, p), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	for (unsigned l = 0; l < 2; l++) {
		assert_passed(p[l], SPAN_FULL);
		gone(lives[l], p[l]);
	}
}

/* What others hold of a process that dies lives on. */
static void of_a_process_that_dies(void **state)
{
	mh_heap *c = clientrig_attach(cr, 0);
	char *p, *q;

	(void)state;
	p = mh_alloc_flags(c, RUN, MH_SHARED);
	q = mh_alloc_flags(c, RUN, MH_HELD);
	assert_non_null(p);
	assert_int_equal(mh_hold(b, q), 0);
	memset(p, 5, RUN);
	memset(q, 6, RUN);
	clientrig_kill(cr, c);
	clientrig_verify(cr);
	assert_passed(p, SPAN_FULL);
	assert_passed(q, SPAN_FULL);
	assert_int_equal(p[RUN - 1], 5);
	assert_int_equal(q[RUN - 1], 6);
	mh_free(b, p);
	assert_int_equal(mh_drop(b, q), 0);
}

static void not_in_a_checked_heap(void **state)
{
	mh_heap *c = clientrig_attach(cr, MH_CHECKED);
	char *p = mh_alloc_flags(c, RUN, MH_SHARED);

	(void)state;
	assert_passed(p, SPAN_FULL);
	mh_free(c, p);
	clientrig_kill(cr, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(beside_one_that_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(of_its_class, setup, teardown),
		cmocka_unit_test_setup_teardown(no_more_than_it_may, setup,
						teardown),
		cmocka_unit_test_setup_teardown(trimmed, setup, teardown),
		cmocka_unit_test_setup_teardown(of_a_thread_that_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(of_a_process_that_dies, setup,
						teardown),
		cmocka_unit_test_setup_teardown(not_in_a_checked_heap, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
