/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scavenge_test.h - drives a scavenger on a page table with a clock of its
 * own, as the daemon does: takes a run, lets the release cost its time, takes
 * the memory away and frees the run.
 */
#ifndef TESTS_UNIT_SCAVENGE_TEST_H
#define TESTS_UNIT_SCAVENGE_TEST_H

#include <string.h>

#include "daemon/scavenge.h"
#include "tests/unit/pages_test.h"

#define US		1000ull
#define MS		(1000 * US)
#define SEC		(1000 * MS)
#define COST_PER_PAGE	(20 * US)	/* 8 KiB */

struct driver {
	struct pages *p;
	struct scavenger s;
	uint64_t now;
	uint64_t worked;
	uint32_t released, releases;
};

static inline void start(struct driver *d, uint32_t pages)
{
	const struct range heap[] = { { 0, pages }, { 0, 0 } };

	memset(d, 0, sizeof(*d));
	d->p = make(pages, heap);
	d->now = 1000 * SEC;
	scavenge_init(&d->s, d->now);
	d->s.cfg.huge = LEN(0);
	pages_commit(d->p, PG(0), LEN(pages));
}

static inline void tick(struct driver *d)
{
	scavenge_tick(&d->s, d->now, pages_in_use(d->p));
}

/* To the next tick's time, and past it. */
static inline void pass_tick(struct driver *d)
{
	uint32_t before = d->s.tick;

	d->now = d->s.next_tick - 1;
	tick(d);
	assert_int_equal(d->s.tick, before);
	d->now++;
	tick(d);
	assert_int_equal(d->s.tick, before + 1);
}

static inline void warm_up(struct driver *d)
{
	pass_tick(d);
	pass_tick(d);
}

static inline bool begin(struct driver *d, bool force, pgno *at, npages *n)
{
	if (!scavenge_next(&d->s, d->p, d->now, force, at, n))
		return false;
	assert_int_equal(pages_uncommitted(d->p, *at, *n).n, 0);
	assert_int_equal(pages_take(d->p, *at, *n), 0);
	return true;
}

static inline void end(struct driver *d, pgno at, npages n, bool ok)
{
	uint64_t cost = n.n * COST_PER_PAGE;

	d->now += cost;
	d->worked += cost;
	if (ok) {
		pages_uncommit(d->p, at, n);
		d->released += n.n;
	}
	d->releases++;
	assert_int_equal(pages_free(d->p, at, n), 0);
	scavenge_done(&d->s, d->now, cost, n);
}

/* One background release if one may start. */
static inline bool step(struct driver *d)
{
	npages n;
	pgno at;

	if (!begin(d, false, &at, &n))
		return false;
	end(d, at, n, true);
	return true;
}

/* Sleeps as told; a tick may be what it is woken for. */
static inline void nap(struct driver *d)
{
	if (scavenge_wake_at(&d->s) > d->now)
		d->now = scavenge_wake_at(&d->s);
	tick(d);
}

/* Works and sleeps for so many ticks. */
static inline void run(struct driver *d, uint32_t ticks)
{
	uint32_t end = d->s.tick + ticks;

	while (d->s.tick != end) {
		if (!step(d))
			nap(d);
	}
}

static inline void finish(struct driver *d)
{
	assert_sound(d->p);
	assert_int_equal(d->s.in_flight, 0);
	pages_destroy(d->p);
}

#endif
