/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_trace.c - what a real program asked of malloc (--file, made by
 * bench/trace/make.sh), asked again: each worker replays the whole trace.  With
 * --ops it does so as often as it takes to come to that many events.
 *
 * An object is written when it is allocated, as its program did sooner or
 * later: up to 256 bytes all of it, a larger one one byte in each cache line,
 * and the last.  Its frees are the program's; what the program never freed is
 * freed after each replay with the clock stopped.  A realloc is alloc, copy and
 * free with all back ends: whether one grows in place isn't compared.  With
 * --check each byte is written, and compared before the free.
 *
 * At the peak of what is live the workers stop their clocks, wait for each
 * other and count what they hold: private memory above what there was before
 * the first allocation (the events and slots lie in tables of the harness), and
 * of shared memory the whole heap's, with all that it held before, or what the
 * processes have of it where the back end can't tell (peak_bytes).  Beside it,
 * touched_bytes is what the processes have mapped of either.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/barrier.h"
#include "bench/calls.h"
#include "bench/exits.h"
#include "bench/trace/load.h"
#include "bench/trace/rollup.h"

#define WHOLE_BYTES	256u
#define LINE_BYTES	64u

struct object {
	char *p;
	size_t size;
};

/* In the shared area: where the workers meet, ready and at the peak. */
struct meeting {
	_Atomic uint32_t prepared, all_prepared;
	_Atomic uint32_t here, all_here;
	_Atomic uint32_t counted, all_counted;
	_Atomic uint64_t peak_bytes, touched_bytes;
};

struct replay {
	struct trace_header header;
	const uint64_t *event;
	struct object *object;		/* by slot */
	struct rollup before;
};

/* The trace, in memory of this worker's own and resident, like its slots. */
static inline struct replay prepare(const struct worker *w)
{
	struct replay r = { .event = NULL };
	struct trace t;
	uint64_t *event;
	size_t bytes;

	if (trace_open(&t, w->p->file))
		exit(EXIT_FAILED);
	r.header = *t.header;
	bytes = r.header.events * sizeof(*event);
	event = bench_table(bytes);
	memcpy(event, t.event, bytes);
	r.event = event;
	r.object = bench_table(r.header.slots * sizeof(*r.object));
	trace_close(&t);
	return r;
}

/* Threads have the tables of all of them in what they count. */
static inline void count_before(struct worker *w, struct replay *r)
{
	struct meeting *m = b_area(w);

	barrier_pass(&m->prepared, &m->all_prepared, w->p->workers, false);
	r->before = rollup_read();
	if (w->b->footprint)
		bench_metric(w->r, "idle_bytes", (double)w->b->footprint());
}

__attribute__((noreturn, noinline, cold, unused))
static void give_up(const struct worker *w, size_t size)
{
	fprintf(stderr, "trace: %s has no object of %zu bytes for worker %u: "
		"too little memory for it, or fewer --workers\n", w->p->backend,
		size, w->index);
	exit(EXIT_FAILED);
}

B_INLINE char *allocate(struct worker *w, size_t size)
{
	char *p = b_alloc(w, size);

	if (__builtin_expect(!p, 0))
		give_up(w, size);
	return p;
}

/* What --check writes into each byte of an object; it stays when resized. */
B_INLINE int tag_of(const struct object *o)
{
	return (int)((uintptr_t)o / sizeof(*o) & 255);
}

B_INLINE void write_object(char *p, size_t size)
{
	if (size <= WHOLE_BYTES) {
		memset(p, 1, size);
		return;
	}
	for (size_t at = 0; at < size; at += LINE_BYTES)
		b_touch(p + at);
	b_touch(p + size - 1);
}

static inline void verify(const struct worker *w, const struct object *o,
			  size_t size)
{
	for (size_t at = 0; at < size; at++) {
		if ((unsigned char)o->p[at] == tag_of(o))
			continue;
		fprintf(stderr, "trace: byte %zu of an object of %zu at %p is "
			"%d, it was written as %d: %s corrupts memory\n", at,
			o->size, (void *)o->p, (unsigned char)o->p[at],
			tag_of(o), w->p->backend);
		exit(EXIT_FAILED);
	}
}

B_INLINE void on_alloc(struct worker *w, struct object *o, size_t size,
		       bool check)
{
	*o = (struct object){ allocate(w, size), size };
	if (check)
		memset(o->p, tag_of(o), size);
	else
		write_object(o->p, size);
}

B_INLINE void on_free(struct worker *w, struct object *o, bool check)
{
	if (check)
		verify(w, o, o->size);
	b_free(w, o->p);
	o->p = NULL;
}

B_INLINE void on_resize(struct worker *w, struct object *o, size_t size,
			bool check)
{
	struct object old = *o;
	size_t kept = size < old.size ? size : old.size;

	*o = (struct object){ allocate(w, size), size };
	memcpy(o->p, old.p, kept);
	b_free(w, old.p);
	if (check) {
		verify(w, o, kept);
		memset(o->p + kept, tag_of(o), size - kept);
	} else if (size > kept) {
		write_object(o->p + kept, size - kept);
	}
}

