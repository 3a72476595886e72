/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_index.h - the inverted index in the heap: word to (file, count)s.
 * Made of shared objects that refer to each other by handle, found by the name
 * INDEX_NAME.  One process adds to it; others may read at the same time: an object
 * is filled, then linked by one store, and nothing is unlinked while others look.
 */
#ifndef TOOLS_DEMO_INDEX_H
#define TOOLS_DEMO_INDEX_H

#include <mheap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/demo_files.h"
#include "tools/demo_messages.h"
#include "tools/demo_tally.h"

#define INDEX_NAME	"demo.index"

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

/*
 *	root --> files      where the path of each begins
 *	     --> paths      the text of all, each ends in 0
 *	     --> buckets -> word -> word ...
 *	                      `--> posting -> posting ...
 */
struct index_root {
	mh_handle files, paths, buckets;
	uint32_t nfiles, nbuckets;
};

/* This process's view. */
struct index {
	mh_heap *heap;
	struct index_root *root;
	uint64_t *files;
	char *paths;
	_Atomic mh_handle *buckets;
};

/* All of these: 0, or -1 and mh_errmsg() says why.  index_make: a new one. */
int index_make(struct index *x, mh_heap *h, const struct file_list *list);
int index_open(struct index *x, mh_heap *h);

/* A word that the file has; each of its words once. */
int index_add(struct index *x, const struct counted *w, uint32_t file);

/*
 * Visits every word of an index to which nobody adds: how many objects of the
 * heap belong to it, or -1.  index_free frees them all.
 */
int64_t index_tally(struct index *x, struct tally *t);
int64_t index_free(struct index *x);

#endif
