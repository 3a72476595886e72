/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verify_live.c - verify beside a daemon and clients that work: no false
 * alarm, and a true fault is found in the middle of it all.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/rig_test.h"

#define SEED	0x11fe0001u
#define WALKS	150u
#define TURNS	50u

struct life {
	struct rig	*r;
	struct party	 me;
	uint32_t	 seed;
	_Atomic uint64_t turns;
};

static _Atomic int stop;

/* The daemon: spans come and go, names, clients that die, trims. */
static void *daemon_life(void *arg)
{
	struct life *l = arg;
	struct rig *r = l->r;
	struct party dying;
	char text[16];

	for (; !ld_acq(&stop); add_rlx(&l->turns, 1)) {
		uint32_t n = next_random(&l->seed);

		r->now += 50000000;
		heap_tick(&r->h);
		snprintf(text, sizeof(text), "n%u", n % 20);
		if (n & 64)
			names_set(&r->h, text, n, false);
		else
			names_remove(&r->h, text);
		if (client_join(&r->h, &dying))
			abort();
		client_set_state(&r->h, dying.slot, CLIENT_ACTIVE);
		for (unsigned i = 0; i < 3; i++) {
			uint32_t spc = i ? SHARED(SC_1K) : OWNED(SC_64);
			struct geom g = rig_span(r, dying, spc);

			if (i != 1)
				continue;
			lease_take(r, &g, n % 32);	/* all freed again */
			andnot_sc(&geom_live(&r->sg, &g)[0],
				  (1ull << n % 32) - 1);
		}
		reclaim_client(&r->h, dying.slot);
		if (n % 16 == 0)
			commit_scavenge(&r->h, true);
	}
	return NULL;
}

/* One life of a span of 32 slots: leased, used, given up, the rest freed. */
static void span_life(struct life *l, const struct geom *g)
{
	const struct seg *sg = &l->r->sg;
	_Atomic uint64_t *live = geom_live(sg, g);
	uint32_t n = next_random(&l->seed) % (g->nslots + 1), mine = 0;

	rig_lease(l->r, g);
	for (uint32_t s = 0; s < n; s++)
		if (ld_rlx(&geom_parked(sg, g)[s])) {
			rig_alloc(l->r, g, s);
			mine |= 1u << s;
		}
	andnot_sc(&live[0], (uint64_t)mine & 0xff);
	mine &= ~0xffu;
	span_close(sg, g, l->me);
	if (span_dispose(sg, g, l->me) == SPAN_LISTED)
		central_push(sg, l->me, g->spc, g->id);
	for (; mine; mine &= mine - 1) {
		andnot_sc(&live[0], 1ull << __builtin_ctz(mine));
		if (span_freed(sg, g, l->me))
			central_push(sg, l->me, g->spc, g->id);
	}
}

static void *client_life(void *arg)
{
	struct life *l = arg;
	const struct seg *sg = &l->r->sg;
	_Atomic uint32_t cursor = 0;
	struct geom g;
	unsigned busy;
	bool low;

	for (; !ld_acq(&stop); add_rlx(&l->turns, 1)) {
		if (central_pop(sg, l->me, SHARED(SC_1K), &g, &low, &busy) ||
		    central_scan(sg, l->me, SHARED(SC_1K), &cursor, 64, &g))
			span_life(l, &g);
		if (ld_rlx(&l->turns) % 8 == 0)
			or_rel(&sg->ctl->want[SHARED(SC_1K) / 64],
			       1ull << SHARED(SC_1K) % 64);
	}
	return NULL;
}

struct world {
	struct rig	*r;
	struct life	 life[3];
	pthread_t	 t[3];
};

static void world_begin(struct world *w)
{
	w->r = rig_of((struct rig_opts){ .reserve = 16 * MIB });
	st_rel(&stop, 0);
	for (unsigned i = 0; i < 3; i++) {
		w->life[i] = (struct life){ .r = w->r, .seed = SEED + i };
		if (i)
			w->life[i].me = rig_join(w->r);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&w->t[i], NULL, i ? client_life :
						daemon_life, &w->life[i]), 0);
}

static bool all_have_lived(struct world *w)
{
	for (unsigned i = 0; i < 3; i++)
		if (ld_rlx(&w->life[i].turns) < TURNS)
			return false;
	return true;
}

static void world_end(struct world *w)
{
	st_rel(&stop, 1);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(w->t[i], NULL);
}

static void no_false_alarm(void **state)
{
	struct verify_opts live = { 0 };
	struct verify_report rep;
	struct world w;

	(void)state;
	world_begin(&w);
	for (unsigned i = 0; i < WALKS || !all_have_lived(&w); i++)
		if (verify_heap(&w.r->sg, &live, &rep))
			fail_msg("walk %u, seed %x: %s", i, SEED, rep.text);
	world_end(&w);
	assert_sound(w.r);
	sweep_all(&w.r->h, false);
	assert_sound(w.r);
	rig_free(w.r);
}

/* The page map names a span that there is not, and nobody mends it. */
static void true_alarm(void **state)
{
	struct verify_opts live = { 0 };
	struct verify_report rep;
	struct world w;
	uint32_t p = 0;

	(void)state;
	world_begin(&w);
	while (!p) {	/* the last page: never handed out */
		uint32_t top = seg_page_top(&w.r->sg);

		p = top ? top - 1 : 0;
	}
	st_rel(&w.r->sg.pagemap[p], w.r->sg.geo.nspans + 7);
	assert_int_equal(verify_heap(&w.r->sg, &live, &rep), 1);
	assert_non_null(strstr(rep.text, "which there is not"));
	world_end(&w);
	rig_free(w.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_false_alarm),
		cmocka_unit_test(true_alarm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
