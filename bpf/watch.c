/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - the loop of a session: events every 50 ms, or sooner if the ring
 * fills, and for no longer at a time; new objects every two seconds; the command's
 * tick at each interval.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bpf/session.h"
#include "tools/say.h"

#define DRAIN_NS	50000000ULL
#define SCAN_NS		2000000000ULL

static volatile sig_atomic_t interrupted;
static uint64_t end_ns = NEVER;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* What is being written is written; ppoll() ends all the same.  A second one kills. */
static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = interrupt,
			       .sa_flags = SA_RESTART | (int)SA_RESETHAND };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
}

bool watch_over(void)
{
	return interrupted || now_ns() >= end_ns;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void wait_until(const struct session *s, uint64_t when)
{
	uint64_t now = now_ns(), ns = when > now ? when - now : 0;
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
			      .tv_nsec = (long)(ns % 1000000000) };
	struct pollfd p = { .fd = s->ring ? ring_buffer__epoll_fd(s->ring) : -1,
			    .events = POLLIN };

	ppoll(&p, 1, &t, NULL);
}

/* Each -p process is gone, and nothing more can come. */
static bool all_gone(const struct session *s)
{
	for (uint32_t i = 0; i < s->o->npids; i++)
		if (!kill(s->o->pid[i], 0) || errno != ESRCH)
			return false;
	return s->o->npids > 0;
}

/* Not if the last one took longer than there is time until the end. */
static void scan_if_due(struct session *s, uint64_t end, uint64_t *took_ns)
{
	uint64_t began = now_ns();
	int r;

	if (began - s->scan_ns < SCAN_NS || began + *took_ns > end)
		return;
	tables_reap(s);
	r = session_scan(s);
	if (r)
		refuse(0, "can't attach to what has appeared: %s", strerror(-r));
	*took_ns = now_ns() - began;
}

/* NEVER: of no seconds, and after thirty years. */
static uint64_t time_after(const struct session *s, double seconds)
{
	return seconds > 0 && seconds < 1e9 ?
	       s->began_ns + (uint64_t)(seconds * 1e9) : NEVER;
}

int session_run(struct session *s, int (*tick)(struct session *s, void *arg),
		void *arg)
{
	uint64_t each = (uint64_t)(s->o->interval_s * 1e9), ticks = 0;
	uint64_t next = time_after(s, s->o->interval_s);
	uint64_t took = s->began_ns - s->scan_ns, last;
	uint64_t drain = s->ring ? DRAIN_NS : SCAN_NS;
	bool more = false;
	int r = 0;

	end_ns = time_after(s, s->o->duration_s);
	last = earlier(end_ns, time_after(s, s->o->interval_s *
					  (double)s->o->count));
	/* In this order: who has read that it runs may end it. */
	catch_signals();
	refuse(0, "tracing %u object%s", s->traced, s->traced == 1 ? "" : "s");
	while (!r && !watch_over() && !all_gone(s)) {
		if (!more)
			wait_until(s, earlier(earlier(next, end_ns),
					      now_ns() + drain));
		more = session_drain(s, earlier(end_ns, now_ns() + drain));
		scan_if_due(s, last, &took);
		if (now_ns() < next || watch_over())
			continue;
		if (s->o->count && ++ticks == s->o->count)
			break;
		next += each;
		r = tick ? tick(s, arg) : 0;
	}
	return r;
}

int session_whole(const struct options *o, uint32_t wish,
		  int (*tick)(struct session *s, void *arg),
		  int (*show)(struct session *s, void *arg), void *arg)
{
	struct session s = { 0 };
	int r = session_open(&s, o, wish), lost;

	if (!r) {
		r = session_run(&s, tick, arg);
		session_stop(&s);
		if (!r && show)
			r = show(&s, arg);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	return r;
}
