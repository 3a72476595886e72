/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stacks.c - `mheap-trace stacks`: from where slow paths are reached, weighed by
 * hits, time, wait or objects.  Folded lines, as flame graph programs read them,
 * and with --svg a picture.  Names come from the files that a process mapped at
 * its first hit, so those of one that has ended are known, too.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/flame.h"
#include "bpf/names.h"
#include "bpf/rows.h"
#include "bpf/who.h"
#include "bpf/symbols.h"
#include "tools/say.h"

struct stacks {
	struct symbols *symbols;
	struct flame   *root;
};

static uint64_t weight(const struct options *o, const struct stack_count *c)
{
	switch (o->by) {
	case BY_TIME:
		return c->sum_ns;
	case BY_WAIT:
		return c->wait_ns;
	case BY_OBJECTS:
		return c->nobj;
	default:
		return c->count;
	}
}

static const char *unit(const struct options *o)
{
	static const char *const text[] = {
		[BY_COUNT] = "times", [BY_TIME] = "ns", [BY_WAIT] = "ns waited",
		[BY_OBJECTS] = "objects",
	};

	return text[o->by];
}

/* A process's first hit. */
static void take(const struct event *e, void *arg)
{
	struct stacks *k = arg;

	if (e->probe == P_none)
		symbols_learn(k->symbols, (pid_t)e->tgid);
}

/* What happened: the last box of a stack. */
static void leaf_name(const struct stack_key *k, char *to, size_t size)
{
	struct name sub = sub_name(k->probe, k->sub);

	snprintf(to, size, "%s%s%s%s%s", probe_names[k->probe].name,
		 sub.s[0] ? " " : "", sub.s, k->level ? " from " : "",
		 level_name(k->level));
}

/* The function that holds the site is not a caller. */
static bool is_site(const char *name)
{
	return !strncmp(name, "probe_", 6);
}

static struct flame *climb(struct stacks *k, struct flame *at, pid_t pid,
			   const struct stack *stack)
{
	int n = 0;

	while (n < STACK_FRAMES && stack->frame[n].status != FRAME_NONE)
		n++;
	while (n-- && at) {
		struct frame f = symbols_frame(k->symbols, pid,
					       &stack->frame[n]);
		const char *name = symbols_name(k->symbols, &f);

		if (n || !is_site(name))
			at = flame_step(at, name,
					symbols_of_mheap(k->symbols, &f) ?
					FLAME_MHEAP : FLAME_FRAME);
	}
	return at;
}

static bool add(struct session *s, struct stacks *k, const struct stack_row *r)
{
	char leaf[96], who[56];
	struct stack stack;
	struct flame *at;

	if (!rows_stack(s, r->key.stack, &stack))
		memset(&stack, 0, sizeof(stack));
	if (s->o->by_process)
		snprintf(who, sizeof(who), "%s-%.12s",
			 proc_name(s, r->key.tgid).s,
			 proc_number(s, r->key.tgid).s);
	else
		snprintf(who, sizeof(who), "%s", proc_name(s, r->key.tgid).s);
	at = flame_step(k->root, who, FLAME_PROCESS);
	if (at)
		at = climb(k, at, (pid_t)proc_pid(s, r->key.tgid), &stack);
	leaf_name(&r->key, leaf, sizeof(leaf));
	if (at)
		at = flame_step(at, leaf, FLAME_EVENT);
	if (at)
		at->self += weight(s->o, &r->val);
	return at;
}

static int write_svg(const struct options *o, const struct flame *root)
{
	FILE *f = fopen(o->svg, "we");
	char title[96];

	snprintf(title, sizeof(title), "mheap: slow paths by %s",
		 o->by == BY_COUNT ? "count" : o->by == BY_TIME ? "time" :
		 o->by == BY_WAIT ? "wait" : "objects");
	if (f)
		flame_svg(root, f, title, unit(o));
	if (!f || fclose(f))
		return refuse(EXIT_FAULT, "can't write %s: %s", o->svg,
			      strerror(errno));
	return 0;
}

static int show(struct session *s, void *arg)
{
	struct stacks *k = arg;
	uint32_t n;
	struct stack_row *rows = rows_stacks(s, &n);
	bool whole = rows;

	for (uint32_t i = 0; i < n && whole; i++)
		whole = add(s, k, &rows[i]);
	free(rows);
	if (!whole)
		return refuse(EXIT_FAULT, "out of memory");
	flame_total(k->root);
	if (s->o->svg)
		return write_svg(s->o, k->root);
	flame_folded(k->root, stdout);
	return 0;
}

int trace_stacks(const struct options *o)
{
	struct stacks k = { symbols_new(), flame_new() };
	struct session s = { .take = take, .take_arg = &k };
	int r, lost;

	if (!k.symbols || !k.root)
		return refuse(EXIT_FAULT, "out of memory");
	for (uint32_t i = 0; i < o->nlibs; i++)
		symbols_file(k.symbols, o->lib[i]);
	r = session_open(&s, o, WISH_STACKS);
	if (!r) {
		r = session_run(&s, NULL, NULL);
		session_stop(&s);
		session_drain(&s, NEVER);
		r = r ? r : show(&s, &k);
		lost = session_report(&s);
		r = r ? r : lost;
	}
	session_close(&s);
	symbols_free(k.symbols);
	flame_free(k.root);
	return r;
}
