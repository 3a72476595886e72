/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h - what a workload's run function may call.  Each w_NAME.c is compiled
 * twice: with BENCH_HEAP_FORM 0 for back ends of the form alloc(size), with 1
 * for alloc(heap, size).  A call is one indirect call, whose pointer RUN()
 * keeps in a local copy of the worker, so in a register, like a direct call in
 * a user's loop; this holds while the workload gives the worker to inline
 * functions only.
 *
 *	RUN(churn)
 *	{
 *		... set up ...
 *		b_start(w);
 *		... b_alloc(w, size), b_free(w, p) ...
 *		b_stop(w, ops);
 *		... clean up ...
 *	}
 *
 * defines churn_plain() or churn_heap().  What the two share (area, live,
 * report, the struct workload) stands under #if !BENCH_HEAP_FORM.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "bench/bench.h"
#include "bench/measure.h"

#ifndef BENCH_HEAP_FORM
#error "BENCH_HEAP_FORM must be 0 or 1: a workload is compiled once for each"
#endif

#define B_INLINE static inline __attribute__((always_inline, unused))

#if BENCH_HEAP_FORM
#define BENCH_FORM(name)	name##_heap
#else
#define BENCH_FORM(name)	name##_plain
#endif

/* For the struct workload. */
#define BENCH_RUNS(name)	.run_plain = name##_plain, .run_heap = name##_heap

#define RUN(name)                                                              \
	void name##_plain(struct worker *);                                    \
	void name##_heap(struct worker *);                                     \
	B_INLINE void name##_run(struct worker *w);                            \
	void BENCH_FORM(name)(struct worker *shared)                           \
	{                                                                      \
		struct worker mine = *shared;                                  \
									       \
		name##_run(&mine);                                             \
	}                                                                      \
	B_INLINE void name##_run(struct worker *w)

/* All workers go on together.  The second and later calls do nothing. */
B_INLINE void b_start(struct worker *w)
{
	bench_start(w->s, w->r);
}

/*
 * Ends what is measured, after `ops` operations of this worker, and waits for
 * the others to do so: cleaning up disturbs nobody.  Once, as above.
 */
B_INLINE void b_stop(struct worker *w, uint64_t ops)
{
	bench_stop(w->s, w->r, ops);
}

/* NULL: the workload counts it by b_failed() and goes on or returns. */
B_INLINE void *b_alloc(struct worker *w, size_t size)
{
#if BENCH_HEAP_FORM
	return w->heap_alloc(w->heap, size);
#else
	return w->alloc(size);
#endif
}

B_INLINE void b_free(struct worker *w, void *p)
{
#if BENCH_HEAP_FORM
	w->heap_free(w->heap, p);
#else
	w->free(p);
#endif
}

B_INLINE void b_failed(struct worker *w)
{
	w->r->failed++;
}

/* Writes one byte, which the compiler may neither drop nor move. */
B_INLINE void b_touch(void *p)
{
	*(volatile char *)p = 1;
}

/* Writes one byte of each page. */
B_INLINE void b_touch_pages(void *p, size_t size)
{
	for (size_t at = 0; at < size; at += 4096)
		b_touch((char *)p + at);
}

/*
 * An object's name for other workers, and back.  Whoever has the name may free
 * the object, so an owned one becomes shared: ask when it is given away.
 */
B_INLINE uint64_t b_handle(struct worker *w, void *p)
{
	return w->handle ? w->handle(p) : (uint64_t)(uintptr_t)p;
}

B_INLINE void *b_deref(struct worker *w, uint64_t handle)
{
	return w->deref ? w->deref(handle) : (void *)(uintptr_t)handle;
}

/* The workload's part of the shared file, zeroed, 4096-aligned. */
B_INLINE void *b_area(struct worker *w)
{
	return (char *)w->s + w->s->area_off;
}

/* xorshift64*; seeded by --seed and the worker's index, never 0. */
B_INLINE uint64_t b_random(struct worker *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return w->rng * 0x2545f4914f6cdd1dull;
}

#endif
