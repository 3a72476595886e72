/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.c - `mheap-trace record FILE`: events into a file, for replay here or
 * elsewhere; cheaper than printing them.  The file is touched once it traces.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/decode.h"
#include "bpf/names.h"
#include "bpf/recording.h"
#include "bpf/session.h"
#include "tools/say.h"

static void take(const struct event *e, void *arg)
{
	fwrite(e, sizeof(*e), 1, arg);
}

static void write_head(FILE *f, uint64_t start_ns)
{
	struct recording_head h = {
		.magic = RECORDING_MAGIC, .event_bytes = sizeof(struct event),
		.nprobes = P_COUNT, .start_ns = start_ns,
		.wall_ns = wall_ns(),
	};
	char name[PROBE_NAME_MAX];

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
	(void)arg;
	return fflush(s->take_arg) ? EXIT_FAULT : 0;
}

static int cant_write(const char *path)
{
	return refuse(EXIT_FAULT, "can't write %s: %s", path, strerror(errno));
}

/* What is in the file already is kept until there is something to replace it. */
static int record(struct session *s, const char *path, uint64_t start_ns)
{
	FILE *f = fopen(path, "we");
	int r, lost, failed;

	if (!f)
		return cant_write(path);
	s->take_arg = f;
	write_head(f, start_ns);
	r = session_run(s, tick, NULL);
	session_stop(s);
	session_drain(s, NEVER);
	write_tail(s, f);
	lost = session_report(s);
	failed = ferror(f);
	if (fclose(f) || failed)
		return cant_write(path);
	return r ? r : lost;
}

int trace_record(const struct options *o)
{
	uint64_t start_ns = now_ns();	/* hits come while it attaches */
	struct session s = { .take = take };
	struct options often = *o;
	int r;

	often.interval_s = 1;
	r = session_open(&s, &often,
			 WISH_EVENTS | (o->starts ? WISH_STARTS : 0));
	if (!r)
		r = record(&s, o->arg[0], start_ns);
	session_close(&s);
	return r;
}
