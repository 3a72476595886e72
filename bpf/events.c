/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - `mheap-trace events`: each hit as a line, as it comes.  The ring may
 * lose some where they come faster than they are printed; how many is said at
 * the end, and where, by the gaps in the numbers of each probe on each CPU.
 */
#include <stdio.h>

#include "bpf/decode.h"
#include "bpf/session.h"

static void take(const struct event *e, void *arg)
{
	decode_event(arg, e);
}

static int tick(struct session *s, void *arg)
{
	(void)s;
	(void)arg;
	return fflush(stdout) ? EXIT_FAULT : 0;
}

int trace_events(const struct options *o)
{
	struct decode d = { .json = o->json, .wall = o->timestamps,
			    .start_ns = now_ns(), .wall_ns = wall_ns() };
	struct session s = { .take = take, .take_arg = &d };
	struct options often = *o;
	int r, lost;

	often.interval_s = .1;
	r = session_open(&s, &often,
			 WISH_EVENTS | (o->starts ? WISH_STARTS : 0));
	if (!r) {
		decode_title(&d);
		r = session_run(&s, tick, NULL);
		session_stop(&s);
		session_drain(&s, NEVER);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	return r;
}
