/* SPDX-License-Identifier: Apache-2.0 */
/* rawread.h - a file of the recorder, its records in the order they happened. */
#ifndef BENCH_TRACE_RAWREAD_H
#define BENCH_TRACE_RAWREAD_H

#include <stddef.h>

#include "bench/trace/raw.h"

struct raw {
	const struct raw_header *header;
	const struct raw_chunk *chunk;	/* those after the header */
	size_t chunks, bytes;
	uint64_t records;		/* numbers given out, from 1 */
	uint32_t *place;		/* of each number; 0: never written */
};

struct raw_item {
	enum raw_op op;
	uint32_t thread;
	uint64_t addr, size;
};

/* 0, or -1 and a sentence on stderr, begun with the name of the program. */
int raw_open(struct raw *r, const char *file);
void raw_close(struct raw *r);

/*
 * Record `number`, from 1 to r->records.  Its op is RAW_NONE if the process
 * ended between taking the number and writing the record.
 */
struct raw_item raw_item(const struct raw *r, uint64_t number);

#endif
