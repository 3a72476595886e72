/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow.h - mheap's slow paths, measured one by one: what happens when an array
 * is empty, when the daemon must be asked, when a client comes, idles or dies.
 * `slow WORKLOAD` prints one line of JSON in the form of the suite (recover one
 * for each cell): "metrics" are medians over the repeats, "spread" is
 * (max - min) / median of each.
 *
 * Unlike the suite's driver it is linked with the library's objects and reads
 * its private state, so as to tell one kind of slow path from another; what is
 * timed are calls as applications make them.  Figures are raw: the clock's own
 * cost stands beside them as clock_ns.
 *
 *	slow.c		options
 *	slow_report.c	quantiles, the line
 *	slow_crew.c	worker processes that keep step, clock, processors
 *	slow_heap.c	the heap that it all happens in, and its daemon
 *	slow_*.c	a workload each
 */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "libclient/client.h"

#define SLOW_REPEATS_MAX	32u
#define SLOW_METRICS_MAX	64u
#define SLOW_WORKERS_MAX	256u

struct slow_opts {
	const char	*workload, *backend;
	bool		 shared;	/* objects are shared at birth */
	unsigned	 workers, repeats;	/* 0: the workload's own */
	size_t		 size;		/* of an object; 0: likewise */
	uint64_t	 bytes;		/* of all objects; 0: likewise */
};

/* One function a workload; 0 or an exit code. */
int slow_refill(struct slow_opts *o);
int slow_daemon(struct slow_opts *o);
int slow_attach(struct slow_opts *o);
int slow_recover(struct slow_opts *o);
int slow_idle(struct slow_opts *o);

/* slow_report.c */
struct metric {
	char	 name[32];
	unsigned n;
	double	 value[SLOW_REPEATS_MAX];
};

struct report {
	uint64_t	ops;
	unsigned	n_metrics;
	struct metric	metric[SLOW_METRICS_MAX];
};

/* A value of one repeat; the first one of a name makes the metric. */
void report_add(struct report *r, double value, const char *name);
/* PREFIX_n, and if n is not 0 PREFIX_p50_ns, _p99_ns and _p999_ns. */
void report_times(struct report *r, const char *prefix, float *ns, size_t n);
void report_print(const struct report *r, const struct slow_opts *o);
/* Sorts v; nearest rank. */
double quantile(float *v, size_t n, double q);

/* slow_crew.c */
struct step {			/* in shared memory */
	_Atomic uint32_t arrived, turn;
};

struct crew {
	struct step	*step;
	unsigned	 n;
	pid_t		 pid[SLOW_WORKERS_MAX];
};

/* Zeroed memory that this process and those it forks share. */
void *shared_room(size_t bytes);
/* Forks n workers; each ends with the exit code that body returns. */
void crew_start(struct crew *c, unsigned n,
		int (*body)(struct crew *c, unsigned index, void *arg),
		void *arg);
void crew_arrive(struct crew *c);	/* worker: until the parent lets go */
/* Parent: all have arrived.  A worker that has ended ends the program. */
void crew_gather(struct crew *c);
void crew_release(struct crew *c);
void crew_join(struct crew *c);		/* likewise if one has failed */
void crew_kill(struct crew *c);		/* ends and reaps them */
void wait_for_kill(void) __attribute__((noreturn));
unsigned processors(void);		/* that this process may use */
void pin(pid_t pid, unsigned cpu);	/* 0: this thread; modulo how many */
float clock_cost(void);			/* ns between two readings */
void die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* slow_heap.c */
const char *heap_name(void);		/* of this run */
mh_heap *heap_start(void);		/* attached; with a daemon of its own */
void heap_pin_daemon(mh_heap *h, unsigned cpu);
/* All others have left, all free pages are returned. */
void heap_settle(mh_heap *h);

static inline void *slow_alloc(mh_heap *h, const struct slow_opts *o)
{
	void *p = o->shared ? mh_alloc_shared(h, o->size) :
		  mh_alloc(h, o->size);

	if (!p)
		die("%zu bytes: %s", o->size, mh_errmsg());
	return p;
}

#endif
