/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollup.h - the memory of this process, page by page counted: the kernel's
 * running counters lag behind by up to 64 pages for each thread or processor,
 * which is a tenth of what some traces need.
 */
#ifndef BENCH_TRACE_ROLLUP_H
#define BENCH_TRACE_ROLLUP_H

#include <stdint.h>

struct rollup {
	uint64_t anon;		/* private bytes */
	uint64_t shmem;		/* of shared memory, its share of them */
};

/* Uses no allocator.  Ends the process if the kernel doesn't tell. */
struct rollup rollup_read(void);

#endif
