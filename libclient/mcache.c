/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcache.c - a thread's arrays: refilled from the spans of the process, flushed
 * back to them.  Arrays begin small and grow with use.  Every batch checks
 * alignment and double free.  Lock: the class's, dropped before the daemon is
 * called and before misuse is reported.
 */
#include <errno.h>
#include <string.h>

#include "libclient/client.h"

#define FIRST_CAP	8u
#define CALM		4u	/* unchanged refills that make a producer */
#define KEEP_EMPTY	1u	/* wholly free spans kept per class */
#define BAD_MAX		8

struct bad {
	const void *p[BAD_MAX];
	int err[BAD_MAX], n;
};

void cache_note(mh_heap *h, int64_t cached, int64_t inuse)
{
	struct sh_slot *s = my_slot(h);

	if (cached)
		add_rlx(&s->cached_bytes, (uint64_t)cached);	/* [C1] */
	if (inuse)
		add_rlx(&s->inuse_bytes, (uint64_t)inuse);	/* [C1] */
}

/* The array's level is `now`; what came and went since is accounted. */
static void note_level(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t was,
		       uint32_t now)
{
	int64_t d = (int64_t)was - mc->noted[i];
	int64_t bytes = d * sc_size(spc_size_class(array_spc(i)));

	cache_note(h, bytes, -bytes);
	mc->noted[i] = now;
}

static void grow_cap(struct mcache *mc, uint32_t i)
{
	uint32_t most = sc_cache_max(spc_size_class(array_spc(i)));
	uint32_t cap = mc->a[i].cap ? mc->a[i].cap * 2 : FIRST_CAP;

	mc->a[i].cap = cap < most ? cap : most;
}

static void *entry(const struct array *a, bool shared, uint32_t k)
{
	return shared ? ld_rlx(&a->e.sh[k].p) : ld_rlx(&a->e.own[k]); /* [A1] */
}

static void set_entry(struct array *a, bool shared, uint32_t k, void *p,
		      _Atomic uint8_t *parked)
{
	if (shared) {
		st_rlx(&a->e.sh[k].p, p);			/* [A1] */
		a->e.sh[k].parked = parked;
	} else {
		st_rlx(&a->e.own[k], p);			/* [A1] */
	}
}

static uint64_t body_sum(const struct array *a, uint32_t n, bool shared)
{
	uint64_t sum = 0;

	for (uint32_t k = 0; k < n; k++) {
		const void *p = entry(a, shared, k);

		sum = (sum ^ (uint64_t)(uintptr_t)p) * 0x9e3779b97f4a7c15ull;
	}
	return sum;
}

/* Does the body hold just what the last refill put there? */
static bool producer(struct mcache *mc, uint32_t i)
{
	bool same = mc->filled[i] && mc->sum[i] ==
		    body_sum(&mc->a[i], mc->filled[i], array_shared(i));

	mc->calm[i] = same ? (uint8_t)(mc->calm[i] + (mc->calm[i] < 255)) : 0;
	return mc->calm[i] >= CALM;
}

static void push(struct array *a, bool shared, struct pspan *ps, uint32_t slot)
{
	uint32_t n = ld_rlx(&a->n);				/* [A1] */
	void *p = ps->base + slot * ps->g.elem;

	set_entry(a, shared, n, p, shared ? &ps->parked[slot] : NULL);
	st_rlx(&a->n, n + 1);					/* [A1] */
}

/* Moves up to `want` free slots of a span into the array. */
static uint32_t take_slots(struct pclass *c, struct pspan *ps,
			   struct array *a, bool shared, uint32_t want)
{
	uint32_t got = 0;

	if (ps->nfree == ps->g.nslots)
		c->nempty--;
	for (uint32_t w = 0; w < live_words(ps->g.nslots) && got < want; w++) {
		uint64_t bits = ps_takeable(ps, w);

		for (; bits && got < want; bits &= bits - 1, got++) {
			uint32_t b = (uint32_t)__builtin_ctzll(bits);

			ps->bits[w] &= ~(1ull << b);
			push(a, shared, ps, w * 64 + b);
		}
	}
	ps->nfree -= got;
	if (got < want || !ps->nfree)
		ps_move(c, ps, PS_EXHAUSTED);
	return got;
}

static void swap_entries(struct array *a, bool shared, uint32_t i, uint32_t k)
{
	void *p = entry(a, shared, i);
	_Atomic uint8_t *parked = shared ? a->e.sh[i].parked : NULL;

	set_entry(a, shared, i, entry(a, shared, k),
		  shared ? a->e.sh[k].parked : NULL);
	set_entry(a, shared, k, p, parked);
}

/* Pops come in address order: what was filled upwards is turned round. */
static void reverse(struct array *a, bool shared)
{
	uint32_t n = ld_rlx(&a->n);				/* [A1] */

	for (uint32_t i = 0, k = n; i + 1 < k--; i++)
		swap_entries(a, shared, i, k);
}

/* Some span with free slots, without the daemon; NULL: none to be had. */
static struct pspan *some_span(mh_heap *h, struct pclass *c, uint32_t spc)
{
	struct pspan *ps;
	struct geom g;

	for (;;) {
		ps = c->partial.head;
		if (ps)
			return ps;
		giveup_pending(h, c);
		ps = c->partial.head ? c->partial.head : harvest_some(h, c);
		if (ps)
			return ps;
		if (!obtain_fast(h, spc, &g))
			return NULL;
		if (!ps_adopt(h, c, &g)) {
			pass_span(h, &g);
			return NULL;
		}
	}
}

