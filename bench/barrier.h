/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barrier.h - a gate in shared memory that opens when the last of n workers has
 * come.  For one use: two words that start at 0.
 */
#ifndef BENCH_BARRIER_H
#define BENCH_BARRIER_H

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BARRIER_YIELDS	20000	/* some milliseconds */

/*
 * eager: spins before it sleeps, for a start at the same time; else it leaves
 * the processor to those who still work.
 */
static inline void barrier_pass(_Atomic uint32_t *here, _Atomic uint32_t *open,
				uint32_t n, bool eager)
{
	if (atomic_fetch_add(here, 1) + 1 == n) {
		atomic_store(open, 1);
		syscall(SYS_futex, open, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
		return;
	}
	for (int i = 0; eager && i < BARRIER_YIELDS; i++) {
		if (atomic_load(open))
			return;
		sched_yield();
	}
	while (!atomic_load(open))
		syscall(SYS_futex, open, FUTEX_WAIT, 0, NULL, NULL, 0);
}

#endif
