/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap.h - mheap: the page heap and everything that the daemon alone decides.
 *
 *	heap.c     making a heap, adopting one after a restart, counters
 *	commit.c   memory behind pages: growth, limit, punching
 *	ahead.c    memory before it is asked for
 *	spans.c    span ids, blocks, a span's birth and death
 *	sweep.c    provisioning ahead of demand, the walk over the span table
 *	fence.c    state words that cannot be
 *	reclaim.c  the recovery rule for a dead client
 *	requests.c the cells of the clients
 *	names.c    the table of names
 *	held.c     held objects: names that hold them, holders that died
 *	chans.c    channels: made, removed, and who died in the middle of one
 *
 * The truth is in the shared segments; what stands here is rebuilt from them.
 * Single-threaded, no locks.  Knows no socket, no event loop: what needs the
 * kernel goes through struct heap_io, so that tests and the kill harness run
 * the very same code in a process of their own.  Never touches arena bytes.
 */
#ifndef DAEMON_HEAP_H
#define DAEMON_HEAP_H

#include "daemon/pages.h"
#include "daemon/scavenge.h"
#include "shm/central.h"
#include "shm/chan.h"

enum seg_kind { SEG_HEAP, SEG_CENTRAL, SEG_ARENA };

/*
 * Arena pages on their way to get memory, or to lose it.  Somebody waits for
 * memory: fallocate, all of it or none.  Nobody waits (ahead): zeros are
 * written, so that no client has to clear the pages; if that fails half way the
 * first `got` pages have memory all the same.
 */
struct heap_job {
	struct heap_job	*next, **at;	/* at: what points to it */
	pgno		 start;
	npages		 len;
	npages		 need;		/* what was asked for, before widening */
	npages		 got;		/* ahead: set before it is done */
	bool		 punch, ahead;
	uint64_t	 began_ns;
};

struct heap_io {
	void	*arg;
	/* Memory behind a piece of heap or central, now.  0 or -errno. */
	int	(*back)(void *arg, enum seg_kind seg, uint64_t off, uint64_t len);
	/*
	 * Starts a job on the arena; heap_job_done() is called when it has
	 * ended, perhaps before this returns.  -errno: not started.
	 */
	int	(*start)(void *arg, struct heap_job *job);
	uint64_t (*now_ns)(void *arg);
	/* Wakes whoever waits on a cell's word. */
	void	(*wake)(void *arg, _Atomic uint32_t *word);
};

/* Neighbouring pages that are freed together. */
struct batch {
	pgno	start;
	npages	len;
};

/* Memory got before it is asked for; all in pages.  See ahead.c. */
struct ahead {
	uint32_t target;	/* free with memory, wanted; 0: no growth */
	uint32_t from, to;	/* the stretch that growth moves through */
	uint32_t unit;		/* the last span that found no memory */
	uint32_t in_flight;	/* of its jobs */
	uint32_t got;		/* ever; wraps */
	uint32_t used_then;	/* got and not ready, as of the last decay */
	uint32_t widen_at;	/* got, when a target's worth was used */
	uint64_t rest_until;	/* ns; memory was short */
	bool	 busy;		/* a job that ends at once must not nest */
};

struct waiter {
	uint16_t slot;
	uint8_t	 cell;
	uint64_t began_ns;	/* 0: nobody traced it */
};

struct heap {
	struct seg	 sg;
	struct heap_io	 io;
	struct party	 me;		/* the daemon's slot, this epoch */
	struct pages	*pages;		/* of the arena */
	struct pages	*blocks;	/* granules of central */
	struct scavenger scav;
	struct ahead	 ahead;
	uint64_t	 limit;		/* bytes; 0: none */
	uint64_t	 in_flight;	/* bytes being committed */
	uint64_t	 punching;	/* bytes being punched */
	struct heap_job	*jobs;
	uint32_t	*free_ids;	/* stack of span ids not in use */
	uint32_t	 nfree_ids, next_id, id_top;
	uint16_t	*ids_used;	/* spans per IDS_CHUNK ids */
	uint32_t	 no_memory;	/* ENOMEM_...: during a retry, no new commits */
	bool		 batching;	/* between retire_begin and retire_end */
	struct batch	 batch_pages, batch_blocks;
	uint32_t	 block_top;	/* granules that h->blocks knows */
	uint64_t	 short_of;	/* bytes that there were not, of the last to fail ... */
	uint32_t	 short_why;	/* ... ENOMEM_LIMIT or ENOMEM_BACKING */
	int		 last_commit;	/* how the last commit job ended */
	bool		 patient;	/* nobody waits: only ahead.c commits */
	bool		 force_scavenge; /* a trim is under way */
	bool		 in_punch;	/* a punch that ends at once must not nest */
	uint16_t	 target[SPAN_CLASSES];	/* provisioned spans wanted */
	uint8_t		 wanted[SPAN_CLASSES];	/* since the last decay */
	uint8_t		 length[SPAN_CLASSES];	/* of those, pages; 0: the least */
	uint64_t	 want_ns[SPAN_CLASSES];	/* when a stripe ran low */
	uint64_t	 heard[SH_WANT_WORDS];	/* hints left up, see sweep_wants */
	bool		 heard_sweep;	/* likewise */
	uint64_t	 next_decay;	/* ns */
	uint64_t	 provisioned[2]; /* bytes of all targets; of passed-on runs */
	uint32_t	 sweep_at;	/* next id of the paced sweep */
	uint16_t	 empties[SPAN_CLASSES];	/* seen LISTED and empty */
	struct waiter	*waiters;
	uint32_t	 nwaiters, cap_waiters;
	uint64_t	 quota_spans;	/* per client; 0: none */
	uint32_t	*client_spans;	/* granted, as of the last count */
	uint32_t	 slots_top;	/* client slots below have memory */
};

