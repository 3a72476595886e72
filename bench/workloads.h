/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workloads.h - the table of workloads.
 */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include "bench/bench.h"

/* NULL: there is none of that name. */
const struct workload *workload_find(const char *name);

/* One line for each. */
void workloads_list(void);

#endif
