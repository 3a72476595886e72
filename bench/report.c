/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - see report.h.
 */
#include "bench/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/exits.h"
#include "bench/measure.h"

static struct bench_result sum(const struct bench_shared *s)
{
	struct bench_result total = { .start_ns = UINT64_MAX };

	for (unsigned i = 0; i < s->p.workers; i++) {
		const struct bench_result *r = &s->result[i];

		total.ops += r->ops;
		total.failed += r->failed;
		if (r->start_ns < total.start_ns)
			total.start_ns = r->start_ns;
		if (r->end_ns > total.end_ns)
			total.end_ns = r->end_ns;
	}
	return total;
}

static bool has(const struct bench_result *r, const char *name, double *value)
{
	for (uint32_t i = 0; i < r->n_metrics; i++)
		if (!strcmp(r->metric[i].name, name)) {
			*value = r->metric[i].value;
			return true;
		}
	return false;
}

/* Each metric that a worker has, averaged over those who have it. */
static void average(const struct bench_shared *s, const struct bench_result *of,
		    struct bench_result *total)
{
	for (uint32_t m = 0; m < of->n_metrics; m++) {
		const char *name = of->metric[m].name;
		double value, all = 0;
		unsigned n = 0;

		if (has(total, name, &value))
			continue;
		for (unsigned i = 0; i < s->p.workers; i++)
			if (has(&s->result[i], name, &value)) {
				all += value;
				n++;
			}
		bench_metric(total, name, all / n);
	}
}

static void usual(const struct bench_shared *s, struct bench_result *total)
{
	double busy = 0, elapsed = (double)(total->end_ns - total->start_ns);

	for (unsigned i = 0; i < s->p.workers; i++)
		busy += (double)(s->result[i].end_ns - s->result[i].start_ns);
	bench_metric(total, "ns", busy / (double)total->ops);
	bench_metric(total, "mops", (double)total->ops * 1e3 / elapsed);
	for (unsigned i = 0; i < s->p.workers; i++)
		average(s, &s->result[i], total);
}

/* Names come from this tree, versions from others: no quotes, no surprises. */
static void print_text(const char *key, const char *text)
{
	printf("\"%s\":\"", key);
	for (; *text; text++)
		putchar(*text < ' ' || strchr("\"\\\x7f", *text) ? '?' : *text);
	printf("\",");
}

static void print(const struct bench_shared *s, const struct backend *b,
		  const struct bench_result *total)
{
	const struct bench_params *p = &s->p;

	putchar('{');
	print_text("workload", p->workload);
	print_text("backend", p->backend);
	if (b->version)
		print_text("version", b->version);
	printf("\"workers\":%u,", p->workers);
	print_text("mode", p->threads ? "thread" : "process");
	printf("\"size\":%zu,\"size_max\":%zu,\"ops\":%" PRIu64
	       ",\"metrics\":{", p->size, p->size_max, p->ops);
	for (uint32_t i = 0; i < total->n_metrics; i++)
		printf("%s\"%s\":%.6g", i ? "," : "", total->metric[i].name,
		       total->metric[i].value);
	printf("}}\n");
}

static int refuse(const struct bench_shared *s, const struct bench_result *total)
{
	if (total->failed)
		fprintf(stderr, "bench: %s, %s: %u allocations failed after "
			"%" PRIu64 " operations: too little memory for it, or "
			"fewer --workers\n", s->p.workload, s->p.backend,
			total->failed, total->ops);
	else
		fprintf(stderr, "bench: %s, %s: a figure is no number\n",
			s->p.workload, s->p.backend);
	return EXIT_FAILED;
}

int report(struct bench_shared *s, const struct workload *load,
	   const struct backend *b)
{
	struct bench_result total = sum(s);

	if (total.failed)
		return refuse(s, &total);
	if (load->report)
		load->report(s, &total);
	else
		usual(s, &total);
	for (uint32_t i = 0; i < total.n_metrics; i++)
		if (!isfinite(total.metric[i].value))
			return refuse(s, &total);
	print(s, b, &total);
	return 0;
}
