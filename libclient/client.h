/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the private side of libmheap: what one process knows about one
 * heap.  Nothing here is shared; when the process dies, none of it matters.
 *
 *	thread	mcache   arrays of free slots per span class; no lock
 *	process pclass   the spans this process owns, per span class; its lock
 *	process page table: one word per page of the arena, free's whole look-up
 *
 * Everything that grants rights lies in MADV_WIPEONFORK memory: in a forked
 * child it reads as zero, which is "nothing is mine": arrays are empty and full
 * at once, no page is ours, and the first slow path joins anew.
 *
 * Locks, outermost first (all private to the process, and but for the first in wiped
 * memory):
 *	ending		a detach, and what a thread that ends gives back
 *	rights.join	joining and reconnecting; file descriptors
 *	pclass.lock	the class's spans; page table words of its pages
 *	rights.pool	memory for pspans and mcaches
 * A stripe of central may be tried under pclass.lock; the daemon is never
 * called under it.
 */
#ifndef LIBCLIENT_CLIENT_H
#define LIBCLIENT_CLIENT_H

#include <pthread.h>
#include <sys/types.h>

#include "include/mheap.h"
#include "libclient/array.h"
#include "libclient/kept.h"
#include "libclient/looked.h"
#include "shm/central.h"

#define HEAPS_MAX	32		/* attached at once by a process */
#define CHUNK_BYTES	(4u << 20)
#define CHUNKS_MAX	4096
#define MC_STRIDE	(512u << 10)	/* address range of an mcache */
#define DAEMON_WAIT_MS	30000
#define JOIN_ANSWER_MS	100
#define SPAN_LOOKS		4u	/* spans looked at per refill */
#define LONG_ARRAYS	(1 + SC_LAST_SMALL)	/* of which any may be long */

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define HOT		__attribute__((aligned(64)))
#define HOT_TAIL	__attribute__((noinline, aligned(64)))	/* saves no register */
#define APART		__attribute__((noinline))	/* a loop in registers of its own */
#define COLD		__attribute__((noinline, cold))

struct mcache {
	struct arrays	 a;
	_Atomic uint64_t seen;		/* [A1] epoch at its last slow path */
	_Atomic uint32_t taken;		/* [A1] a thread uses it */
	uint32_t	 serial;	/* of the attach it belongs to */
	struct mcache	*next;		/* all mcaches of the heap; append only */
	uint32_t	 noted[ARRAYS];	/* slots as of the last slow path */
	uint32_t	 filled[ARRAYS];	/* by the last refill */
	uint64_t	 sum[ARRAYS];	/* of the body then */
	uint8_t		 calm[ARRAYS];	/* refills that found it unchanged */
	uint8_t		 over[ARRAYS];	/* times full at its most since a refill */
	char		*home[LONG_ARRAYS]; /* where entries of a short one lie */
	char		*room[LONG_ARRAYS]; /* ... of a long one; NULL: none yet */
	uint32_t	 lend[ARRAYS];	/* frees to come that borrow (lend.h) */
	uint32_t	 foreign;	/* array of the last free of another's ... */
	uint32_t	 in_a_row;	/* ... and how many there were of it */
	uint32_t	 trim;		/* the trim it has taken part in */
	uint64_t	 remote;	/* foreign frees, not yet counted */
	uint32_t	 level;		/* who gave the refill under way; seen.h */
	struct kept	 kept;		/* runs of its making */
};

enum ps_where { PS_UNUSED, PS_PARTIAL, PS_EXHAUSTED, PS_PENDING, PS_TAKEN };

/* A span that this process owns.  Type-stable: reused for its class only. */
struct pspan {
	char		*base;
	_Atomic uint8_t	*parked;
	struct sh_holder *holders;	/* held objects: their words ... */
	struct holds	*holds;		/* ... and how often we hold them */
	uint32_t	 magic, elem, nslots;	/* as in sc_table */
	uint32_t	 spc;		/* never changes */
	_Atomic uint64_t *live;
	_Atomic uint64_t *bits;		/* [A1] free in this process's hands */
	_Atomic uint64_t *_Atomic known; /* [A1] shared by us, not harvested; or NULL */
	uint32_t	 words;		/* that bits (and known) have room for */
	uint32_t	 nfree;
	struct pspan	*next, *prev;
	struct geom	 g;
	uint32_t	 nknown;
	enum ps_where	 where;
	bool		 mixed;		/* holds shared objects beside owned ones */
	uint64_t	 epoch;		/* since when it is PENDING */
};

struct plist {
	struct pspan	*head, *tail;
	uint32_t	 n;
};

