/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.h - runs of pages: which are in the heap, in use, have memory.
 *
 * A pure table.  It never touches a page and does not know what one is: the
 * daemon keeps one instance for the 8 KiB pages of the arena and one for the
 * 128-byte granules of central.  A page is in one of these states:
 *
 *	not in the heap		never handed out
 *	free			with or without memory ("committed")
 *	in use			with or without memory
 *
 * Memory and use are independent: whoever allocates a run asks which parts of
 * it have no memory, gets some, and says so with pages_commit().  To give
 * memory back: take a free run, release it, pages_uncommit(), pages_free().
 *
 * Policy: address-ordered first fit, so that the top empties; the scavenger
 * works from the top down, at the other end on purpose.
 *
 * One owner, no lock.  0 or -errno; ret_ values are written only on success.
 */
#ifndef DAEMON_PAGES_H
#define DAEMON_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/ref.h"

#define PAGES_MAX	(1u << 27)	/* the biggest instance */
#define PAGES_DENSE	496u		/* of a chunk's 512: pages_dense() */

struct pages;

/*
 * A table for pages 0 .. max - 1, none of them in the heap yet.  Its memory is
 * reserved, not used, so a big one costs nothing until it grows.  NULL with
 * errno set; EINVAL if max is 0 or above PAGES_MAX.
 */
struct pages *pages_new(npages max);
void pages_destroy(struct pages *p);

/*
 * The range joins the heap: free, without memory.  Ranges come in any order;
 * a page that is in the heap already stays as it is.  -EINVAL: not below max.
 */
int pages_grow(struct pages *p, pgno start, npages n);

/*
 * The lowest free run of n pages whose start is a multiple of align, a power
 * of two.  To keep the search short, an aligned request that met 64 misfits
 * takes the lowest run that is long enough wherever its start lies, if there
 * is one.  -ENOMEM: no such run; -EINVAL: n is 0 or align no power of two.
 */
int pages_alloc(struct pages *p, npages n, npages align, pgno *ret_start);

/* -EINVAL, and nothing changed: n is 0 or some page of the run not in use. */
int pages_free(struct pages *p, pgno start, npages n);

/*
 * Put exactly this free run into use.  -EBUSY: some page of it is in use;
 * -EINVAL: n is 0 or some page not in the heap.  Nothing changed then.
 */
int pages_take(struct pages *p, pgno start, npages n);

/* Pages of the range that are in the heap and have no memory. */
npages pages_uncommitted(const struct pages *p, pgno start, npages n);

/* Free pages of [from, end) that have memory. */
npages pages_ready(const struct pages *p, pgno from, pgno end);

/* The first maximal run of pages without memory in [from, end), if any. */
bool pages_next_uncommitted(const struct pages *p, pgno from, pgno end,
			    pgno *ret_start, npages *ret_n);

/* The pages of the range that are in the heap have memory now, or none. */
void pages_commit(struct pages *p, pgno start, npages n);
void pages_uncommit(struct pages *p, pgno start, npages n);

/*
 * The highest run below `below` that is free, has memory, and consists of
 * whole groups of min pages (aligned, a power of two <= 64).  It is cut from
 * its top to max, but a free huge page of `huge` pages (a power of two, 0:
 * none such) is taken whole rather than split.  A run does not cross a chunk
 * of 512 pages, so bigger huge pages are ignored.
 */
bool pages_scavenge_candidate(const struct pages *p, pgno below, npages min,
			      npages max, npages huge, pgno *ret_start,
			      npages *ret_n);

/*
 * Is the page's chunk nearly full, or was it when this generation began?
 * Memory taken from such a chunk is likely to be wanted back soon.  The
 * scavenger's timer begins generations.
 */
bool pages_dense(const struct pages *p, pgno page);
void pages_new_generation(struct pages *p);

/* The first page of the chunk that the page lies in. */
pgno pages_chunk(pgno page);

npages pages_total(const struct pages *p);	/* in the heap */
npages pages_in_use(const struct pages *p);
npages pages_committed(const struct pages *p);	/* have memory */
npages pages_free_committed(const struct pages *p);
npages pages_largest_free(const struct pages *p);
bool pages_is_allocated(const struct pages *p, pgno page);

/* Summaries and chunks that the last pages_alloc() looked at. */
uint64_t pages_visits(const struct pages *p);

/* Recompute all that is derived: NULL, or a sentence on what does not agree. */
const char *pages_check(const struct pages *p);

#endif
