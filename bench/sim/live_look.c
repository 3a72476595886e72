/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_look.c - what the parent of a live run looks at, before and after: state
 * words of the spans, the daemon's counters and CPU time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/sim/live.h"
#include "bench/sim/measure.h"
#include "libclient/client.h"

/* Moves of all spans' state words; versions have 24 bits. */
static void versions(mh_heap *h, uint32_t *v)
{
	for (span_id id = { 1 }; id.n < h->sg.geo.nspans; id.n++)
		v[id.n] = id.n < seg_span_top(&h->sg) ?
			  span_version(span_load(&h->sg, id)) : 0;
}

static double moves(mh_heap *h, const uint32_t *from)
{
	double n = 0;

	for (span_id id = { 1 }; id.n < seg_span_top(&h->sg); id.n++)
		n += (span_version(span_load(&h->sg, id)) - from[id.n]) &
		     GEN_MASK;
	return n;
}

static double in_state(mh_heap *h, uint32_t state)
{
	double n = 0;

	for (span_id id = { 1 }; id.n < seg_span_top(&h->sg); id.n++)
		n += span_state(span_load(&h->sg, id)) == state;
	return n;
}

/* CPU time that the process has had, in seconds. */
double cpu_seconds(uint32_t pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/schedstat", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		fprintf(stderr, "sim: can't read %s\n", path);
	if (f)
		fclose(f);
	return (double)ns / 1e9;
}

/* How often it has gone to sleep by itself. */
static double sleeps(uint32_t pid)
{
	unsigned long n = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return (double)n;
}

void live_look(mh_heap *h, _Atomic uint32_t *phase, struct live_result *ret,
	       double *ret_seconds)
{
	uint32_t daemon = ld_rlx(&h->sg.hdr->daemon_pid);
	uint32_t *v = calloc(h->sg.geo.nspans, sizeof(*v));
	const struct sh_counters *c = &h->sg.hdr->count;
	double began, cpu, turns, sweeps;

	if (!v)
		exit(1);
	versions(h, v);
	cpu = cpu_seconds(daemon);
	turns = sleeps(daemon);
	sweeps = (double)ld_rlx(&c->sweeps);
	began = now_ns();
	st_rel(phase, COUNT);
	usleep((useconds_t)(*ret_seconds * 1e6));
	ret->owned = in_state(h, SPAN_OWNED);
	ret->full = in_state(h, SPAN_FULL);
	ret->listed = in_state(h, SPAN_LISTED);
	st_rel(phase, STOP);
	*ret_seconds = (now_ns() - began) / 1e9;
	ret->moves = moves(h, v) / *ret_seconds;
	ret->turns = (sleeps(daemon) - turns) / *ret_seconds;
	ret->sweeps = ((double)ld_rlx(&c->sweeps) - sweeps) / *ret_seconds;
	ret->daemon = (cpu_seconds(daemon) - cpu) / *ret_seconds;
	free(v);
}
