/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_kinds.c - see slow_kinds.h.  Looks at what the library knows before and
 * after a call, outside of what is timed.
 */
#include <stdlib.h>

#include "bench/slow_kinds.h"
#include "libclient/pageword.h"

struct before {			/* a call that is about to be slow */
	uint64_t harvests, calls, committed;
	bool partial;
};

static bool is_empty(const struct worker *w)
{
	return tls.heap != w->h || !array_n(&tls.mc->a, w->array);
}

static struct before look(const struct worker *w)
{
	mh_heap *h = w->h;
	struct sh_slot *s = my_slot(h);

	return (struct before){
		.harvests = ld_rlx(&s->harvests),
		.calls = ld_rlx(&s->daemon_calls),
		.committed = ld_rlx(&h->sg.hdr->count.committed_bytes),
		.partial = pclass_of(h, w->spc)->partial.head != NULL,
	};
}

/* Has this process had all pages of p's span?  Now it has. */
static bool seen_before(struct worker *w, const void *p)
{
	mh_heap *h = w->h;
	uint64_t page = (uint64_t)((const char *)p - h->arena) >> PAGE_SHIFT;
	const struct geom *g = &pt_pspan(pt_load(h, page))->g;
	bool all = true;

	for (uint32_t i = g->start.n; i < g->start.n + g->len.n; i++) {
		all &= map_test(w->seen, i);
		map_add(w->seen, i / 64, 1ull << i % 64);
	}
	return all;
}

static enum kind kind_of(struct worker *w, const struct before *b,
			 const void *p)
{
	struct before now = look(w);
	bool seen = seen_before(w, p);

	if (now.calls != b->calls)
		return now.committed > b->committed ? GROWTH : GRANT;
	if (now.harvests != b->harvests)
		return HARVESTED;
	if (b->partial)
		return OWN;
	return seen ? CENTRAL : NEW;
}

static void keep(struct worker *w, enum kind k, uint64_t ns)
{
	struct times *t = &w->room->t[w->phase][k];

	if (w->warm)
		return;
	if (t->n < SLOW_SAMPLES)
		t->ns[t->n++] = (float)ns;
	else
		w->room->lost++;
}

void *timed_alloc(struct worker *w)
{
	struct before b;
	uint64_t t0, t1;
	void *p;

	if (!is_empty(w)) {
		p = slow_alloc(w->h, w->o);
	} else {
		b = look(w);
		t0 = now_ns();
		p = slow_alloc(w->h, w->o);
		t1 = now_ns();
		keep(w, kind_of(w, &b, p), t1 - t0);
	}
	*(void **)p = p;
	return p;
}

void worker_init(struct worker *w)
{
	w->spc = span_class(w->o->shared ? LIFE_SHARED : LIFE_OWNED,
			    sc_of(w->o->size));
	w->array = array_index(w->spc);
	w->seen = calloc(w->h->sg.geo.npages / 64 + 1, sizeof(*w->seen));
	if (!w->seen)
		die("no memory for a bit per page");
}
