/* SPDX-License-Identifier: Apache-2.0 */
/*
 * costs.h - what the parts of mheap cost, in ns: measured by `sim measure`,
 * kept in a text file of lines "name value unit", read by the simulation.
 *
 * Hot: caches and predictors warm, nobody else at the same lines.  What it
 * costs to get a line from another core is `line`, and counted apart.
 */
#ifndef BENCH_SIM_COSTS_H
#define BENCH_SIM_COSTS_H

#include <stdbool.h>
#include <stdio.h>

/* The size classes that stand for the rest. */
enum kind { K_64, K_1K, K_8K, K_32K, KINDS };
extern const unsigned kind_bytes[KINDS];

struct class_costs {
	double refill, flush;		/* half an array, spans in hand */
	double adopt, release;		/* a leased span into, out of the cache */
	double adopt_owned, release_owned;	/* a wholly free one */
	double look, harvest;		/* at an exhausted span */
	double list;			/* by the freer that reaches a quarter */
	double serve, provision, retire;	/* the daemon, per span */
};

struct costs {
	/* the machine */
	double line, line_mid;		/* from the other core: best, median */
	double atomic, wake, swtch;
	double map_page, again_page, zero_page, commit_page;	/* per 4 KiB */
	/* mcentral */
	double pop, push, dispose, walk, scan;
	/* the client */
	double alloc, free, shared_alloc, shared_free, foreign;
	double swap, pass;		/* per object, in a live run's loop */
	double null_wave;		/* that loop alone */
	/* the daemon */
	double ring, turn, trip;
	double sweep_owned, sweep_full, sweep_listed;
	double reclaim_id, reclaim_span, tick_slot;
	struct class_costs k[KINDS];
};

void costs_write(FILE *f, const struct costs *c);
/* False, and a sentence on stderr: a name is unknown or one is missing. */
bool costs_read(const char *path, struct costs *ret_c);
/* One of them by name, e.g. for experiments: "line=120". */
bool costs_set(struct costs *c, const char *assignment);

#endif
