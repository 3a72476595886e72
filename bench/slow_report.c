/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_report.c - figures of the repeats, and the line that they become.
 * Measures nothing itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/slow.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int by_float(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

double quantile(float *v, size_t n, double q)
{
	size_t rank = (size_t)(q * (double)n);

	qsort(v, n, sizeof(*v), by_float);
	return (double)v[rank < n ? rank : n - 1];
}

static struct metric *metric_of(struct report *r, const char *name)
{
	struct metric *m;

	for (unsigned i = 0; i < r->n_metrics; i++)
		if (!strcmp(r->metric[i].name, name))
			return &r->metric[i];
	if (r->n_metrics == SLOW_METRICS_MAX)
		die("more than %u metrics", SLOW_METRICS_MAX);
	m = &r->metric[r->n_metrics++];
	snprintf(m->name, sizeof(m->name), "%s", name);
	return m;
}

void report_add(struct report *r, double value, const char *name)
{
	struct metric *m = metric_of(r, name);

	if (m->n == SLOW_REPEATS_MAX)
		die("%s has more than %u values", name, SLOW_REPEATS_MAX);
	m->value[m->n++] = value;
}

void report_times(struct report *r, const char *prefix, float *ns, size_t n)
{
	static const struct { const char *suffix; double q; } all[] = {
		{ "p50_ns", 0.5 }, { "p99_ns", 0.99 }, { "p999_ns", 0.999 },
	};
	char name[32];

	snprintf(name, sizeof(name), "%s_n", prefix);
	report_add(r, (double)n, name);
	r->ops += n;
	for (size_t i = 0; n && i < sizeof(all) / sizeof(*all); i++) {
		snprintf(name, sizeof(name), "%s_%s", prefix, all[i].suffix);
		report_add(r, quantile(ns, n, all[i].q), name);
	}
}

/* Its values in order: median of the middle two if they are even. */
static struct metric sorted(const struct metric *m)
{
	struct metric s = *m;

	qsort(s.value, s.n, sizeof(*s.value), by_value);
	return s;
}

static double median(const struct metric *s)
{
	return (s->value[(s->n - 1) / 2] + s->value[s->n / 2]) / 2;
}

static double spread(const struct metric *s)
{
	double mid = median(s);

	return mid > 0 ? (s->value[s->n - 1] - s->value[0]) / mid : 0;
}

static void print_object(const struct report *r, const char *name,
			 double (*figure)(const struct metric *s))
{
	printf(",\"%s\":{", name);
	for (unsigned i = 0; i < r->n_metrics; i++) {
		struct metric s = sorted(&r->metric[i]);

		printf("%s\"%s\":%.6g", i ? "," : "", s.name, figure(&s));
	}
	printf("}");
}

void report_print(const struct report *r, const struct slow_opts *o)
{
	printf("{\"workload\":\"%s\",\"backend\":\"%s\",\"version\":\"%s\","
	       "\"workers\":%u,\"mode\":\"process\",\"size\":%zu,"
	       "\"size_max\":%zu,\"ops\":%llu,\"repeats\":%u", o->workload,
	       o->backend, PACKAGE_VERSION, o->workers, o->size, o->size,
	       (unsigned long long)r->ops, o->repeats);
	print_object(r, "metrics", median);
	print_object(r, "spread", spread);
	printf("}\n");
	fflush(stdout);
}
