/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.h - what worker.c offers to workloads and the harness: clocks, the
 * barriers around what is measured, metrics, memory.  Workloads reach it by
 * bench/calls.h.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench/bench.h"

/* Once for each worker; a second call does nothing. */
void bench_start(struct bench_shared *s, struct bench_result *r);
void bench_stop(struct bench_shared *s, struct bench_result *r, uint64_t ops);

/* Beside ns and mops; the default report averages it over the workers. */
void bench_metric(struct bench_result *r, const char *name, double value);

uint64_t bench_now(void);		/* ns of CLOCK_MONOTONIC */

/* Zeroed, present memory from no allocator; kept until the process ends. */
void *bench_table(size_t bytes);

#endif
