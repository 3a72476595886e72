/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refill.c - a refill, as libclient/mcache.c, harvest.c and obtain.c do it: from
 * a span in hand; else from what others have freed in up to 4 used-up spans; else
 * from mcentral; else from the daemon.  Who only produces gives its used-up spans
 * up first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/sim/model.h"

#define LOOKS		4u
#define CALM		4u
#define KEEP_BYTES	(1u << 20)

static void refill(struct world *w, struct task *t);
static void look(struct world *w, struct task *t);
static void popped(struct world *w, struct task *t);

static unsigned histo_index(double ns)
{
	double i = ns > 1 ? 32 * log2(ns) : 0;

	return i < HISTO - 1 ? (unsigned)i : HISTO - 1;
}

static void own_add(struct world *w, struct proc *p, uint32_t span)
{
	if (p->n_own == p->cap_own) {
		p->cap_own = p->cap_own ? 2 * p->cap_own : 64;
		p->own = realloc(p->own, p->cap_own * sizeof(*p->own));
		if (!p->own) {
			perror("sim run");
			exit(1);
		}
	}
	w->span[span].owner = p->index;
	w->span[span].at = p->n_own;
	p->own[p->n_own++] = span;
}

void own_remove(struct world *w, struct proc *p, uint32_t span)
{
	uint32_t last = p->own[--p->n_own];

	p->own[w->span[span].at] = last;
	w->span[last].at = w->span[span].at;
	w->span[span].where = W_NOWHERE;
}

static void sim_hint(struct world *w, struct proc *p)
{
	double ns = daemon_ring(w, p->t.core, &w->d.sweep, L_BELL);

	p->t.left += ns;
	w->r.shared += ns;
}

void offer(struct world *w, struct proc *p, uint32_t span, step_fn next)
{
	p->after = next;
	stripe_push(w, p, span);
	if (p->returned++ % w->c.hint == 0)
		sim_hint(w, p);
}

/* --- giving up --- */

/* Published as FULL, then counted again: with room it is LISTED. */
static void released(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	uint32_t span = p->doing.span;

	if (w->span[span].gone + w->span[span].free < w->threshold) {
		span_set(w, span, S_FULL);
		then(w, p, refill, 0, 0);
		return;
	}
	span_set(w, span, S_LISTED);
	offer(w, p, span, refill);
}

static void release_next(struct world *w, struct proc *p)
{
	uint32_t span = queue_take(w, &p->exhausted);

	own_remove(w, p, span);
	p->doing.span = span;
	then(w, p, released, 0, kind_costs(w)->release +
	     line_write(w, line_words(span), p->t.core) +
	     line_read(w, line_live(span), p->t.core));
}

/* --- taking --- */

static void filled(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	w->r.refills++;
	w->r.histo[histo_index(w->now - p->began)]++;
	if (w->c.wave)
		round_begin(w, t);
	else
		produce(w, t);
}

static void take_slots(struct world *w, struct proc *p, uint32_t span,
		       uint32_t want)
{
	struct span *s = &w->span[span];
	uint32_t n = s->free < want ? s->free : want;

	s->free -= n;
	array_add(p, span, n);
	if (s->free)
		return;
	queue_take(w, &p->partial);
	s->where = W_EXHAUSTED;
	if (!w->c.wave)		/* there nobody else frees */
		queue_add(w, &p->exhausted, span);
}

/* From spans in hand; true: the array has what it wants, or they are empty. */
static bool take_all(struct world *w, struct proc *p)
{
	uint32_t span;

	while (p->a_objects < w->batch && p->partial.head)
		take_slots(w, p, p->partial.head, w->batch - p->a_objects);
	if (p->a_objects)
		return true;
	span = queue_take(w, &p->empty);
	if (!span)
		return false;
	w->span[span].where = W_PARTIAL;
	queue_add(w, &p->partial, span);
	return take_all(w, p);
}

