/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.h - the parts of `hand`: held objects and channels beside what else hands
 * memory from process to process on one machine.
 */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <mheap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAND_ROUNDS_MAX	25
#define HAND_MEASURES_MAX	48

/* One figure of a measure, in ns; below 0: not to be had here, and says why. */
typedef double (*hand_run)(mh_heap *h, size_t size, unsigned n);

struct hand_measure {
	const char *kind, *name;
	hand_run    run;
	size_t	    size;
	unsigned    n;		/* as run() takes it: of a batch, of pairs */
	double	    ns[HAND_ROUNDS_MAX];
	unsigned    done;
};

/* What must hold between two measures. */
struct hand_bar {
	const char *what;
	const char *ours, *peer;	/* names of measures */
	double	    at;		/* ... and that of ours / peer is at most so much */
};

double hand_now(void);			/* ns */
void hand_pin(int cpu);			/* modulo what there is */
/* Runs body(arg, i) in n processes, and waits: 0, or -1 if one failed. */
int hand_fork(unsigned n, int (*body)(void *arg, unsigned i), void *arg);
_Noreturn void hand_die(const char *what);

/* hand_local.c */
double hand_cas16(mh_heap *h, size_t size, unsigned n);
double hand_hold(mh_heap *h, size_t size, unsigned n);
double hand_name(mh_heap *h, size_t size, unsigned n);
double hand_alloc(mh_heap *h, size_t size, unsigned n);

/* hand_stream.c: a message written by one process and read by another */
double hand_chan(mh_heap *h, size_t size, unsigned batch);
double hand_chan_4to4(mh_heap *h, size_t size, unsigned batch);
double hand_sock(mh_heap *h, size_t size, unsigned n);
double hand_mq(mh_heap *h, size_t size, unsigned n);
double hand_ring(mh_heap *h, size_t size, unsigned cas);

/* hand_sleep.c */
double hand_pingpong_p50(mh_heap *h, size_t size, unsigned n);
double hand_pingpong_p99(mh_heap *h, size_t size, unsigned n);
double hand_futex_p50(mh_heap *h, size_t size, unsigned n);
double hand_idle_wakeups(mh_heap *h, size_t size, unsigned n);	/* a second */
double hand_idle_cpu(mh_heap *h, size_t size, unsigned n);	/* % of a core */

#endif