struct pclass {
	pthread_mutex_t	 lock;
	struct plist	 partial, exhausted, pending, unused;
	_Atomic uint64_t bytes;		/* [A1] of its spans */
	uint32_t	 nempty;	/* in partial, wholly free */
	_Atomic uint32_t cursor;	/* [A1] of central_scan, a hint */
	bool		 searched;	/* mh_try_free is used: no long arrays */
	_Atomic uint32_t holder;	/* [A1] thread that locked it last, for tracers */
};

/* In wiped memory; a zero `live` is a process that has not joined (yet). */
struct rights {
	_Atomic uint32_t live;		/* [A1] serial of the attach */
	_Atomic uint64_t joined;	/* [A1] of all joins of this process and its parents */
	pthread_mutex_t	 join, pool;
	struct party	 me;
	_Atomic uint64_t bit[2];	/* [A1] ours in a holder word, after me; none:
					   we may not hold, or have not joined */
	struct party	 offered;	/* a slot that a daemon has promised; nonce */
	uint64_t	 nonce;
	uint32_t	 epoch;		/* of the daemon we talked to last */
	_Atomic uint32_t cells;		/* [A1] bit: request cell in use; a futex */
	_Atomic uint64_t giveups;	/* [A1] epoch of give-ups */
	struct mcache	*_Atomic mcaches;	/* [A1] */
	uint32_t	 chunk;		/* pool: which, and how far */
	uint32_t	 chunk_used;
	_Atomic uint32_t trims;		/* [A1] */
	_Atomic uint64_t returned;	/* [A1] bytes of spans listed, for sweep hints */
	_Atomic uint64_t owned;		/* [A1] bytes of the span cache's spans */
	_Atomic uint64_t peak;		/* [A1] the most that was, lately */
	_Atomic uint64_t empty;		/* [A1] of those wholly free ones */
	_Atomic uint64_t room;		/* [A1] bytes that arrays may hold */
	_Atomic uint64_t first_runs;	/* [A1] likewise, a run each */
	_Atomic uint64_t longer;	/* [A1] likewise, beyond short arrays */
	_Atomic uint64_t held[2];	/* [A1] as in our slot [O2] */
	_Atomic uint32_t trim_at;	/* [A1] class that makes way next */
	struct pclass	 cls[SPAN_CLASSES];
};

struct fd_id {
	int	 fd;
	dev_t	 dev;
	ino_t	 ino;
};

struct mh_heap {
	char		*arena;		/* fast path */
	uintptr_t	 pt_origin;	/* fast path: where address 0's word were */
	uintptr_t	 leased_origin;	/* likewise, in leased */
	uint64_t	 bytes;		/* fast path; 0 when detached */
	_Atomic uint64_t *pt;
	_Atomic uint64_t *leased;	/* second words of leased pages */
	struct rights	*r;
	struct seg	 sg;
	unsigned	 flags, refs, index;
	uint32_t	 serial;
	bool		 attached;
	pthread_mutex_t	 ending;
	char		 name[64];
	char		 socket_path[108];
	unsigned	 reply_ms;	/* that an answer may take, now */
	struct fd_id	 sock, bell;
	void		*heap_map, *central_map;
	ino_t		 heap_ino;
	char		*pt_map;	/* pt, leased, populated: their memory */
	uint64_t	 pt_bytes;
	_Atomic uint32_t *populated;	/* [A1] per span id: generation */
	struct holds	*_Atomic *holds;	/* [A1] likewise: held.h */
	char		*chunks[CHUNKS_MAX];
	uint32_t	 nchunks;
	char		*mc_next;	/* address range for mcaches */
	uint32_t	 mc_left;
	char		 daemon_version[32];
};

struct tls {
	mh_heap		*heap;		/* of the last use, with its mcache */
	struct mcache	*mc;
	bool		 inside;	/* a slow path is running */
	bool		 counting;	/* a count of holds is being changed */
	mh_heap		*after;		/* what heap is once it has ended */
	int		 cancel;	/* cancel state, likewise */
	bool		 keyed;
	uint32_t	 tid;		/* for tracers, as of its first slow path */
	uint64_t	 waited_ns;	/* for locks, while somebody looked */
	struct mcache	*by_heap[HEAPS_MAX];
	struct held_looked looked;
	struct held_quick quick;
};
extern __thread struct tls tls __attribute__((visibility("hidden")));

/* [A1] A span's bitmaps change under its class lock; free_mixed looks without. */
static inline uint64_t map_word(_Atomic uint64_t *map, uint32_t w)
{
	return ld_acq(&map[w]);					/* [A1] */
}

static inline void map_set(_Atomic uint64_t *map, uint32_t w, uint64_t bits)
{
	st_rel(&map[w], bits);					/* [A1] */
}

static inline bool map_test(_Atomic uint64_t *map, uint32_t i)
{
	return map_word(map, i / 64) >> i % 64 & 1;
}

/* Once there it stays; mh_deref looks without the lock. */
static inline _Atomic uint64_t *ps_knowns(const struct pspan *ps)
{
	return ld_acq(&ps->known);				/* [A1] */
}

