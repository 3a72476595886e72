/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slow_refill.c - the allocation that finds its array empty, timed as a whole,
 * sorted by where the slots came from (slow_kinds.h).
 *
 * Each repeat has new processes, so that nothing is populated.  What it does
 * first (fill) shows new, grant and growth; then a working set of some spans
 * is allocated and freed over and over (steady), and the same without a free in
 * between (produce: central, as who only allocates gives its full spans to the
 * heap, and gets them back from mcentral); then spans full of holes are filled
 * (own); then the parent frees what the workers have allocated (harvest).
 * produce and harvest are of objects shared at birth.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/slow_kinds.h"

#define STEADY_SPANS	24u		/* more than an array holds */
#define STEADY_CYCLES	2000u
#define WARM_CYCLES	64u
#define STIR		16u		/* every so many objects */
#define HOLES_SPANS	16u
#define HOLES_ROUNDS	100u
#define HOLES_KEPT	16u		/* one object of so many stays */
#define HARVEST_SPANS	8u
#define HARVEST_ROUNDS	40u
#define STEPS		6u		/* of work(), up to the harvest */

struct bench {
	const struct slow_opts *o;
	mh_heap *h;
	size_t room_bytes;
	char *rooms;
};

static size_t spans(const struct slow_opts *o, unsigned n)
{
	return n * sc_nslots(sc_of(o->size));
}

static size_t fill_objects(const struct slow_opts *o)
{
	return o->bytes / o->size;
}

static struct room *room_of(const struct bench *b, unsigned worker)
{
	return (struct room *)(void *)(b->rooms + worker * b->room_bytes);
}

/*
 * Two frees that change the array.  Who only allocates, refill after refill, is
 * taken for a producer, whose shared spans are given to the heap.
 */
static void stir(struct worker *w)
{
	void *p = timed_alloc(w), *q = timed_alloc(w);

	mh_free(w->h, p);
	mh_free(w->h, q);
}

static void get_all(struct worker *w, void **object, size_t n, bool stirred)
{
	for (size_t i = 0; i < n; i++) {
		if (stirred && i % STIR == 0)
			stir(w);
		object[i] = timed_alloc(w);
	}
}

static void put_all(struct worker *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mh_free(w->h, w->object[i]);
}

/* As many of `most` rounds over n objects as there is room for their refills. */
static unsigned rounds(const struct worker *w, size_t n, unsigned most)
{
	uint32_t batch = sc_cache_max(sc_of(w->o->size)) / 2;
	size_t fit = SLOW_SAMPLES / 2 / (n / (batch ? batch : 1) + 1);

	return fit < most ? (unsigned)fit : most;
}

static void steady(struct worker *w, enum phase phase)
{
	size_t n = spans(w->o, STEADY_SPANS);
	unsigned cycles = rounds(w, n, STEADY_CYCLES);

	w->phase = phase;
	for (unsigned i = 0; i < WARM_CYCLES + cycles; i++) {
		w->warm = i < WARM_CYCLES;
		get_all(w, w->object, n, phase == STEADY);
		put_all(w, n);
	}
}

static void holes(struct worker *w)
{
	size_t n = spans(w->o, HOLES_SPANS);
	unsigned most = rounds(w, n, HOLES_ROUNDS);

	w->phase = HOLES;
	w->warm = true;
	get_all(w, w->object, n, false);
	w->warm = false;
	for (unsigned r = 0; r < most; r++) {
		for (size_t i = 0; i < n; i++)
			if (i % HOLES_KEPT)
				mh_free(w->h, w->object[i]);
		for (size_t i = 0; i < n; i++)
			if (i % HOLES_KEPT)
				w->object[i] = timed_alloc(w);
	}
	put_all(w, n);
}

static void harvest(struct crew *c, struct worker *w)
{
	w->phase = HARVEST;
	for (unsigned r = 0; r < HARVEST_ROUNDS; r++) {
		get_all(w, w->room->object, spans(w->o, HARVEST_SPANS), true);
		crew_arrive(c);		/* the parent frees them */
	}
}

static void **objects(const struct slow_opts *o)
{
	size_t n = spans(o, HOLES_SPANS), fill = fill_objects(o);
	size_t bytes = (fill > n ? fill : n) * sizeof(void *);
	void **p = malloc(bytes);

	if (!p)
		die("no memory for %zu bytes of pointers", bytes);
	return memset(p, 1, bytes);	/* now, not when it is timed */
}

