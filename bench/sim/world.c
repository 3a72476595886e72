/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.c - `sim run`: one simulation.  Reads costs and configuration, sets the
 * world up, runs it, and prints one line of results.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/sim/model.h"
#include "bench/sim/sim.h"
#include "shm/segment.h"

/* What can be set; `of`: default, then the values that are allowed. */
struct setting {
	const char *name;
	double of, min, max;
	double value;
};

enum {
	PROCS, CORES, STRIPES, SIZE, REMOTE, WAVE, THINK, TAKE, PART, FIFO,
	SPREAD, PEEK, OWN, TARGET, BATCH, HINT, PACED, IDS, FRESH, COMPLEX, SOCKET, NEAR, FAR, ACROSS, SLICE_US,
	WARM_MS, RUN_MS, SEED, N_SETTINGS
};

/*
 * The machine that is assumed: complexes of 8 cores, sockets of 64.  near 0: as
 * measured.  A slice is what Linux gives to equals.
 */
static struct setting settings[N_SETTINGS] = {
	[PROCS] = { "procs", 2, 1, 4096, 0 },
	[CORES] = { "cores", 2, 1, CORES_MAX, 0 },
	[STRIPES] = { "stripes", 0, 0, STRIPES_MAX, 0 },
	[SIZE] = { "size", 64, 64, 32768, 0 },
	[REMOTE] = { "remote", 1, 0, 1, 0 },
	[WAVE] = { "wave", 0, 0, 65536, 0 },
	[THINK] = { "think", 0, 0, 1e6, 0 },
	[TAKE] = { "take", 1, 1, 64, 0 },
	[PART] = { "part", 4, 1, 64, 0 },
	[FIFO] = { "fifo", 0, 0, 1, 0 },
	[SPREAD] = { "spread", 0, 0, 1, 0 },
	[PEEK] = { "peek", 0, 0, 1, 0 },
	[OWN] = { "own", 0, 0, 1, 0 },
	[HINT] = { "hint", 64, 1, 1e6, 0 },
	[TARGET] = { "target", 0, 0, 1e6, 0 },
	[BATCH] = { "batch", 0, 0, 512, 0 },
	[PACED] = { "paced", 0, 0, 1e6, 0 },
	[IDS] = { "ids", 0, 0, 4e7, 0 },
	[FRESH] = { "fresh", 0, 0, 1, 0 },
	[COMPLEX] = { "complex", 8, 1, CORES_MAX, 0 },
	[SOCKET] = { "socket", 64, 1, CORES_MAX, 0 },
	[NEAR] = { "near", 0, 0, 1e5, 0 },
	[FAR] = { "far", 107, 0, 1e5, 0 },
	[ACROSS] = { "across", 197, 0, 1e5, 0 },
	[SLICE_US] = { "slice_us", 3000, 1, 1e6, 0 },
	[WARM_MS] = { "warm_ms", 20, 0, 1e5, 0 },
	[RUN_MS] = { "run_ms", 50, 0.01, 1e5, 0 },
	[SEED] = { "seed", 1, 0, 1e9, 0 },
};

static double get(int i)
{
	return settings[i].value;
}

static bool set_one(const char *arg)
{
	for (int i = 0; i < N_SETTINGS; i++) {
		struct setting *s = &settings[i];

		if (!arg_number(arg, s->name, &s->value))
			continue;
		if (s->value >= s->min && s->value <= s->max)
			return true;
		fprintf(stderr, "sim run: %s: from %g to %g\n", arg, s->min,
			s->max);
		return false;
	}
	fprintf(stderr, "sim run: %s: there are", arg);
	for (int i = 0; i < N_SETTINGS; i++)
		fprintf(stderr, " %s=", settings[i].name);
	fprintf(stderr, " costs=FILE and cost.NAME=\n");
	return false;
}

/* As mheapd makes a heap: a power of two, not below the cores, 64 at most. */
static unsigned stripes_for(unsigned cores)
{
	unsigned n = 1;

	while (n < 64 && n < cores)
		n *= 2;
	return n;
}