struct heap_choice {
	struct geo_wish	 wish;
	const char	*name;
	uint32_t	 uid, backing, autoremove;
	uint64_t	 limit;
};

/* heap.c */
/* A new heap in zeroed segments.  The caller has backed [0, *bytes) of them. */
void heap_layout_new(void *heap, const struct heap_choice *ch,
		     const struct sh_geometry *geo);
/* Bytes at the start of heap and central that must be backed first. */
uint64_t heap_fixed_bytes(const struct sh_geometry *geo, enum seg_kind seg);
/* Takes charge of a heap, new or left behind: rebuilds what is private. */
int heap_open(struct heap *h, const struct seg *sg, const struct heap_io *io,
	      uint64_t limit);
/* Frees what is private; jobs under way must never be reported after it. */
void heap_close(struct heap *h);
void heap_set_limit(struct heap *h, uint64_t limit);
void heap_count(struct heap *h);		/* publishes the counters */
void heap_tick(struct heap *h);			/* the timer: sweep, decay, scavenge */

/* Memory behind bytes [from, to) of heap or central, whole OS pages. */
int heap_back(struct heap *h, enum seg_kind seg, uint64_t from, uint64_t to);
/* Bytes of heap and central that have memory. */
uint64_t heap_meta_bytes(const struct heap *h);

/* commit.c */
/*
 * A run of free pages with memory behind it, taken.  0; -EAGAIN: a job is under
 * way, ask again when one has ended; -ENOMEM with *ret_reason.
 */
int commit_alloc(struct heap *h, npages n, npages align, pgno *ret_start,
		 uint32_t *ret_reason);
/*
 * Does the limit allow so many bytes more of heap and central?  0; -EAGAIN: a
 * job makes room; -ENOMEM.
 */
int commit_room(struct heap *h, uint64_t bytes);
/* Is there room already?  If not it is noted in short_of. */
bool commit_fits(struct heap *h, uint64_t bytes);
int commit_short(struct heap *h, uint64_t bytes, uint32_t why); /* notes: -ENOMEM */
/*
 * There is no memory behind the segments: free pages that have some give it
 * back.  -EAGAIN: ask again, when a job has ended if one is under way; -ENOMEM:
 * there are none.
 */
int commit_win_back(struct heap *h);
void heap_job_done(struct heap *h, struct heap_job *job, int res);
/* The run is taken: it gets memory by a job, and is free again then. */
int commit_ahead(struct heap *h, pgno start, npages n);
/* Pages that the limit still allows to commit. */
uint32_t commit_allowance(const struct heap *h);
/* The next 64 MiB of the reserve become part of the page heap. */
int commit_grow(struct heap *h);
/* Punches what the scavenger points at; force: all that is free, unpaced. */
void commit_scavenge(struct heap *h, bool force);
uint64_t commit_wake_at(struct heap *h);

/* ahead.c */
/* A run of n pages was wanted there and has no memory. */
void ahead_missed(struct heap *h, pgno start, npages n);
/* Does a job ahead give n pages soon, and below that run? */
bool ahead_serves(const struct heap *h, pgno start, npages n);
/* Starts what is missing; at the end of whatever may have taken pages. */
void ahead_go(struct heap *h);
void ahead_ended(struct heap *h, const struct heap_job *job, int res);
void ahead_decay(struct heap *h);
void ahead_stop(struct heap *h);
void ahead_rest(struct heap *h);		/* ... for a second at least */

/* spans.c */
#define IDS_CHUNK	256u
/*
 * Walks over spans pass chunks of ids without any: the first id from `id` on
 * that may be a span; top if there is none.
 */
