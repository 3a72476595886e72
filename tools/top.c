/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top.c - `mheap top`: what the clients of a heap do now, from what they count in
 * the heap; no privilege, no probe.  A row for each client and span class that
 * was refilled or flushed since the last look, the busiest first.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/say.h"
#include "tools/tallies.h"
#include "tools/view.h"

#define ROWS_PLAIN	1000u	/* where no terminal says how many fit */
#define HEAD_LINES	5u

struct row {
	const struct client_tallies *who;
	uint32_t     spc;
	struct tally n;
};

struct look {
	const struct view  *v;
	const struct place *p;
	struct row	   *row;
	uint32_t	    n;
	double		    seconds;
	bool		    screen, json;
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t weight(const struct row *r)
{
	return tally_refills(&r->n) + r->n.flushes + r->n.failed;
}

static int busier(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t wx = weight(x), wy = weight(y);

	if (wx != wy)
		return wx > wy ? -1 : 1;
	if (x->who->slot != y->who->slot)
		return x->who->slot < y->who->slot ? -1 : 1;
	return x->spc < y->spc ? -1 : x->spc > y->spc;
}

/* Rows of what has happened between two looks. */
static bool compare(const struct tallies *was, const struct tallies *now,
		    struct look *k)
{
	k->n = 0;
	k->seconds = (double)(now->ns - was->ns) / 1e9;
	k->row = calloc(now->n * (size_t)SPAN_CLASSES + 1, sizeof(*k->row));
	if (!k->row)
		return false;
	for (uint32_t i = 0; i < now->n; i++) {
		const struct client_tallies *c = &now->client[i];
		const struct client_tallies *b = tallies_find(was, c);

		for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
			struct row r = { c, spc, c->cls[spc] };

			if (b)
				tally_since(&r.n, &b->cls[spc]);
			if (weight(&r))
				k->row[k->n++] = r;
		}
	}
	qsort(k->row, k->n, sizeof(*k->row), busier);
	return true;
}

static double rate(const struct look *k, uint64_t n)
{
	return k->seconds > 0 ? (double)n / k->seconds : 0;
}

static void print_row(const struct look *k, const struct row *r)
{
	uint32_t sc = spc_size_class(r->spc);
	char comm[3 * sizeof(r->who->comm)], size[16] = "large";

	if (sc)
		snprintf(size, sizeof(size), "%u", sc_size(sc));
	printf("%8u %-15s %-7s %6s %10.0f %11.0f %10.0f %10.0f %10.0f %10.0f "
	       "%8.0f\n", r->who->pid,
	       safe_text(comm, sizeof(comm), r->who->comm, sizeof(r->who->comm),
			 SAFE_TERMINAL), life_name(spc_life(r->spc)), size,
	       rate(k, tally_refills(&r->n)), rate(k, r->n.objects),
	       rate(k, r->n.refills[0]), rate(k, r->n.refills[1]),
	       rate(k, r->n.refills[2]), rate(k, r->n.flushes),
	       rate(k, r->n.failed));
}

static uint32_t lines(const struct look *k)
{
	struct winsize w;

	if (!k->screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) ||
	    w.ws_row <= HEAD_LINES)
		return ROWS_PLAIN;
	return w.ws_row - HEAD_LINES;
}

static void print_all(const struct look *k)
{
	const struct sh_counters *c = &k->v->sg.hdr->count;
	uint32_t most = lines(k);

	if (k->screen)
		fputs("\033[H\033[J", stdout);
	printf("heap %s: its daemon is %s; %u clients, %s of memory, %s free\n\n",
	       k->p->name, view_state(k->v, k->p), view_clients(k->v),
	       figure_bytes(ld_rlx(&c->committed_bytes)).s,	/* [H2] */
	       figure_bytes(ld_rlx(&c->free_bytes)).s);		/* [H2] */
	printf("%8s %-15s %-7s %6s %10s %11s %10s %10s %10s %10s %8s\n", "PID",
	       "COMMAND", "LIFE", "SIZE", "REFILLS/S", "OBJECTS/S", "CACHE/S",
	       "CENTRAL/S", "DAEMON/S", "FLUSHES/S", "FAILED/S");
	for (uint32_t i = 0; i < k->n && i < most; i++)
		print_row(k, &k->row[i]);
	if (!k->n)
		puts("no slow path was taken");
	if (!k->screen)
		putchar('\n');
}

