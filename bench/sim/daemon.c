/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c - the one thread of mheapd: it sleeps until a bell rings, then takes
 * a turn: requests in the order of their coming, a sweep of the whole table if one
 * was hinted, provisioning if a stripe ran low.  Memory is at hand.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/sim/model.h"

#define TARGET_MAX	64u

static void turn(struct world *w, struct task *t);

static void go(struct world *w, step_fn next, double ns)
{
	w->d.t.next = next;
	w->d.t.left = ns;
	w->r.daemon += ns;
}

/* From a wake to running, as half of what a round trip has beside the turn. */
static double daemon_way(const struct world *w)
{
	return fmax(0, w->cost.trip - w->cost.turn) / 2;
}

double daemon_ring(struct world *w, unsigned core, bool *bit, uint32_t line)
{
	double ns = w->c.peek ? line_read(w, line, core) : 0;

	if (w->c.peek && *bit)
		return ns;
	ns += w->cost.atomic + line_write(w, line, core);
	if (*bit)
		return ns;
	*bit = true;
	w->r.rings++;
	/* Waking an idle core is what takes the time. */
	ns += w->d.t.asleep && !w->core[w->d.t.core].running ? w->cost.ring :
	      w->cost.swtch / 2;
	task_wake(w, &w->d.t, daemon_way(w));
	return ns;
}

void daemon_ask(struct world *w, struct proc *p)
{
	double ns = daemon_ring(w, p->t.core, &w->d.bell, L_BELL);

	w->r.calls++;
	w->r.shared += ns;
	w->d.queue[w->d.n_queue++] = p;
	p->t.asleep = true;
}

static uint32_t span_new(struct world *w, enum state s)
{
	uint32_t id;

	if (w->n_free_ids) {
		id = w->free_ids[--w->n_free_ids];
		if (w->span[id].stripe)
			stripe_forget(w, id);
	} else {
		id = w->top++;
		w->by_state[S_FREE]++;
	}
	if (id >= SPANS_MAX) {
		fprintf(stderr, "sim run: more than %u spans\n", SPANS_MAX);
		exit(1);
	}
	w->span[id].births++;
	w->span[id].free = 0;
	w->span[id].gone = w->nslots;	/* all free, in nobody's bitmap */
	span_set(w, id, s);
	line_write(w, line_words(id), w->d.t.core);
	return id;
}

static void grant(struct world *w, struct task *t)
{
	struct proc *p = w->d.queue[0];
	uint32_t id = span_new(w, S_GRANTED);

	w->d.n_queue--;
	for (uint32_t i = 0; i < w->d.n_queue; i++)
		w->d.queue[i] = w->d.queue[i + 1];
	refill_granted(w, p, id);
	task_wake(w, &p->t, daemon_way(w));
	turn(w, t);
}

/* Empty LISTED spans beyond the target, and those that no list has. */
static void sweep_end(struct world *w, struct task *t)
{
	uint32_t n = w->c.paced && w->c.paced < w->top ? w->c.paced : w->top;
	uint32_t empties = 0;
	double ns = 0;

	for (; n && w->top > 1; n--) {
		uint32_t id = w->d.at_id = w->d.at_id + 1 < w->top ?
					   w->d.at_id + 1 : 1;
		struct span *s = &w->span[id];

		if (s->state != S_LISTED)
			continue;
		if (s->free + s->gone == w->nslots && ++empties > w->d.target) {
			span_set(w, id, S_FREE);
			w->free_ids[w->n_free_ids++] = id;
			ns += kind_costs(w)->retire;
			w->r.retired++;
		} else if (!s->stripe) {
			stripe_put(w, id, w->c.stripes - 1);
		}
	}
	(void)t;
	go(w, turn, ns);
}

/* Ids of the heap that this class does not have are taken for OWNED ones. */
static double sweep_cost(const struct world *w)
{
	double full = w->by_state[S_FULL], listed = w->by_state[S_LISTED];
	double ids = fmax(w->c.ids, w->top), ns;

	ns = full * w->cost.sweep_full + listed * w->cost.sweep_listed +
	     (ids - full - listed) * w->cost.sweep_owned;
	return w->c.paced && ids > w->c.paced ? ns * w->c.paced / ids : ns;
}

static void provisioned(struct world *w, struct task *t)
{
	uint32_t id = span_new(w, S_LISTED);

	w->r.provisioned++;
	stripe_put(w, id, w->c.spread ? w->d.spread++ % w->c.stripes :
					w->c.stripes - 1);
	if (--w->d.to_make)
		go(w, provisioned, kind_costs(w)->provision);
	else
		turn(w, t);
}

/*
 * Unless another target is asked for: 64 spans and 2 MiB for a class, a sixteenth
 * of the pages in use, and 1 MiB of a small heap.
 */
static uint32_t within_bounds(const struct world *w, uint32_t n)
{
	double bytes = w->pages * 4096.0, most;

	if (w->c.target)
		return n < w->c.target ? n : w->c.target;
	most = fmax(1 << 20, (w->top - 1 - w->by_state[S_FREE]) * bytes / 16);
	n = n > TARGET_MAX ? TARGET_MAX : n;
	n = n * bytes > 2 << 20 ? (uint32_t)((2 << 20) / bytes) : n;
	while (n && n * bytes > most)
		n /= 2;
	return n;
}

static void provision(struct world *w, struct task *t)
{
	uint32_t listed = 0, target = w->d.target;

	target = within_bounds(w, target ? 2 * target : 1);
	for (unsigned k = 0; k < w->c.stripes; k++)
		listed += w->stripe[k].count;
	w->d.target = target;
	w->d.want = false;
	w->d.to_make = target > listed ? target - listed : 0;
	if (w->d.to_make)
		go(w, provisioned, kind_costs(w)->provision);
	else
		turn(w, t);
}

static void turn(struct world *w, struct task *t)
{
	if (w->d.n_queue) {
		w->d.bell = false;
		go(w, grant, kind_costs(w)->serve);
	} else if (w->d.sweep) {
		w->d.sweep = false;
		w->r.sweeps++;
		go(w, sweep_end, sweep_cost(w));
	} else if (w->d.want) {
		provision(w, t);
	} else {
		task_sleep(t);
		t->next = daemon_begin;
	}
}

/* It was woken: the turn's own cost, then what there is to do. */
void daemon_begin(struct world *w, struct task *t)
{
	(void)t;
	w->r.turns++;
	go(w, turn, w->cost.turn);
}