static inline span_id ids_from(const struct heap *h, span_id id, uint32_t top)
{
	while (id.n < top && !h->ids_used[id.n / IDS_CHUNK])
		id.n = (id.n / IDS_CHUNK + 1) * IDS_CHUNK;
	return id.n < top ? id : (span_id){ top };
}

static inline span_id ids_next(const struct heap *h, span_id id, uint32_t top)
{
	return ids_from(h, (span_id){ id.n + 1 }, top);
}

struct span_wish {
	uint32_t spc;
	npages	 len;		/* large runs; else 0: by the class */
	npages	 align;		/* pages, power of two; 0: 1 */
};

int span_new(struct heap *h, const struct span_wish *wish, uint32_t state,
	     struct party owner, span_id *ret_id, uint32_t *ret_reason);
/* OWNED(daemon), empty, no lease: back to the page heap.  False: not empty. */
bool span_retire(struct heap *h, const struct geom *g);
/*
 * Between them span_retire keeps what it frees back a little, so that a row of
 * neighbours costs one call of the page heap.  Nothing may be allocated.
 */
void retire_begin(struct heap *h);
void retire_end(struct heap *h);
/* The daemon's own dispose: empty spans are retired, or kept if keep. */
void span_settle(struct heap *h, const struct geom *g, bool keep_empty);
int spans_rebuild(struct heap *h);
/* Spans of a client as the table says, into client_spans. */
void spans_count_client(struct heap *h, uint32_t slot);

/* sweep.c */
void sweep_wants(struct heap *h);
void sweep_hinted(struct heap *h);	/* the bell of slot 0 */
void hints_again(struct heap *h);	/* all that were left up */
void want_again(struct heap *h, uint32_t spc);
void sweep_some(struct heap *h, uint32_t ids);
void sweep_all(struct heap *h, bool keep_targets);
void sweep_decay(struct heap *h);
int provision(struct heap *h, uint32_t spc);
void provision_all(struct heap *h);

/* fence.c */
/* A state word that can't be is fenced off: true, and there is no more to do. */
bool fence_span(struct heap *h, span_id id, uint64_t w);

/* reclaim.c */
/* The slot's client is proven dead.  Idempotent, killable at any step. */
uint64_t reclaim_client(struct heap *h, uint32_t slot);
/* Takes a client slot: JOINING, next generation.  0 or -EUSERS, -ENOMEM. */
int client_join(struct heap *h, struct party *ret_p);
void client_set_state(struct heap *h, uint32_t slot, uint32_t state);
uint32_t client_state(const struct heap *h, uint32_t slot);
struct party client_party(const struct heap *h, uint32_t slot);

/* requests.c */
void requests_serve(struct heap *h);		/* cells whose bell rang */
void requests_serve_all(struct heap *h);	/* every cell: start, timer */
void requests_mend(struct heap *h);		/* what the last daemon was at */
void requests_retry(struct heap *h);		/* those that waited for a job */

/* names.c */
int names_set(struct heap *h, const char *text, uint64_t handle, bool held);
int names_remove(struct heap *h, const char *text);

/* held.c */
/*
 * A name is about to show the object.  If it is a held one, its word gets the
 * name's bit, and *phase is NAME_HELD.  0; -EBUSY: another name holds it; -ESTALE.
 */
int held_cover(struct heap *h, uint64_t handle, bool held, uint32_t *phase);
void held_uncover(struct heap *h, uint64_t handle);	/* ... shows it no more */
/* Lets go of all that a dead client held.  Idempotent. */
void held_recover(struct heap *h, struct party dead);
/* At a start: what the last daemon was freeing, or had half named.  0, -ENOMEM. */
int held_mend(struct heap *h);
/*
 * QUEUED at a place that is ours alone, as seq says it: the word says so no more, and
 * the object is freed if nobody holds it.
 */
void held_unqueue(struct heap *h, uint64_t handle, const struct chan *ch,
		  uint64_t seq);
/* Is a client about to hold an object of the span, which is OWNED by us? */
bool held_watched(const struct heap *h, span_id id);

/* chans.c */
/* only: 0, CHAN_ONLY_NEW or CHAN_ONLY_THERE.  0 and the channel's index; -EEXIST,
 * -ENOENT, -EINVAL, -ENOSPC, -ENOMEM. */
int chan_open(struct heap *h, const char *text, uint32_t capacity, uint32_t only,
	      uint32_t *ret_index);
int chan_remove(struct heap *h, const char *text);	/* 0, -ENOENT */
/* What the dead one was taking goes with it; its channels' sleepers wake. */
void chans_recover(struct heap *h, struct party dead);
void chans_wake(struct heap *h, struct party dead);
void chans_mend(struct heap *h);	/* at a start: removals go on */
uint64_t chans_bytes(const struct heap *h);	/* that have memory */

#endif