static bool kind_of(double size, enum kind *ret)
{
	for (enum kind k = 0; k < KINDS; k++)
		if (kind_bytes[k] == (unsigned)size) {
			*ret = k;
			return true;
		}
	fprintf(stderr, "sim run: size=%g: 64, 1024, 8192 and 32768 are "
		"measured\n", size);
	return false;
}

static void configure(struct world *w)
{
	w->c = (struct config){
		.procs = (unsigned)get(PROCS), .cores = (unsigned)get(CORES),
		.stripes = (unsigned)get(STRIPES), .wave = (unsigned)get(WAVE),
		.take = (unsigned)get(TAKE), .part = (unsigned)get(PART),
		.paced = (unsigned)get(PACED),
		.target = (unsigned)get(TARGET),
		.hint = (unsigned)get(HINT),
		.batch = (unsigned)get(BATCH), .peek = get(PEEK) > 0,
		.own = get(OWN) > 0 && get(CORES) > 1,
		.kind = w->c.kind,
		.remote = get(WAVE) > 0 ? 0 : get(REMOTE),
		.think = get(THINK), .ids = get(IDS), .fifo = get(FIFO) > 0,
		.spread = get(SPREAD) > 0, .fresh = get(FRESH) > 0,
		.complex = (unsigned)get(COMPLEX),
		.socket = (unsigned)get(SOCKET),
		.near = get(NEAR) > 0 ? get(NEAR) : w->cost.line,
		.far = get(FAR), .across = get(ACROSS),
		.slice = get(SLICE_US) * 1e3, .warm = get(WARM_MS) * 1e6,
		.run = get(RUN_MS) * 1e6, .seed = (uint64_t)get(SEED) };
	if (!w->c.stripes)
		w->c.stripes = stripes_for(w->c.cores);
	w->rng = w->c.seed * 0x2545f4914f6cdd1dull + 1;
}

static void *zeroed(size_t n, size_t each)
{
	void *p = calloc(n, each);

	if (p)
		return p;
	fprintf(stderr, "sim run: no memory for %zu bytes\n", n * each);
	exit(1);
}

static void start_proc(struct world *w, uint32_t i)
{
	struct proc *p = &w->proc[i];

	p->index = i;
	p->t.core = i % (w->c.cores - w->c.own);	/* own: the daemon's */
	p->t.next = round_begin;
	/* Not all at once: they begin apart, and somewhere in a wave. */
	p->t.left = random_below(w, 10000);
	p->waved = w->c.wave ? random_below(w, w->c.wave) : 0;
	p->cursor = random_below(w, 1024);
	task_start(w, &p->t);
}

static void set_up(struct world *w)
{
	unsigned sc = sc_of(kind_bytes[w->c.kind]);

	w->nslots = sc_nslots(sc);
	w->threshold = w->nslots / w->c.part ? w->nslots / w->c.part : 1;
	w->batch = w->c.batch ? w->c.batch : sc_cache_max(sc) / 2;
	w->pages = sc_npages(sc) * 2;
	w->top = 1;
	for (w->leaves = 1; w->leaves < w->c.cores; w->leaves *= 2)
		;
	for (unsigned i = 0; i < 2 * w->leaves; i++)
		w->tree[i] = INFINITY;
	w->span = zeroed(SPANS_MAX, sizeof(*w->span));
	w->free_ids = zeroed(SPANS_MAX, sizeof(*w->free_ids));
	w->line = zeroed(line_live(SPANS_MAX), sizeof(*w->line));
	w->proc = zeroed(w->c.procs, sizeof(*w->proc));
	w->d.queue = zeroed(w->c.procs + 1, sizeof(*w->d.queue));
	w->d.t.core = w->c.cores - 1;
	w->d.t.next = daemon_begin;
	w->d.t.asleep = true;
	for (uint32_t i = 0; i < w->c.procs; i++) {
		if (w->c.fresh)
			w->proc[i].seen = zeroed(SPANS_MAX, 4);
		start_proc(w, i);
	}
}

static double latency(const struct tally *r, double q)
{
	uint64_t n = 0, all = 0;
	unsigned i = 0;

	for (unsigned k = 0; k < HISTO; k++)
		all += r->histo[k];
	while (i < HISTO - 1 && (n += r->histo[i]) < q * (double)all)
		i++;
	return exp2(i / 32.0);
}

