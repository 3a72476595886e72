/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_watch.h - what loop.c and the back end share; nobody else includes it.
 *
 * loop.c owns the watches and decides when a callback's time has come; the back
 * end owns the kernel's side.  A watch call never enters the back end: it puts
 * the watch on `todo`, and the next turn looks at each watch there and gives
 * the kernel what it lacks:
 *
 *	live, not armed		the request itself (first time, or again)
 *	dead, armed		a cancellation; work on files is left to run
 *	dead, not armed		nothing: the slot is free again
 *	live, armed		nothing
 *
 * So callbacks may do as they please while completions are being read, and a
 * full queue in the kernel delays and does not fail.  A slot is reused only
 * when the kernel has said its last word on it, so what comes late for a
 * cancelled watch finds it dead.
 */
#ifndef MHEAP_DAEMON_LOOP_WATCH_H
#define MHEAP_DAEMON_LOOP_WATCH_H

#include "daemon/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

enum kind { ACCEPT, POLL, TIMER, FALLOCATE, ZERO, SIGNAL };

struct watch {
	loop_id id; /* generation << 32 | index in slots[] */
	enum kind kind;
	bool armed;  /* the kernel owes us a last completion */
	bool dead;   /* no callback any more */
	bool queued; /* on todo */
	bool timed;  /* on timers: a TIMER, or an ACCEPT or POLL at rest */
	int fd, mode;
	unsigned int events;
	uint64_t off, len, done;     /* done: bytes of a ZERO */
	uint64_t due, every; /* ns, on the monotonic clock */
	union {
		void (*number)(void *arg, int n);
		void (*mask)(void *arg, unsigned int revents);
		void (*tick)(void *arg);
	} cb;
	void *arg;
	STAILQ_ENTRY(watch) link; /* in todo or spare */
	TAILQ_ENTRY(watch) timer;
};

TAILQ_HEAD(timers, watch);
STAILQ_HEAD(watches, watch);

struct loop {
	struct watch **slots; /* each allocated once, freed with the loop */
	uint32_t nslots, room;
	struct watches todo, spare;
	struct timers timers; /* soonest first */
	unsigned int in_flight;
	bool stop, turning;
	uint64_t linger; /* until then it does not sleep, ns */
	uint64_t tired;	 /* until then it does not linger */
	struct ring *ring;
};

static inline bool watch_is_file_work(const struct watch *w)
{
	return w->kind == FALLOCATE || w->kind == ZERO;
}

/* loop.c, for the back end. */
struct watch *watch_find(struct loop *l, loop_id id); /* dead ones too */
void watch_look_at(struct loop *l, struct watch *w);
void watch_rest(struct loop *l, struct watch *w, uint64_t ns);
void watch_end(struct loop *l, struct watch *w);
void watch_release(struct loop *l, struct watch *w);

/* The back end, for loop.c. */
int ring_new(struct ring **ret_ring);
/* Works off todo by the table above; what finds no room stays there. */
void ring_prepare(struct loop *l);
/* Waits at most ns, calls back; how much there was, or -errno. */
int ring_turn(struct loop *l, uint64_t ns);
/* All watches are dead: waits until none is armed, then frees the ring. */
void ring_destroy(struct loop *l);

#endif
