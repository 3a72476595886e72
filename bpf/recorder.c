/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.c - `mheap-trace record FILE`: events into a file, for replay here or
 * elsewhere; cheaper than printing them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bpf/names.h"
#include "bpf/recording.h"
#include "bpf/session.h"
#include "tools/say.h"

static void take(const struct event *e, void *arg)
{
	fwrite(e, sizeof(*e), 1, arg);
}

static void write_head(FILE *f)
{
	struct recording_head h = {
		.magic = RECORDING_MAGIC, .event_bytes = sizeof(struct event),
		.nprobes = P_COUNT, .start_ns = now_ns(),
	};
	char name[PROBE_NAME_MAX];
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	h.wall_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec -
		    h.start_ns;
	fwrite(&h, sizeof(h), 1, f);
	for (uint32_t p = 0; p < P_COUNT; p++) {
		memset(name, 0, sizeof(name));
		snprintf(name, sizeof(name), "%s", probe_names[p].name);
		fwrite(name, sizeof(name), 1, f);
	}
}

static void write_tail(struct session *s, FILE *f)
{
	struct event e = { .ts_ns = now_ns() };
	struct account a;

	session_account(s, &a);
	e.arg[TAIL_HITS] = a.n.hits;
	e.arg[TAIL_FILTERED] = a.n.filtered;
	e.arg[TAIL_EVENTS] = a.n.sent;
	e.arg[TAIL_LOST] = a.n.ring_full;
	e.arg[TAIL_MISSED] = a.misses;
	fwrite(&e, sizeof(e), 1, f);
}

static int tick(struct session *s, void *arg)
{
	(void)s;
	return fflush(arg) ? EXIT_FAULT : 0;
}

static int record(const struct options *o, FILE *f)
{
	struct session s = { .take = take, .take_arg = f };
	int r = session_open(&s, o, WISH_EVENTS), lost;

	if (!r) {
		write_head(f);
		r = session_run(&s, tick, f);
		session_stop(&s);
		session_drain(&s, NEVER);
		write_tail(&s, f);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	return r;
}

int trace_record(const struct options *o)
{
	struct options often = *o;
	FILE *f = fopen(o->arg[0], "we");
	int r, failed;

	if (!f)
		return refuse(EXIT_FAULT, "can't write %s: %s", o->arg[0],
			      strerror(errno));
	often.interval_s = 1;
	r = record(&often, f);
	failed = ferror(f);
	if ((fclose(f) || failed) && r != EXIT_IMPOSSIBLE)
		return refuse(EXIT_FAULT, "can't write %s: %s", o->arg[0],
			      strerror(errno));
	return r;
}
