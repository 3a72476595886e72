/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kept.c - held runs that a thread keeps: made anew once they were freed, the
 * oldest first, what others freed not too soon, and never more than it may have.
 */
#include "tests/unit/held_test.h"

#define RUN	(64u << 10)
#define MIB	(1u << 20)
#define LINE	(KEPT_LINE / RUN)

static char *made(size_t size)
{
	char *p = make(a, size);

	memset(p, 1, size);
	return p;
}

/* By another process. */
static void gone(void *p)
{
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

/* As many on their way as make a line; no span is moved, no list touched. */
static void a_stream(void **state)
{
	uint64_t w[LINE];
	char *p[LINE];

	(void)state;
	for (unsigned i = 0; i < LINE; i++) {
		p[i] = made(RUN);
		w[i] = word_of(p[i]);
		assert_true(is_kept(p[i]));
	}
	for (unsigned i = 0; i < 5 * LINE; i++) {
		gone(p[i % LINE]);
		assert_ptr_equal(made(RUN), p[i % LINE]);
		assert_int_equal(word_of(p[i % LINE]), w[i % LINE]);
		clientrig_verify(cr);
	}
	for (unsigned i = 0; i < LINE; i++)
		gone(p[i]);
}

/* One on its way: it goes round by all of a line, however fast it is freed. */
static void not_too_soon(void **state)
{
	char *p[LINE];

	(void)state;
	for (unsigned i = 0; i < LINE; i++) {
		p[i] = made(RUN);
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(p[k], p[i]);
		gone(p[i]);
	}
	for (unsigned i = 0; i < 3 * LINE; i++) {
		assert_ptr_equal(made(RUN), p[i % LINE]);
		gone(p[i % LINE]);
	}
}

/* What this process lets go is made anew at once; one that stays is in nobody's way. */
static void alone(void **state)
{
	char *stays = made(RUN), *p = made(RUN);

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(mh_drop(a, p), 0);
		assert_ptr_equal(made(RUN), p);
	}
	assert_int_equal(mh_drop(a, p), 0);
	assert_int_equal(mh_drop(a, stays), 0);
}

/* Of one class only, and none where more than a page's alignment is asked for. */
static void of_its_class(void **state)
{
	char *p = made(RUN), *q, *r;

	(void)state;
	assert_int_equal(mh_drop(a, p), 0);
	q = made(3 * RUN);
	assert_ptr_not_equal(q, p);
	r = mh_alloc_flags(a, RUN, MH_HELD | MH_ALIGN(21));
	assert_non_null(r);
	assert_ptr_not_equal(r, p);
	assert_int_equal((uintptr_t)r % (2u << 20), 0);
	assert_ptr_equal(made(RUN), p);
	gone(p);
	gone(q);
	gone(r);
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
	for (unsigned i = 0; i < KEPT_RUNS + 2; i++)
		p[i] = made(40000);
	assert_passed(p[0], SPAN_FULL);
	assert_passed(p[1], SPAN_FULL);
	for (unsigned i = 2; i < KEPT_RUNS + 2; i++)
		assert_true(is_kept(p[i]));
	gone(p[2]);
	p[2] = made(MIB);
	assert_true(is_kept(p[2]));
	for (unsigned i = 0; i < KEPT_RUNS + 2; i++)
		gone(p[i]);
	for (unsigned i = 0; i < 3; i++)
		p[i] = made(MIB);
	assert_passed(p[0], SPAN_FULL);
	assert_true(is_kept(p[1]) && is_kept(p[2]));
	p[3] = made(3 * MIB);		/* of no class */
	assert_passed(p[3], SPAN_FULL);
	for (unsigned i = 0; i < 4; i++)
		gone(p[i]);
}

/* What is free in its hands is the heap's after a trim, what is in use anybody's. */
static void trimmed(void **state)
{
	char *p = made(RUN), *q = made(RUN);

	(void)state;
	gone(q);
	assert_true(is_kept(q));
	assert_int_equal(mh_trim(a), 0);
	assert_passed(p, SPAN_FULL);
	assert_false(is_kept(q));
	gone(p);
	assert_int_not_equal(span_state(word_of(p)), SPAN_FULL);
}

static void *make_one(void *arg)
{
	*(char **)arg = made(RUN);
	return NULL;
}

static void of_a_thread_that_ends(void **state)
{
	pthread_t t;
	char *p;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, make_one, &p), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_passed(p, SPAN_FULL);
	gone(p);
}

/* What others hold of a process that dies lives on. */
static void of_a_process_that_dies(void **state)
{
	mh_heap *c = clientrig_attach(cr, 0);
	char *p = make(c, RUN);

	(void)state;
	assert_int_equal(mh_hold(b, p), 0);
	memset(p, 6, RUN);
	clientrig_kill(cr, c);
	clientrig_verify(cr);
	assert_passed(p, SPAN_FULL);
	assert_int_equal(p[RUN - 1], 6);
	assert_int_equal(mh_drop(b, p), 0);
}

static void not_in_a_checked_heap(void **state)
{
	mh_heap *c = clientrig_attach(cr, MH_CHECKED);
	char *p = make(c, RUN);

	(void)state;
	assert_passed(p, SPAN_FULL);
	assert_int_equal(mh_drop(c, p), 0);
	clientrig_kill(cr, c);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stream), T(not_too_soon), T(alone), T(of_its_class),
		T(no_more_than_it_may), T(trimmed), T(of_a_thread_that_ends),
		T(of_a_process_that_dies), T(not_in_a_checked_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
