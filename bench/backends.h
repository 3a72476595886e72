/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backends.h - the back ends that need nothing beside this tree, and where the
 * others are found.
 */
#ifndef BENCH_BACKENDS_H
#define BENCH_BACKENDS_H

#include "bench/bench.h"

extern struct backend backend_null, backend_malloc;
extern struct backend backend_mheap, backend_mheap_shared;

/* NULL and an exit code if there is none; it has said why. */
struct backend *backend_find(const char *name, int *ret_code);

/* What null must know beside the bytes; before its create(). */
void null_plan(unsigned workers, bool passes);

/* One line for each that is there. */
void backends_list(void);

#endif
