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

unsigned cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 :
	       (unsigned)CPU_COUNT(&set);
}

void pin(unsigned cpu)
{
	cpu_set_t set;

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

int cmd_measure(int argc, char **argv)
{
	struct costs c;

	(void)argv;
	if (argc) {
		fprintf(stderr, "sim measure takes no arguments\n");
		return 2;
	}
	memset(&c, 0, sizeof(c));
	measure_clock();
	measure_machine(&c);
	measure_shm(&c);
	measure_client(&c);
	measure_daemon(&c);
	measure_live(&c);
	costs_write(stdout, &c);
	return 0;
}
