/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - the simulated machine, heap and processes.  Discrete events: a task
 * (a process, or the daemon) does something at once, then spends ns on its core,
 * then does the next thing.  Times are ns.  Deterministic: a seed, no clock.
 *
 *	cores.c    tasks on cores: slices, preemption, sleep and wake
 *	lines.c    cache lines: who has them, what it costs to get one
 *	stripes.c  mcentral: push, pop, scan, as shm/central.c does it
 *	process.c  what a process does: rounds of allocs and frees
 *	waves.c    ... or waves of them
 *	queues.c   queues of spans and chunks
 *	refill.c   a refill: release, harvest, pop, scan, ask
 *	daemon.c   turns: requests, sweeps, provisioning
 *	world.c    configuration, set-up, results
 *
 * One size class only: then every process meets every other, which is the worst
 * case for a class's stripes.  Objects are counted, not named: a chunk is n
 * objects of one span.
 */
#ifndef BENCH_SIM_MODEL_H
#define BENCH_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/sim/costs.h"

#define CORES_MAX	256u
#define STRIPES_MAX	256u
#define SPANS_MAX	(1u << 20)
#define ROUND_OBJECTS	64u		/* as in live.h */
#define RING_OBJECTS	4096u
#define HISTO		1024u		/* 32 steps per doubling of ns */
#define NONE		0u		/* no span; ids begin at 1 */

enum line_kind { K_WANT, K_BELL, K_STRIPE, K_WORDS, K_LIVE, K_LINES };

struct world;
struct task;
typedef void (*step_fn)(struct world *w, struct task *t);

struct task {
	step_fn	     next;
	double	     left;		/* ns until then, on its core */
	unsigned     core;
	bool	     asleep, woken;	/* woken: before it slept */
	bool	     yields;
	struct task *queued;		/* behind it on its core */
};

enum state { S_FREE, S_GRANTED, S_OWNED, S_FULL, S_LISTED };
enum where { W_NOWHERE, W_PARTIAL, W_EXHAUSTED };

struct span {
	enum state state;
	enum where where;		/* in the owner's span cache */
	uint32_t owner;			/* process, if OWNED */
	uint32_t stripe;		/* + 1: in whose list; 0: none */
	uint32_t next;			/* there */
	uint32_t behind;		/* in the owner's queue */
	uint32_t at;			/* in the owner's table */
	uint32_t births;
	uint32_t free;			/* slots in the owner's bitmap */
	uint32_t gone;			/* freed by others since */
};

struct chunk {
	uint32_t span, n;
};

struct stripe {
	uint32_t head, tail, count;
	bool	 locked;
};

struct line {
	double	 busy;			/* on its way until then */
	uint64_t has[CORES_MAX / 64];
	uint16_t last;			/* the core that wrote it; + 1 */
};

struct spans {				/* a queue of spans */
	uint32_t head, tail, n;
};

struct proc {
	struct task  t;
	uint32_t     index;
	struct spans partial, exhausted, empty;
	uint32_t    *own;		/* all spans it owns */
	uint32_t     n_own, cap_own;
	struct chunk array[RING_OBJECTS];	/* its thread's; a queue */
	uint32_t     a_head, a_n, a_objects;
	struct chunk in[RING_OBJECTS];		/* from its neighbour */
	uint32_t     in_head, in_n, in_objects;
	double	     credit;		/* of objects to pass on */
	uint32_t     left;		/* of this round */
	uint32_t     freed;		/* of what came, in this round */
	struct chunk doing;
	double	     began;		/* the refill */
	step_fn	     after;		/* push and pop return there */
	uint32_t     at, tries, busy, looks, got[64], n_got, dropped;
	bool	     low, freeing;
	bool	     pushed, came_back;	/* by its own frees, since a refill */
	uint32_t     cursor, returned, waved, calm;
	uint32_t     keep, let_go;	/* wholly free spans */
	uint32_t    *seen;		/* births of spans that it has populated */
};

struct config {
	unsigned procs, cores, stripes, wave, take, part, paced, target, batch;
	unsigned hint;			/* spans listed per hint of a sweep */
	enum kind kind;
	double remote, think, ids;
	bool fifo, spread, peek, fresh, own;
	unsigned complex, socket;	/* cores in each */
	double near, far, across;	/* ns for a line */
	double slice, warm, run;
	uint64_t seed;
};