static int work(struct crew *c, unsigned index, void *arg)
{
	const struct bench *b = arg;
	struct worker w = { .o = b->o, .h = b->h, .room = room_of(b, index),
			    .object = objects(b->o) };
	size_t fill = fill_objects(b->o);

	pin(0, index);
	worker_init(&w);
	mh_free(w.h, mh_alloc(w.h, 1));		/* joins */
	crew_arrive(c);
	get_all(&w, w.object, fill, false);
	crew_arrive(c);
	put_all(&w, fill);
	crew_arrive(c);
	steady(&w, STEADY);
	crew_arrive(c);
	if (b->o->shared)
		steady(&w, PRODUCE);
	crew_arrive(c);
	holes(&w);
	crew_arrive(c);
	if (b->o->shared)
		harvest(c, &w);
	return 0;
}

static void free_passed(const struct bench *b)
{
	for (unsigned i = 0; i < b->o->workers; i++)
		for (size_t k = 0; k < spans(b->o, HARVEST_SPANS); k++)
			mh_free(b->h, room_of(b, i)->object[k]);
}

static void let_all(struct crew *c)
{
	crew_gather(c);
	crew_release(c);
}

static void run_crew(struct bench *b)
{
	struct crew c;

	crew_start(&c, b->o->workers, work, b);
	for (unsigned i = 0; i < STEPS; i++)
		let_all(&c);
	for (unsigned r = 0; b->o->shared && r < HARVEST_ROUNDS; r++) {
		crew_gather(&c);
		free_passed(b);
		crew_release(&c);
	}
	crew_join(&c);
}

static void forget(const struct bench *b)
{
	for (unsigned i = 0; i < b->o->workers; i++)
		for (unsigned k = 0; k < PHASES * KINDS; k++)
			room_of(b, i)->t[k / KINDS][k % KINDS].n = 0;
}

/* The times of some kinds of a phase (bits), of all workers. */
static void add_times(const struct bench *b, struct report *r,
		      const char *name, enum phase phase, unsigned kinds)
{
	static float *all;
	size_t n = 0;

	all = realloc(all, (size_t)b->o->workers * KINDS * sizeof(*all) *
		      SLOW_SAMPLES);
	if (!all)
		die("no memory for the results");
	for (unsigned i = 0; i < b->o->workers; i++)
		for (unsigned k = 0; k < KINDS; k++) {
			const struct times *t = &room_of(b, i)->t[phase][k];

			if (!(kinds >> k & 1))
				continue;
			memcpy(all + n, t->ns, t->n * sizeof(*all));
			n += t->n;
		}
	report_times(r, name, all, n);
}

static void check_lost(const struct bench *b)
{
	for (unsigned i = 0; i < b->o->workers; i++)
		if (room_of(b, i)->lost)
			die("%llu samples found no place: --bytes %llu is too "
			    "much for objects of %zu",
			    (unsigned long long)room_of(b, i)->lost,
			    (unsigned long long)b->o->bytes, b->o->size);
}

static void report(const struct bench *b, struct report *r)
{
	static const struct {
		const char *name;
		enum phase phase;
		unsigned kinds;
		bool shared;		/* this life only */
	} all[] = {
		{ "steady", STEADY, ~0u, false },
		{ "central", PRODUCE, 1u << CENTRAL, true },
		{ "steady_asked", STEADY, 1u << GRANT | 1u << GROWTH, false },
		{ "produce", PRODUCE, ~0u, true },
		{ "own", HOLES, 1u << OWN, false },
		{ "harvest", HARVEST, 1u << HARVESTED, true },
		{ "fill", FILL, ~0u, false },
		{ "new", FILL, 1u << NEW, false },
		{ "grant", FILL, 1u << GRANT, false },
		{ "growth", FILL, 1u << GROWTH, false },
	};

	check_lost(b);
	report_add(r, clock_cost(), "clock_ns");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (b->o->shared || !all[i].shared)
			add_times(b, r, all[i].name, all[i].phase,
				  all[i].kinds);
}

static void plan(struct bench *b, struct slow_opts *o)
{
	o->workers = o->workers ? o->workers : 1;
	o->repeats = o->repeats ? o->repeats : 5;
	o->size = o->size ? o->size : 64;
	o->bytes = o->bytes ? o->bytes : 16u << 20;	/* each fills */
	b->o = o;
	b->room_bytes = round_up(sizeof(struct room) +
				 spans(o, HARVEST_SPANS) * sizeof(void *), 4096);
}

int slow_refill(struct slow_opts *o)
{
	static struct report r;
	struct bench b;

	plan(&b, o);
	b.h = heap_start();
	b.rooms = shared_room(o->workers * b.room_bytes);
	for (unsigned i = 0; i < o->repeats; i++) {
		forget(&b);
		run_crew(&b);
		report(&b, &r);
		heap_settle(b.h);
	}
	report_print(&r, o);
	mh_detach(b.h);
	return 0;
}
