/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - is this machine quiet?  Adds that depend on each other take one
 * cycle each, on every CPU at once: more time means a lower clock, a neighbour
 * on the core, or somebody else's turn.  Prints one line of JSON with the ns
 * per add of each CPU.  Judges nothing: the runner compares.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ADDS	(64u * 500000)		/* ~10 ms */

/* One after the other: each takes the last one's result. */
#define ADD	x += i; __asm__ volatile("" : "+r"(x));
#define ADD_8	ADD ADD ADD ADD ADD ADD ADD ADD
#define ADD_64	ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8 ADD_8

struct page {
	_Atomic unsigned	ready;
	double			ns[CPU_SETSIZE];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double ns_per_add(void)
{
	uint64_t x = 1, start = now_ns();

	for (unsigned i = 0; i < ADDS / 64; i++) {
		ADD_64
	}
	return (double)(now_ns() - start) / ADDS;
}

static int child(struct page *page, int cpu, unsigned cpus, unsigned index)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		return 1;
	/* All at once: CPUs that share a core show it only then. */
	atomic_fetch_add(&page->ready, 1);
	while (atomic_load(&page->ready) < cpus)
		sched_yield();
	page->ns[index] = ns_per_add();
	return 0;
}

/* How many children there were, or -1 if one failed. */
static int run_on_each(struct page *page, const cpu_set_t *all)
{
	unsigned cpus = (unsigned)CPU_COUNT(all), index = 0;
	int status, bad = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		pid_t pid;

		if (!CPU_ISSET(cpu, all))
			continue;
		pid = fork();
		if (pid == 0)
			_exit(child(page, cpu, cpus, index));
		if (pid < 0) {
			/* Nobody may wait for the one that is missing. */
			atomic_store(&page->ready, cpus);
			bad = errno;
			break;
		}
		index++;
	}
	while (wait(&status) > 0)
		if (status != 0)
			bad = EINVAL;
	errno = bad;
	return bad ? -1 : (int)index;
}

int main(void)
{
	cpu_set_t all;
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int cpus;

	if (page == MAP_FAILED ||
	    sched_getaffinity(0, sizeof(all), &all) != 0 ||
	    (cpus = run_on_each(page, &all)) < 0) {
		fprintf(stderr, "probe: a process on each CPU: %s\n",
			strerror(errno));
		return 1;
	}
	printf("{\"ns_per_add\":[");
	for (int i = 0; i < cpus; i++)
		printf("%s%.4f", i ? "," : "", page->ns[i]);
	printf("]}\n");
	return 0;
}
