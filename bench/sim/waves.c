/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waves.c - a process that allocates `wave` objects, then frees them in that
 * order: spans become wholly free, some are kept, the rest is listed.
 */
#include "bench/sim/model.h"

#define LET_GO_MANY	64u

static void wave_free(struct world *w, struct task *t);

/* Half an array goes back to its span's bitmap. */
static void wave_flushed(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct span *s = &w->span[p->doing.span];
	uint32_t give;

	s->free += p->doing.n;
	p->waved -= p->doing.n;
	if (s->free < w->nslots || s->where == W_PARTIAL) {
		then(w, p, wave_free, 0, 0);
		return;
	}
	s->where = W_NOWHERE;
	queue_add(w, &p->empty, p->doing.span);
	if (p->let_go > LET_GO_MANY) {
		p->keep /= 2;
		p->let_go = 0;
	}
	if (p->empty.n <= (p->keep ? p->keep : 1)) {
		then(w, p, wave_free, 0, 0);
		return;
	}
	p->let_go++;
	give = queue_take(w, &p->empty);
	own_remove(w, p, give);
	span_set(w, give, S_LISTED);
	w->r.shared += kind_costs(w)->release_owned - w->cost.push;
	offer(w, p, give, wave_free);
	p->t.left += kind_costs(w)->release_owned - w->cost.push +
		     line_write(w, line_words(give), p->t.core);
}

static void wave_free(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	if (!p->in_n) {
		p->freeing = false;
		p->waved = 0;
		then(w, p, round_begin, 0, 0);
		return;
	}
	p->doing = fifo_take(p->in, &p->in_head, &p->in_n, w->batch);
	then(w, p, wave_flushed, p->doing.n * w->cost.free +
	     kind_costs(w)->flush * p->doing.n / w->batch, 0);
}

static void wave_taken(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	p->waved += p->doing.n;
	w->r.ops += p->doing.n;
	p->freeing = p->waved >= w->c.wave;
	then(w, p, p->freeing ? wave_free : round_begin, 0, 0);
}

void wave_alloc(struct world *w, struct proc *p)
{
	struct chunk c;

	if (!p->a_objects) {
		refill_begin(w, p);
		return;
	}
	c = array_take(p, w->batch);
	fifo_add(p->in, p->in_head, &p->in_n, c);	/* the objects it has */
	p->doing = c;
	then(w, p, wave_taken, c.n * (w->cost.alloc + w->cost.null_wave +
	     w->c.think), 0);
}
