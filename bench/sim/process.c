/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - what a process does, as live.c has it, in rounds of 64 objects: it
 * frees what its neighbour sent, then allocates; a share of that goes to the
 * other neighbour, the rest replaces objects of its own.  (Waves: waves.c.)
 *
 * Objects that stay are counted as used, no more.  If some leave and some stay,
 * the slots in the array are of any span of the process: one is drawn.
 */
#include "bench/sim/model.h"

#define DRAWS		16u
#define NOISE_NS	40000

static struct proc *neighbour(struct world *w, const struct proc *p)
{
	return &w->proc[(p->index + 1) % w->c.procs];
}

static void send(struct world *w, struct proc *p, struct chunk c)
{
	struct proc *to = neighbour(w, p);

	fifo_add(to->in, to->in_head, &to->in_n, c);
	to->in_objects += c.n;
}

/*
 * The ring's own lines, eight objects in each, and once a round its head or
 * tail: what the application pays for passing objects, whoever allocates them.
 */
static double ring_lines(const struct world *w, const struct proc *from,
			 const struct proc *to, uint32_t n, bool once)
{
	return (n / 8.0 + once) *
	       line_distance(&w->c, from->t.core, to->t.core);
}

/* --- what comes is freed --- */

static void consume(struct world *w, struct task *t);

static void freed_foreign(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct chunk c = p->doing;
	struct span *s = &w->span[c.span];

	s->gone += c.n;
	p->freed += c.n;
	if (s->state != S_FULL || s->gone + s->free < w->threshold) {
		then(w, p, consume, 0, 0);
		return;
	}
	span_set(w, c.span, S_OWNED);	/* in transit */
	span_set(w, c.span, S_LISTED);
	w->r.lists++;
	w->r.shared += kind_costs(w)->list - w->cost.push;
	offer(w, p, c.span, consume);
	p->t.left += kind_costs(w)->list - w->cost.push;
}

/* A span that has come to this process since: its own object now. */
static void freed_own(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	struct chunk c = p->doing;
	struct span *s = &w->span[c.span];
	double ns = 0;

	p->freed += c.n;
	p->pushed = true;
	if (p->a_objects + c.n <= 2 * w->batch) {
		array_add(p, c.span, c.n);
	} else {			/* the array is full: to the bitmap */
		ns = kind_costs(w)->flush * c.n / w->batch;
		s->free += c.n;
		p->came_back = true;
	}
	then(w, p, consume, ns, 0);
}

static bool is_own(const struct world *w, const struct proc *p, uint32_t span)
{
	return w->span[span].state == S_OWNED &&
	       w->span[span].owner == p->index;
}

static struct proc *sender(struct world *w, const struct proc *p)
{
	return &w->proc[(p->index + w->c.procs - 1) % w->c.procs];
}

static void consume(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	double ring = 0;
	uint32_t most = 2 * ROUND_OBJECTS - p->freed;
	double lines;

	if (!p->in_n || !most) {
		then(w, p, produce, 0, 0);
		return;
	}
	p->doing = fifo_take(p->in, &p->in_head, &p->in_n, most);
	p->in_objects -= p->doing.n;
	if (w->c.procs > 1)
		ring = ring_lines(w, sender(w, p), p, p->doing.n, !p->freed);
	if (is_own(w, p, p->doing.span)) {
		then(w, p, freed_own, p->doing.n * w->cost.shared_free + ring,
		     0);
		return;
	}
	lines = line_write(w, line_live(p->doing.span), p->t.core) +
		line_read(w, line_words(p->doing.span), p->t.core);
	then(w, p, freed_foreign, p->doing.n * w->cost.foreign + ring, lines);
}

/* --- allocs --- */

static uint32_t draw_span(struct world *w, const struct proc *p)
{
	uint32_t best = NONE;

	for (unsigned i = 0; i < DRAWS && p->n_own; i++) {
		uint32_t span = p->own[random_below(w, p->n_own)];
		const struct span *s = &w->span[span];

		if (s->free + s->gone >= w->nslots)
			continue;
		best = span;
		if (random_below(w, w->nslots) >= s->free + s->gone)
			break;
	}
	return best;
}

/* So many objects leave; they come from one array, or from everywhere. */
static void pass_on(struct world *w, struct proc *p, uint32_t n)
{
	while (n && w->c.remote >= 1) {
		struct chunk c = array_take(p, n);

		n -= c.n;
		send(w, p, c);
	}
	for (; n; n--) {
		uint32_t span = draw_span(w, p);

		if (!span)
			return;
		/* The array's own slots take the place of those that left. */
		array_take(p, 1);
		send(w, p, (struct chunk){ span, 1 });
	}
}

static double per_object(const struct world *w)
{
	const struct costs *c = &w->cost;
	double f = w->c.remote;

	/* Passed to itself an object is freed, too; here others do that. */
	return w->c.think + f * (c->pass - c->shared_free) + (1 - f) * c->swap;
}

/*
 * Rounds are not alike: 0.5 to 1.5 of the mean; and now and then, once a
 * millisecond or so, something else has the core for a while.
 */
static double jitter(struct world *w, double ns)
{
	double extra = random_below(w, 1u << 20) < ns ? NOISE_NS : 0;

	return ns * (0.5 + random_below(w, 1024) / 1024.0) +
	       extra * random_below(w, 1024) / 1024.0;
}

static void produced(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	uint32_t n = p->doing.n, leave;

	p->credit += n * w->c.remote;
	leave = (uint32_t)p->credit;
	if (leave > p->a_objects)
		leave = p->a_objects;
	p->credit -= leave;
	pass_on(w, p, leave);
	p->left -= n;
	w->r.ops += n;
	then(w, p, p->left ? produce : round_begin,
	     leave ? ring_lines(w, p, neighbour(w, p), leave, !p->left) : 0, 0);
}

/* As many as the array allows at once; then a refill. */
void produce(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;
	uint32_t n = p->left;

	if (n == ROUND_OBJECTS && neighbour(w, p)->in_objects + n >
				  RING_OBJECTS) {
		then(w, p, round_begin, p->freed ? 0 : w->cost.swtch / 4, 0);
		if (!p->freed)
			task_yield(t);
		return;
	}
	if (w->c.remote > 0) {
		uint32_t most = (uint32_t)((p->a_objects + 1 - p->credit -
					    1e-6) / w->c.remote);

		n = p->a_objects && most < n ? most : n;
	}
	if (!p->a_objects || !n) {
		refill_begin(w, p);
		return;
	}
	p->doing.n = n;
	then(w, p, produced, jitter(w, n * per_object(w)), 0);
}

void round_begin(struct world *w, struct task *t)
{
	struct proc *p = (struct proc *)t;

	p->freed = 0;
	p->left = ROUND_OBJECTS;
	if (!w->c.wave)
		consume(w, t);
	else
		wave_alloc(w, p);
}
