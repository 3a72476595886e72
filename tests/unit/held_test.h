/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held_test.h - two clients of one heap and their held objects: what test_held.c
 * and test_held_threads.c share.
 */
#ifndef TESTS_UNIT_HELD_TEST_H
#define TESTS_UNIT_HELD_TEST_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shm/held.h"
#include "tests/clientrig.h"

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 4,
				      .stripes = 2, .names = 16 };
static struct clientrig *cr;
static mh_heap *a, *b;

static inline int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	assert_int_equal(cr->r->report.held_objects, 0);
	clientrig_free(cr);
	return 0;
}

static inline void *make(mh_heap *h, size_t size)
{
	void *p = mh_alloc_flags(h, size, MH_HELD);

	assert_non_null(p);
	return p;
}

static inline uint64_t objects(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.held_objects;
}

#define refused(err, call)	do {					\
	errno = 0;							\
	assert_int_equal((call), -1);					\
	assert_int_equal(errno, (err));					\
	assert_true(*mh_errmsg());					\
} while (0)

#endif