static inline uint64_t known_word(const struct pspan *ps, uint32_t w)
{
	_Atomic uint64_t *known = ps_knowns(ps);

	return known ? map_word(known, w) : 0;
}

static inline bool ps_known(const struct pspan *ps, uint32_t slot)
{
	return known_word(ps, slot / 64) >> slot % 64 & 1;
}

static inline void map_add(_Atomic uint64_t *map, uint32_t w, uint64_t bits)
{
	map_set(map, w, map_word(map, w) | bits);
}

static inline void map_del(_Atomic uint64_t *map, uint32_t w, uint64_t bits)
{
	map_set(map, w, map_word(map, w) & ~bits);
}

/* Is p the start of a slot?  A run's magic is 0: its slot is 0. */
static inline bool ps_slot(const struct pspan *ps, const void *p, uint32_t *ret_slot)
{
	uint64_t off = (uint64_t)((const char *)p - ps->base);
	uint32_t slot;

	if (off >= geom_bytes(&ps->g))
		return false;
	slot = (uint32_t)((off + 1) * ps->magic >> 32);
	if (slot >= ps->nslots || (uint64_t)slot * ps->elem != off)
		return false;
	*ret_slot = slot;
	return true;
}

/*
 * Free bits of word w that may be handed out.  A parked slot whose live bit is
 * clear was freed by somebody while it was free: it is never taken.
 */
static inline uint64_t ps_takeable(struct pspan *ps, uint32_t w)
{
	uint64_t bits = map_word(ps->bits, w);

	if (bits && ps->parked)
		bits &= ld_acq(&ps->live[w]);		/* [L1] */
	return bits;
}

static inline bool has_joined(const mh_heap *h)
{
	return ld_acq(&h->r->live) == h->serial;		/* [A1] */
}

static inline struct pclass *pclass_of(mh_heap *h, uint32_t spc)
{
	return &h->r->cls[spc];
}

static inline struct sh_slot *my_slot(mh_heap *h)
{
	return &h->sg.slots[h->r->me.slot];
}

static inline struct sh_tally *my_tally(mh_heap *h, uint32_t span_class)
{
	slot_uses(my_slot(h), spc_size_class(span_class));
	return &my_slot(h)->tally[span_class];
}

