/* SPDX-License-Identifier: Apache-2.0 */
/*
 * public.h - what the tests of the public API share: a heap with a daemon of its
 * own, started by whoever attaches first.
 */
#ifndef TESTS_MULTI_PUBLIC_H
#define TESTS_MULTI_PUBLIC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "include/mheap.h"
#include "tests/procs.h"

static char name[40];

static inline void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static inline mh_heap *attach(unsigned flags)
{
	mh_heap *h = mh_attach(name, flags);

	if (!h)
		fprintf(stderr, "# %s\n", mh_errmsg());
	return h;
}

static inline int setup(void **state)
{
	(void)state;
	snprintf(name, sizeof(name), "public-%d", (int)getpid());
	return 0;
}

static inline struct mh_stats stats(mh_heap *h)
{
	struct mh_stats s = { 0 };

	assert_int_equal(mh_stats(h, &s, sizeof(s)), 0);
	return s;
}

/* The daemon learns of deaths by itself: poll to a deadline. */
static inline void wait_clients(mh_heap *h, uint64_t n)
{
	for (int i = 0; i < 1000 && stats(h).clients != n; i++)
		nap(10);
	assert_int_equal(stats(h).clients, n);
}

static inline int use_heap(void *arg)
{
	mh_heap *h = arg;
	char *p = mh_alloc(h, 100), *s;
	mh_handle v;

	CHECK(p);
	strcpy(p, "mine");
	s = mh_alloc_flags(h, 100, MH_SHARED);
	CHECK(s);
	v = mh_handle_of(h, s);
	CHECK(v && mh_deref(h, v) == s);
	mh_free(h, s);
	mh_free(h, p);
	return 0;
}

/* In a child: lets the inherited handle go and attaches as if exec'd. */
static inline mh_heap *afresh(mh_heap *inherited, unsigned flags)
{
	mh_heap *h = mh_detach(inherited) ? NULL : mh_attach(name, flags);

	if (!h)
		fprintf(stderr, "# %s\n", mh_errmsg());
	return h;
}

#endif
