/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow.c - options of `slow`.  Exit code 0, 1 (it failed), 2 (usage).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/slow.h"

static const struct {
	const char *name, *help;
	int (*run)(struct slow_opts *o);
} workloads[] = {
	{ "refill", "an empty array is filled: by where the slots come from",
	  slow_refill },
	{ "daemon", "a request to mheapd beside bare ping-pongs", slow_daemon },
	{ "attach", "attach and detach: one process, a crowd at once",
	  slow_attach },
	{ "recover", "a client is killed: until its slot is free again",
	  slow_recover },
	{ "idle", "what idle clients keep, before and after mh_trim",
	  slow_idle },
};
#define N_WORKLOADS (sizeof(workloads) / sizeof(*workloads))

static void usage(FILE *f)
{
	fprintf(f, "usage: slow WORKLOAD [mheap|mheap-shared] [--workers N] "
		"[--size BYTES] [--bytes BYTES] [--repeats N]\n");
	for (size_t i = 0; i < N_WORKLOADS; i++)
		fprintf(f, "  %-8s %s\n", workloads[i].name, workloads[i].help);
}

static uint64_t number(const char *option, const char *text, uint64_t min,
		       uint64_t max)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (end != text && !*end && !errno && v >= min && v <= max)
		return v;
	fprintf(stderr, "slow: --%s %s: a number from %llu to %llu is wanted\n",
		option, text, (unsigned long long)min, (unsigned long long)max);
	exit(2);
}

static void parse(int argc, char **argv, struct slow_opts *o)
{
	static const struct option options[] = {
		{ "workers", required_argument, NULL, 'w' },
		{ "size", required_argument, NULL, 's' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "repeats", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			o->workers = (unsigned)number("workers", optarg, 1,
						      SLOW_WORKERS_MAX);
			break;
		case 's':
			o->size = number("size", optarg, 8, SC_SMALL_MAX);
			break;
		case 'b':
			o->bytes = number("bytes", optarg, 1, 1ull << 34);
			break;
		case 'r':
			o->repeats = (unsigned)number("repeats", optarg, 1,
						      SLOW_REPEATS_MAX);
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
}

static bool backend_ok(struct slow_opts *o)
{
	o->shared = !strcmp(o->backend, "mheap-shared");
	if (o->shared || !strcmp(o->backend, "mheap"))
		return true;
	fprintf(stderr, "slow: back end %s: mheap and mheap-shared have these "
		"slow paths\n", o->backend);
	return false;
}

int main(int argc, char **argv)
{
	struct slow_opts o = { .backend = "mheap" };

	parse(argc, argv, &o);
	if (optind >= argc || argc - optind > 2) {
		usage(stderr);
		return 2;
	}
	o.workload = argv[optind];
	if (argc - optind == 2)
		o.backend = argv[optind + 1];
	if (!backend_ok(&o))
		return 2;
	for (size_t i = 0; i < N_WORKLOADS; i++)
		if (!strcmp(o.workload, workloads[i].name))
			return workloads[i].run(&o);
	fprintf(stderr, "slow: no workload %s\n", o.workload);
	usage(stderr);
	return 2;
}
