/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo.c - mheap demo: several processes work at one index in a heap, some are
 * killed at it, and the result is checked.  Options, and the order of things.
 */
#include "tools/demo.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/say.h"

#define KILLS_MAX	10000

volatile sig_atomic_t demo_stopped;

enum { OPT_WORKERS = 0x200, OPT_KILLS, OPT_JSON, OPT_BACKING, OPT_SEED,
       OPT_NAME };

static const struct argp_option options[] = {
	{ "workers", OPT_WORKERS, "N", 0, "Processes that build it (4)", 0 },
	{ "kills", OPT_KILLS, "N", 0, "How many of them are killed (1)", 0 },
	{ "name", OPT_NAME, "NAME", 0, "Of the heap (demo-PID)", 0 },
	{ "backing", OPT_BACKING, "KIND", 0, "shm (default) or memfd", 0 },
	{ "seed", OPT_SEED, "N", 0, "For what is drawn at random", 0 },
	{ "json", OPT_JSON, NULL, 0, "One JSON object, for programs", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

int demo_fault(struct demo_result *res, const char *fmt, ...)
{
	va_list ap;

	if (res->nfaults == FAULTS_MAX)
		return -1;
	va_start(ap, fmt);
	vsnprintf(res->fault[res->nfaults++], sizeof(res->fault[0]), fmt, ap);
	va_end(ap);
	return -1;
}

static uint64_t number(struct argp_state *state, const char *arg, uint64_t min,
		       uint64_t max)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(arg, &end, 10);
	if (errno || end == arg || *end || *arg == '-' || v < min || v > max)
		argp_error(state, "\"%s\" is no number from %llu to %llu", arg,
			   (unsigned long long)min, (unsigned long long)max);
	return v;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct demo_options *o = state->input;

	switch (key) {
	case OPT_WORKERS:
		o->workers = (uint32_t)number(state, arg, 1, WORKERS_MAX);
		return 0;
	case OPT_KILLS:
		o->kills = (uint32_t)number(state, arg, 0, KILLS_MAX);
		return 0;
	case OPT_SEED:
		o->seed = number(state, arg, 0, UINT64_MAX);
		return 0;
	case OPT_NAME:
		o->heap = arg;
		return 0;
	case OPT_BACKING:
		if (strcmp(arg, "shm") && strcmp(arg, "memfd"))
			argp_error(state, "--backing is shm or memfd, not "
				   "\"%s\"", arg);
		o->backing = arg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->names = state->argv + state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void parse(int argc, char **argv, struct demo_options *o)
{
	static char *usual[] = { NULL, NULL, NULL };
	static char name[32];
	static const char *const folders[] = { "/usr/include",
					       "/usr/share/common-licenses" };
	static const struct argp parser = {
		.options = options, .parser = take, .args_doc = "[FILES...]",
		.doc = "Several processes build one index of the words in FILES"
		       " (or folders of them) in a heap, some of them are"
		       " killed at it, and the result is checked.",
	};

	snprintf(name, sizeof(name), "demo-%d", (int)getpid());
	*o = (struct demo_options){ .names = usual, .heap = name,
				    .backing = "shm", .workers = 4, .kills = 1,
				    .seed = (uint64_t)time(NULL) };
	argp_parse(&parser, argc, argv, 0, NULL, o);
	for (unsigned i = 0, n = 0; i < 2; i++)
		if (!access(folders[i], R_OK | X_OK))
			usual[n++] = (char *)(uintptr_t)folders[i];
}

static void on_signal(int sig)
{
	demo_stopped = sig;
}

static void catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

static mh_heap *attach(const struct demo_options *o)
{
	mh_heap *h;
	int r = strcmp(o->backing, "memfd") ? 0 :
		daemon_start(o->heap, o->backing);

	if (r < 0)
		refuse(0, "can't start mheapd: %s; set MHEAP_DAEMON to its "
		       "path", strerror(-r));
	else if (r > 0)
		refuse(0, "mheapd ended with status %d", r);
	if (r)
		return NULL;
	h = mh_attach(o->heap, MH_START);
	if (!h)
		refuse(0, "%s", mh_errmsg());
	return h;
}

static void build(const struct demo_options *o, mh_heap *h,
		  const struct file_list *list, struct demo_result *res)
{
	struct mh_stats s;
	struct index x;

	res->files = list->n;
	if (mh_name_get(h, INDEX_NAME))
		demo_fault(res, "heap %s has an object named %s: another demo "
			   "runs there", o->heap, INDEX_NAME);
	else if (mh_stats(h, &s, sizeof(s)) ||
		 index_make(&x, h, list))
		demo_fault(res, "%s", mh_errmsg());
	else if (!crew_run(o, &x, list, res))
		check_all(o, &x, list, &s, res);
	else
		index_free(&x);
}

static int run(const struct demo_options *o, const struct file_list *list)
{
	struct demo_result res = { 0 };
	mh_heap *h;

	catch_signals();
	h = attach(o);
	if (!h)
		return EXIT_IMPOSSIBLE;
	build(o, h, list, &res);
	if (mh_detach(h))
		demo_fault(&res, "%s", mh_errmsg());
	if (demo_stopped) {
		signal(demo_stopped, SIG_DFL);
		raise(demo_stopped);
	}
	(o->json ? report_json : report_text)(o, &res);
	return res.nfaults ? EXIT_FAULT : 0;
}

int cmd_demo(int argc, char **argv)
{
	struct demo_options o;
	struct file_list list;
	const char *name = "";
	int r;

	if (argc == 6 && !strcmp(argv[1], "--internal-worker"))
		return demo_worker(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "--internal-query"))
		return demo_query(argv + 2);
	parse(argc, argv, &o);
	r = files_find(&list, o.names, &name);
	if (r)
		return refuse(EXIT_USAGE, "%s: %s", name, strerror(-r));
	if (!list.n)
		return refuse(EXIT_USAGE, "there are no readable files");
	r = run(&o, &list);
	files_end(&list);
	return r;
}
