/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - `mheap-trace replay FILE`: a recording as lines, as events prints
 * them.  Needs no privilege.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/decode.h"
#include "bpf/names.h"
#include "bpf/recording.h"
#include "bpf/trace.h"
#include "tools/json.h"
#include "tools/say.h"

struct replay {
	const struct options *o;
	FILE		     *f;
	struct recording_head head;
	uint32_t	     *probe;	/* ours for each of the file's */
	uint64_t	      events, unknown;
	bool		      ended;	/* there was a tail */
};

static int read_head(struct replay *r)
{
	struct recording_head *h = &r->head;

	if (fread(h, sizeof(*h), 1, r->f) != 1 || h->magic != RECORDING_MAGIC)
		return refuse(EXIT_FAULT, "%s is no recording of mheap-trace",
			      r->o->arg[0]);
	if (h->event_bytes != sizeof(struct event) || !h->nprobes ||
	    h->nprobes > RECORDING_PROBES_MAX)
		return refuse(EXIT_FAULT, "%s is of another version: events of "
			      "%u bytes, here %zu", r->o->arg[0],
			      h->event_bytes, sizeof(struct event));
	r->probe = calloc(h->nprobes, sizeof(*r->probe));
	if (!r->probe)
		return refuse(EXIT_FAULT, "out of memory");
	for (uint32_t i = 0; i < h->nprobes; i++) {
		char name[PROBE_NAME_MAX];

		if (fread(name, sizeof(name), 1, r->f) != 1)
			return refuse(EXIT_FAULT, "%s ends in its head",
				      r->o->arg[0]);
		name[sizeof(name) - 1] = 0;
		r->probe[i] = probe_find(name);
	}
	return 0;
}

static void report(const struct replay *r, const struct event *e)
{
	struct json_object *o;

	if (!r->o->json) {
		fprintf(stderr, "%" PRIu64 " hits: %" PRIu64 " filtered out, "
			"%" PRIu64 " events; lost: %" PRIu64 " events, %" PRIu64
			" not run\n", (uint64_t)e->arg[TAIL_HITS],
			(uint64_t)e->arg[TAIL_FILTERED],
			(uint64_t)e->arg[TAIL_EVENTS],
			(uint64_t)e->arg[TAIL_LOST],
			(uint64_t)e->arg[TAIL_MISSED]);
		return;
	}
	o = json_new();
	json_text(o, "type", "stats", 8);
	json_u64(o, "hits", e->arg[TAIL_HITS]);
	json_u64(o, "filtered", e->arg[TAIL_FILTERED]);
	json_u64(o, "events", e->arg[TAIL_EVENTS]);
	json_u64(o, "lost_ring_full", e->arg[TAIL_LOST]);
	json_u64(o, "lost_missed", e->arg[TAIL_MISSED]);
	json_print(o);
}

static void play(struct replay *r, const struct decode *d)
{
	struct event e;

	decode_title(d);
	while (fread(&e, sizeof(e), 1, r->f) == 1) {
		uint32_t p = e.probe < r->head.nprobes ? r->probe[e.probe] : 0;

		if (!e.probe) {
			r->ended = true;
			fflush(stdout);
			report(r, &e);
		} else if (!p) {
			r->unknown++;
		} else {
			e.probe = (uint16_t)p;
			r->events++;
			decode_event(d, &e);
		}
	}
}

static int replay(struct replay *r)
{
	struct decode d;
	int status = read_head(r);

	if (status)
		return status;
	d = (struct decode){ .json = r->o->json, .wall = r->o->timestamps,
			     .start_ns = r->head.start_ns,
			     .wall_ns = r->head.wall_ns };
	play(r, &d);
	if (r->unknown)
		refuse(0, "%" PRIu64 " events are of probes that are unknown "
		       "here", r->unknown);
	if (!r->ended)
		return refuse(EXIT_FAULT, "%s was cut off after %" PRIu64
			      " events", r->o->arg[0], r->events);
	return 0;
}

int trace_replay(const struct options *o)
{
	struct replay r = { .o = o, .f = fopen(o->arg[0], "re") };
	int status;

	if (!r.f)
		return refuse(EXIT_FAULT, "can't read %s: %s", o->arg[0],
			      strerror(errno));
	status = replay(&r);
	fclose(r.f);
	free(r.probe);
	return status;
}
