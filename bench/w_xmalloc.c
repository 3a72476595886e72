/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_xmalloc.c - after xmalloc-test (Lever and Boreham): half of the workers
 * only allocate, the others only free.  Batches of 120 objects of 8..768 bytes
 * go through one bounded queue in shared memory, to whoever comes first.
 *
 * As in the original the receiver does not read the objects; but it compares
 * one of each batch, which costs it one line in 120 objects, and stops the run
 * if it is wrong.  --check compares all.  What is measured: objects per second.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/exits.h"
#include "bench/queue.h"
#include "bench/sizes.h"
#include "bench/wait.h"

/* What the i-th object of a batch says at its start. */
B_INLINE uint64_t word_of(uint64_t handle, unsigned i)
{
	return handle * 0x9e3779b97f4a7c15ull + i;
}

/* Who has nothing to give ends the run: the others would wait for it. */
B_INLINE uint64_t new_object(struct worker *w, size_t size, unsigned i)
{
	void *p = b_alloc(w, size);
	uint64_t handle;

	if (!p) {
		fprintf(stderr, "xmalloc: %s has no %zu bytes, with at most %u "
			"batches of %u alive\n", w->p->backend, size,
			QUEUE_SLOTS + w->p->workers, QUEUE_BATCH);
		exit(EXIT_FAILED);
	}
	handle = b_handle(w, p);
	*(uint64_t *)p = word_of(handle, i);
	return handle;
}

B_INLINE uint64_t allocate_all(struct worker *w, struct queue *q,
			       struct sequence *sizes)
{
	struct patience patience = patience_of(w->p->workers);
	struct batch b;
	uint64_t done;

	for (done = 0; done < w->p->ops; done += QUEUE_BATCH) {
		for (unsigned i = 0; i < QUEUE_BATCH; i++)
			b.handle[i] = new_object(w, next_size(sizes), i);
		while (!queue_put(q, &b))
			wait_more(&patience);
		wait_over(&patience);
	}
	queue_finish(q);
	return done;
}

B_INLINE void compare(struct worker *w, const struct batch *b, unsigned i)
{
	uint64_t right = word_of(b->handle[i], i);
	uint64_t *p = b_deref(w, b->handle[i]);

	if (*p == right)
		return;
	fprintf(stderr, "xmalloc: object %llx says %llx, %llx was written: %s "
		"corrupts memory\n", (unsigned long long)b->handle[i],
		(unsigned long long)*p, (unsigned long long)right,
		w->p->backend);
	exit(EXIT_FAILED);
}

/* Those of the n-th batch that this worker has. */
B_INLINE void free_batch(struct worker *w, const struct batch *b, uint64_t n)
{
	if (!w->p->check)
		compare(w, b, n % QUEUE_BATCH);
	for (unsigned i = 0; w->p->check && i < QUEUE_BATCH; i++)
		compare(w, b, i);
	for (unsigned i = 0; i < QUEUE_BATCH; i++)
		b_free(w, b_deref(w, b->handle[i]));
}

B_INLINE uint64_t free_all(struct worker *w, struct queue *q, uint32_t writers)
{
	struct patience patience = patience_of(w->p->workers);
	uint64_t done = 0;
	struct batch b;

	for (;;) {
		bool last = queue_finished(q, writers);

		while (queue_get(q, &b)) {
			free_batch(w, &b, done / QUEUE_BATCH);
			done += QUEUE_BATCH;
			wait_over(&patience);
		}
		if (last)
			return done;
		wait_more(&patience);
	}
}

RUN(xmalloc)
{
	struct sequence sizes = make_sequence(w, 1);
	uint32_t writers = w->p->workers / 2;
	struct queue *q = b_area(w);
	uint64_t n;

	b_start(w);
	if (w->index < writers)
		n = allocate_all(w, q, &sizes);
	else
		n = free_all(w, q, writers);
	b_stop(w, n);
}

#if !BENCH_HEAP_FORM

static void defaults(struct bench_params *p)
{
	p->size = p->size ? p->size : 8;
	p->size_max = p->size_max ? p->size_max : p->size > 768 ? p->size : 768;
	p->ops = p->ops ? p->ops : 6000000;
	if (p->workers < 2) {
		fprintf(stderr, "xmalloc: --workers %u: it takes 2 or more, to "
			"allocate and to free\n", p->workers);
		exit(EXIT_USAGE);
	}
	if (p->size < sizeof(uint64_t)) {
		fprintf(stderr, "xmalloc: --size %zu: an object holds a word, "
			"so 8 or more\n", p->size);
		exit(EXIT_USAGE);
	}
}

static uint64_t area(const struct bench_params *p)
{
	(void)p;
	return sizeof(struct queue);
}

/* The queue is full, and each worker has one batch in hand. */
static uint64_t live(const struct bench_params *p)
{
	uint64_t batches = QUEUE_SLOTS + p->workers;

	return batches * QUEUE_BATCH * ((p->size_max + 15) & ~15ull);
}

static void report(struct bench_shared *s, struct bench_result *total)
{
	double ns = (double)(total->end_ns - total->start_ns);
	uint64_t freed = 0;

	for (unsigned i = s->p.workers / 2; i < s->p.workers; i++)
		freed += s->result[i].ops;
	bench_metric(total, "mops", (double)freed * 1e3 / ns);
}

extern const struct workload w_xmalloc;
const struct workload w_xmalloc = {
	.name = "xmalloc",
	.help = "some allocate batches of 8..768 B, others free them",
	.default_workers = 2,
	.passes = true,
	.defaults = defaults,
	.area = area,
	.live = live,
	BENCH_RUNS(xmalloc),
	.report = report,
};

#endif
