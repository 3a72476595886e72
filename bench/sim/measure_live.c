/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_live.c - what only a running mheapd shows: a round trip, its CPU time
 * per turn, what ringing its bell costs the caller; and live runs of one process,
 * with and without an allocator.
 */
#include <unistd.h>

#include "bench/sim/live.h"
#include "bench/sim/measure.h"
#include "libclient/client.h"

#define CALLS	1500u
#define RINGS	150u

static void measure_trip(struct costs *c, mh_heap *h)
{
	uint32_t daemon = ld_rlx(&h->sg.hdr->daemon_pid);
	struct samples s = { .n = 0 };
	double cpu = cpu_seconds(daemon);

	for (unsigned n = 0; n < CALLS; n++) {
		/* Span 0 does not exist: refused at once. */
		struct call none = { .op = OP_RETURN };
		double began = now_ns();

		call_daemon(h, &none, false);
		sample(&s, began, 1);
	}
	c->trip = quantile(&s, 0.5);
	c->turn = (cpu_seconds(daemon) - cpu) * 1e9 / CALLS;
}

static void measure_ring(struct costs *c, mh_heap *h)
{
	struct samples s = { .n = 0 };

	for (unsigned n = 0; n < RINGS; n++) {
		double began;

		usleep(500);	/* it sleeps again */
		began = now_ns();
		ring(h, h->r->me.slot);
		sample(&s, began, 1);
	}
	c->ring = typical(&s);
}

/* CPU time per object of one process alone. */
static double loop_ns(double remote, unsigned wave, bool null)
{
	struct live w = { .procs = 1, .remote = remote, .size = 64,
			  .wave = wave, .seconds = 0.2, .null = null };
	struct live_result r;

	live_run(&w, &r);
	return r.cpu * 1e9 / r.ops;
}

void measure_live(struct costs *c)
{
	mh_heap *h = live_heap();

	mh_free(h, mh_alloc(h, 64));	/* the first slow path joins */
	measure_trip(c, h);
	measure_ring(c, h);
	mh_detach(h);
	c->swap = loop_ns(0, 0, false);
	c->pass = loop_ns(1, 0, false);
	c->null_wave = loop_ns(0, 8192, true);
}
