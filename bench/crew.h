/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.h - starts the workers and waits for them: processes that are forked,
 * threads, or processes that the back end launches.
 */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include "bench/bench.h"

/* 0, or the exit code of the first that failed, after ending the others. */
int crew_run(const struct bench_params *p, const char *shared_file,
	     struct backend *b);

#endif
