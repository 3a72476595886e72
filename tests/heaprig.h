/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heaprig.h - a whole heap inside a test: heap, central and (if wanted) arena
 * in shared mappings, the daemon's code on top of them, no daemon.
 *
 * The rig is the heap's heap_io.  It keeps its own record of what has memory:
 * with `guard` the rest of heap and central is PROT_NONE, so that a use of
 * memory that was never asked for faults; arena pages are compared with the
 * spans by rig_check().  Time stands still until a test moves it.  Memory can
 * be made scarce (budget), jobs can be kept back (queued) and ended one by one,
 * well or not.
 *
 * The mappings are MAP_SHARED, so a forked child works on the same heap; with
 * `guard` only on what had memory when it was forked.  A rig has no threads
 * and no locks of its own.
 */
#ifndef TESTS_HEAPRIG_H
#define TESTS_HEAPRIG_H

#include "daemon/heap.h"
#include "shm/verify.h"

#define RIG_JOBS	256u
#define RIG_WAKES	64u

struct rig_opts {
	uint64_t reserve;	/* bytes; 0: 1 MiB */
	uint32_t clients;	/* 0: 4 */
	uint32_t stripes;	/* 0: 2 */
	uint32_t names;		/* 0: 16 */
	uint32_t chans;		/* 0: 4 */
	uint64_t limit;		/* 0: none */
	uint64_t budget;	/* bytes of memory there are; 0: no end */
	bool	 arena;		/* map it */
	bool	 no_guard;	/* all of heap and central is accessible */
	bool	 queued;	/* jobs wait for rig_end_job() */
};

struct rig_piece {		/* a segment */
	char	 *map;
	uint64_t bytes;
	uint8_t	 *backed;	/* per OS page, per heap page in the arena */
	uint64_t nbacked;
};

struct rig {
	struct rig_opts	 opts;
	struct rig_piece piece[3];	/* by enum seg_kind */
	struct heap	 h;
	bool		 open;
	struct seg	 sg;		/* as a client sees it */
	uint64_t	 now;		/* ns */
	bool		 guard, queued;
	uint64_t	 budget;	/* left; UINT64_MAX: no end */
	struct heap_job	*job[RIG_JOBS];	/* started, oldest first */
	unsigned	 njobs;
	bool		 no_start;	/* jobs can't be begun */
	bool		 forgetful;	/* a daemon was killed in a job */
	bool		 in_calls;	/* clients were stopped inside calls */
	int		 punch_err;	/* what punches end with */
	uint32_t	 partial;	/* pages that the next ahead to fail gets */
	uint64_t	 commits, aheads, punches;
	_Atomic uint32_t *woken[RIG_WAKES];
	unsigned	 nwoken;
	struct verify_report report;	/* of the last rig_check() */
	char		 text[320];
};

/* A new heap, served.  Aborts when out of memory: tests can't go on. */
struct rig *rig_new(const struct rig_opts *opts);
void rig_free(struct rig *r);

/* The daemon dies: all private state is lost, jobs under way never end. */
void rig_kill(struct rig *r);
/* The next daemon takes charge.  0 or -errno of heap_open(). */
int rig_open(struct rig *r);
int rig_reopen(struct rig *r);		/* both */

/* A rig of its own with the same shared bytes, not opened. */
struct rig *rig_copy(const struct rig *r);
/* The same into an existing copy of the same geometry, closed before. */
void rig_copy_to(const struct rig *r, struct rig *dst);
/* The same shared bytes?  Words that restarts count (epoch) are left out. */
bool rig_same(const struct rig *a, const struct rig *b);

/* Ends the oldest job; false: there is none.  res 0: does what it should. */
bool rig_end_job(struct rig *r, int res);
unsigned rig_end_jobs(struct rig *r);	/* all, well; how many there were */

/*
 * NULL, or what is wrong: verify_heap() with nobody running, the page tables,
 * and memory behind all that is in use.
 */
const char *rig_check(struct rig *r);

/* Clients: a slot that is ACTIVE, and spans for it. */
struct party rig_join(struct rig *r);
/* A span of the class, OWNED by p; aborts if there is none. */
struct geom rig_span(struct rig *r, struct party p, uint32_t spc);
struct geom rig_run(struct rig *r, struct party p, uint32_t pages);
struct geom rig_geom(struct rig *r, span_id id);

/* What an owner does to a span of shared objects, single-threaded. */
void rig_lease(struct rig *r, const struct geom *g);	/* parks all free slots */
void rig_alloc(struct rig *r, const struct geom *g, uint32_t slot);
/* What anybody does to a shared object: true if that listed the span. */
bool rig_free_slot(struct rig *r, struct party p, const struct geom *g,
		   uint32_t slot);
void rig_lend(struct rig *r, const struct geom *g, uint32_t slot,
	      struct party to);	/* freed by who borrows it */
void rig_share(struct rig *r, const struct geom *g, uint32_t slot);
/* p holds it, of a span of held objects; it becomes one if it was none. */
void rig_hold(struct rig *r, const struct geom *g, uint32_t slot,
	      struct party p);

static inline uint32_t rig_state(struct rig *r, span_id id)
{
	return span_state(span_load(&r->sg, id));
}

/* Writes a request into a cell and rings; the daemon is not called. */
struct sh_cell *rig_post(struct rig *r, struct party p, uint32_t cell,
			 uint32_t op, uint32_t a0, uint32_t a1);

#endif
