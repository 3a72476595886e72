/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - a packed trace, mapped read-only. */
#ifndef BENCH_TRACE_LOAD_H
#define BENCH_TRACE_LOAD_H

#include <stddef.h>

#include "bench/trace/format.h"

struct trace {
	const struct trace_header *header;
	const uint64_t *event;
	size_t bytes;			/* of the file */
};

/*
 * Maps it and checks the header.  0, or -1 and a sentence on stderr, begun with
 * the name of the program.
 */
int trace_open(struct trace *t, const char *file);
void trace_close(struct trace *t);

/* Follows every event and compares the header's figures.  0 or -1, likewise. */
int trace_check(const struct trace *t, const char *file);

#endif