/* `check` is a constant in each copy of this loop. */
B_INLINE void play_events(struct worker *w, const struct replay *r,
			  uint64_t from, uint64_t to, bool check)
{
	for (const uint64_t *e = r->event + from; e < r->event + to; e++) {
		struct object *o = &r->object[trace_slot(*e)];

		switch (trace_op(*e)) {
		case TRACE_ALLOC:
			on_alloc(w, o, trace_size(*e), check);
			break;
		case TRACE_FREE:
			on_free(w, o, check);
			break;
		default:		/* was checked: it is a resize */
			on_resize(w, o, trace_size(*e), check);
		}
	}
}

B_INLINE void play(struct worker *w, const struct replay *r, uint64_t from,
		   uint64_t to)
{
	if (w->p->check)
		play_events(w, r, from, to, true);
	else
		play_events(w, r, from, to, false);
}

B_INLINE void free_left(struct worker *w, const struct replay *r)
{
	for (uint64_t i = 0; i < r->header.slots; i++)
		if (r->object[i].p) {
			b_free(w, r->object[i].p);
			r->object[i].p = NULL;
		}
}

B_INLINE uint64_t above(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* Threads are one process, and the footprint is everybody's: counted once. */
static inline void count(const struct worker *w, const struct replay *r,
			 struct meeting *m)
{
	struct rollup now = rollup_read();
	uint64_t anon = above(now.anon, r->before.anon);
	uint64_t shmem = above(now.shmem, r->before.shmem);

	if (w->p->threads && w->index)
		return;
	m->touched_bytes += anon + shmem;
	if (!w->b->footprint)
		m->peak_bytes += anon + shmem;
	else
		m->peak_bytes += anon + (w->index ? 0 : w->b->footprint());
}

static inline void measure_peak(struct worker *w, const struct replay *r)
{
	struct meeting *m = b_area(w);
	double live = (double)r->header.peak_bytes * w->p->workers, peak;

	barrier_pass(&m->here, &m->all_here, w->p->workers, false);
	count(w, r, m);
	barrier_pass(&m->counted, &m->all_counted, w->p->workers, true);
	peak = (double)m->peak_bytes;
	bench_metric(w->r, "peak_bytes", peak);
	bench_metric(w->r, "touched_bytes", (double)m->touched_bytes);
	bench_metric(w->r, "peak_live_bytes", live);
	bench_metric(w->r, "space_ratio", peak / live);
}

/* Gives the time that doesn't count. */
B_INLINE uint64_t play_and_measure(struct worker *w, const struct replay *r)
{
	uint64_t t;

	play(w, r, 0, r->header.peak_events);
	t = bench_now();
	measure_peak(w, r);
	t = bench_now() - t;
	play(w, r, r->header.peak_events, r->header.events);
	return t;
}

RUN(trace)
{
	struct replay r = prepare(w);
	uint64_t done, paused, t;

	count_before(w, &r);
	b_start(w);
	paused = play_and_measure(w, &r);
	for (done = r.header.events; done < w->p->ops; done += r.header.events) {
		t = bench_now();
		free_left(w, &r);
		paused += bench_now() - t;
		play(w, &r, 0, r.header.events);
	}
	b_stop(w, done);
	w->r->end_ns -= paused;
	free_left(w, &r);
}

#if !BENCH_HEAP_FORM

/* Workers may be in another directory. */
static void make_absolute(struct bench_params *p)
{
	char *path = realpath(p->file, NULL);

	if (!path || strlen(path) >= sizeof(p->file)) {
		fprintf(stderr, "trace: --file %s: %s\n", p->file, path ?
			"its full path is too long" : strerror(errno));
		exit(EXIT_USAGE);
	}
	snprintf(p->file, sizeof(p->file), "%s", path);
	free(path);
}

static struct trace_header header_of(const struct bench_params *p)
{
	struct trace_header h;
	struct trace t;

	if (trace_open(&t, p->file))
		exit(EXIT_USAGE);
	h = *t.header;
	trace_close(&t);
	return h;
}

/* Here, once and not measured, every event is checked. */
static void defaults(struct bench_params *p)
{
	struct trace t;

	if (!p->file[0]) {
		fprintf(stderr, "trace: what to replay? --file PATH; "
			"bench/trace/make.sh makes traces\n");
		exit(EXIT_USAGE);
	}
	make_absolute(p);
	if (trace_open(&t, p->file) || trace_check(&t, p->file))
		exit(EXIT_USAGE);
	p->size = 1;
	p->size_max = t.header->largest;
	p->ops = p->ops ? p->ops : t.header->events;
	trace_close(&t);
}

static uint64_t area(const struct bench_params *p)
{
	(void)p;
	return sizeof(struct meeting);
}

static uint64_t live(const struct bench_params *p)
{
	return header_of(p).peak_bytes * p->workers;
}

extern const struct workload w_trace;
const struct workload w_trace = {
	.name = "trace",
	.help = "what a real program asked of malloc, replayed; --file",
	.default_workers = 1,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(trace),
};

#endif
