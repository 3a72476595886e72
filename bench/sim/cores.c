/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cores.c - tasks on cores.  A core gives slices in turn; who is woken runs at
 * once, as sleepers do on Linux.  So a process can lose its core anywhere, with
 * a stripe's lock in its hands too.
 *
 * Each core has one next event: its task's step ends, or the slice does.  A
 * tournament tree finds the earliest.
 */
#include <math.h>

#include "bench/sim/model.h"

static void tree_set(struct world *w, unsigned core, double at)
{
	unsigned i = w->leaves + core;

	w->tree[i] = at;
	for (i /= 2; i; i /= 2)
		w->tree[i] = fmin(w->tree[2 * i], w->tree[2 * i + 1]);
}

static unsigned tree_first(const struct world *w)
{
	unsigned i = 1;

	while (i < w->leaves)
		i = w->tree[2 * i] == w->tree[i] ? 2 * i : 2 * i + 1;
	return i - w->leaves;
}

static void plan(struct world *w, unsigned core)
{
	struct core *c = &w->core[core];
	double at = INFINITY;

	if (c->running) {
		at = w->now + c->running->left;
		if (c->head && c->slice_end < at)
			at = c->slice_end > w->now ? c->slice_end : w->now;
	}
	c->since = w->now;
	tree_set(w, core, at);
}

static void dispatch(struct world *w, struct core *c)
{
	c->running = c->head;
	if (!c->head)
		return;
	c->head = c->head->queued;
	c->running->queued = NULL;
	c->running->left += w->cost.swtch;
	c->slice_end = w->now + w->c.slice;
	w->r.switches++;
}

static void enqueue(struct core *c, struct task *t)
{
	t->queued = NULL;
	if (c->head)
		c->tail->queued = t;
	else
		c->head = t;
	c->tail = t;
}

/* The running task has spent its time since. */
static void charge(struct world *w, struct core *c)
{
	if (c->running)
		c->running->left -= w->now - c->since;
	c->since = w->now;
}

void task_start(struct world *w, struct task *t)
{
	enqueue(&w->core[t->core], t);
	if (!w->core[t->core].running)
		dispatch(w, &w->core[t->core]);
	plan(w, t->core);
}

void task_sleep(struct task *t)
{
	t->asleep = !t->woken;
	t->woken = false;
}

static void put_first(struct core *c, struct task *t)
{
	t->queued = c->head;
	if (!c->head)
		c->tail = t;
	c->head = t;
}

static void run_first(struct world *w, struct task *t)
{
	struct core *c = &w->core[t->core];

	charge(w, c);
	if (c->running)			/* gives way, and goes on after it */
		put_first(c, c->running);
	put_first(c, t);
	dispatch(w, c);
	plan(w, t->core);
}

void task_wake(struct world *w, struct task *t, double latency)
{
	if (!t->asleep) {
		t->woken = true;
		return;
	}
	t->asleep = false;
	t->left += latency;
	if (w->stepping != &w->core[t->core]) {
		run_first(w, t);
		return;
	}
	t->queued = w->deferred;	/* until the step has ended */
	w->deferred = t;
}

/* The others of the core go first. */
void task_yield(struct task *t)
{
	t->yields = true;
}

static void step(struct world *w, unsigned core)
{
	struct core *c = &w->core[core];
	struct task *t = c->running, *woken;

	t->left = 0;
	t->yields = false;
	w->stepping = c;
	t->next(w, t);
	w->stepping = NULL;
	if (t->asleep) {
		dispatch(w, c);
	} else if (t->yields && c->head) {
		enqueue(c, t);
		dispatch(w, c);
	}
	plan(w, core);
	while ((woken = w->deferred)) {
		w->deferred = woken->queued;
		run_first(w, woken);
	}
}

static void end_slice(struct world *w, unsigned core)
{
	struct core *c = &w->core[core];

	enqueue(c, c->running);
	dispatch(w, c);
	plan(w, core);
}

void cores_run(struct world *w, double until)
{
	for (;;) {
		unsigned i = tree_first(w);
		struct core *c = &w->core[i];

		if (w->tree[1] >= until)
			break;
		w->now = w->tree[1];
		charge(w, c);
		if (c->running->left > 1e-6)
			end_slice(w, i);
		else
			step(w, i);
	}
	w->now = until;
}
