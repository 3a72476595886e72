/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - see options.h.
 */
#include "bench/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/backends.h"
#include "bench/exits.h"
#include "bench/workloads.h"

#define SIZE_LIMIT	(1ull << 31)	/* sequences keep sizes in 32 bits */

enum {
	KEY_WORKERS = 'w', KEY_THREADS = 't', KEY_SIZE = 's', KEY_OPS = 'n',
	KEY_SIZE_MAX = 0x100, KEY_SEED, KEY_LOG, KEY_CHECK, KEY_FILE, KEY_LIST,
};

static const struct argp_option table[] = {
	{ "workers", KEY_WORKERS, "N", 0, "Processes, or threads (1 to 256)",
	  0 },
	{ "threads", KEY_THREADS, NULL, 0,
	  "Workers are threads of one process", 0 },
	{ "size", KEY_SIZE, "BYTES", 0,
	  "Of each object, or of the smallest; suffixes K and M", 0 },
	{ "size-max", KEY_SIZE_MAX, "BYTES", 0, "Of the largest object", 0 },
	{ "log", KEY_LOG, NULL, 0,
	  "Random sizes: each power of two is as likely", 0 },
	{ "ops", KEY_OPS, "N", 0,
	  "Of each worker (what takes a second or less)", 0 },
	{ "seed", KEY_SEED, "N", 0, "Of random sequences (0)", 0 },
	{ "check", KEY_CHECK, NULL, 0,
	  "Finds objects that overlap, where a workload can; costs time", 0 },
	{ "file", KEY_FILE, "PATH", 0, "What to replay (trace)", 0 },
	{ "list", KEY_LIST, NULL, 0, "Names workloads and back ends", 0 },
	{ 0 },
};

static uint64_t number(struct argp_state *state, const char *name,
		       const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (end != text && (*end == 'K' || *end == 'M'))
		n <<= *end++ == 'K' ? 10 : 20;
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < min ||
	    n > max)
		argp_error(state, "--%s %s: a number from %llu to %llu is "
			   "needed", name, text, (unsigned long long)min,
			   (unsigned long long)max);
	return n;
}

static void copy(struct argp_state *state, char *to, size_t size,
		 const char *text)
{
	if ((size_t)snprintf(to, size, "%s", text) >= size)
		argp_error(state, "%s: longer than %zu characters", text,
			   size - 1);
}

static void list(void)
{
	workloads_list();
	backends_list();
	exit(0);
}

static void argument(struct argp_state *state, const char *text,
		     struct bench_params *p)
{
	if (state->arg_num == 0)
		copy(state, p->workload, sizeof(p->workload), text);
	else if (state->arg_num == 1)
		copy(state, p->backend, sizeof(p->backend), text);
	else
		argp_error(state, "%s: one workload and one back end", text);
}

static error_t take_number(int key, char *arg, struct argp_state *state)
{
	struct bench_params *p = state->input;

	switch (key) {
	case KEY_WORKERS:
		p->workers = (unsigned)number(state, "workers", arg, 1,
					      BENCH_WORKERS_MAX);
		return 0;
	case KEY_SIZE:
		p->size = number(state, "size", arg, 1, SIZE_LIMIT);
		return 0;
	case KEY_SIZE_MAX:
		p->size_max = number(state, "size-max", arg, 1, SIZE_LIMIT);
		return 0;
	case KEY_OPS:
		p->ops = number(state, "ops", arg, 1, 1ull << 50);
		return 0;
	case KEY_SEED:
		p->seed = number(state, "seed", arg, 0, 1ull << 50);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct bench_params *p = state->input;

	switch (key) {
	case KEY_THREADS:
		p->threads = true;
		return 0;
	case KEY_LOG:
		p->log = true;
		return 0;
	case KEY_CHECK:
		p->check = true;
		return 0;
	case KEY_FILE:
		copy(state, p->file, sizeof(p->file), arg);
		return 0;
	case KEY_LIST:
		list();
		return 0;
	case ARGP_KEY_ARG:
		argument(state, arg, p);
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "a workload and a back end are "
				   "needed; --list names them");
		return 0;
	default:
		return take_number(key, arg, state);
	}
}

void options_parse(int argc, char **argv, struct bench_params *ret)
{
	static const struct argp parser = {
		.options = table, .parser = take,
		.args_doc = "WORKLOAD BACKEND",
		.doc = "Measures one workload with one allocator, once, and "
		       "prints one line of JSON.  script/bench compares.",
	};

	memset(ret, 0, sizeof(*ret));
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&parser, argc, argv, 0, NULL, ret);
	if (ret->size && ret->size_max && ret->size > ret->size_max) {
		fprintf(stderr, "bench: --size %zu is more than --size-max %zu\n",
			ret->size, ret->size_max);
		exit(EXIT_USAGE);
	}
}
