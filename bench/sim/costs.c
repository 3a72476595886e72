/* SPDX-License-Identifier: Apache-2.0 */
/*
 * costs.c - see costs.h: the table of names, and reading and writing by it.
 */
#include "bench/sim/costs.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const unsigned kind_bytes[KINDS] = { 64, 1024, 8192, 32768 };

struct row {
	const char *name;
	size_t	    at;		/* in struct costs, or class_costs */
	bool	    by_class;
	const char *text;
};

#define ONE(name, text)	 { #name, offsetof(struct costs, name), false, text }
#define EACH(name, text) { #name, offsetof(struct class_costs, name), true, text }

static const struct row rows[] = {
	ONE(line, "a cache line from the other core, best window"),
	ONE(line_mid, "the same, median of the windows"),
	ONE(atomic, "locked read-modify-write, uncontended"),
	ONE(wake, "futex wake of a sleeper on the other core, caller's side"),
	ONE(swtch, "switch between two processes of one core (sched_yield)"),
	ONE(map_page, "populate for reading, page cached and zeroed, per 4 KiB"),
	ONE(again_page, "populate for reading what is mapped already, per 4 KiB"),
	ONE(zero_page, "populate for reading after fallocate, per 4 KiB"),
	ONE(commit_page, "fallocate, per 4 KiB"),
	ONE(pop, "central_pop, from a list; with the lock held nearly all of it"),
	ONE(push, "central_push of a LISTED span"),
	ONE(dispose, "span_dispose, OWNED to LISTED, 64 B class"),
	ONE(walk, "per empty stripe that central_pop looks at"),
	ONE(scan, "per id that central_scan looks at"),
	ONE(alloc, "owned alloc from the array, 64 B"),
	ONE(free, "owned free to the array, 64 B"),
	ONE(shared_alloc, "alloc of a shared object from the array, 64 B"),
	ONE(shared_free, "its free by its owner, 64 B"),
	ONE(foreign, "free of another's shared object, mh_free"),
	ONE(swap, "live run of one process, per object exchanged"),
	ONE(pass, "live run of one process, per object passed to itself"),
	ONE(null_wave, "live run's loop without allocator, waves"),
	ONE(ring, "ringing a sleeping daemon's doorbell, caller's side"),
	ONE(turn, "daemon's CPU time for a turn with one trivial request"),
	ONE(trip, "round trip of a trivial request, median"),
	ONE(sweep_owned, "sweep, per id of an OWNED span"),
	ONE(sweep_full, "sweep, per id of a FULL span"),
	ONE(sweep_listed, "sweep, per id of a LISTED span"),
	ONE(reclaim_id, "recovery of a client, per id of others"),
	ONE(reclaim_span, "recovery of a client, per span of its own"),
	ONE(tick_slot, "timer's look at the cells, per client slot"),
	EACH(refill, "refill of half an array, span in hand"),
	EACH(flush, "flush of half an array"),
	EACH(adopt, "a leased span into the span cache, half free"),
	EACH(release, "a used-up leased span given up: FULL"),
	EACH(adopt_owned, "an owned span into the span cache, free"),
	EACH(release_owned, "a free owned span given up: LISTED, pushed"),
	EACH(look, "at an exhausted span of which nothing was freed"),
	EACH(harvest, "of a quarter of a span's slots"),
	EACH(list, "by the freer: FULL to LISTED, pushed"),
	EACH(serve, "daemon: OP_ALLOC, memory at hand"),
	EACH(provision, "daemon: a span provisioned, memory at hand"),
	EACH(retire, "daemon: an empty LISTED span taken back by the sweep"),
};
#define N_ROWS (sizeof(rows) / sizeof(*rows))

static double *at(struct costs *c, const struct row *r, unsigned kind)
{
	char *base = r->by_class ? (char *)&c->k[kind] : (char *)c;

	return (double *)(void *)(base + r->at);
}

void costs_write(FILE *f, const struct costs *c)
{
	struct costs copy = *c;

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];

		for (unsigned k = 0; k < (r->by_class ? KINDS : 1u); k++) {
			char name[40];

			snprintf(name, sizeof(name), r->by_class ? "%s.%u" :
				 "%s", r->name, kind_bytes[k]);
			fprintf(f, "%-20s %10.2f\t%s\n", name,
				*at(&copy, r, k), r->text);
		}
	}
}

static double *find(struct costs *c, const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t n = strlen(rows[i].name);

		if (strncmp(name, rows[i].name, n))
			continue;
		if (!rows[i].by_class && !name[n])
			return at(c, &rows[i], 0);
		for (unsigned k = 0; rows[i].by_class && k < KINDS; k++)
			if (name[n] == '.' && strtoul(name + n + 1, NULL, 10) ==
			    kind_bytes[k])
				return at(c, &rows[i], k);
	}
	fprintf(stderr, "sim: no cost is called %s; `sim measure` prints those "
		"there are\n", name);
	return NULL;
}

bool costs_set(struct costs *c, const char *assignment)
{
	char name[40] = "";
	double value, *v;

	if (sscanf(assignment, "%39[^=]=%lf", name, &value) != 2) {
		fprintf(stderr, "sim: %s: a cost is set as name=ns\n",
			assignment);
		return false;
	}
	v = find(c, name);
	if (v)
		*v = value;
	return v;
}

static bool complete(const char *path, struct costs *c)
{
	for (size_t i = 0; i < N_ROWS; i++)
		for (unsigned k = 0; k < (rows[i].by_class ? KINDS : 1u); k++)
			if (*at(c, &rows[i], k) < 0) {
				fprintf(stderr, "sim: %s has no %s: measure "
					"again\n", path, rows[i].name);
				return false;
			}
	return true;
}

bool costs_read(const char *path, struct costs *ret_c)
{
	double *all = (double *)(void *)ret_c, value;
	char line[200], name[40];
	FILE *f = fopen(path, "r");
	bool ok = f;

	if (!f)
		fprintf(stderr, "sim: can't open %s: make it with `sim measure`\n",
			path);
	for (size_t i = 0; i < sizeof(*ret_c) / sizeof(double); i++)
		all[i] = -1;
	while (ok && fgets(line, sizeof(line), f)) {
		double *v;

		if (line[0] == '#' ||
		    sscanf(line, "%39s %lf", name, &value) != 2)
			continue;
		v = find(ret_c, name);
		ok = v;
		if (v)
			*v = value;
	}
	if (f)
		fclose(f);
	return ok && complete(path, ret_c);
}