/* What they would do if nothing were shared: local ns per object alone. */
static double ideal(const struct world *w)
{
	unsigned at_once = w->c.procs < w->c.cores ? w->c.procs : w->c.cores;

	return w->r.ops > 0 ? at_once * 1e9 / (w->r.local / w->r.ops) : 0;
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* Of the processes' time. */
static double line_share(const struct tally *r, enum line_kind kind)
{
	return share(r->lines[kind], r->shared + r->local);
}

static void print(const struct world *w)
{
	const struct tally *r = &w->r;
	double s = w->c.run / 1e9;

	printf("procs=%u cores=%u stripes=%u size=%u slots=%u remote=%g wave=%u think=%g "
	       "take=%u part=%u fifo=%d spread=%d peek=%d own=%d hint=%u target=%u batch=%u paced=%u ids=%.0f fresh=%d ",
	       w->c.procs, w->c.cores, w->c.stripes, kind_bytes[w->c.kind],
	       w->nslots, w->c.remote, w->c.wave, w->c.think, w->c.take, w->c.part,
	       w->c.fifo, w->c.spread, w->c.peek, w->c.own, w->c.hint, w->c.target, w->batch,
	       w->c.paced, w->c.ids, w->c.fresh);
	printf("ops=%.0f efficiency=%.4f shared_time=%.5f shared_allocs=%.5f "
	       "busy=%.5f refills=%.0f pops=%.0f pushes=%.0f lists=%.0f "
	       "misses=%.0f scans=%.0f calls=%.0f unlinked=%.0f ",
	       r->ops / s, share(r->ops / s, ideal(w)),
	       share(r->shared, r->shared + r->local),
	       share(r->pops + r->pushes + r->calls, r->ops),
	       share(r->busy, r->tries), r->refills / s, r->pops / s,
	       r->pushes / s, r->lists / s, r->misses / s, r->scans / s,
	       r->calls / s, r->unlinked / s);
	printf("want=%.5f bell=%.5f stripe=%.5f words=%.5f live=%.5f ",
	       line_share(r, K_WANT), line_share(r, K_BELL),
	       line_share(r, K_STRIPE), line_share(r, K_WORDS),
	       line_share(r, K_LIVE));
	printf("moves=%.0f rings=%.0f turns=%.0f sweeps=%.0f provisioned=%.0f retired=%.0f "
	       "daemon=%.4f switches=%.0f spans=%u owned=%u full=%u listed=%u "
	       "p50=%.0f p99=%.0f p999=%.0f\n",
	       r->moves / s, r->rings / s, r->turns / s, r->sweeps / s, r->provisioned / s,
	       r->retired / s, share(r->daemon, w->c.run), r->switches / s,
	       w->top - 1, w->by_state[S_OWNED], w->by_state[S_FULL],
	       w->by_state[S_LISTED], latency(r, 0.5), latency(r, 0.99),
	       latency(r, 0.999));
}

/* costs=FILE first of all: what follows may change one of them. */
static bool arguments(struct world *w, int argc, char **argv)
{
	const char *path = "costs.txt";

	for (int i = 0; i < N_SETTINGS; i++)
		settings[i].value = settings[i].of;
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "costs=", 6))
			path = argv[i] + 6;
	if (!costs_read(path, &w->cost))
		return false;
	for (int i = 0; i < argc; i++) {
		bool cost = !strncmp(argv[i], "cost.", 5);

		if (strncmp(argv[i], "costs=", 6) &&
		    !(cost ? costs_set(&w->cost, argv[i] + 5) :
			     set_one(argv[i])))
			return false;
	}
	return kind_of(get(SIZE), &w->c.kind);
}

int cmd_run(int argc, char **argv)
{
	struct world *w = zeroed(1, sizeof(*w));

	if (!arguments(w, argc, argv))
		return 2;
	configure(w);
	set_up(w);
	cores_run(w, w->c.warm);
	memset(&w->r, 0, sizeof(w->r));
	cores_run(w, w->c.warm + w->c.run);
	print(w);
	return 0;	/* and the memory goes with the process */
}
