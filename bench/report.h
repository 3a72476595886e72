/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - from what the workers left in the shared page to one line of JSON.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/bench.h"

/* Prints it.  0, or an exit code after saying what went wrong. */
int report(struct bench_shared *s, const struct workload *load,
	   const struct backend *b);

#endif
