/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_attach.c - attach and detach on a running heap.  one_*: a process that
 * does both over and over.  crowd_*: processes that attach at the same moment,
 * then detach so; crowd_attach_ms is from the start until all are attached.
 */
#include <unistd.h>

#include "bench/slow.h"

#define PAIRS	200u

struct room {			/* in shared memory */
	uint64_t attached[SLOW_WORKERS_MAX], left[SLOW_WORKERS_MAX];
	float	 attach_ns[PAIRS], detach_ns[PAIRS];
};

static mh_heap *attach(unsigned flags)
{
	mh_heap *h = mh_attach(heap_name(), flags);

	if (!h)
		die("%s", mh_errmsg());
	return h;
}

static void detach(mh_heap *h)
{
	if (mh_detach(h))
		die("%s", mh_errmsg());
}

/* Keeps the heap; the parent must not know it, or workers would inherit it. */
static int hold(struct crew *c, unsigned index, void *arg)
{
	(void)index;
	(void)arg;
	attach(MH_START);
	crew_arrive(c);
	wait_for_kill();
}

static int alone(struct crew *c, unsigned index, void *arg)
{
	struct room *room = arg;

	(void)c;
	pin(0, index);
	detach(attach(0));
	for (unsigned i = 0; i < PAIRS; i++) {
		uint64_t t0 = now_ns(), t1;
		mh_heap *h = attach(0);

		t1 = now_ns();
		detach(h);
		room->attach_ns[i] = (float)(t1 - t0);
		room->detach_ns[i] = (float)(now_ns() - t1);
	}
	return 0;
}

static int in_crowd(struct crew *c, unsigned index, void *arg)
{
	struct room *room = arg;
	mh_heap *h;

	pin(0, index);
	crew_arrive(c);
	h = attach(0);
	room->attached[index] = now_ns();
	crew_arrive(c);
	detach(h);
	room->left[index] = now_ns();
	return 0;
}

static void add_crowd(struct report *r, const uint64_t *end, uint64_t start,
		      unsigned n, const char *all, const char *each)
{
	float ms[SLOW_WORKERS_MAX];

	for (unsigned i = 0; i < n; i++)
		ms[i] = (float)(end[i] - start) / 1e6f;
	report_add(r, quantile(ms, n, 1), all);
	report_add(r, quantile(ms, n, 0.5), each);
}

static void run_alone(struct room *room, struct report *r)
{
	struct crew c;
	uint64_t t0 = now_ns();

	crew_start(&c, 1, alone, room);
	crew_join(&c);
	report_add(r, (PAIRS + 1) / ((double)(now_ns() - t0) / 1e9),
		   "one_pairs_per_s");
	report_times(r, "one_attach", room->attach_ns, PAIRS);
	report_times(r, "one_detach", room->detach_ns, PAIRS);
}

static void run_crowd(const struct slow_opts *o, struct room *room,
		      struct report *r)
{
	uint64_t start;
	struct crew c;

	crew_start(&c, o->workers, in_crowd, room);
	crew_gather(&c);
	start = now_ns();
	crew_release(&c);
	crew_gather(&c);
	add_crowd(r, room->attached, start, o->workers, "crowd_attach_ms",
		  "crowd_attach_p50_ms");
	start = now_ns();
	crew_release(&c);
	crew_join(&c);
	add_crowd(r, room->left, start, o->workers, "crowd_detach_ms",
		  "crowd_detach_p50_ms");
}

int slow_attach(struct slow_opts *o)
{
	static struct report r;
	struct room *room = shared_room(sizeof(*room));
	struct crew holder;

	o->workers = o->workers ? o->workers : 64;
	o->repeats = o->repeats ? o->repeats : 5;
	heap_name();
	crew_start(&holder, 1, hold, NULL);
	crew_gather(&holder);
	for (unsigned i = 0; i < o->repeats; i++) {
		run_alone(room, &r);
		run_crowd(o, room, &r);
	}
	report_print(&r, o);
	crew_kill(&holder);
	return 0;
}
