/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stripes.c - mcentral as shm/central.c does it: a stripe is only tried; one
 * that is busy is passed over; all busy: the span stays LISTED without a list, or
 * is looked for by its state.  A list's entry may be stale; the popper drops it.
 */
#include "bench/sim/model.h"

#define LOW_WATER	2u
#define DROPS_MAX	16u
#define SCAN_IDS	1024u

static uint32_t home(const struct world *w, const struct proc *p)
{
	return (p->index + 1) % w->c.stripes;	/* client slots begin at 1 */
}

void span_set(struct world *w, uint32_t span, enum state s)
{
	w->by_state[w->span[span].state]--;
	w->span[span].state = s;
	w->by_state[s]++;
	w->r.moves++;
}

static void link_span(struct world *w, uint32_t k, uint32_t span)
{
	struct stripe *st = &w->stripe[k];
	struct span *s = &w->span[span];

	if (s->stripe)
		return;
	s->stripe = k + 1;
	if (w->c.fifo && st->head) {
		s->next = NONE;
		w->span[st->tail].next = span;
		st->tail = span;
	} else {
		s->next = st->head;
		if (!st->head)
			st->tail = span;
		st->head = span;
	}
	st->count++;
}

/* An id is used anew: out of the list that names it still. */
void stripe_forget(struct world *w, uint32_t span)
{
	struct span *s = &w->span[span];
	struct stripe *st = &w->stripe[s->stripe - 1];
	uint32_t *at = &st->head, before = NONE;

	for (; *at && *at != span; at = &w->span[*at].next)
		before = *at;
	if (*at == span) {
		*at = s->next;
		st->count--;
	}
	if (st->tail == span)
		st->tail = before;
	s->stripe = 0;
}

static uint32_t unlink_first(struct world *w, struct stripe *st)
{
	uint32_t span = st->head;

	if (!span)
		return NONE;
	st->head = w->span[span].next;
	w->span[span].stripe = 0;
	st->count--;
	return span;
}

/* The daemon's push: done at once, by whoever calls, or not at all. */
bool stripe_put(struct world *w, uint32_t span, uint32_t from)
{
	for (uint32_t i = 0; i < w->c.stripes; i++) {
		uint32_t k = (from + i) % w->c.stripes;

		if (w->stripe[k].locked)
			continue;
		link_span(w, k, span);
		return true;
	}
	return false;
}

static void push_linked(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	link_span(w, p->at, p->doing.span);
	w->stripe[p->at].locked = false;
	then(w, p, p->after, 0, 0);
}

static void push_try(struct world *w, struct task *t);

static void push_next(struct world *w, struct proc *p)
{
	if (p->tries++ == w->c.stripes) {
		w->r.unlinked++;
		then(w, p, p->after, 0, 0);
		return;
	}
	then(w, p, push_try, 0, w->cost.atomic +
	     line_write(w, L_STRIPE + p->at, p->t.core));
}

static void push_try(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	w->r.tries++;
	if (w->stripe[p->at].locked) {
		w->r.busy++;
		p->at = (p->at + 1) % w->c.stripes;
		push_next(w, p);
		return;
	}
	w->stripe[p->at].locked = true;
	then(w, p, push_linked, 0, w->cost.push +
	     line_write(w, line_words(p->doing.span), p->t.core));
}

void stripe_push(struct world *w, struct proc *p, uint32_t span)
{
	w->r.pushes++;
	p->doing.span = span;
	p->at = home(w, p);
	p->tries = 0;
	push_next(w, p);
}

/* Over ids, not lists, from where the last scan ended. */
static void scanned(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	for (uint32_t n = 0; n < SCAN_IDS && w->top > 1; n++) {
		p->cursor = p->cursor + 1 < w->top ? p->cursor + 1 : 1;
		if (w->span[p->cursor].state != S_LISTED)
			continue;
		span_set(w, p->cursor, S_OWNED);
		p->got[p->n_got++] = p->cursor;
		break;
	}
	then(w, p, p->after, 0, 0);
}

static void scan(struct world *w, struct proc *p)
{
	double ns = SCAN_IDS * w->cost.scan;

	w->r.scans++;
	for (uint32_t i = 0; i < SCAN_IDS && i < w->top; i += 4) {
		uint32_t id = (p->cursor + i) % w->top;

		ns += line_read(w, line_words(id), p->t.core);
	}
	then(w, p, scanned, 0, ns);
}

static void pop_try(struct world *w, struct task *t);

/* On to the next stripe with a list; each look is a line. */
static void pop_walk(struct world *w, struct proc *p)
{
	double ns = 0;

	for (; p->tries < w->c.stripes; p->tries++) {
		p->at = (home(w, p) + p->tries) % w->c.stripes;
		ns += w->cost.walk + line_read(w, L_STRIPE + p->at, p->t.core);
		if (!w->stripe[p->at].head) {
			p->busy += w->stripe[p->at].locked;
			continue;
		}
		p->tries++;
		ns += w->cost.atomic +
		      line_write(w, L_STRIPE + p->at, p->t.core);
		then(w, p, pop_try, 0, ns);
		return;
	}
	p->low = true;
	w->r.misses++;
	w->r.shared += ns;
	if (p->busy)
		scan(w, p);
	else
		then(w, p, p->after, 0, 0);
	p->t.left += ns;
}

static double hold(struct world *w, const struct proc *p, uint32_t span)
{
	return w->cost.pop + line_write(w, line_words(span), p->t.core);
}

static void pop_done(struct world *w, struct proc *p)
{
	struct stripe *st = &w->stripe[p->at];

	st->locked = false;
	p->low = st->count < LOW_WATER;
	if (p->n_got)
		then(w, p, p->after, 0, 0);
	else
		pop_walk(w, p);
}

/* The lock is held: the first span is out of the list. */
static void pop_unlink(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct stripe *st = &w->stripe[p->at];
	uint32_t span = unlink_first(w, st);

	if (span && w->span[span].state == S_LISTED) {
		span_set(w, span, S_OWNED);
		p->got[p->n_got++] = span;
	} else if (span) {
		p->dropped++;
	}
	if (!span || p->n_got == w->c.take || p->dropped == DROPS_MAX ||
	    !st->head)
		pop_done(w, p);
	else
		then(w, p, pop_unlink, 0, hold(w, p, st->head));
}

static void pop_try(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct stripe *st = &w->stripe[p->at];

	w->r.tries++;
	if (st->locked) {
		w->r.busy++;
		p->busy++;
		pop_walk(w, p);
		return;
	}
	st->locked = true;
	then(w, p, pop_unlink, 0, st->head ? hold(w, p, st->head) : 0);
}

void stripe_pop(struct world *w, struct proc *p)
{
	w->r.pops++;
	p->tries = p->busy = p->n_got = p->dropped = 0;
	p->low = false;
	pop_walk(w, p);
}