static uint32_t fill(mh_heap *h, struct pclass *c, struct mcache *mc,
		     uint32_t i, uint32_t want)
{
	struct array *a = &mc->a[i];
	uint32_t got = 0;

	while (got < want) {
		struct pspan *ps = got ? c->partial.head :
				   some_span(h, c, array_spc(i));

		if (!ps)
			break;
		got += take_slots(c, ps, a, array_shared(i), want - got);
		if (ps->where == PS_EXHAUSTED)
			giveup_known(h, c, ps);
	}
	return got;
}

/* The daemon gives a span of the class.  Not under the class lock. */
static int ask_daemon(mh_heap *h, struct pclass *c, uint32_t spc, bool nowait)
{
	struct geom g;
	struct pspan *ps;
	int r = obtain_span(h, spc, (npages){ 0 }, (npages){ 0 }, nowait, &g);

	if (r)
		return r;
	pthread_mutex_lock(&c->lock);
	ps = ps_adopt(h, c, &g);
	pthread_mutex_unlock(&c->lock);
	if (ps)
		return 0;
	pass_span(h, &g);
	return refuse(ENOMEM, "no memory for the process's span cache");
}

/* The array i is empty.  How many slots it holds then; 0: errno says why. */
uint32_t refill(mh_heap *h, struct mcache *mc, uint32_t i, bool nowait)
{
	struct array *a = &mc->a[i];
	uint32_t spc = array_spc(i), want, got;
	struct pclass *c = pclass_of(h, spc);

	grow_cap(mc, i);
	want = a->cap / 2;
	do {
		pthread_mutex_lock(&c->lock);
		note_level(h, mc, i, 0, 0);
		if (array_shared(i) && producer(mc, i))
			giveup_exhausted(h, c, mc);
		got = fill(h, c, mc, i, want);
		reverse(a, array_shared(i));
		mc->noted[i] = mc->filled[i] = got;
		if (array_shared(i))
			mc->sum[i] = body_sum(a, got, true);
		pthread_mutex_unlock(&c->lock);
	} while (!got && !ask_daemon(h, c, spc, nowait));
	add_rlx(&my_slot(h)->refills, 1);			/* [C1] */
	return got;
}

/* Under the class lock: a run of slots of one bitmap word comes home. */
static void put_bits(mh_heap *h, struct pclass *c, struct pspan *ps,
		     uint32_t w, uint64_t bits)
{
	if (!bits)
		return;
	ps->bits[w] |= bits;
	ps->nfree += (uint32_t)__builtin_popcountll(bits);
	if (ps->nfree == ps->g.nslots) {
		if (ps->where == PS_PENDING)
			ps_map(h, ps, true);
		ps_move(c, ps, PS_PARTIAL);
		c->nempty++;
	} else if (ps->where == PS_EXHAUSTED) {
		ps_move(c, ps, PS_PARTIAL);
	}
}

static void note_bad(struct bad *bad, const void *p, int err)
{
	if (bad->n < BAD_MAX) {
		bad->p[bad->n] = p;
		bad->err[bad->n++] = err;
	}
}

/* Returns entries [0, n) to their bitmaps, a store per run of one word. */
static void put_entries(mh_heap *h, struct pclass *c, const struct array *a,
			bool shared, uint32_t n, struct bad *bad)
{
	uint32_t cur_w = 0, spc = (uint32_t)(c - h->r->cls);
	struct pspan *cur = NULL;
	uint64_t acc = 0;

	for (uint32_t k = 0; k < n; k++) {
		void *p = entry(a, shared, k);
		uint64_t page = (uint64_t)((char *)p - h->arena) >> PAGE_SHIFT;
		struct pspan *ps = pt_pspan(pt_load(h, page));
		uint32_t slot;

		/* Freed twice, its page may be another class's by now. */
		if (!ps || ps->spc != spc || !ps_slot(ps, p, &slot)) {
			note_bad(bad, p, EINVAL);
			continue;
		}
		if (ps != cur || slot / 64 != cur_w) {
			if (cur)
				put_bits(h, c, cur, cur_w, acc);
			cur = ps;
			cur_w = slot / 64;
			acc = 0;
		}
		if (((ps->bits[cur_w] | acc) >> slot % 64) & 1) {
			note_bad(bad, p, EALREADY);
			continue;
		}
		acc |= 1ull << slot % 64;
	}
	if (cur)
		put_bits(h, c, cur, cur_w, acc);
}

static void keep_top(struct array *a, bool shared, uint32_t gone, uint32_t n)
{
	size_t each = shared ? sizeof(struct slot_ref) : sizeof(void *);
	char *e = (char *)a->e.own;

	memmove(e, e + gone * each, (n - gone) * each);
	st_rlx(&a->n, n - gone);				/* [A1] */
}

/* Leaves the `keep` entries pushed last.  -1: misuse was found and reported. */
int flush(mh_heap *h, struct mcache *mc, uint32_t i, uint32_t keep)
{
	struct array *a = &mc->a[i];
	struct pclass *c = pclass_of(h, array_spc(i));
	uint32_t n = ld_rlx(&a->n);				/* [A1] */
	struct bad bad = { .n = 0 };

	if (n <= keep)
		return 0;
	pthread_mutex_lock(&c->lock);
	put_entries(h, c, a, array_shared(i), n - keep, &bad);
	keep_top(a, array_shared(i), n - keep, n);
	note_level(h, mc, i, n, keep);
	ps_trim_empty(h, c, KEEP_EMPTY);
	pthread_mutex_unlock(&c->lock);
	mc->filled[i] = 0;
	add_rlx(&my_slot(h)->flushes, 1);			/* [C1] */
	for (int k = 0; k < bad.n; k++)
		misuse(h, bad.p[k], bad.err[k]);
	return bad.n ? -1 : 0;
}

void flush_all(mh_heap *h, struct mcache *mc)
{
	for (uint32_t i = 1; i < ARRAYS; i++)
		flush(h, mc, i, 0);
}
