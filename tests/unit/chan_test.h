/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_test.h - two clients of one heap with a channel between them: what the
 * tests of channels share.
 */
#ifndef TESTS_UNIT_CHAN_TEST_H
#define TESTS_UNIT_CHAN_TEST_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "libclient/chan.h"
#include "tests/clientrig.h"

#define CAPACITY	8u

static const struct rig_opts opts = { .reserve = 64u << 20, .clients = 8,
				      .stripes = 2, .names = 16, .chans = 4 };
static struct clientrig *cr;
static mh_heap *a, *b;
static mh_chan *out, *in;	/* the same channel, by a and by b */

static inline mh_chan *open_chan(mh_heap *h, const char *name, unsigned capacity)
{
	mh_chan *c = mh_chan_open(h, name, capacity, 0);

	assert_non_null(c);
	return c;
}

static inline int setup(void **state)
{
	(void)state;
	cr = clientrig_new(&opts);
	a = clientrig_attach(cr, 0);
	b = clientrig_attach(cr, 0);
	out = open_chan(a, "c", CAPACITY);
	in = open_chan(b, "c", 1);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	clientrig_verify(cr);
	mh_chan_close(out);
	mh_chan_close(in);
	mh_chan_remove(a, "c");
	clientrig_kill(cr, a);
	clientrig_kill(cr, b);
	clientrig_verify(cr);
	assert_int_equal(cr->r->report.held_objects, 0);
	clientrig_free(cr);
	return 0;
}

static inline uint64_t objects(void)
{
	struct mh_stats s;

	assert_int_equal(mh_stats(a, &s, sizeof(s)), 0);
	return s.held_objects;
}

static inline unsigned *make(mh_heap *h, unsigned n)
{
	unsigned *p = mh_alloc_flags(h, 64 + n % 3 * 1000, MH_HELD);

	assert_non_null(p);
	*p = n;
	return p;
}

static inline void send(mh_chan *c, unsigned n)
{
	assert_int_equal(mh_chan_send(c, make(c->h, n), 0), 0);
}

static inline void expect(mh_chan *c, unsigned n)
{
	unsigned *p = mh_chan_recv(c, 0);

	assert_non_null(p);
	assert_int_equal(*p, n);
	assert_int_equal(mh_drop(c->h, p), 0);
}

#define refused(err, call)	do {					\
	errno = 0;							\
	assert_int_equal((call), -1);					\
	assert_int_equal(errno, (err));					\
	assert_true(*mh_errmsg());					\
} while (0)

static inline void nothing(mh_chan *c, int err)
{
	errno = 0;
	assert_null(mh_chan_recv(c, 0));
	assert_int_equal(errno, err);
}

static inline bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents == POLLIN;
}

#endif
