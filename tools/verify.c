/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - `mheap verify`: the checker of shm/verify.h on a heap as it runs.
 *
 * Without clients it asks for more: then sums must equal the daemon's counters.
 * A daemon that is awake may be in the middle of something, so only a fault that
 * stays counts.
 */
#include "shm/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/args.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/say.h"
#include "tools/view.h"

#define QUIET_TRIES	20
#define QUIET_PAUSE_MS	100

static int quiet_walk(const struct view *v, bool daemon_up,
		      struct verify_report *rep)
{
	const struct timespec pause = { 0, QUIET_PAUSE_MS * 1000000l };
	const struct verify_opts o = { .quiet_heap = true };
	int r = verify_heap(&v->sg, &o, rep);

	for (int i = 1; i < QUIET_TRIES && r > 0 && daemon_up &&
	     !view_clients(v); i++) {
		nanosleep(&pause, NULL);
		r = verify_heap(&v->sg, &o, rep);
	}
	return r;
}

/* 0 sound, 1 a fault, -ENOMEM; and whether nobody was attached all the time. */
static int check(const struct view *v, const struct place *p,
		 struct verify_report *rep, bool *ret_quiet)
{
	const struct verify_opts in_use = { 0 };
	int r;

	*ret_quiet = false;
	if (!view_clients(v)) {
		r = quiet_walk(v, view_daemon_pid(v, p) != 0, rep);
		*ret_quiet = !view_clients(v);
		if (*ret_quiet)
			return r;
	}
	return verify_heap(&v->sg, &in_use, rep);
}

static void print_report(const struct place *p, const struct verify_report *r,
			 bool quiet)
{
	uint64_t spans = 0;

	if (quiet)
		printf("heap %s: nobody attached; sums compared with the "
		       "counters\n", p->name);
	else
		printf("heap %s: clients attached: %" PRIu64 "; sums not "
		       "compared\n", p->name, r->clients);
	if (r->text[0]) {
		printf("BROKEN: %s\n", r->text);
		return;
	}
	for (int i = 1; i < 6; i++)
		spans += r->spans_by_state[i];
	printf("sound: %" PRIu64 " spans on %" PRIu64 " of %" PRIu64 " pages, %"
	       PRIu64 " shared objects, %" PRIu64 " names; %u walks\n", spans,
	       r->used_pages, r->pages, r->shared_objects, r->names, r->walks);
	if (r->spans_by_state[5])
		printf("%" PRIu64 " spans are in quarantine: an inconsistency "
		       "was found and fenced off\n", r->spans_by_state[5]);
}

static void json_report(const struct place *p, const struct verify_report *r,
			bool quiet)
{
	struct json_object *o = json_new(), *states;

	json_text(o, "name", p->name, sizeof(p->name));
	json_flag(o, "ok", !r->text[0]);
	json_text(o, "fault", r->text, sizeof(r->text));
	json_flag(o, "quiet", quiet);
	json_u64(o, "walks", r->walks);
	json_u64(o, "clients", r->clients);
	json_u64(o, "names", r->names);
	json_u64(o, "pages", r->pages);
	json_u64(o, "used_pages", r->used_pages);
	json_u64(o, "committed_pages", r->committed_pages);
	json_u64(o, "shared_objects", r->shared_objects);
	json_u64(o, "shared_bytes", r->shared_bytes);
	states = json_list(o, "spans");
	for (uint32_t i = 1; i < 6; i++) {
		struct json_object *row = json_item(states);

		json_text(row, "state", span_state_name(i), 16);
		json_u64(row, "spans", r->spans_by_state[i]);
	}
	json_print(o);
}

int cmd_verify(int argc, char **argv)
{
	static const struct argp_option options[] = { ARG_OPTION_JSON,
						      ARG_END };
	static const struct args_rule rule = {
		options, "NAME", "Checks every invariant of heap NAME."
		"\vExit status 0: sound; 1: broken, and the first broken "
		"invariant is said; 3: the heap can't be looked at.", 1, true, 0,
	};
	struct verify_report rep;
	struct args a;
	struct place p;
	struct view v;
	bool quiet;
	int r;

	args_parse(&rule, argc, argv, &a);
	r = view_open(&v, &p, a.arg[0]);
	if (r)
		return r;
	r = check(&v, &p, &rep, &quiet);
	view_close(&v);
	if (r < 0)
		return refuse(EXIT_FAULT, "%s", strerror(-r));
	(a.flags & ARG_JSON ? json_report : print_report)(&p, &rep, quiet);
	return r ? EXIT_FAULT : 0;
}
