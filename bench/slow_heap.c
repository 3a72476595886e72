/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_heap.c - the heap of a run: a name of its own, a daemon that ends with
 * its last client.
 */
#include <stdio.h>
#include <unistd.h>

#include "bench/slow.h"

#define TURN_US		1000
#define QUIET_TURNS	50u
#define TURNS_MAX	10000u

const char *heap_name(void)
{
	static char name[40];

	if (!*name)
		snprintf(name, sizeof(name), "slow-%d", (int)getpid());
	return name;
}

mh_heap *heap_start(void)
{
	mh_heap *h = mh_attach(heap_name(), MH_START);

	if (!h)
		die("%s", mh_errmsg());
	return h;
}

void heap_pin_daemon(mh_heap *h, unsigned cpu)
{
	pin((pid_t)ld_rlx(&h->sg.hdr->daemon_pid), cpu);
}

static void wait_alone(mh_heap *h)
{
	for (unsigned i = 0; ld_rlx(&h->sg.hdr->count.clients) > 1; i++) {
		if (i == TURNS_MAX)
			die("clients that have ended are not reclaimed");
		usleep(TURN_US);
	}
}

/* Punches end some time after the trim's answer. */
static void wait_quiet(mh_heap *h)
{
	const struct sh_counters *c = &h->sg.hdr->count;
	uint64_t was = 0;

	for (unsigned i = 0, quiet = 0; quiet < QUIET_TURNS; i++) {
		uint64_t now = ld_rlx(&c->committed_bytes) ^
			       ld_rlx(&c->returned_bytes);

		if (i == TURNS_MAX)
			die("the daemon does not come to rest");
		quiet = now == was ? quiet + 1 : 0;
		was = now;
		usleep(TURN_US);
	}
}

void heap_settle(mh_heap *h)
{
	wait_alone(h);
	if (mh_trim(h))
		die("%s", mh_errmsg());
	wait_quiet(h);
}
