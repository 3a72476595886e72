/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw.h - what libmhrecord.so writes and `pack` reads: one file for each
 * process, of chunks of 64 KiB.  The first is the header, each of the others
 * belongs to one thread, which fills it from the front.
 *
 *	| header | thread 0 ..... | thread 1 .... | thread 0 ..  | ...
 *
 * The file is mapped shared and written in place, so there is nothing to flush:
 * it is whole after exit, _exit, exec, abort and SIGKILL alike.
 *
 * Order: each record has a number of its own, 1, 2, ..., from one counter.  A
 * free takes its number before the real call and an allocation after it, so an
 * address is never given out, in the order of the numbers, before it is free.
 * A realloc is both: it writes two records, RAW_TAKE before and RAW_PUT after,
 * and no other of the same thread comes between.
 *
 * Native byte order: it is packed on the machine that recorded it.
 */
#ifndef BENCH_TRACE_RAW_H
#define BENCH_TRACE_RAW_H

#include <stdatomic.h>
#include <stdint.h>

#define RAW_MAGIC	"mhrecord"
#define RAW_VERSION	1u
#define RAW_CHUNK_BYTES	65536u
#define RAW_RECORDS	2730u		/* in a chunk */

enum raw_op {
	RAW_NONE,			/* not written */
	RAW_ALLOC,
	RAW_ZALLOC,			/* calloc */
	RAW_ALIGNED,			/* memalign and its sisters */
	RAW_FREE,
	RAW_TAKE,			/* realloc: the old address */
	RAW_PUT,			/* the new one; 0: it failed */
};

#define RAW_OP_BITS	4

struct raw_record {
	_Atomic uint64_t seq_op;	/* written last */
	uint64_t addr;
	uint64_t size;			/* as the program asked for it */
};

struct raw_chunk {
	uint32_t thread;
	uint32_t pad[3];
	struct raw_record record[RAW_RECORDS];
};
_Static_assert(sizeof(struct raw_chunk) == RAW_CHUNK_BYTES, "no gap between");

struct raw_header {
	char magic[8];
	uint32_t version;
	int32_t pid;
	_Atomic int32_t stopped;	/* errno that ended the recording, or 0 */
	_Atomic uint32_t threads;	/* that have written anything */
	_Atomic uint32_t chunks;
	_Atomic uint64_t records;	/* the last number given out */
	char program[64];
};

#endif
