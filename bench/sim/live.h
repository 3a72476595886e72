/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h - the real library and a real mheapd under the workloads that the
 * simulation plays, so that the two can be compared.
 *
 *	exchange  each process allocates, in rounds of 64.  A share `remote` of
 *		  the objects goes by a ring to its neighbour, who frees them;
 *		  the rest replaces objects of its own, at random.
 *	wave	  each process allocates `wave` owned objects, then frees them.
 */
#ifndef BENCH_SIM_LIVE_H
#define BENCH_SIM_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mheap.h>

#define ROUND		64u	/* objects per round */
#define RING		4096u	/* objects on their way to the neighbour */
#define KEEP		1024u	/* objects that a process keeps */

struct live {
	unsigned procs;
	double	 remote;	/* 0..1 */
	size_t	 size;
	unsigned wave;		/* 0: exchange */
	double	 seconds;
	bool	 null;		/* the loop without an allocator */
};

struct live_result {		/* per second, all processes together */
	double ops, refills, harvests, foreign, calls;
	double moves;		/* of spans' state words */
	double turns, sweeps;	/* of the daemon */
	double owned, full, listed;	/* spans, at the end */
	double daemon, cpu;	/* CPU time of the daemon, of the workers */
};

/* These two end the program with a sentence if there can be no heap. */
void live_run(const struct live *w, struct live_result *ret);
mh_heap *live_heap(void);	/* of this process's name, with its own mheapd */

double cpu_seconds(uint32_t pid);	/* that a process has had */

/* Lets the workers count for so long; what came of it beside their counts. */
enum phase { WARM, COUNT, STOP };
void live_look(mh_heap *h, _Atomic uint32_t *phase, struct live_result *ret,
	       double *ret_seconds);

#endif
