/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h - how workers wait for each other while they are measured: pause
 * first, let others run after a while.  No futex: a wake costs more than a
 * thousand allocations and would be all that is measured.
 */
#ifndef BENCH_WAIT_H
#define BENCH_WAIT_H

#include <sched.h>
#include <stdint.h>
#include <unistd.h>

struct patience {
	uint32_t waited, most;
};

/*
 * Whoever has a CPU each waits for nanoseconds, and a yield would only add to
 * that; whoever shares one waits for the other to be scheduled.
 */
static inline struct patience patience_of(unsigned workers)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return (struct patience){ .most = workers > cpus ? 16 : 4096 };
}

static inline void wait_more(struct patience *p)
{
	if (p->waited < p->most) {
		p->waited++;
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("isb" : : : "memory");
#endif
		return;
	}
	sched_yield();
}

static inline void wait_over(struct patience *p)
{
	p->waited = 0;
}

#endif
