/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - all that lives in the shared segments, and nothing else.
 *
 *  heap (daemon rw, clients read-only)
 *  +--------+----------+----------+----------+-----------+-------------------+
 *  | header | registry | names,   | page map | committed | geometry entries  |
 *  |        | 1/client | channels | 4 B/page | 1 bit/page| 32 B / span id    |
 *  +--------+----------+----------+----------+-----------+-------------------+
 *  central (daemon and clients rw)
 *  +---------+------------------+--------------+------------+-------------+--------+
 *  | control | stripes          | client slots | span words | blocks      | chans, |
 *  | bells   | span class x S   | cells,       | 16 B / id, | live, parked| places |
 *  |         |                  | counters     | last owners| holder words|        |
 *  +---------+------------------+--------------+------------+-------------+--------+
 *  arena (rw; ro for a reader): user data in pages of 8 KiB, nothing else
 *
 *  page map[page] -> span id -> geometry (where, class, block) -> live word
 *
 * A span's block, in granules of 128 B (an odd number of them, so that equal
 * blocks do not alias in the caches):
 *
 *	| live words: 1 bit/slot | parked bytes: 1/slot | holder words: 16/slot |
 *	  always, padded to 128    shared at birth, held  held only
 *
 * Stored here: fixed-width integers only.  No pointer, long, size_t, enum or
 * bool; no PID and no TID in any word that a decision is made on (the registry
 * names processes for the daemon's own restart and for people).
 *
 * The letter in a member's comment says who may touch it:
 *	(i) set before publication, then constant	(d) written by the daemon
 *	(o) written by the owning client only		(s) under the stripe lock
 *	(a) atomic: see its row.  Each access in the code names the row.
 *
 *  row   word                    writers, order         readers, order
 *  [S1]  span.state              everybody, cas_sc      everybody, ld_sc
 *	The truth about a span.  Publishing FULL (locked RMW) comes before the
 *	re-reading of live words; a freer clears live before it reads state: one
 *	of the two sees the other.  An ownership CAS acquires what the last owner
 *	released.  Writer dies before: nothing moved; after: the span is the new
 *	owner's, and recovery of that owner moves it on.
 *  [L1]  live word               owner or_rel/or_ar,    everybody ld_sc;
 *                                st_rel if all clear;   harvest ld_acq
 *                                everybody andnot_sc
 *	Bit set: the slot holds an object of the heap, or is parked.  One RMW is
 *	the whole of share and of free: there is no half-done state.  (A run's owner
 *	that finds it clear makes the next object of it.)
 *  [P1]  parked byte             owner, or who frees,   recovery, owner,
 *                                st_rlx; held objects'  who frees, ld_rlx;
 *                                unpark st_rel          beside the owner ld_acq
 *	Free in whose hands: parked.h.  The owner sets it before live at open and
 *	harvest.  Who frees another's small object may borrow the slot: its mark,
 *	while live is set, by the right to free it; then its array.  Cleared
 *	before the slot leaves an array at alloc; cleared after live at close, at
 *	a borrower's flush and in recovery.  Live clear and parked: on its way, not
 *	free yet; nobody takes it, and its span doesn't become FREE.  Writer dies
 *	before: an object; after: its recovery frees it, whosever the span is.
 *	Compiler order suffices for recovery, and who takes slots reads live first
 *	(the clearing is a locked RMW between mark and unmark).
 *  [P2]  slot.lent               the client, or_rel     recovery, ld_acq
 *	Size classes in which it may have borrowed: set before the first such array
 *	has room, cleared after its recovery.
 *  [O1]  holder word             owner st_rlx, st_rel   both halves ld_acq, and
 *                                at alloc; receiver     the CAS confirms them
 *                                st_rel; everybody
 *                                cas16_sc
 *	Who holds an object: a bit each, the name's too.  Only a word with a bit and
 *	tag NO or QUEUED can be held, so that of a free slot never is.  Alloc: bit, BORN(me),
 *	unparked, NO: recovery frees what was BORN.  Received, when ALONE: BORN(me), bit,
 *	NO, by stores, as nobody else changes such a word.  The last drop is one CAS to
 *	FREEING(me); then the slot is freed, by me or by my recovery.  Recovery
 *	reads live, then parked, then the word: the slot may be another object's.
 *  [O2]  slot.held               the client, or_rel     recovery, ld_acq
 *	Size classes in which it may hold something: set before the first bit,
 *	cleared after its recovery.
 *  [O3]  slot.watch              the client, cas_sc,    daemon, ld_sc
 *                                st_rel 0
 *	Span that the client is about to hold an object of.  Set before the last
 *	look at the name; the daemon OWNS the span, sees it empty, then looks here:
 *	a watched span isn't retired, so that the CAS meets a holder word.
 *	Cleared by recovery (models/watch.pml).
 *  [M1]  place.seq, .handle      sender cas16_sc, over  everybody ld_acq,
 *                                one that is TAKING     and the CAS confirms
 *                                cas_sc; receiver       them
 *                                cas_sc, andnot_sc
 *	EMPTY(pos) -> FULL(pos, sender) -> TAKING(pos + capacity, sender, receiver) ->
 *	EMPTY(what it has); a sender who passes over it raises TAKING(pos) by a round.
 *	With the first the message is in the channel, with the second it is the
 *	receiver's: of those QUEUED or ALONE who moves the place may change the word.  A
 *	sender sees EMPTY, writes the word [O1], then the place.  Sender dies
 *	between: recovery sees that the place hasn't got it.  Receiver dies TAKING:
 *	what it took goes with it.  (models/queue.pml)  Who passes over dies: the
 *	position is void, what he would have filled is EMPTY.  (models/order.pml)
 *  [M2]  chan.tail, .head        everybody, st_rel      ld_acq; hints
 *	All positions before were passed, or taken, once: what saw that is before.
 *  [M3]  chan.items, .room       who waits cas_sc, who  ld_sc
 *                                wakes add_sc, cas_sc
 *	Futexes: bit 0 says that somebody may sleep, the rest counts sleepers and
 *	wakes.  Lost wakes are made good by turns of two seconds, and by recovery.
 *  [M4]  slot.chans              the client, or_rel     recovery, ld_acq
 *	Channels that it may be in the middle of; as [O2].
 *  [M5]  chandir.state           daemon, st_rel         ld_acq; sender ld_sc
 *	The fields before OPEN.  REMOVING: the daemon empties it, and so does a
 *	sender who finds that after his place is FULL.  Places of a channel that
 *	was removed begin beyond all its positions, and their memory is never
 *	anything else's: so a CAS of the past fails.
 *  [M6]  place's since           sender, st_rlx         tools, probes, ld_rlx
 *	For people: when, written before the place is FULL.  Of two who try for
 *	the same place the one who was late may write last.
 *  [K1]  span.link               holder of the stripe,  holder of the stripe,
 *                                cas_sc / xchg_sc       pusher ld_sc
 *	Which stripe's list a span is in, and what follows.  Popper: takes it out
 *	of the list, then looks at state; pusher: LISTED first, then looks here.
 *  [K2]  stripe.lock             cas_acq, st_rel        cas_acq, ld_acq
 *	{slot, generation} of the holder.  Nobody steals it; the daemon alone
 *	frees it, after the holder's proven death and a rebuild of the list.
 *  [K3]  stripe.head, .count,    (s) st_rlx             (s) ld_rlx; hints
 *        .tail
 *	Holder dies in between: the list is rebuilt.  A tail counts only if that
 *	span's link names this stripe, and nothing behind it.
 *  [K4]  slot.used               the client, or_ar      recovery, ld_acq
 *	Size classes of which it may hold a stripe, or has a tally: set before the
 *	lock is tried for, cleared after its recovery.  (The daemon's own death is
 *	looked for in all stripes.)
 *  [G1]  geom.seq                daemon, st_rel         everybody ld_acq
 *	Odd while the entry changes, which happens only to FREE spans.  A reader
 *	that meets odd or a change tries 8 times, then has a miss; never waits.
 *	Daemon dies in between: the span is FREE, the restarted daemon mends it.
 *  [G2]  geom fields, page map   daemon, st_rlx         ld_acq
 *  [G3]  commit bits             daemon, st_rlx         daemon ld_rlx, tools
 *	Set after the pages have memory, cleared before they are punched.
 *  [H1]  header words            daemon, st_rel         ld_acq
 *	epoch, status, tops: what they count is written and backed by memory
 *	before they grow.  Counters for people are [H2].
 *  [H2]  header counters         daemon, st_rlx         tools, ld_rlx
 *  [R1]  registry.word           daemon, st_rel         ld_acq
 *	{state, generation} of a client slot.  Freed last of all in recovery,
 *	with the next generation.
 *  [N1]  name.state              daemon, st_rel         ld_acq, twice
 *  [N2]  name.handle             daemon, st_rel         ld_acq
 *  [Q1]  cell.word               client st_rel POSTED,  both ld_acq, cas_ar
 *                                daemon cas_ar DONE,
 *                                client cas_ar cancels
 *	A request.  The daemon grants first, then CASes DONE; if that fails (the
 *	client gave up waiting) it takes the grant back.  A restarted daemon takes
 *	back every GRANTED span and serves what is still POSTED.
 *  [Q3]  header.serving          daemon, st_rel         its successor, ld_acq
 *	Which name or channel's request it is at, and whether that was there before:
 *	written before anything changes, cleared after DONE.  If the daemon dies in
 *	between the next one serves that request before all others, or answers that it
 *	is done.
 *  [Q2]  bell words, want words  anybody or_rel         daemon xchg_ar
 *	Hints; lost ones are found by the daemon's timer.
 *  [C1]  slot counters, tallies  the client, add_rlx,   tools, ld_rlx
 *                                or st_rlx under the
 *                                class's (private) lock
 *                                or in its only thread
 *	For people.  Slot 0 is nobody's: there the daemon sums up tallies of
 *	clients that are gone; if it dies meanwhile one may be in it twice.
 *  [C2]  last owner              who gets the span,     tracers, ld_rlx
 *                                st_rlx
 *	For people: party of the client that had the span last, also while it is
 *	FULL or LISTED.
 *  [A1]  private to a process: shared by its threads only
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stddef.h>

#include "shm/atomic.h"
#include "shm/ref.h"
#include "shm/sizeclass.h"

#define SH_MAGIC	0x31706165686d6873ULL	/* "shmheap1" */
#define SH_FORMAT	10

/* Lifetimes; a span class is {lifetime, size class}. */
#define LIFE_OWNED	0u
#define LIFE_SHARED	1u
#define LIFE_HELD	2u
#define LIFE_COUNT	3u
#define SPAN_CLASSES	(LIFE_COUNT * SC_COUNT)

#define SH_NAME_MAX	63u		/* bytes of an object's name */
#define SH_CELLS	8u		/* requests in flight per client */
#define SH_CLIENTS_MAX	1024u
#define SH_HOLDERS	96u		/* client slots below may hold */
#define SH_WATCHES	4u		/* threads of a client that look at once */
#define SH_CHANS_MAX	4096u
#define SH_PLACES_MAX	1024u		/* of a channel */
#define SH_NAMES_MAX	65536u
#define SH_DAEMON_SLOT	4095u
#define SH_WANT_WORDS	((SPAN_CLASSES + 63) / 64)
#define SH_BELL_WORDS	((SH_CLIENTS_MAX + 64) / 64)

/* Span states, see span.h for the moves. */
#define SPAN_FREE		0u
#define SPAN_GRANTED		1u
#define SPAN_OWNED		2u
#define SPAN_FULL		3u
#define SPAN_LISTED		4u
#define SPAN_QUARANTINED	5u

/* Client slots. */
#define CLIENT_FREE		0u
#define CLIENT_JOINING		1u	/* handed out, not confirmed yet */
#define CLIENT_ACTIVE		2u
#define CLIENT_AWAY		3u	/* socket closed, death not proven */
#define CLIENT_DYING		4u	/* proven dead, being reclaimed */
#define CLIENT_LEAVING		5u	/* said BYE, being reclaimed */

/* What became of the heap. */
#define HEAP_MAKING		0u
#define HEAP_SERVING		1u
#define HEAP_STOPPED		2u	/* the daemon ended cleanly */
#define HEAP_DESTROYED		3u

/* Why memory was refused, for people. */
#define ENOMEM_NONE		0u
#define ENOMEM_LIMIT		1u	/* --limit */
#define ENOMEM_BACKING		2u	/* the tmpfs or the cgroup is full */
#define ENOMEM_RESERVE		3u	/* --size: no address range that fits */
#define ENOMEM_SPANS		4u	/* span table full */
#define ENOMEM_QUOTA		5u	/* spans of one client */

/* Requests. */
#define CELL_IDLE		0u
#define CELL_POSTED		1u
#define CELL_DONE		2u

#define OP_ALLOC		1u	/* a span of a class, or a page run */
#define OP_RETURN		2u	/* LISTED and empty: take it back now */
#define OP_TRIM			3u
#define OP_NAME_SET		4u
#define OP_NAME_REMOVE		5u
#define OP_SWEEP		6u	/* all empty spans back to the page heap */
#define OP_CHAN_OPEN		7u	/* made, if there is none of the name */
#define OP_CHAN_REMOVE		8u

/* Channels. */
#define CHAN_NONE		0u
#define CHAN_OPEN		1u
#define CHAN_REMOVING		2u	/* nothing goes in any more */

/* Which will do, beside any: what OP_CHAN_OPEN may ask for. */
#define CHAN_ONLY_NEW		1u
#define CHAN_ONLY_THERE		2u

/* Places of a channel; the rest of seq: shm/chan.h. */
#define PLACE_EMPTY		0u
#define PLACE_FULL		1u
#define PLACE_TAKING		2u

#define NAME_EMPTY		0u
#define NAME_SET		1u
#define NAME_GONE		2u
#define NAME_HELD		3u	/* SET, and the object's word has bit 0 */

/* Geometry of a heap: what was chosen at creation. */
struct sh_geometry {
	uint64_t reserve_bytes;		/* (i) address range of the arena */
	uint64_t heap_bytes;		/* (i) */
	uint64_t central_bytes;		/* (i) */
	uint64_t base;			/* (i) arena address, 0: anywhere */
	uint32_t nclients;		/* (i) slots 1..nclients */
	uint32_t nstripes;		/* (i) per span class, power of two */
	uint32_t nnames;		/* (i) power of two */
	uint32_t nchans;		/* (i) */
	uint32_t pad;
	uint32_t nspans;		/* (i) ids 1..nspans-1 */
	uint32_t npages;		/* (i) */
	uint32_t ngranules;		/* (i) in blocks */
	uint64_t registry_off, names_off, chandir_off, pagemap_off, commit_off;
	uint64_t geom_off, slots_off, stripes_off, spans_off, last_off;
	uint64_t blocks_off, chans_off, places_off, since_off;
};

struct sh_counters {			/* (a) [H2] the daemon's, for people */
	_Atomic uint64_t limit_bytes, committed_bytes, free_bytes;
	_Atomic uint64_t returned_bytes, spans, deaths, reclaimed_bytes;
	_Atomic uint64_t reclaim_ns, quarantined_spans, enomem, enomem_reason;
	_Atomic uint64_t enomem_asked, requests, grows, sweeps, clients;
	_Atomic uint64_t rebuilt_stripes, peak_bytes;
};

struct sh_header {
	uint64_t magic;			/* (i) written last at creation */
	uint64_t abi;			/* (i) SH_ABI of the maker */
	uint32_t format;		/* (i) SH_FORMAT */
	uint32_t backing;		/* (i) 0 shm, 1 memfd */
	uint32_t uid;			/* (i) who made it */
	uint32_t autoremove;		/* (i) made by MH_START */
	char	 name[64];		/* (i) */
	char	 version[32];		/* (d) of the serving daemon */
	char	 boot_id[40];		/* (d) of the machine, at start */
	struct sh_geometry geo;		/* (i) */
	_Atomic uint32_t epoch;		/* (a) [H1] starts of the daemon */
	_Atomic uint32_t status;	/* (a) [H1] HEAP_... */
	_Atomic uint32_t page_top;	/* (a) [H1] pages below may be in use */
	_Atomic uint32_t span_top;	/* (a) [H1] ids below may be in use */
	_Atomic uint32_t daemon_pid;	/* (a) [H2] for people */
	_Atomic uint32_t chan_top;	/* (a) [H1] channels below may be in use */
	_Atomic uint64_t names_backed[32]; /* (a) [H1] bit: page has memory */
	_Atomic uint64_t serving;	/* (a) [Q3] daemon/requests.c; 0: none */
	struct sh_counters count;
};

/* A client as the daemon knows it. */
struct sh_client {
	_Atomic uint64_t word;		/* (a) [R1] state | generation << 8 */
	uint64_t start_time;		/* (d) from /proc/PID/stat */
	uint64_t pidns;			/* (d) inode of the daemon's namespace */
	uint64_t nonce;			/* (d) proves a reconnecting client */
	uint32_t pid;			/* (d) in the daemon's namespace */
	uint32_t uid;			/* (d) */
	char	 comm[16];		/* (d) */
	uint64_t flags;			/* (d) MH_READONLY ... */
};

/* A name.  Written by the daemon alone, read by everybody. */
struct sh_name {
	_Atomic uint32_t state;		/* (a) [N1] NAME_... | version << 2 */
	_Atomic uint32_t hash;		/* (a) [N1] before state */
	_Atomic uint64_t handle;	/* (a) [N2] */
	_Atomic uint64_t text[8];	/* (a) [N1] NUL-padded, before state */
};

/* A channel as the daemon knows it. */
struct sh_chandir {
	_Atomic uint32_t state;		/* (a) [M5] CHAN_... | version << 2 */
	_Atomic uint32_t hash;		/* (a) [M5] before state */
	_Atomic uint32_t capacity;	/* (a) [M5] places, a power of two */
	_Atomic uint32_t backed;	/* (a) [H1] places with memory */
	_Atomic uint64_t text[8];	/* (a) [M5] NUL-padded, before state */
};

/* Where a span is and what it is.  Changes only while the span is FREE. */
struct sh_geom {
	_Atomic uint32_t seq;		/* (a) [G1] generation << 1 | changing */
	_Atomic uint32_t start;		/* (a) [G2] first page */
	_Atomic uint32_t len;		/* (a) [G2] pages */
	_Atomic uint32_t elem;		/* (a) [G2] bytes, or pages if large */
	_Atomic uint32_t nslots_class;	/* (a) [G2] nslots | span class << 16 */
	_Atomic uint32_t block;		/* (a) [G2] first granule */
	_Atomic uint32_t block_len;	/* (a) [G2] granules */
	_Atomic uint32_t pinned;	/* (a) [G2] punch instead of reuse */
};

struct sh_cell {
	_Atomic uint32_t word;		/* (a) [Q1] CELL_... | sequence << 2; futex */
	uint32_t op;			/* (o) before POSTED */
	uint32_t arg[4];		/* (o) before POSTED */
	uint64_t value;			/* (o) before POSTED */
	uint32_t result;		/* (d) before DONE */
	int32_t	 err;			/* (d) before DONE: 0 or -errno */
	char	 text[64];		/* (o) before POSTED: a name */
	uint32_t reason;		/* (d) before DONE: ENOMEM_..., a channel's version */
	uint32_t pad[5];
};

/* What a client's slow paths did in a span class. */
struct sh_tally {
	_Atomic uint64_t refills[3];	/* (a) [C1] by who gave: LEVEL_... - 1 */
	_Atomic uint64_t objects;	/* (a) [C1] that they brought */
	_Atomic uint64_t flushes;	/* (a) [C1] */
	_Atomic uint64_t flushed;	/* (a) [C1] objects that they took home */
	_Atomic uint64_t failed;	/* (a) [C1] refills that brought nothing */
	_Atomic uint64_t reserved;
};

/* A client's own part of central. */
struct sh_slot {
	_Atomic uint64_t harvests;	/* (a) [C1] */
	_Atomic uint64_t daemon_calls, waits, wait_ns;
	_Atomic uint64_t inuse_bytes;	/* owned objects, as of the last slow path */
	_Atomic uint64_t cached_bytes;	/* free slots in arrays and span cache */
	_Atomic uint64_t remote_frees;
	_Atomic uint64_t lent[2];	/* (a) [P2] bit: size class */
	_Atomic uint64_t held[2];	/* (a) [O2] likewise */
	_Atomic uint32_t watch[SH_WATCHES]; /* (a) [O3] span ids */
	_Atomic uint64_t used[2];	/* (a) [K4] bit: size class */
	_Atomic uint64_t reserved;
	_Atomic uint64_t chans[SH_CHANS_MAX / 64]; /* (a) [M4] */
	struct sh_cell cells[SH_CELLS];
	struct sh_tally tally[SPAN_CLASSES];
};

struct sh_control {
	_Atomic uint64_t bell[SH_BELL_WORDS];	/* (a) [Q2] slots with requests */
	_Atomic uint64_t want[SH_WANT_WORDS];	/* (a) [Q2] span classes run low */
	_Atomic uint8_t want_pages[SPAN_CLASSES]; /* (a) [Q2] length of a span */
};

/* What senders and receivers of a channel share; a line each. */
struct sh_chan {
	_Atomic uint64_t tail;		/* (a) [M2] */
	_Atomic uint32_t items;		/* (a) [M3] receivers sleep here */
	uint32_t pad0[13];
	_Atomic uint64_t head;		/* (a) [M2] */
	_Atomic uint32_t room;		/* (a) [M3] senders do */
	uint32_t pad1[13];
};

struct sh_place {
	_Atomic uint64_t handle;	/* (a) [M1] */
	_Atomic uint64_t seq;		/* (a) [M1] */
} __attribute__((aligned(16)));

struct sh_stripe {
	_Atomic uint64_t lock;		/* (a) [K2] party of the holder, 0 free */
	_Atomic uint32_t head;		/* (a) [K3] first span of the list */
	_Atomic uint32_t count;		/* (a) [K3] about how many */
	_Atomic uint32_t tail;		/* (a) [K3] its last, if its link says so */
	uint32_t pad[11];
};

struct sh_span {
	_Atomic uint64_t state;		/* (a) [S1] see span.h */
	_Atomic uint64_t link;		/* (a) [K1] next id | (stripe + 1) << 32 */
};

/* Changed as a whole, by a CAS of 16 bytes: see held.h. */
struct sh_holder {
	_Atomic uint64_t lo;		/* (a) [O1] bit: client slot; 0: the name */
	_Atomic uint64_t hi;		/* (a) [O1] slots from 64 on, tag, mover */
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct sh_holder) == 16, "part of SH_ABI");
_Static_assert(sizeof(struct sh_chandir) == 80, "part of SH_ABI");
_Static_assert(sizeof(struct sh_chan) == 128, "two cache lines");
_Static_assert(sizeof(struct sh_place) == 16, "part of SH_ABI");
_Static_assert(sizeof(struct sh_geom) == 32, "part of SH_ABI");
_Static_assert(sizeof(struct sh_span) == 16, "part of SH_ABI");
_Static_assert(sizeof(struct sh_stripe) == 64, "one cache line each");
_Static_assert(sizeof(struct sh_cell) == 128, "part of SH_ABI");
_Static_assert(sizeof(struct sh_name) == 80, "part of SH_ABI");
_Static_assert(sizeof(struct sh_client) == 64, "part of SH_ABI");
_Static_assert(SPAN_CLASSES < 0x8000, "fits beside nslots");

