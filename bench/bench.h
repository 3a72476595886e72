/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - one harness, many allocators.  `bench WORKLOAD BACKEND` measures
 * one workload with one back end, once, and prints one line of JSON; script/bench
 * runs them in turns and compares.
 *
 *	parent   create(), forks the workers, waits, prints
 *	worker   attach(), barrier, run, results into the shared page, detach()
 *
 * A worker is a process, or with --threads a thread: how private mallocs are
 * measured, whose memory can't be passed otherwise.  A back end whose processes
 * are not ours to fork (PostgreSQL) gives a launch() that runs bench_worker() in
 * each.
 *
 * Each allocator is called as its own users call it, by one indirect call:
 * alloc(size) and free(p), or for those whose functions take the heap first
 * heap_alloc(heap, size) and heap_free(heap, p).  Workloads are compiled once
 * for each of the two forms.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_WORKERS_MAX	256
#define BENCH_METRICS_MAX	12

struct bench_params {
	unsigned	workers;
	bool		threads;
	bool		log;		/* sizes log-uniform, not uniform */
	bool		check;		/* write a tag in each object, compare it */
	size_t		size, size_max;	/* of objects; 0: the workload's own */
	uint64_t	ops;		/* per worker; 0: the workload's own */
	uint64_t	seed;
	char		workload[32], backend[32];
	char		file[256];	/* trace: what to replay */
};

struct bench_metric {
	char	name[24];
	double	value;
};

/* What one worker reports.  Written by it alone, read by the parent after. */
struct bench_result {
	uint64_t	ops;
	uint64_t	start_ns, end_ns;	/* CLOCK_MONOTONIC */
	uint32_t	failed;			/* allocations that gave NULL */
	uint32_t	n_metrics;
	struct bench_metric metric[BENCH_METRICS_MAX];
} __attribute__((aligned(128)));

struct backend {
	const char *name;
	const char *version;		/* of the allocator, or NULL */
	size_t	max_size;		/* largest object; 0: any */
	bool	private;		/* a malloc: objects can't leave the process */
	bool	fixed;			/* a pool of fixed sizes, not general */
	bool	threads;		/* workers may be threads; private: too */

	/*
	 * In the parent, before the fork; bytes: how much will be live at most.
	 * Not 0: it doesn't work, and create() said why; 77: not here.
	 */
	int	(*create)(uint64_t bytes);
	int	(*attach)(unsigned worker);	/* in each worker, or thread */
	void	(*detach)(void);
	void	(*destroy)(void);		/* in the parent */
	/* In place of fork: run bench_worker(shared file, index) in each. */
	int	(*launch)(const char *shared_file, unsigned workers);

	void	*(*alloc)(size_t size);		/* this pair ... */
	void	(*free)(void *p);
	void	*heap;				/* ... or this; set by attach() */
	void	*(*heap_alloc)(void *heap, size_t size);
	void	(*heap_free)(void *heap, void *p);

	/* To pass between processes; NULL after attach(): plain pointers do. */
	uint64_t (*handle)(void *p);
	void	*(*deref)(uint64_t handle);
	int	(*trim)(void);
	uint64_t (*footprint)(void);		/* bytes of shared memory in use */
	uint64_t (*round_trips)(void);		/* to a server, by all, so far */
};

/* A peer in a shared object of its own, peer_NAME.so, exports this. */
extern struct backend bench_backend;

/* The shared page: control block, then what the workload asked for. */
struct bench_shared {
	struct bench_params	p;
	_Atomic uint32_t	ready, go;	/* workers at the start, past it */
	_Atomic uint32_t	done, leave;	/* the same at the end */
	uint64_t		total_bytes;	/* of the shared file */
	uint64_t		area_off, area_bytes;	/* rings, tables */
	struct bench_result	result[BENCH_WORKERS_MAX];
};

struct worker {
	const struct backend	*b;
	struct bench_shared	*s;
	const struct bench_params *p;
	struct bench_result	*r;
	unsigned		index;
	uint64_t		rng;

	/* Copies of what b has, which RUN() (bench/calls.h) puts in registers. */
	void	*(*alloc)(size_t size);
	void	(*free)(void *p);
	void	*heap;
	void	*(*heap_alloc)(void *heap, size_t size);
	void	(*heap_free)(void *heap, void *p);
	uint64_t (*handle)(void *p);
	void	*(*deref)(uint64_t handle);
};

struct workload {
	const char *name, *help;
	unsigned default_workers;
	bool	passes;			/* objects go from worker to worker */
	void	(*defaults)(struct bench_params *p);	/* fills in what is 0 */
	uint64_t (*area)(const struct bench_params *p);	/* shared bytes wanted */
	uint64_t (*live)(const struct bench_params *p);	/* for create() */
	/* Set up; b_start(), measured part, b_stop(); clean up. */
	void	(*run_plain)(struct worker *w);
	void	(*run_heap)(struct worker *w);
	/*
	 * In the parent, from the results; NULL: ns per op and Mops/s.  total
	 * comes with the sum of ops and failed, and the first start and last
	 * end; its metrics are what is printed.
	 */
	void	(*report)(struct bench_shared *s, struct bench_result *total);
};

/* One worker, start to end; for launch().  0, or an exit code. */
int bench_worker(const char *shared_file, unsigned index, struct backend *b);

#endif
