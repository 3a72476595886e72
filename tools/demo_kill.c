/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_kill.c - which worker is killed when, and what it cost.
 *
 * A kill is due when the file of a number drawn at random, or a later one, is in
 * a worker's hands.  Until it has happened, those who get a file some way beyond
 * that, and always the last one, stop in its middle: so there is a worker with a
 * file in its hands whom it hits, however late this process gets the processor.
 */
#include "tools/demo_crew.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define FENCE_AHEAD	16u	/* files: far enough to be at work, not at it */
#define DELAY_US	300u
#define RECLAIM_SECONDS	10u

uint64_t crew_random(struct crew *c, uint64_t below)
{
	uint64_t z = c->rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void set_fence(struct crew *c)
{
	uint32_t n = c->jobs.list->n, at = n;

	if (c->killed < c->o->kills) {
		at = (uint32_t)c->kill_at[c->killed] + FENCE_AHEAD;
		if (at > n - 1)
			at = n - 1;
	}
	jobs_fence(&c->jobs, at);
}

int crew_plan(struct crew *c)
{
	if (c->o->kills) {
		c->kill_at = calloc(c->o->kills, sizeof(*c->kill_at));
		if (!c->kill_at)
			return -ENOMEM;
		for (uint32_t i = 0; i < c->o->kills; i++)
			c->kill_at[i] = crew_random(c, c->jobs.list->n);
		qsort(c->kill_at, c->o->kills, sizeof(*c->kill_at), by_number);
	}
	set_fence(c);
	return 0;
}

bool crew_due(const struct crew *c)
{
	return c->killed < c->o->kills &&
	       jobs_reached(&c->jobs, (uint32_t)c->kill_at[c->killed]);
}

static int stats(struct crew *c, struct mh_stats *s)
{
	if (!mh_stats(c->jobs.x->heap, s, sizeof(*s)))
		return 0;
	return demo_fault(c->res, "%s", mh_errmsg());
}

static int end_worker(struct crew *c, uint32_t seat)
{
	pid_t pid = c->pid[seat];
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return demo_fault(c->res, "waitpid: %s",
					  strerror(errno));
	c->pid[seat] = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return 0;
	return demo_fault(c->res, "worker %u ended by itself, status 0x%x",
			  seat, status);
}

/* Nobody else comes or goes meanwhile: what is new is of the killed one. */
static int await_reclaim(struct crew *c, const struct mh_stats *old,
			 uint64_t began)
{
	struct demo_result *res = c->res;
	struct mh_stats s;
	uint64_t ns;

	for (;;) {
		if (stats(c, &s))
			return -1;
		ns = now_ns() - began;
		if (s.deaths > old->deaths)
			break;
		if (ns / 1000000000u >= RECLAIM_SECONDS)
			return demo_fault(res, "a killed worker was not "
					  "reclaimed within %u s",
					  RECLAIM_SECONDS);
		crew_nap(20);
	}
	res->reclaimed_bytes += s.reclaimed_bytes - old->reclaimed_bytes;
	if (ns > res->reclaim_ns)
		res->reclaim_ns = ns;
	return 0;
}

int crew_kill(struct crew *c)
{
	uint32_t busy[WORKERS_MAX], n, seat;
	struct mh_stats old;
	uint64_t began;

	crew_nap((long)crew_random(c, DELAY_US));
	n = jobs_busy(&c->jobs, c->turn, c->o->workers, busy);
	if (!n)
		return 1;
	seat = busy[crew_random(c, n)];
	if (stats(c, &old))
		return -1;
	began = now_ns();
	if (end_worker(c, seat) || await_reclaim(c, &old, began))
		return -1;
	jobs_of_dead(&c->jobs, seat, c->turn[seat]);
	c->killed++;
	set_fence(c);
	return crew_seat(c, seat);
}
