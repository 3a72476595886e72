/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - a bounded queue of batches of handles, in shared memory, for any
 * number of processes on either side.
 *
 * A ticket ring: `turn` of a slot says which ticket may use it next; ticket t
 * uses slot t % QUEUE_SLOTS, to write when turn is 2 * (t / QUEUE_SLOTS), to
 * read when it is one more.  A side that may not go on is told so, and waits
 * by itself (bench/wait.h).  A ticket is taken by who may go on at once, so the
 * others wait for it only while it copies.  All zero is an empty queue.
 */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define QUEUE_SLOTS	32u
#define QUEUE_BATCH	120u

struct batch {
	uint64_t handle[QUEUE_BATCH];
};

struct queue {
	_Alignas(128) _Atomic uint64_t written;	/* tickets, ever */
	_Alignas(128) _Atomic uint64_t read;
	_Alignas(128) _Atomic uint32_t done;	/* writers that have finished */
	struct {
		_Alignas(128) _Atomic uint64_t turn;
		struct batch batch;
	} slot[QUEUE_SLOTS];
};

/* Takes the next ticket, or gives -1 if it is not its turn yet. */
static inline int64_t queue_ticket(struct queue *q, _Atomic uint64_t *next,
				   uint64_t reading)
{
	uint64_t t = atomic_load_explicit(next, memory_order_relaxed);

	do {
		/* acquire: the other side is through with the batch */
		if (atomic_load_explicit(&q->slot[t % QUEUE_SLOTS].turn,
					 memory_order_acquire) !=
		    t / QUEUE_SLOTS * 2 + reading)
			return -1;
	} while (!atomic_compare_exchange_weak_explicit(next, &t, t + 1,
							memory_order_relaxed,
							memory_order_relaxed));
	return (int64_t)t;
}

/* The batch of ticket t goes to the other side. */
static inline void queue_pass_turn(struct queue *q, int64_t t)
{
	/* release: what was done with the batch comes first */
	atomic_fetch_add_explicit(&q->slot[t % QUEUE_SLOTS].turn, 1,
				  memory_order_release);
}

/* False: full. */
static inline bool queue_put(struct queue *q, const struct batch *b)
{
	int64_t t = queue_ticket(q, &q->written, 0);

	if (t < 0)
		return false;
	memcpy(&q->slot[t % QUEUE_SLOTS].batch, b, sizeof(*b));
	queue_pass_turn(q, t);
	return true;
}

/* False: empty. */
static inline bool queue_get(struct queue *q, struct batch *b)
{
	int64_t t = queue_ticket(q, &q->read, 1);

	if (t < 0)
		return false;
	memcpy(b, &q->slot[t % QUEUE_SLOTS].batch, sizeof(*b));
	queue_pass_turn(q, t);
	return true;
}

/* A writer writes no more. */
static inline void queue_finish(struct queue *q)
{
	/* release: its batches come first */
	atomic_fetch_add_explicit(&q->done, 1, memory_order_release);
}

static inline bool queue_finished(struct queue *q, uint32_t writers)
{
	/* acquire: who then finds the queue empty has seen all batches */
	return atomic_load_explicit(&q->done, memory_order_acquire) == writers;
}

#endif