/* Used-up spans into which slots have come back: to those in hand. */
static void partial_again(struct world *w, struct proc *p)
{
	uint32_t n = p->came_back ? p->exhausted.n : 0;

	p->came_back = false;
	for (; n; n--) {
		uint32_t span = queue_take(w, &p->exhausted);
		struct span *s = &w->span[span];

		s->where = s->free ? W_PARTIAL : W_EXHAUSTED;
		queue_add(w, s->free ? &p->partial : &p->exhausted, span);
	}
}

static void pop(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	if (p->let_go) {		/* missed soon after: keep more */
		uint32_t most = KEEP_BYTES / (w->pages * 4096);

		p->keep = p->keep ? p->keep * 2 : 2;
		p->keep = p->keep < most ? p->keep : most;
		p->let_go = 0;
	}
	p->after = popped;
	stripe_pop(w, p);
}

static void refill(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	partial_again(w, p);
	if (p->calm >= CALM && p->exhausted.n) {
		release_next(w, p);
		return;
	}
	if (take_all(w, p)) {
		then(w, p, filled, kind_costs(w)->refill * p->a_objects /
		     w->batch, 0);
		return;
	}
	p->looks = 0;
	if (w->c.wave)		/* in vain */
		then(w, p, pop, LOOKS * kind_costs(w)->look, 0);
	else
		look(w, t);
}

void refill_begin(struct world *w, struct proc *p)
{
	/* Does it only produce?  Then no free has come to its array since. */
	p->calm = p->pushed || w->c.wave || w->c.remote < 1 ? 0 : p->calm + 1;
	p->pushed = false;
	p->began = w->now;
	refill(w, &p->t);
}

static void harvested(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct span *s = &w->span[p->doing.span];

	s->free += s->gone;
	s->gone = 0;
	s->where = W_PARTIAL;
	queue_add(w, &p->partial, p->doing.span);
	refill(w, t);
}

static void looked(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	uint32_t span = p->doing.span;

	if (w->span[span].gone < w->threshold) {
		queue_add(w, &p->exhausted, span);
		look(w, t);
		return;
	}
	then(w, p, harvested, kind_costs(w)->harvest,
	     line_write(w, line_live(span), p->t.core));
}

static void look(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	if (p->looks++ == LOOKS || !p->exhausted.head) {
		pop(w, t);
		return;
	}
	p->doing.span = queue_take(w, &p->exhausted);
	then(w, p, looked, kind_costs(w)->look,
	     line_read(w, line_live(p->doing.span), p->t.core));
}

static void adopted(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	for (uint32_t i = 0; i < p->n_got; i++) {
		struct span *s = &w->span[p->got[i]];

		own_add(w, p, p->got[i]);
		s->free += s->gone;
		s->gone = 0;
		s->where = W_PARTIAL;
		queue_add(w, &p->partial, p->got[i]);
	}
	refill(w, t);
}

/* Its pages are mapped into a process once, and looked at after each birth. */
static double visit(struct world *w, struct proc *p, uint32_t span)
{
	uint32_t was = p->seen ? p->seen[span] : w->span[span].births;

	if (was == w->span[span].births)
		return 0;
	p->seen[span] = w->span[span].births;
	return w->pages * (was ? w->cost.again_page : w->cost.map_page);
}

/* The live line and the parked bytes come from who had the span before. */
static double adopt_cost(struct world *w, struct proc *p)
{
	const struct class_costs *k = kind_costs(w);
	double each = w->c.wave ? k->adopt_owned : k->adopt, ns = 0;

	for (uint32_t i = 0; i < p->n_got; i++) {
		ns += each + 2 * line_write(w, line_live(p->got[i]), p->t.core);
		ns += visit(w, p, p->got[i]);
	}
	return ns;
}

static void popped(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	double ns = 0;

	if (p->low)
		ns = daemon_ring(w, p->t.core, &w->d.want, L_WANT);
	if (p->n_got) {
		then(w, p, adopted, 0, ns + adopt_cost(w, p));
		return;
	}
	w->r.shared += ns;
	daemon_ask(w, p);
}

void refill_granted(struct world *w, struct proc *p, uint32_t span)
{
	span_set(w, span, S_OWNED);
	p->got[0] = span;
	p->n_got = 1;
	then(w, p, adopted, 0, adopt_cost(w, p));
}
