/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_client.c - the library's slow paths, hot, one by one: two handles in
 * this process stand for two processes (tests/clientrig.h).  One thread, so no
 * line ever moves.
 */
#include "bench/sim/measure.h"

#include <stdlib.h>

#include "libclient/pageword.h"
#include "tests/clientrig.h"

#define ROUNDS	200u
#define PAIRS	20000u

struct bed {
	struct clientrig *cr;
	mh_heap *a, *b;			/* allocates; frees */
	size_t size;
	uint32_t spc, nslots;
	struct samples refill, flush, adopt, release, look, harvest, list,
		       foreign;
};

static struct bed *bed_new(size_t size, uint32_t life)
{
	struct rig_opts o = { .reserve = 64u << 20, .stripes = 1 };
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->cr = clientrig_new(&o);
	b->a = clientrig_attach(b->cr, 0);
	b->b = clientrig_attach(b->cr, 0);
	b->size = size;
	b->spc = span_class(life, sc_of(size));
	b->nslots = sc_nslots(sc_of(size));
	return b;
}

static void bed_free(struct bed *b)
{
	clientrig_kill(b->cr, b->a);
	clientrig_kill(b->cr, b->b);
	clientrig_free(b->cr);
	free(b);
}

/* Half an array from spans in hand, and back. */
static void fill_and_flush(struct bed *b)
{
	uint32_t i = array_index(b->spc);
	struct mcache *mc = enter(b->a);
	double began;

	if (!mc)
		abort();
	for (unsigned n = 0; n < ROUNDS; n++) {
		began = now_ns();
		if (!refill(b->a, mc, i, false))
			abort();
		if (n > 8)	/* the array has its full size */
			sample(&b->refill, began, 1);
		began = now_ns();
		flush(b->a, mc, i, 0);
		if (n > 8)
			sample(&b->flush, began, 1);
	}
	leave();
}

static void get_span(struct bed *b, struct geom *g)
{
	if (!obtain_fast(b->a, b->spc, g) &&
	    obtain_span(b->a, b->spc, (npages){ 0 }, (npages){ 0 }, false, g))
		abort();
}

/* Takes a span in and gives it up, with `used` of its slots in use before. */
static struct pspan *adopt(struct bed *b, struct geom *g)
{
	struct pclass *c = pclass_of(b->a, b->spc);
	double began = now_ns();
	struct pspan *ps;

	pthread_mutex_lock(&c->lock);
	ps = ps_adopt(b->a, c, g);
	pthread_mutex_unlock(&c->lock);
	sample(&b->adopt, began, 1);
	if (!ps)
		abort();
	return ps;
}

static void release(struct bed *b, struct pspan *ps)
{
	struct pclass *c = pclass_of(b->a, b->spc);
	double began = now_ns();

	pthread_mutex_lock(&c->lock);
	ps_release(b->a, c, ps);
	pthread_mutex_unlock(&c->lock);
	sample(&b->release, began, 1);
}

/* As if every free slot had been allocated: unparked, and in no bitmap. */
static void use_up(struct bed *b, struct pspan *ps)
{
	struct pclass *c = pclass_of(b->a, b->spc);

	for (uint32_t s = 0; s < b->nslots; s++)
		if (map_test(ps->bits, s)) {
			map_del(ps->bits, s / 64, 1ull << s % 64);
			st_rlx(&ps->parked[s], 0);
		}
	if (ps->nfree == b->nslots)
		c->nempty--;
	ps->nfree = 0;
	ps_move(c, ps, PS_EXHAUSTED);
}

static void free_slots(struct bed *b, const struct geom *g, uint32_t from,
		       uint32_t n, struct samples *s)
{
	char *base = b->b->arena + geom_offset(g);
	double began = now_ns();

	for (uint32_t i = from; i < from + n; i++)
		mh_free(b->b, base + i * g->elem);
	if (s)
		sample(s, began, n);
}

