/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.h - timing for `sim measure`.  A figure comes from many short samples,
 * so that an interruption spoils a sample and not the figure; the clock's own
 * cost is taken off.  All are taken in several passes; the lowest counts.
 */
#ifndef BENCH_SIM_MEASURE_H
#define BENCH_SIM_MEASURE_H

#include <stdint.h>
#include <time.h>

#include "bench/sim/costs.h"

#define SAMPLES_MAX	8192u

struct samples {
	double	 ns[SAMPLES_MAX];
	unsigned n;
};

static inline double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One sample, from `began` until now, of `ops` operations. */
void sample(struct samples *s, double began, double ops);
double quantile(struct samples *s, double q);	/* 0..1; sorts */
/* The mean of the middle half: a median finer than the clock's steps. */
double typical(struct samples *s);

void pin(unsigned cpu);		/* this thread; ends the program if it can't */
void unpin(void);		/* all CPUs again that it began with */
unsigned cpus(void);		/* how many these are */

/* A line between CPUs 0 and 1 at this moment: hosts move virtual CPUs. */
double line_now(void);

void measure_machine(struct costs *c);
void measure_shm(struct costs *c);
void measure_client(struct costs *c);
void measure_daemon(struct costs *c);
void measure_live(struct costs *c);	/* what needs a running mheapd */


#endif
