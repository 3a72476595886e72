/* SPDX-License-Identifier: Apache-2.0 */
/*
 * litmus.c - the races that single steps can't show: a store that waits in one
 * core's buffer while its next load is done.  Two threads on two cores run into
 * each other some hundred thousand times; how often a wake was lost is counted,
 * and legal is never.
 *
 *	full	an owner publishes FULL and recounts; a freer clears a live bit
 *		and looks at the state
 *	two	two freers reach the threshold at once
 *	link	a pusher makes a span LISTED and looks at its link; a popper
 *		clears the link and looks at the state
 *	room	a receiver empties a place and looks whether a sender may sleep;
 *		a sender says that he will and looks for room
 *
 * MH_SOAK=1 or MH_ROUNDS=N: more rounds than a quick look's.
 */
#include "shm/chan.h"
#include "tests/heaprig.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SC_1K	34u		/* 32 slots, threshold 8 */

struct pair;

struct race {
	const char *name;
	void (*reset)(struct pair *x);
	void (*one)(struct pair *x);
	void (*two)(struct pair *x);
	bool (*lost)(struct pair *x);
};

struct pair {
	struct rig	*r;
	struct geom	 g;
	struct party	 p1, p2;
	const struct race *race;
	struct chan	 ch;		/* of one place */
	struct sh_place	*place;
	uint64_t	 pos;
	bool		 awaited, room;
	unsigned	 rounds, lost, late[2];
	_Atomic unsigned go, ready;	/* round that begins; has ended */
	bool		 got;
};

