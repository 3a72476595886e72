/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - bench WORKLOAD BACKEND: measures one workload with one back end,
 * once, in this process's workers, and prints one line.  It compares nothing
 * and knows no allocator by name: script/bench runs it many times.
 */
#include <sched.h>
#include <stdio.h>

#include "bench/backends.h"
#include "bench/bench.h"
#include "bench/crew.h"
#include "bench/exits.h"
#include "bench/options.h"
#include "bench/page.h"
#include "bench/report.h"
#include "bench/workloads.h"

/* What is for one worker on a processor is shared by those that share it. */
static uint64_t share_of_ops(const struct bench_params *p)
{
	cpu_set_t may;
	unsigned cpus = sched_getaffinity(0, sizeof(may), &may) ? 1 :
		(unsigned)CPU_COUNT(&may);

	return p->workers > cpus ? p->ops * cpus / p->workers + 1 : p->ops;
}

static void fill_in(struct bench_params *p, const struct workload *load)
{
	bool asked = p->ops;

	if (!p->workers)
		p->workers = load->default_workers ? load->default_workers : 1;
	if (load->defaults)
		load->defaults(p);
	if (!asked)
		p->ops = share_of_ops(p);
}

static int cannot(const struct bench_params *p, const char *why)
{
	fprintf(stderr, "bench: %s cannot do %s: %s\n", p->backend, p->workload,
		why);
	return EXIT_SKIP;
}

/* 0: the back end can do what is asked. */
static int fits(const struct bench_params *p, const struct workload *load,
		const struct backend *b)
{
	size_t largest = p->size_max > p->size ? p->size_max : p->size;
	char why[80];

	if (p->threads && !b->private && !b->threads)
		return cannot(p, "it is not for threads; leave out --threads");
	if (load->passes && b->private && !p->threads && p->workers > 1)
		return cannot(p, "objects can't leave a process; --threads");
	if (!b->max_size || largest <= b->max_size)
		return 0;
	snprintf(why, sizeof(why), "%zu bytes, and its objects have at most "
		 "%zu", largest, b->max_size);
	return cannot(p, why);
}

static int measure(const struct bench_params *p, const struct workload *load,
		   struct backend *b)
{
	struct bench_shared *s = page_make(p, load->area ? load->area(p) : 0,
					   b->launch);
	int code;

	if (!s)
		return EXIT_FAILED;
	null_plan(p->workers, load->passes);
	code = b->create ? b->create(load->live ? load->live(p) : 0) : 0;
	if (code)
		return code == EXIT_SKIP ? EXIT_SKIP : EXIT_FAILED;
	code = crew_run(p, page_path(), b);
	if (b->destroy)
		b->destroy();
	if (!code)
		code = report(s, load, b);
	page_drop(s);
	return code;
}

int main(int argc, char **argv)
{
	struct bench_params p;
	const struct workload *load;
	struct backend *b;
	int code;

	options_parse(argc, argv, &p);
	load = workload_find(p.workload);
	if (!load) {
		fprintf(stderr, "bench: no workload %s; --list names them\n",
			p.workload);
		return EXIT_USAGE;
	}
	b = backend_find(p.backend, &code);
	if (!b)
		return code;
	fill_in(&p, load);
	code = fits(&p, load, b);
	return code ? code : measure(&p, load, b);
}
