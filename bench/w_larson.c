/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_larson.c - after Larson and Krishnan's server simulation: churn whose
 * objects change hands.  Each worker has 1,000 slots; after every 50,000
 * operations it sends them with their objects to its right neighbour and takes
 * others from its left one, so that one free in fifty is of another worker's
 * object.
 *
 * Three more lots for each worker are on their way from the start: it waits for
 * its neighbour when that is three turns behind.
 */
#include <stdatomic.h>
#include <string.h>

#include "bench/ring.h"
#include "bench/sizes.h"
#include "bench/wait.h"

#define N_SLOTS		1000u
#define OPS_PER_TURN	50000u
#define LOTS		4u		/* for each worker: one in hand */

_Static_assert(LOTS * BENCH_WORKERS_MAX <= RING_SLOTS,
	       "all lots may come to lie in one ring");

/* Names of objects, in the shared area. */
struct lot {
	uint64_t object[N_SLOTS];
	uint32_t sender;
} __attribute__((aligned(128)));

/* One for each worker, in the shared area; the lots come after them. */
struct post {
	struct ring in;
	_Alignas(128) _Atomic uint32_t done;
};

struct larson {
	struct post *own, *left, *right;
	struct lot *lot;
	void *mine[N_SLOTS];		/* the objects in hand */
	uint64_t hand;			/* and the lot that they came in */
	uint64_t foreign;
};

B_INLINE uint64_t replace(struct worker *w, void **mine, struct sequence *q,
			  uint64_t n)
{
	for (uint64_t done = 0; done < n; done++) {
		uint32_t i = next_slot(q);

		b_free(w, mine[i]);
		mine[i] = b_alloc(w, next_size(q));
		if (!mine[i]) {
			b_failed(w);
			return done;
		}
		b_touch(mine[i]);
	}
	return n;
}

B_INLINE void pack(struct worker *w, struct larson *l)
{
	struct lot *lot = &l->lot[l->hand];

	lot->sender = w->index;
	for (uint32_t i = 0; i < N_SLOTS; i++)
		lot->object[i] = b_handle(w, l->mine[i]);
}

B_INLINE void unpack(struct worker *w, struct larson *l)
{
	struct lot *lot = &l->lot[l->hand];

	if (lot->sender != w->index)
		l->foreign += N_SLOTS;
	for (uint32_t i = 0; i < N_SLOTS; i++)
		l->mine[i] = b_deref(w, lot->object[i]);
}

/* False: the left neighbour sends no more. */
B_INLINE bool receive(struct larson *l, struct patience *patience,
		      uint64_t *ret_lot)
{
	bool last;

	for (;;) {
		/* acquire: what it sent before is there */
		last = atomic_load_explicit(&l->left->done,
					    memory_order_acquire);
		if (ring_receive(&l->own->in, ret_lot))
			return true;
		if (last)
			return false;
		wait_more(patience);
	}
}

B_INLINE void hand_over(struct worker *w, struct larson *l)
{
	struct patience patience = patience_of(w->p->workers);
	uint64_t lot;

	if (!receive(l, &patience, &lot))
		return;
	pack(w, l);
	ring_send(&l->right->in, l->hand);
	l->hand = lot;
	unpack(w, l);
}

B_INLINE bool fill(struct worker *w, struct larson *l, struct sequence *q)
{
	for (uint32_t i = 0; i < N_SLOTS; i++) {
		l->mine[i] = b_alloc(w, next_size(q));
		if (!l->mine[i]) {
			b_failed(w);
			return false;
		}
		b_touch(l->mine[i]);
	}
	return true;
}

B_INLINE void empty(struct worker *w, struct larson *l)
{
	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (l->mine[i])
			b_free(w, l->mine[i]);
}

/* All lots but the one in hand go to the neighbour. */
B_INLINE bool prepare(struct worker *w, struct larson *l, struct sequence *q)
{
	for (uint32_t i = 0; i < LOTS; i++) {
		if (!fill(w, l, q))
			return false;
		l->hand = w->index * LOTS + i;
		if (i < LOTS - 1) {
			pack(w, l);
			ring_send(&l->right->in, l->hand);
			memset(l->mine, 0, sizeof(l->mine));
		}
	}
	return true;
}

B_INLINE uint64_t rounds(struct worker *w, struct larson *l,
			 struct sequence *q, uint64_t n)
{
	uint64_t done = 0;

	while (done < n) {
		uint64_t left = n - done;
		uint64_t part = left < OPS_PER_TURN ? left : OPS_PER_TURN;
		uint64_t got = replace(w, l->mine, q, part);

		done += got;
		if (got < part)
			break;
		if (done < n)
			hand_over(w, l);
	}
	return done;
}

B_INLINE void find_area(struct worker *w, struct larson *l)
{
	struct post *post = b_area(w);
	unsigned n = w->p->workers;

	l->own = &post[w->index];
	l->left = &post[(w->index + n - 1) % n];
	l->right = &post[(w->index + 1) % n];
	l->lot = (struct lot *)(post + n);
}

/* What is on its way at the end is left to the end of the heap. */
RUN(larson)
{
	struct sequence q = make_sequence(w, N_SLOTS);
	struct larson *l = bench_table(sizeof(*l));
	uint64_t n = w->p->ops;

	find_area(w, l);
	if (prepare(w, l, &q)) {
		b_start(w);
		n = rounds(w, l, &q, n);
	} else {
		n = 0;
	}
	/* release: all that it sent comes first */
	atomic_store_explicit(&l->own->done, 1, memory_order_release);
	b_stop(w, n);
	bench_metric(w->r, "foreign", n ? (double)l->foreign / (double)n : 0);
	empty(w, l);
}

#if !BENCH_HEAP_FORM
static void defaults(struct bench_params *p)
{
	default_sizes(p);
	p->ops = p->ops ? p->ops : 40000000;
}

static uint64_t area(const struct bench_params *p)
{
	return p->workers * (sizeof(struct post) + LOTS * sizeof(struct lot));
}

static uint64_t live(const struct bench_params *p)
{
	return live_bytes(p, LOTS * N_SLOTS);
}

extern const struct workload w_larson;
const struct workload w_larson = {
	.name = "larson",
	.help = "churn of 1,000 slots that change hands; 1 free in 50 is "
		"foreign",
	.default_workers = 2,
	.passes = true,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(larson),
};
#endif
