/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w_frag.c - a database's days in five phases of 40 steps, by one worker: how
 * much space its allocator holds for what lives, and how that ends.
 *
 *	load	rows, index nodes, pages, blobs in key order: 250 MiB
 *	update	each one replaced twice on average, at random; the old version
 *		dies 10,000 updates later, when nobody can see it any more
 *	delete	of the middle 60 % of the keys, in order; each 16th row stays
 *	change	another table of wider rows and more blobs fills up what became
 *		free, among updates of both
 *	vacuum	what is left of the first table: half is deleted, the rest moved
 *
 * Each step borrows four sort buffers of 1 MiB.  Space is looked at after each
 * step; ns is the time for an object from birth to death, without the looking.
 * Time is compressed, too: who gives back by the clock has none to do it.
 * The same seed gives the same calls to each back end.  Both ends of an object
 * are compared when it dies.  --file: space over time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calls.h"
#include "bench/exits.h"
#include "bench/frag.h"

#define OPS_MIN		10000u
#define OLD_VERSIONS	10000u
#define SORT_BUFFERS	4u
#define SORT_BYTES	(1u << 20)

struct frag {
	struct item	*item;		/* in key order: one table, then more */
	uint64_t	n, room, first_table;
	struct item	*old;		/* versions, a ring */
	uint64_t	n_old;
	uint64_t	births, live;	/* live: bytes */
	uint64_t	full, low;	/* live after load, after delete */
	bool		compare;	/* null's objects overlap */
	struct space_log log;
};

B_INLINE char *allocate(struct worker *w, struct frag *f, uint32_t size)
{
	char *p = b_alloc(w, size);

	if (!p) {
		fprintf(stderr, "frag: %s has no %u bytes, with %llu asked for "
			"and alive\n", w->p->backend, size,
			(unsigned long long)f->live);
		exit(EXIT_FAILED);
	}
	b_touch_pages(p, size);
	return p;
}

B_INLINE void bear(struct worker *w, struct frag *f, struct item *it,
		   const struct kind *kind, uint32_t size)
{
	*it = (struct item){ .p = allocate(w, f, size), .size = size,
			     .tag = (uint32_t)f->births++, .kind = kind };
	item_mark(it);
	f->live += size;
}

B_INLINE void bury(struct worker *w, struct frag *f, struct item *it)
{
	if (!it->p)
		return;
	if (f->compare && !item_intact(it)) {
		fprintf(stderr, "frag: somebody else wrote to the object %p of "
			"%u bytes: %s corrupts memory\n", (void *)it->p,
			it->size, w->p->backend);
		exit(EXIT_FAILED);
	}
	b_free(w, it->p);
	f->live -= it->size;
	it->p = NULL;
}

B_INLINE void append(struct worker *w, struct frag *f, const struct mix *m)
{
	const struct kind *kind = mix_kind(m, (uint32_t)(b_random(w) >> 32));

	if (f->n == f->room) {
		fprintf(stderr, "frag: no room for more than %llu objects: "
			"more --ops\n", (unsigned long long)f->room);
		exit(EXIT_FAILED);
	}
	bear(w, f, &f->item[f->n++], kind, kind_size(kind, b_random(w)));
}

B_INLINE void update_one(struct worker *w, struct frag *f)
{
	struct item *it = &f->item[(b_random(w) >> 32) * f->n >> 32];
	uint32_t size = it->p ? kind_size(it->kind, b_random(w)) : 0;
	struct item *old;

	if (!it->p)
		return;
	old = &f->old[f->n_old++ % OLD_VERSIONS];
	bury(w, f, old);
	*old = *it;
	bear(w, f, it, it->kind, size);
}

/* The phases.  Each is called for each of its steps. */

static void load(struct worker *w, struct frag *f, uint64_t step)
{
	uint64_t upto = f->first_table * (step + 1) / FRAG_STEPS;

	while (f->n < upto)
		append(w, f, &frag_rows);
	f->full = f->live;
}

static void update(struct worker *w, struct frag *f, uint64_t step)
{
	(void)step;
	for (uint64_t i = 0; i < 2 * f->first_table / FRAG_STEPS; i++)
		update_one(w, f);
}

static void delete(struct worker *w, struct frag *f, uint64_t step)
{
	uint64_t from = f->first_table * 2 / 10;
	uint64_t range = f->first_table * 6 / 10;
	uint64_t i = from + range * step / FRAG_STEPS;
	uint64_t end = from + range * (step + 1) / FRAG_STEPS;

	for (; i < end; i++)
		if (i % 16 || f->item[i].kind != frag_rows.kind)
			bury(w, f, &f->item[i]);
	f->low = f->live;
}

static void change(struct worker *w, struct frag *f, uint64_t step)
{
	uint64_t gap = f->full > f->low ? f->full - f->low : 0;
	uint64_t upto = f->low + gap * (step + 1) / FRAG_STEPS;

	while (f->live < upto) {
		append(w, f, &frag_documents);
		update_one(w, f);
	}
}

B_INLINE void move(struct worker *w, struct frag *f, struct item *it)
{
	struct item old = *it;

	bear(w, f, it, old.kind, old.size);
	bury(w, f, &old);
}