/* Spreads where the two meet. */
static void dawdle(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

static void set_span(struct pair *x, uint32_t state, struct party p,
		     uint32_t nfree)
{
	struct sh_span *sp = &x->r->sg.spans[x->g.id.n];
	uint32_t version = span_version(ld_sc(&sp->state));

	atomic_store(geom_live(&x->r->sg, &x->g),
		     slot_mask(x->g.nslots, 0) & ~((1ull << nfree) - 1));
	atomic_store(&sp->state, span_word(state, p, version + 1));
}

static void free_bit(struct pair *x, uint32_t slot, struct party p)
{
	andnot_sc(geom_live(&x->r->sg, &x->g), 1ull << slot);
	if (span_freed(&x->r->sg, &x->g, p))
		x->got = true;
}

static bool not_listed(struct pair *x)
{
	return rig_state(x->r, x->g.id) != SPAN_LISTED;
}

static void full_reset(struct pair *x)
{
	set_span(x, SPAN_OWNED, x->p1, span_threshold(&x->g) - 1);
}

static void full_one(struct pair *x)
{
	span_dispose(&x->r->sg, &x->g, x->p1);
}

static void full_two(struct pair *x)
{
	free_bit(x, 31, x->p2);
}

static void two_reset(struct pair *x)
{
	set_span(x, SPAN_FULL, NOBODY, span_threshold(&x->g) - 1);
}

static void two_one(struct pair *x)
{
	free_bit(x, 30, x->p1);
}

/* In its stripe's list, and OWNED: an entry that went stale. */
static void link_reset(struct pair *x)
{
	struct sh_span *sp = &x->r->sg.spans[x->g.id.n];

	set_span(x, SPAN_LISTED, NOBODY, 16);
	if (!ld_sc(&sp->link))
		central_push(&x->r->sg, x->p1, x->g.spc, x->g.id);
	set_span(x, SPAN_OWNED, x->p1, 16);
}

static void link_one(struct pair *x)
{
	if (span_dispose(&x->r->sg, &x->g, x->p1) == SPAN_LISTED)
		central_push(&x->r->sg, x->p1, x->g.spc, x->g.id);
}

static void link_two(struct pair *x)
{
	struct geom g;
	unsigned busy;
	bool low;

	central_pop(&x->r->sg, x->p2, x->g.spc, &g, &low, &busy);
}

static bool forgotten(struct pair *x)
{
	return !not_listed(x) && !ld_sc(&x->r->sg.spans[x->g.id.n].link);
}

/* The place is TAKING, and what its receiver has written before is on its way. */
static void room_reset(struct pair *x)
{
	x->pos = place_pos(ld_acq(&x->ch.places[0].seq));
	x->place = chan_place(&x->ch, x->pos);
	if (!chan_fill(&x->ch, x->place, x->pos, 1, x->p2.slot, 0) ||
	    !place_claim(&x->ch, x->place, place_full(x->pos, x->p2.slot),
			 x->p1.slot))
		abort();
	atomic_store(&x->ch.c->room, 0);
}

static void room_one(struct pair *x)
{
	place_emptied(x->place);
	x->awaited = chan_room_awaited(&x->ch);
}

static void room_two(struct pair *x)
{
	uint32_t none = 0;
	uint64_t pos;

	cas_sc(&x->ch.c->room, &none, CHAN_MAY_SLEEP);
	x->room = chan_room(&x->ch, &pos) != NULL;
}

static bool sleeps_on(struct pair *x)
{
	return !x->awaited && !x->room;
}

static const struct race races[] = {
	{ "full", full_reset, full_one, full_two, not_listed },
	{ "two", two_reset, two_one, full_two, not_listed },
	{ "link", link_reset, link_one, link_two, forgotten },
	{ "room", room_reset, room_one, room_two, sleeps_on },
};

static void on_core(int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void wait_for(_Atomic unsigned *word, unsigned n)
{
	for (unsigned i = 1; atomic_load(word) != n; i++)
		if (i % 100000)
			cpu_relax();
		else
			sched_yield();	/* the other is not running */
}

static void *second(void *arg)
{
	struct pair *x = arg;

	on_core(1);
	for (unsigned i = 1; i <= x->rounds; i++) {
		wait_for(&x->go, i);
		dawdle(x->late[1]);
		x->race->two(x);
		atomic_store(&x->ready, i);
	}
	return NULL;
}

static void meet(struct pair *x)
{
	pthread_t t;

	on_core(0);
	atomic_store(&x->go, 0);
	atomic_store(&x->ready, 0);
	if (pthread_create(&t, NULL, second, x))
		abort();
	for (unsigned i = 1; i <= x->rounds; i++) {
		x->race->reset(x);
		x->late[0] = i % 61;
		x->late[1] = i % 37;
		atomic_store(&x->go, i);
		dawdle(x->late[0]);
		x->race->one(x);
		wait_for(&x->ready, i);
		x->lost += x->race->lost(x);
	}
	pthread_join(t, NULL);
}

static const struct rig_opts opts = { .no_guard = true, .chans = 1 };

int main(void)
{
	const char *soak = getenv("MH_SOAK");
	unsigned rounds = soak && *soak == '1' ? 20000000 : 400000, bad = 0;
	const char *more = getenv("MH_ROUNDS");
	cpu_set_t cores;

	if (more)
		rounds = (unsigned)strtoul(more, NULL, 10);

	if (sched_getaffinity(0, sizeof(cores), &cores) ||
	    CPU_COUNT(&cores) < 2 || !CPU_ISSET(0, &cores) ||
	    !CPU_ISSET(1, &cores)) {
		puts("1..0 # SKIP needs cores 0 and 1");
		return 0;
	}
	printf("1..%zu\n", sizeof(races) / sizeof(races[0]));
	for (unsigned i = 0; i < sizeof(races) / sizeof(races[0]); i++) {
		struct pair x = { .r = rig_new(&opts), .race = &races[i],
				  .rounds = rounds };
		uint32_t index;

		if (chan_open(&x.r->h, "c", 1, CHAN_ONLY_NEW, &index) ||
		    !chan_view(&x.r->sg, index, &x.ch))
			abort();
		x.p1 = rig_join(x.r);
		x.p2 = rig_join(x.r);
		x.g = rig_span(x.r, x.p1, span_class(LIFE_OWNED, SC_1K));
		meet(&x);
		printf("%s %u - %s: %u of %u rounds lost\n",
		       x.lost ? "not ok" : "ok", i + 1, races[i].name, x.lost,
		       rounds);
		bad += x.lost != 0;
		rig_free(x.r);
	}
	return bad != 0;
}