/*
 * Folded from what both sides must agree on; compared at attach, and when a
 * daemon finds a heap.
 */
#define SH_FOLD(h, x)	(((h) ^ (uint64_t)(x)) * 0x100000001b3ULL)

static inline uint64_t sh_abi(void)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	h = SH_FOLD(h, SH_FORMAT);
	h = SH_FOLD(h, sizeof(struct sh_header));
	h = SH_FOLD(h, offsetof(struct sh_header, geo));
	h = SH_FOLD(h, offsetof(struct sh_header, epoch));
	h = SH_FOLD(h, offsetof(struct sh_header, count));
	h = SH_FOLD(h, sizeof(struct sh_client));
	h = SH_FOLD(h, sizeof(struct sh_name));
	h = SH_FOLD(h, sizeof(struct sh_geom));
	h = SH_FOLD(h, sizeof(struct sh_slot));
	h = SH_FOLD(h, offsetof(struct sh_slot, cells));
	h = SH_FOLD(h, offsetof(struct sh_slot, tally));
	h = SH_FOLD(h, sizeof(struct sh_tally));
	h = SH_FOLD(h, sizeof(struct sh_cell));
	h = SH_FOLD(h, sizeof(struct sh_control));
	h = SH_FOLD(h, sizeof(struct sh_stripe));
	h = SH_FOLD(h, sizeof(struct sh_span));
	h = SH_FOLD(h, SH_CELLS);
	h = SH_FOLD(h, LIFE_COUNT);
	h = SH_FOLD(h, PAGE_SHIFT);
	h = SH_FOLD(h, GRANULE_SHIFT);
	for (unsigned c = 1; c < SC_COUNT; c++) {
		h = SH_FOLD(h, sc_size(c));
		h = SH_FOLD(h, sc_npages(c));
		h = SH_FOLD(h, sc_nslots(c));
	}
	return h;
}

#endif
