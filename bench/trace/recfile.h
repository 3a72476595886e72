/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recfile.h - where the recorder's records go: the file of this process, and
 * the chunk of it that this thread fills.
 */
#ifndef BENCH_TRACE_RECFILE_H
#define BENCH_TRACE_RECFILE_H

#include "bench/trace/raw.h"

/*
 * Opens FILE.PID; a relative file stays where it is if the program changes its
 * directory.  Before this, and after an error (which goes to stderr), nothing is
 * recorded.  children: a fork gets a file of its own, else it isn't recorded.
 */
void recfile_start(const char *file, int children);

/* One record, with the next number.  errno is kept. */
void recfile_write(enum raw_op op, const void *addr, uint64_t size);

#endif