/* error.c */
int refuse(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int refuse_plain(int err, const char *text);	/* a constant: who polls is told often */
void *refuse_null(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int misuse(mh_heap *h, const void *p, int err);
void misuse_keep(void);		/* until then the hook is not called: a lock is held */
void misuse_tell(mh_heap *h);

/* enter.c: every slow path begins with enter() and ends with leave(). */
struct mcache *enter(mh_heap *h);	/* NULL: failed, errno set */
struct mcache *enter_to(mh_heap *h, bool nowait); /* EAGAIN: a join would wait */
bool enter_any(mh_heap *h);		/* without an mcache, e.g. read-only */
bool enter_within(mh_heap *h, unsigned wait_ms); /* 0: EAGAIN, else ETIMEDOUT */
bool heap_ready(mh_heap *h, unsigned wait_ms);	/* the same, and stays outside */
bool begin(void);			/* without a heap: attach and detach */
void leave(void);

/* attach.c */
mh_heap *heap_at(unsigned index);
mh_heap *attach_view(const char *name, unsigned flags, const struct seg *sg,
		     struct party me);

/* rights.c: wiped memory */
int rights_first(mh_heap *h);		/* before the handshake */
int rights_make(mh_heap *h);		/* page table, once the size is known */
void set_me(mh_heap *h, struct party me);
void rights_clear(mh_heap *h);		/* all zero again, addresses kept */
void *pool_take(mh_heap *h, size_t bytes);	/* zeroed, 64-aligned */
void *pool_carve(mh_heap *h, size_t bytes);	/* the same, rights.pool held */
struct mcache *mcache_take(mh_heap *h);
void mcache_drop(mh_heap *h, struct mcache *mc);

/* connect.c */
/* Connects, maps if need be, claims a slot.  An answer may take so long, but at least
 * JOIN_ANSWER_MS. */
int join_heap(mh_heap *h, unsigned wait_ms);
int reconnect(mh_heap *h);		/* the daemon was restarted */
void meet_daemon(mh_heap *h);		/* if it was restarted; starts none */
int part_heap(mh_heap *h);		/* BYE */
uint64_t mono_ms(void);			/* CLOCK_MONOTONIC */
void chan_fds_stop(mh_heap *h);		/* chanfd.c: its threads use the heap */
void chan_fds_in_child(void);
unsigned daemon_away(mh_heap *h);
void close_heap_fds(mh_heap *h);
bool fd_is_ours(const struct fd_id *f);
int start_daemon(mh_heap *h);		/* start.c */

/* mapheap.c */
struct wire_welcome;
int map_heap(mh_heap *h, const struct wire_welcome *w, const int *fds); /* WIRE_FDS */
void unmap_heap(mh_heap *h);

/* call.c */
struct call {
	uint32_t op, arg[4];
	uint64_t value;
	const char *text;
	uint32_t result, reason;
};
int call_daemon(mh_heap *h, struct call *c, bool nowait); /* 0 or -errno */
void ring(mh_heap *h, uint32_t slot);	/* bell bit and pipe */
void want_spans(mh_heap *h, uint32_t spc);
void hint_sweep(mh_heap *h);

/* obtain.c */
npages span_length(mh_heap *h, uint32_t spc);	/* that the class should have */
int obtain_span(mh_heap *h, uint32_t spc, npages len, npages align,
		bool nowait, struct geom *ret_g);
bool obtain_fast(mh_heap *h, uint32_t spc, struct geom *ret_g);
void populate(mh_heap *h, const struct geom *g);
void pass_span(mh_heap *h, const struct geom *g);	/* dispose and list */
void offer_span(mh_heap *h, const struct geom *g);	/* is LISTED now */

/* held.c */
struct holds *holds_make(mh_heap *h, span_id id, uint32_t slots);

/* spancache.c; all under the class lock */
void plist_add(struct plist *l, struct pspan *ps);
void plist_add_head(struct plist *l, struct pspan *ps);
void plist_del(struct plist *l, struct pspan *ps);
struct plist *plist_of(struct pclass *c, const struct pspan *ps);
void ps_move(struct pclass *c, struct pspan *ps, enum ps_where to);
struct pspan *ps_adopt(mh_heap *h, struct pclass *c, const struct geom *g);
bool ps_need_known(mh_heap *h, struct pspan *ps);
void ps_map(mh_heap *h, struct pspan *ps, bool fast);	/* page table words */
void ps_unmap(mh_heap *h, struct pspan *ps);
void ps_release(mh_heap *h, struct pclass *c, struct pspan *ps);

/* slack.c */
void note_owned(mh_heap *h, uint64_t bytes);
void forget_peak(mh_heap *h);
void note_empty(mh_heap *h, struct pclass *c, int spans, uint64_t bytes);
bool take_room(mh_heap *h, uint64_t bytes, bool must);
bool take_first_run(mh_heap *h, uint64_t bytes);
bool take_long(mh_heap *h, uint64_t bytes);
void give_long(mh_heap *h, uint64_t bytes);
bool many_returned(mh_heap *h, uint64_t bytes);
void trim_empty(mh_heap *h, struct pclass *c);	/* under the class lock */
bool should_make_way(mh_heap *h, uint64_t bytes);
void make_way(mh_heap *h, struct mcache *mc, uint64_t bytes);

/* harvest.c; under the class lock */
uint32_t ps_harvest(mh_heap *h, struct pclass *c, struct pspan *ps);
struct pspan *harvest_some(mh_heap *h, struct pclass *c);
void giveup_exhausted(mh_heap *h, struct pclass *c, struct mcache *mc);
void giveup_pending(mh_heap *h, struct pclass *c, uint32_t most);
bool giveup_known(mh_heap *h, struct pclass *c, struct pspan *ps);

/* mcache.c */
uint32_t refill(mh_heap *h, struct mcache *mc, uint32_t i, bool nowait);
bool array_grow(mh_heap *h, struct arrays *a, uint32_t i);
void cache_note(mh_heap *h, int64_t cached, int64_t inuse);
/* The array's level is `now`; what came and went since is accounted. */
void note_level(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t was,
		uint32_t now);
void thread_gone(void *unused);

/* A free by us has cleared live bits: a FULL span with room is offered to all. */
void freed_elsewhere(mh_heap *h, span_id id);	/* lend.c */

/* flush.c */
int flush(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t keep);
void flush_all(mh_heap *h, struct mcache *mc);

/* long.c */
void array_lengthen(mh_heap *h, struct mcache *mc, uint32_t i);
int array_shorten(mh_heap *h, struct mcache *mc, uint32_t i);
uint32_t refill_batch(const struct mcache *mc, uint32_t i);

/* share.c */
void *deref_shared(mh_heap *h, mh_handle v);	/* mh_deref, of shared objects alone */

/* alloc.c, free.c, run.c */
void *alloc_slow(mh_heap *h, uint32_t spc, bool nowait);
void *alloc_run(mh_heap *h, uint32_t spc, size_t size, size_t align,
		bool nowait);
int free_checked(mh_heap *h, void *p);		/* 0 or -errno */
int make_room(mh_heap *h, struct mcache *mc, uint32_t i); /* a slot's, in the array */
int free_run(mh_heap *h, struct pclass *c, struct pspan *ps);

#endif
