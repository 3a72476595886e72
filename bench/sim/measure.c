/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure.c - `sim measure`: runs the parts and prints the costs.  See
 * measure.h.
 */
#include "bench/sim/measure.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/sim/sim.h"

#define PASSES	5

static double clock_ns;		/* of now_ns() itself */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void sample(struct samples *s, double began, double ops)
{
	double ns = now_ns() - began - clock_ns;

	if (s->n < SAMPLES_MAX)
		s->ns[s->n++] = (ns > 0 ? ns : 0) / ops;
}

double quantile(struct samples *s, double q)
{
	if (!s->n)
		return 0;
	qsort(s->ns, s->n, sizeof(double), by_value);
	return s->ns[(unsigned)(q * (s->n - 1))];
}

double typical(struct samples *s)
{
	unsigned from = s->n / 4, to = s->n - s->n / 4;
	double sum = 0;

	quantile(s, 0);
	for (unsigned i = from; i < to; i++)
		sum += s->ns[i];
	return to > from ? sum / (to - from) : 0;
}

/* What this program was started with. */
static const cpu_set_t *allowed(void)
{
	static cpu_set_t set;

	if (!CPU_COUNT(&set) && sched_getaffinity(0, sizeof(set), &set))
		CPU_SET(0, &set);
	return &set;
}

unsigned cpus(void)
{
	return (unsigned)CPU_COUNT(allowed());
}

void unpin(void)
{
	sched_setaffinity(0, sizeof(cpu_set_t), allowed());
}

void pin(unsigned cpu)
{
	cpu_set_t set;

	allowed();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		return;
	fprintf(stderr, "sim: can't run on CPU %u: costs between cores need "
		"CPUs 0 and 1 (taskset, cpuset)\n", cpu);
	exit(1);
}

static void measure_clock(void)
{
	struct samples s = { .n = 0 };

	for (unsigned i = 0; i < 2000; i++)
		sample(&s, now_ns(), 1);
	clock_ns = typical(&s);
}

static void measure_all(struct costs *c)
{
	memset(c, 0, sizeof(*c));
	measure_clock();
	measure_machine(c);
	measure_shm(c);
	measure_client(c);
	measure_daemon(c);
	unpin();	/* an mheapd that is started would inherit it */
	measure_live(c);
}

/* A machine is slower at times, never faster: the lowest of each counts. */
static void keep_lowest(struct costs *best, const struct costs *c)
{
	const double *from = (const double *)(const void *)c;
	double *to = (double *)(void *)best;

	for (size_t i = 0; i < sizeof(*c) / sizeof(double); i++)
		if (from[i] < to[i])
			to[i] = from[i];
}

int cmd_measure(int argc, char **argv)
{
	struct costs best, c;

	(void)argv;
	if (argc) {
		fprintf(stderr, "sim measure takes no arguments\n");
		return 2;
	}
	measure_all(&best);
	for (int i = 1; i < PASSES; i++) {
		measure_all(&c);
		keep_lowest(&best, &c);
	}
	costs_write(stdout, &best);
	return 0;
}
