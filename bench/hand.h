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

/* A figure, in ns where nothing else is said; below 0: not to be had here. */
typedef double (*hand_run)(mh_heap *h, size_t size, unsigned n);

struct hand_measure {
	const char *kind, *metric;
	hand_run    run;
	size_t	    size;
	unsigned    n;		/* as run() takes it: of a batch, of pairs */
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
double hand_iceoryx(mh_heap *h, size_t size, unsigned n);

/* What both do with a message, and how many; of peers/iceoryx.c, too. */
struct hand_work {
	long n;
	size_t size;
	unsigned room;			/* messages on their way */
	void (*write)(void *p, long n, size_t size);
	void (*read)(const void *p, size_t size);
	void (*pin)(int cpu);
};

/* peers/iceoryx.c: ns a message, or below 0. */
typedef double (*hand_peer)(const struct hand_work *w);

/* hand_sleep.c; the CPU is that of the run that counted wake-ups */
double hand_pingpong_p50(mh_heap *h, size_t size, unsigned n);
double hand_pingpong_p99(mh_heap *h, size_t size, unsigned n);
double hand_futex_p50(mh_heap *h, size_t size, unsigned n);
double hand_futex_p99(mh_heap *h, size_t size, unsigned n);
double hand_idle_wakeups(mh_heap *h, size_t size, unsigned n);	/* a second */
double hand_idle_cpu(mh_heap *h, size_t size, unsigned n);	/* % of a core */

#endif