struct tally {
	double ops, local, shared;	/* objects; ns of all processes */
	double refills, pops, pushes, lists, misses, scans, calls, busy, tries;
	double rings, turns, sweeps, provisioned, retired, daemon, moves, switches;
	double unlinked, lines[K_LINES];	/* ns for lines, by kind */
	uint64_t histo[HISTO];		/* of refills */
};

struct core {
	struct task *running, *head, *tail;
	double	     since, slice_end;
};

struct daemon {
	struct task t;
	uint32_t    target, made, to_make, at_id, spread;
	bool	    want, sweep, bell;
	struct proc **queue;		/* who waits for a span */
	uint32_t    n_queue;
};

struct world {
	struct config  c;
	struct costs   cost;
	struct tally   r;
	double	       now;
	struct core    core[CORES_MAX];
	double	       tree[4 * CORES_MAX];	/* of the cores' next events */
	unsigned       leaves;
	struct core   *stepping;	/* whose task is in its step */
	struct task   *deferred;	/* woken by it, on the same core */
	struct stripe  stripe[STRIPES_MAX];
	struct span   *span;
	uint32_t       top, *free_ids, n_free_ids, by_state[5];
	struct line   *line;
	struct proc   *proc;
	struct daemon  d;
	uint32_t       nslots, threshold, batch, pages;	/* pages of 4 KiB */
	uint64_t       rng;
};

/* cores.c */
void task_start(struct world *w, struct task *t);
void task_sleep(struct task *t);	/* from within its own step */
void task_wake(struct world *w, struct task *t, double latency);
void task_yield(struct task *t);	/* likewise */
void cores_run(struct world *w, double until);

/* lines.c */
enum { L_WANT, L_BELL, L_STRIPE };	/* then span words, then live words */
/* ns that a line takes from core to core. */
double line_distance(const struct config *c, unsigned from, unsigned to);
double line_write(struct world *w, uint32_t line, unsigned core);
double line_read(struct world *w, uint32_t line, unsigned core);
uint32_t line_words(uint32_t span);	/* four spans' state and link */
uint32_t line_live(uint32_t span);

/* stripes.c: p->after is the next step */
void stripe_push(struct world *w, struct proc *p, uint32_t span);
void stripe_pop(struct world *w, struct proc *p);	/* p->got, p->n_got */
bool stripe_put(struct world *w, uint32_t span, uint32_t from);
void stripe_forget(struct world *w, uint32_t span);
void span_set(struct world *w, uint32_t span, enum state s);

/* queues.c */
void queue_add(struct world *w, struct spans *q, uint32_t span);
uint32_t queue_take(struct world *w, struct spans *q);
void fifo_add(struct chunk *c, uint32_t head, uint32_t *n, struct chunk x);
struct chunk fifo_take(struct chunk *c, uint32_t *head, uint32_t *n,
		       uint32_t most);
void array_add(struct proc *p, uint32_t span, uint32_t n);
struct chunk array_take(struct proc *p, uint32_t most);

/* process.c, waves.c */
void round_begin(struct world *w, struct task *t);
void produce(struct world *w, struct task *t);
void wave_alloc(struct world *w, struct proc *p);

/* refill.c */
void refill_begin(struct world *w, struct proc *p);
void refill_granted(struct world *w, struct proc *p, uint32_t span);
void own_remove(struct world *w, struct proc *p, uint32_t span);
/* A span in transit that is LISTED now: offered, pushed; then next. */
void offer(struct world *w, struct proc *p, uint32_t span, step_fn next);

/* daemon.c */
void daemon_begin(struct world *w, struct task *t);
/* Sets a bit of the doorbell's words; ns that it costs the caller. */
double daemon_ring(struct world *w, unsigned core, bool *bit, uint32_t line);
void daemon_ask(struct world *w, struct proc *p);

/* Then `next`, after so many ns of its own, and of things shared. */
static inline void then(struct world *w, struct proc *p, step_fn next,
			double local, double shared)
{
	p->t.next = next;
	p->t.left = local + shared;
	w->r.local += local;
	w->r.shared += shared;
}

static inline const struct class_costs *kind_costs(const struct world *w)
{
	return &w->cost.k[w->c.kind];
}

static inline uint32_t random_below(struct world *w, uint32_t n)
{
	uint64_t z = w->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(((z ^ z >> 31) >> 32) * n >> 32);
}

#endif
