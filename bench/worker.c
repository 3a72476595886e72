/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - one worker from start to end: maps the shared file, pins itself,
 * attaches to the back end, runs the workload between two barriers, and leaves
 * its figures in the shared page.
 *
 * It needs neither main.c nor a table of back ends, so it may also be linked
 * into a shared object and run in a process that isn't the harness's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/barrier.h"
#include "bench/bench.h"
#include "bench/measure.h"
#include "bench/workloads.h"

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void *bench_table(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "bench: no memory for a table of %zu bytes: "
			"%s\n", bytes, strerror(errno));
		exit(1);
	}
	return p;
}

void bench_metric(struct bench_result *r, const char *name, double value)
{
	struct bench_metric *m = &r->metric[r->n_metrics];

	if (r->n_metrics == BENCH_METRICS_MAX) {
		fprintf(stderr, "bench: no room for the metric %s: at most %d "
			"(BENCH_METRICS_MAX)\n", name, BENCH_METRICS_MAX);
		exit(1);
	}
	r->n_metrics++;
	snprintf(m->name, sizeof(m->name), "%s", name);
	m->value = value;
}

void bench_start(struct bench_shared *s, struct bench_result *r)
{
	if (r->start_ns)
		return;
	barrier_pass(&s->ready, &s->go, s->p.workers, true);
	r->start_ns = bench_now();
}

void bench_stop(struct bench_shared *s, struct bench_result *r, uint64_t ops)
{
	if (r->end_ns)
		return;
	bench_start(s, r);
	r->ops = ops;
	r->end_ns = bench_now();
	barrier_pass(&s->done, &s->leave, s->p.workers, false);
}

/* Worker i to the i-th of the processors that it may use, around and around. */
static void pin(unsigned index)
{
	cpu_set_t may, one;
	unsigned skip;

	if (sched_getaffinity(0, sizeof(may), &may))
		return;		/* more processors than a cpu_set_t has */
	skip = index % (unsigned)CPU_COUNT(&may);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || skip--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static struct bench_shared *map_shared(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	void *p = MAP_FAILED;

	if (bytes > 0)
		p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static struct worker make_worker(struct bench_shared *s, unsigned index,
				 const struct backend *b)
{
	return (struct worker){
		.b = b, .s = s, .p = &s->p, .r = &s->result[index],
		.index = index,
		/* Odd multiples of a seed differ in their high bits. */
		.rng = (s->p.seed + 1) * (2 * (uint64_t)index + 1) *
			0x9e3779b97f4a7c15ull | 1,
		.alloc = b->alloc, .free = b->free, .heap = b->heap,
		.heap_alloc = b->heap_alloc, .heap_free = b->heap_free,
		.handle = b->handle, .deref = b->deref,
	};
}

/* A workload that gave up early must not keep the others waiting. */
static void run(struct bench_shared *s, unsigned index, const struct backend *b,
		const struct workload *load)
{
	struct worker w = make_worker(s, index, b);

	if (b->alloc)
		load->run_plain(&w);
	else
		load->run_heap(&w);
	bench_stop(s, w.r, w.r->ops);
}

int bench_worker(const char *shared_file, unsigned index, struct backend *b)
{
	struct bench_shared *s = map_shared(shared_file);
	const struct workload *load;

	if (!s)
		return 1;
	load = workload_find(s->p.workload);
	if (!load) {
		fprintf(stderr, "bench: worker %u was built without the "
			"workload %s\n", index, s->p.workload);
		return 1;
	}
	pin(index);
	if (b->attach && b->attach(index))
		return 1;
	run(s, index, b, load);
	if (b->detach)
		b->detach();
	munmap(s, s->total_bytes);
	return 0;
}
