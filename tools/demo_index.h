/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_index.h - the inverted index in the heap: word to (file, count)s.
 * Made of shared objects that refer to each other by handle, found by the name
 * INDEX_NAME.  Any number of processes add to it at once, without locks: an
 * object is filled, then linked by one compare and swap, and nothing is ever
 * unlinked while others look.
 *
 * A process allocates one object at a time and links it before the next, so
 * that being killed leaves at most one object that nobody reaches.
 *
 * Whoever takes a file is the only one with it until it has been proven dead.
 * So a posting can be there already only if the file is done once more.
 */
#ifndef TOOLS_DEMO_INDEX_H
#define TOOLS_DEMO_INDEX_H

#include <mheap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/demo_files.h"
#include "tools/demo_tally.h"
#include "tools/demo_words.h"

#define INDEX_NAME	"demo.index"

/*
 * The state of a file is one word: what, who, and the how-manieth process in
 * that seat.
 *
 *	63      32 31                8 7          0
 *	| turn    | seat              | FILE_*     |
 */
#define FILE_TODO	0u
#define FILE_AGAIN	1u	/* to do, and some of its postings may be in */
#define FILE_TAKEN	2u
#define FILE_TAKEN_AGAIN 3u
#define FILE_DONE	4u

static inline uint64_t file_state(uint32_t what, uint32_t seat, uint32_t turn)
{
	return (uint64_t)turn << 32 | seat << 8 | what;
}

static inline uint32_t state_what(uint64_t state)
{
	return state & 0xff;
}

static inline uint32_t state_seat(uint64_t state)
{
	return (uint32_t)state >> 8;
}

static inline bool state_taken(uint64_t state)
{
	return state_what(state) == FILE_TAKEN ||
	       state_what(state) == FILE_TAKEN_AGAIN;
}

struct index_file {
	_Atomic uint64_t state;
	uint64_t path;			/* offset in the object of paths */
};

struct index_word {
	mh_handle next;			/* constant once linked */
	_Atomic mh_handle postings;
	uint32_t hash, len;
	char text[];			/* ends in 0 */
};

struct index_posting {
	mh_handle next;			/* constant once linked */
	uint64_t count;
	uint32_t file, pad;
};

/* A worker's place; written by the worker that sits there. */
struct index_seat {
	_Alignas(64) _Atomic uint64_t words;	/* of the files it has done */
	_Atomic uint64_t pause_ns;		/* its longest heap call */
};

struct index_root {
	mh_handle files, paths, buckets;
	uint64_t paths_bytes;
	uint32_t nfiles, nbuckets, nseats;
	_Atomic uint32_t quit;		/* all is done: workers leave */
	_Alignas(64) _Atomic uint64_t cursor;	/* the next file never taken */
	_Atomic uint64_t fence;		/* files from here on may not be done */
	struct index_seat seats[];
};

/* This process's view. */
struct index {
	mh_heap *heap;
	struct index_root *root;
	struct index_file *files;
	const char *paths;
	_Atomic mh_handle *buckets;
	uint64_t pause_ns;		/* the longest heap call of this one */
};

/* All of these: 0, or -1 and mh_errmsg() says why.  index_make: a new one. */
int index_make(struct index *x, mh_heap *h, const struct file_list *list,
	       uint32_t nseats);
int index_open(struct index *x, mh_heap *h);

/* The posting of (w, file): w->count.  again: it may be there already. */
int index_add(struct index *x, const struct word *w, uint32_t file,
	      bool again);

/*
 * Visits every word of an index to which nobody adds: how many objects of the
 * heap belong to it, or -1.  index_free frees them all.
 */
int64_t index_tally(struct index *x, struct tally *t);
int64_t index_free(struct index *x);

/* Heap calls that are timed. */
void *index_get(struct index *x, size_t size, unsigned flags);
void index_put(struct index *x, void *p);

uint64_t now_ns(void);

#endif