static void vacuum(struct worker *w, struct frag *f, uint64_t step)
{
	uint64_t i = f->first_table * step / FRAG_STEPS;
	uint64_t end = f->first_table * (step + 1) / FRAG_STEPS;

	for (unsigned k = 0; k < OLD_VERSIONS; k++)
		bury(w, f, &f->old[k]);
	for (; i < end; i++)
		if (b_random(w) >> 63)
			bury(w, f, &f->item[i]);
		else if (f->item[i].p)
			move(w, f, &f->item[i]);
}

/* Space held for each byte asked for. */
B_INLINE void ratio(struct worker *w, struct frag *f, const char *name,
		    uint64_t held)
{
	bench_metric(w->r, name, (double)held / (double)f->live);
}

static const struct {
	const char *ratio;
	void (*step)(struct worker *w, struct frag *f, uint64_t step);
} phases[FRAG_PHASES] = {
	{ "ratio_load", load },
	{ "ratio_update", update },
	{ "ratio_delete", delete },
	{ "ratio_change", change },
	{ "ratio_vacuum", vacuum },
};

static void run_phase(struct worker *w, struct frag *f, unsigned phase)
{
	char *sort[SORT_BUFFERS];
	uint64_t held = 0;

	for (uint64_t step = 0; step < FRAG_STEPS; step++) {
		for (unsigned i = 0; i < SORT_BUFFERS; i++)
			sort[i] = allocate(w, f, SORT_BYTES);
		phases[phase].step(w, f, step);
		for (unsigned i = 0; i < SORT_BUFFERS; i++)
			b_free(w, sort[i]);
		held = space_log_sample(&f->log, f->live);
	}
	ratio(w, f, phases[phase].ratio, held);
}

/* Bytes held when a trim is through. */
static uint64_t trim(struct worker *w, const struct frag *f)
{
	if (!w->b->trim)
		return space_log_held(&f->log);
	if (w->b->trim()) {
		fprintf(stderr, "frag: the trim of %s failed\n", w->p->backend);
		exit(EXIT_FAILED);
	}
	return space_log_settled(&f->log);
}

static void run_all(struct worker *w, struct frag *f)
{
	double ns;

	b_start(w);
	for (unsigned phase = 0; phase < FRAG_PHASES; phase++)
		run_phase(w, f, phase);
	b_stop(w, f->births);
	ns = (double)(w->r->end_ns - w->r->start_ns - f->log.sampling_ns);
	bench_metric(w->r, "ns", ns / (double)f->births);
}

static void measure_end(struct worker *w, struct frag *f)
{
	double sum = (double)f->log.sum, sum_live = (double)f->log.sum_live;

	bench_metric(w->r, "overhead", sum / sum_live - 1);
	bench_metric(w->r, "peak_bytes", (double)f->log.peak);
	bench_metric(w->r, "peak_live_bytes", (double)f->log.peak_live);
	ratio(w, f, "ratio_trim", trim(w, f));
	for (uint64_t i = 0; i < f->n; i++)
		bury(w, f, &f->item[i]);
	bench_metric(w->r, "left_bytes", (double)space_log_held(&f->log));
	bench_metric(w->r, "left_trim_bytes", (double)trim(w, f));
}

RUN(frag)
{
	uint64_t n = w->p->ops;
	struct frag f = {
		.item = bench_table(2 * n * sizeof(*f.item)),
		.room = 2 * n, .first_table = n,
		.old = bench_table(OLD_VERSIONS * sizeof(*f.old)),
		.compare = strcmp(w->p->backend, "null"),
	};

	mix_prepare(&frag_rows);
	mix_prepare(&frag_documents);
	space_log_start(&f.log, w->b);
	run_all(w, &f);
	measure_end(w, &f);
	if (w->p->file[0])
		space_log_write(&f.log, w->p->file);
}

#if !BENCH_HEAP_FORM

static void defaults(struct bench_params *p)
{
	if (p->workers != 1) {
		fprintf(stderr, "frag: --workers %u: it takes one, whose "
			"memory is measured\n", p->workers);
		exit(EXIT_USAGE);
	}
	if (p->size || p->size_max) {
		fprintf(stderr, "frag: --size, --size-max: the sizes are its "
			"own; leave them out\n");
		exit(EXIT_USAGE);
	}
	p->size = 32;
	p->size_max = SORT_BYTES;
	p->ops = p->ops ? p->ops : 600000;
	if (p->ops < OPS_MIN) {
		fprintf(stderr, "frag: --ops %llu: a table of fewer than %u "
			"objects has no fragments\n",
			(unsigned long long)p->ops, OPS_MIN);
		exit(EXIT_USAGE);
	}
}

/* An object of the first table has 436 bytes on average. */
static uint64_t live(const struct bench_params *p)
{
	return p->ops * 512 + OLD_VERSIONS * 1024 + SORT_BUFFERS * SORT_BYTES;
}

static void report(struct bench_shared *s, struct bench_result *total)
{
	memcpy(total->metric, s->result[0].metric, sizeof(total->metric));
	total->n_metrics = s->result[0].n_metrics;
}

extern const struct workload w_frag;
const struct workload w_frag = {
	.name = "frag",
	.help = "a database's days: space held for what lives; --ops: rows",
	.default_workers = 1,
	.defaults = defaults,
	.live = live,
	BENCH_RUNS(frag),
	.report = report,
};

#endif