static void harvest(struct bed *b, struct pspan *ps)
{
	struct pclass *c = pclass_of(b->a, b->spc);
	uint32_t quarter = b->nslots / 4 ? b->nslots / 4 : 1;
	double began = now_ns();

	pthread_mutex_lock(&c->lock);
	harvest_some(b->a, c);		/* nothing to be had: one look */
	pthread_mutex_unlock(&c->lock);
	sample(&b->look, began, 1);
	free_slots(b, &ps->g, 0, quarter, &b->foreign);
	began = now_ns();
	pthread_mutex_lock(&c->lock);
	ps_harvest(b->a, c, ps);
	pthread_mutex_unlock(&c->lock);
	sample(&b->harvest, began, 1);
	use_up(b, ps);
}

/* The life of a leased span whose objects all go to another process. */
static void leased_life(struct bed *b)
{
	uint32_t quarter = b->nslots / 4 ? b->nslots / 4 : 1;
	struct pspan *ps;
	struct geom g;

	get_span(b, &g);
	ps = adopt(b, &g);
	use_up(b, ps);
	harvest(b, ps);
	release(b, ps);				/* FULL */
	free_slots(b, &g, 0, quarter - 1, NULL);
	free_slots(b, &g, quarter - 1, 1, &b->list);
	/* Half of it comes back free, as a popped span is on average. */
	free_slots(b, &g, quarter, b->nslots / 2 - quarter, NULL);
	get_span(b, &g);
	use_up(b, adopt(b, &g));
	release(b, pt_pspan(pt_load(b->a, g.start.n)));
	free_slots(b, &g, 0, b->nslots, NULL);	/* LISTED and empty */
}

static void owned_life(struct bed *b)
{
	struct geom g;

	get_span(b, &g);
	release(b, adopt(b, &g));
}

static void measure_leased(struct costs *c, enum kind k)
{
	struct bed *b = bed_new(kind_bytes[k], LIFE_SHARED);
	struct class_costs *cc = &c->k[k];

	for (unsigned n = 0; n < ROUNDS; n++)
		leased_life(b);
	cc->adopt = typical(&b->adopt);
	cc->release = typical(&b->release);
	cc->look = typical(&b->look);
	cc->harvest = typical(&b->harvest);
	cc->list = typical(&b->list);
	if (k == K_64)
		c->foreign = typical(&b->foreign);
	fill_and_flush(b);
	cc->refill = typical(&b->refill);
	cc->flush = typical(&b->flush);
	bed_free(b);
}

static void measure_owned(struct costs *c, enum kind k)
{
	struct bed *b = bed_new(kind_bytes[k], LIFE_OWNED);

	for (unsigned n = 0; n < ROUNDS; n++)
		owned_life(b);
	c->k[k].adopt_owned = typical(&b->adopt);
	c->k[k].release_owned = typical(&b->release);
	bed_free(b);
}

/* Bursts that an array holds: alloc and free apart, no slow path between. */
static void measure_fast(double *ret_alloc, double *ret_free, unsigned flags)
{
	struct bed *b = bed_new(64, flags ? LIFE_SHARED : LIFE_OWNED);
	struct samples in = { .n = 0 }, out = { .n = 0 };
	void *p[32];

	for (unsigned n = 0; n < PAIRS / 32; n++) {
		double began = now_ns();

		for (unsigned i = 0; i < 32; i++)
			p[i] = mh_alloc_flags(b->a, 64, flags);
		sample(&in, began, 32);
		began = now_ns();
		for (unsigned i = 0; i < 32; i++)
			mh_free(b->a, p[i]);
		sample(&out, began, 32);
	}
	*ret_alloc = typical(&in);
	*ret_free = typical(&out);
	bed_free(b);
}

void measure_client(struct costs *c)
{
	pin(0);
	for (enum kind k = 0; k < KINDS; k++) {
		measure_leased(c, k);
		measure_owned(c, k);
	}
	measure_fast(&c->alloc, &c->free, 0);
	measure_fast(&c->shared_alloc, &c->shared_free, MH_SHARED);
}
