/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.c - what the daemon does by itself: looks at the shared words whenever
 * the doorbell rings, and by a timer for those who did not ring; ends an
 * autoremove heap that nobody uses.  See server.h.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "daemon/server.h"

#define DECAY_NS	(2000 * MS)
#define LINGER_NS	(100 * 1000)	/* about what going to sleep and waking cost */
#define ALONE_NS	(200 * MS)	/* autoremove: after the last has left */
#define FIRST_NS	(10000 * MS)	/* ... and if nobody ever comes */

static void tell_of_fenced(struct server *sv)
{
	uint64_t n = ld_rlx(&sv->heap.sg.hdr->count.quarantined_spans); /* [H2] */

	if (n > sv->fenced)
		log_line(LOG_ERR, "%llu spans have states that cannot be and "
			 "are fenced off: some client has written where it must "
			 "not; `mheap verify %s` says more",
			 (unsigned long long)(n - sv->fenced), sv->o->name);
	sv->fenced = n;
}

static void on_turn(void *arg)
{
	struct server *sv = arg;
	struct sh_counters *c = &sv->heap.sg.whdr->count;
	uint64_t activity, wake, now, next;

	heap_tick(&sv->heap);
	tell_of_fenced(sv);
	activity = ld_rlx(&c->requests) + ld_rlx(&c->grows) +	/* [H2] */
		   ld_rlx(&c->deaths) + ld_rlx(&c->spans);	/* [H2] */
	sv->turn_ns = activity != sv->activity || sv->heap.jobs ? TURN_NS :
		      sv->turn_ns * 2 < IDLE_TURN_NS ? sv->turn_ns * 2 :
						       IDLE_TURN_NS;
	sv->activity = activity;
	/* The scavenger may want to be called earlier. */
	now = sv->heap.io.now_ns(sv->heap.io.arg);
	wake = commit_wake_at(&sv->heap);
	next = wake > now + TURN_NS ? wake - now : TURN_NS;
	if (next > sv->turn_ns)
		next = sv->turn_ns;
	loop_timer_set(sv->loop, sv->turn, next, 0);
}

void server_awake(struct server *sv)
{
	if (sv->turn_ns == TURN_NS)
		return;
	sv->turn_ns = TURN_NS;
	loop_timer_set(sv->loop, sv->turn, TURN_NS, 0);
}

static void on_decay(void *arg)
{
	struct server *sv = arg;

	sweep_decay(&sv->heap);
}

static void on_bell(void *arg, unsigned int revents)
{
	struct server *sv = arg;
	int r = bell_hear(&sv->bell);

	(void)revents;
	if (r)
		log_limited(&sv->complaints, LOG_ERR, "the doorbell can't be "
			    "read: %s", strerror(-r));
	requests_serve(&sv->heap);
	server_awake(sv);
	loop_linger(sv->loop, LINGER_NS);
}

static void on_job(void *arg)
{
	sessions_trimmed(arg);
}

static bool is_alone(const struct server *sv)
{
	return sv->serving && !sv->removed &&
	       sv->heap.sg.hdr->autoremove && !sv->nsessions && !sv->nmembers;
}

static void on_alone(void *arg)
{
	struct server *sv = arg;

	sv->alone = 0;
	if (is_alone(sv))
		server_remove(sv);
}

static void alone_after(struct server *sv, uint64_t ns)
{
	loop_cancel(sv->loop, sv->alone);
	sv->alone = loop_timer(sv->loop, ns, 0, on_alone, sv);
}

void server_someone_left(struct server *sv)
{
	if (sv->served && is_alone(sv))
		alone_after(sv, ALONE_NS);
}

int turns_start(struct server *sv, struct refusal *why)
{
	int r = bell_make(&sv->bell);

	if (r)
		return refuse(why, EXIT_FAULT, r, "can't make the doorbell, a "
			      "pipe opened by /proc/self/fd: %s", strerror(-r));
	sv->store.job_ended = on_job;
	sv->store.arg = sv;
	sv->max_sessions = 2 * sv->store.sg.geo.nclients + 64;
	sv->turn_ns = TURN_NS;
	sv->turn = loop_timer(sv->loop, 1, 0, on_turn, sv);
	if (!sv->turn ||
	    !loop_timer(sv->loop, DECAY_NS, DECAY_NS, on_decay, sv) ||
	    !loop_poll(sv->loop, sv->bell.fd, POLLIN, on_bell, sv))
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory");
	if (is_alone(sv))
		alone_after(sv, FIRST_NS);
	return 0;
}