static void json_row(struct json_object *list, const struct row *r)
{
	struct json_object *o = json_item(list);

	json_u64(o, "slot", r->who->slot);
	json_u64(o, "pid", r->who->pid);
	json_text(o, "command", r->who->comm, sizeof(r->who->comm));
	json_u64(o, "class", spc_size_class(r->spc));
	json_u64(o, "size", sc_size(spc_size_class(r->spc)));
	json_text(o, "lifetime", life_name(spc_life(r->spc)), 8);
	json_u64(o, "refills", tally_refills(&r->n));
	json_u64(o, "objects", r->n.objects);
	json_u64(o, "from_cache", r->n.refills[0]);
	json_u64(o, "from_central", r->n.refills[1]);
	json_u64(o, "from_daemon", r->n.refills[2]);
	json_u64(o, "flushes", r->n.flushes);
	json_u64(o, "flushed", r->n.flushed);
	json_u64(o, "failed", r->n.failed);
}

static void json_all(const struct look *k)
{
	struct json_object *o = json_new(), *list;

	json_text(o, "name", k->p->name, sizeof(k->p->name));
	json_u64(o, "ns", (uint64_t)(k->seconds * 1e9));
	list = json_list(o, "rows");
	for (uint32_t i = 0; i < k->n; i++)
		json_row(list, &k->row[i]);
	json_print(o);
}

static void pause_for(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	if (!ended)
		nanosleep(&t, NULL);
}

static int watch(struct look *k, double interval, uint64_t count)
{
	struct tallies was, now;
	bool whole = tallies_read(&k->v->sg, &was);

	for (uint64_t i = 0; whole && !ended && (!count || i < count); i++) {
		pause_for(interval);
		whole = tallies_read(&k->v->sg, &now);
		if (!whole)
			break;
		whole = compare(&was, &now, k);
		if (whole && (!ended || !i))
			(k->json ? json_all : print_all)(k);
		free(k->row);
		if (fflush(stdout))
			ended = 1;
		tallies_free(&was);
		was = now;
	}
	tallies_free(&was);
	return whole ? 0 : refuse(EXIT_FAULT, "out of memory");
}

static double seconds_of(const char *s)
{
	char *stop;
	double x = s ? strtod(s, &stop) : 1;

	return s && (stop == s || *stop || !(x > 0) || x > 1e6) ? 0 : x;
}

static uint64_t count_of(const char *s, bool *ret_ok)
{
	char *stop;
	uint64_t n = s ? strtoull(s, &stop, 10) : 0;

	*ret_ok = !s || (stop != s && !*stop && n && s[0] != '-');
	return n;
}

int cmd_top(int argc, char **argv)
{
	static const struct argp_option options[] = { ARG_OPTION_JSON,
						      ARG_END };
	static const struct args_rule rule = {
		options, "NAME [SECONDS [COUNT]]", "What the clients of heap NAME "
		"do: each SECONDS (1), COUNT times (until interrupted)."
		"\vA row is a client and a span class.  CACHE, CENTRAL and DAEMON "
		"say who gave: the client's own spans, mcentral or mheapd.  "
		"Needs no privilege; `mheap trace top' shows how long it took.",
		1, true, 2,
	};
	struct sigaction a = { .sa_handler = end };
	struct look k = { .n = 0 };
	double interval;
	uint64_t count;
	struct args g;
	struct place p;
	struct view v;
	bool ok;
	int r;

	args_parse(&rule, argc, argv, &g);
	interval = seconds_of(g.count > 1 ? g.arg[1] : NULL);
	count = count_of(g.count > 2 ? g.arg[2] : NULL, &ok);
	if (!interval || !ok)
		return refuse(EXIT_USAGE, "%s is no number of %s above 0",
			      interval ? g.arg[2] : g.arg[1],
			      interval ? "times" : "seconds");
	r = view_open(&v, &p, g.arg[0]);
	if (r)
		return r;
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	k.v = &v;
	k.p = &p;
	k.json = g.flags & ARG_JSON;
	k.screen = !k.json && isatty(STDOUT_FILENO);
	r = watch(&k, interval, count);
	view_close(&v);
	return r;
}
