/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.h - how much memory a back end holds, as the system counts it.
 */
#ifndef BENCH_SPACE_H
#define BENCH_SPACE_H

#include "bench/bench.h"

/*
 * This process's private memory, and with it what the shared heap holds (or,
 * without one, what this process has of shared memory).  Allocates nothing
 * from the allocator under test.  Compare two of them: the harness is in both.
 */
uint64_t space_held(const struct backend *b);

/*
 * The same when it has not fallen for a fifth of a second (or after five
 * seconds): others may give memory back, as a daemon does.  *ret_when: of
 * bench_now(), when it last fell, or before.
 */
uint64_t space_settled(const struct backend *b, uint64_t *ret_when);

#endif
