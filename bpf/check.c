/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - `mheap-trace check`, whether tracing works here, and if not why;
 * `selftest`, the same with figures: what a hit costs, and that each one is
 * counted; `list`, the probes, and which files have them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "bpf/mheap.skel.h"
#include "bpf/names.h"
#include "bpf/session.h"
#include "tools/json.h"
#include "tools/say.h"

#define HITS	4000
#define ROUNDS	15

struct selftest {
	uint64_t hit_ns, empty_ns;	/* medians */
	uint64_t lost;
};

static void print_objects(const struct session *s)
{
	for (uint32_t i = 0; i < s->find.n; i++) {
		const struct object *o = s->find.object[i];

		printf("%-10s %s: %u probes\n", "object", o->path, o->notes.n);
	}
}

int trace_check(const struct options *o)
{
	struct session s = { 0 };
	int r = session_open(&s, o, WISH_EVENTS | WISH_STACKS);

	if (!r) {
		printf("%-10s %s\n", "attached", s.multi ?
		       "by one link for each object (uprobe_multi)" :
		       "probe by probe (perf events): ending takes longer");
		print_objects(&s);
		printf("%-10s %u of %u objects fire\n", "proven", s.proven,
		       s.find.n);
		printf("%-10s %s a hit, with events and stacks\n", "cost",
		       ns_text(s.hit_ns).s);
	}
	session_close(&s);
	return r;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x == y ? 0 : x < y ? -1 : 1;
}

/*
 * What one costs with the program, and with one that does nothing.  Rounds take
 * turns, so that the machine's moods are both's.
 */
static void measure(struct session *s, const struct object *o,
		    struct selftest *t)
{
	uint64_t full[ROUNDS], empty[ROUNDS], lost;

	for (int i = 0; i < ROUNDS; i++) {
		empty[i] = canary_count(s, o, s->skel->progs.on_nothing, HITS,
					&lost);
		full[i] = canary_count(s, o, s->skel->progs.on_probe, HITS,
				       &lost);
		t->lost += lost;
	}
	qsort(full, ROUNDS, sizeof(full[0]), by_size);
	qsort(empty, ROUNDS, sizeof(empty[0]), by_size);
	t->hit_ns = full[ROUNDS / 2];
	t->empty_ns = empty[ROUNDS / 2];
}

static void say_selftest(const struct options *opts, const struct selftest *t)
{
	struct json_object *o;

	if (!opts->json) {
		printf("%d hits, %" PRIu64 " lost; %s each, %s with a program "
		       "that does nothing: %.2f x\n", ROUNDS * HITS, t->lost,
		       ns_text(t->hit_ns).s, ns_text(t->empty_ns).s,
		       (double)t->hit_ns / (double)t->empty_ns);
		return;
	}
	o = json_new();
	json_text(o, "type", "selftest", 16);
	json_u64(o, "hits", ROUNDS * HITS);
	json_u64(o, "lost", t->lost);
	json_u64(o, "hit_ns", t->hit_ns);
	json_u64(o, "empty_ns", t->empty_ns);
	json_print(o);
}

/* By the first object that can be asked. */
static int selftest(struct session *s)
{
	struct selftest t = { 0 };

	session_stop(s);
	for (uint32_t i = 0; i < s->find.n && !t.hit_ns; i++)
		measure(s, s->find.object[i], &t);
	if (!t.hit_ns || !t.empty_ns)
		return refuse(EXIT_FAULT, "no object can be asked");
	say_selftest(s->o, &t);
	return t.lost ? EXIT_LOSS : 0;
}

int trace_selftest(const struct options *o)
{
	struct session s = { 0 };
	int r = session_open(&s, o, 0);

	if (!r)
		r = selftest(&s);
	session_close(&s);
	return r;
}

static void print_probes(bool of_daemon)
{
	for (uint32_t p = P_none + 1; p < P_COUNT; p++) {
		const struct probe_name *n = &probe_names[p];

		if (of_daemon ? n->lib : !n->lib)
			continue;
		printf("  %s(", n->name);
		for (uint32_t i = 0; i < n->nargs; i++)
			printf("%s%s", i ? ", " : "", n->arg[i]);
		printf(")\n      %s\n", n->text);
	}
}

static void print_users(const struct options *o, const struct finder *f)
{
	puts(o->nlibs ? "in files of --lib:" : f->n ? "in use:" :
	     "no process uses them now");
	for (uint32_t i = 0; i < f->n; i++)
		printf("  %s: %u probes\n", f->object[i]->path,
		       f->object[i]->notes.n);
}

int trace_list(const struct options *o)
{
	struct finder f = { 0 };
	int r = 0;

	for (uint32_t i = 0; i < o->nlibs && !r; i++)
		if (find_file(&f, o->lib[i]))
			r = refuse(EXIT_USAGE, "--lib %s: %s", o->lib[i],
				   errno == ENOEXEC ? "it has no probe of "
				   "mheap's" : strerror(errno));
	if (!r && !o->nlibs && find_scan(&f, o->pid, o->npids) < 0)
		r = refuse(EXIT_FAULT, "out of memory");
	if (!r) {
		puts("of libmheap, in each process:");
		print_probes(false);
		puts("of mheapd:");
		print_probes(true);
		print_users(o, &f);
	}
	find_end(&f);
	return r;
}
