/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_daemon.c - the daemon is killed: in a span's birth and death, in the
 * requests, in names, in sweeps, while it makes a heap.  The next daemon takes
 * over at each boundary; clients live on.
 */
#include "tests/crash/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct heap *daemon_of(struct act *a)
{
	return &a->r->h;
}

static void born(struct act *a, const struct span_wish *w)
{
	uint32_t reason;
	span_id id;

	NEED(a, !span_new(daemon_of(a), w, SPAN_GRANTED, a->pv, &id, &reason));
	a->q = a;
}

static void call_birth(struct act *a)
{
	born(a, &(struct span_wish){ .spc = a->spc });
}

static void call_birth_run(struct act *a)
{
	born(a, &(struct span_wish){ .len = { 300 } });
}

static void one_span(struct act *a)
{
	uint32_t n = sc_nslots(a->sc);

	span_with(a, n < 3 ? n : 3, true);
}

/* The first 64 MiB are used up: the next run is in the next ones. */
static void used_up(struct act *a)
{
	for (unsigned i = 0; i < 2; i++)
		rig_run(a->r, a->pb, (32u << 20) / PAGE_BYTES);
}

static void call_provision(struct act *a)
{
	int r;

	daemon_of(a)->target[a->spc] = 3;
	do {	/* memory comes ahead of it */
		r = provision(daemon_of(a), a->spc);
		ahead_go(daemon_of(a));
	} while (r == -EAGAIN);
	NEED(a, !r);
}

/* A span in the daemon's hands, empty. */
static void retire_setup(struct act *a)
{
	uint64_t w;

	one_span(a);
	a->g = span_with(a, 0, false);
	w = span_load(&a->r->sg, a->g.id);
	if (!span_move(&a->r->sg, a->g.id, &w, SPAN_OWNED, a->r->h.me))
		abort();
}

static void call_retire(struct act *a)
{
	NEED(a, span_retire(daemon_of(a), &a->g));
}

/* FULL with room, LISTED and empty, LISTED and in no list, a run, a hole. */
static void mixture(struct act *a)
{
	struct geom g = span_with(a, sc_nslots(a->sc), false);

	NEED(a, span_dispose(&a->r->sg, &g, a->pb) == SPAN_FULL);
	for (uint32_t s = 0; s <= span_threshold(&g); s++)
		andnot_sc(&geom_live(&a->r->sg, &g)[0], 1ull << s);
	list_spans(a, 2);
	g = span_with(a, 1, false);
	NEED(a, span_dispose(&a->r->sg, &g, a->pb) == SPAN_LISTED);
	g = rig_run(a->r, a->pb, 40);
	rig_share(a->r, &g, 0);
	NEED(a, span_dispose(&a->r->sg, &g, a->pb) == SPAN_FULL);
	andnot_sc(geom_live(&a->r->sg, &g), 1);
}

static void call_sweep(struct act *a)
{
	sweep_all(daemon_of(a), false);
}

static void call_tick(struct act *a)
{
	daemon_of(a)->target[a->spc] = 1;
	heap_tick(daemon_of(a));
}

/* Pages with memory behind them that no span has. */
static void punch_setup(struct act *a)
{
	mixture(a);
	sweep_all(&a->r->h, false);
	scavenge_trim(&a->r->h.scav);
}

static void call_punch(struct act *a)
{
	uint64_t before = a->r->punches;

	commit_scavenge(daemon_of(a), true);
	NEED(a, a->r->punches > before);
}

/* Ids that stand in a list still, of another class than they get next. */
static void anew_setup(struct act *a)
{
	list_spans(a, 4);
	a->spc = span_class(LIFE_SHARED, sc_of(4096));
	sweep_all(&a->r->h, false);
	if (!a->r->h.nfree_ids)
		abort();
}

static void ask_setup(struct act *a)
{
	one_span(a);
	a->cell = rig_post(a->r, a->pv, 0, OP_ALLOC, a->spc, 0);
}

static void call_serve(struct act *a)
{
	requests_serve(daemon_of(a));
}

static bool answered(struct act *a)
{
	return (ld_acq(&a->cell->word) & 3) == CELL_DONE && !a->cell->err;
}

/* An answer names a span that is there to be taken. */
static const char *answer_holds(struct act *a)
{
	uint64_t w;

	if (!answered(a))
		return NULL;
	w = span_load(&a->r->sg, (span_id){ a->cell->result });
	return span_state(w) == SPAN_GRANTED &&
	       party_eq(span_party(w), a->pv) ? NULL :
	       "a request is DONE before its span is GRANTED";
}

/* The client gives up waiting between POSTED and DONE. */
static struct act *canceller;

static int cancel_start(void *arg, struct heap_job *job)
{
	struct rig *r = arg;

	st_rel(&canceller->cell->word,
	       (ld_acq(&canceller->cell->word) & ~3u) | CELL_IDLE);
	for (uint32_t i = 0; i < job->len.n; i++)
		r->piece[SEG_ARENA].backed[job->start.n + i] = 1;
	heap_job_done(&r->h, job, 0);
	return 0;
}

static void cancel_setup(struct act *a)
{
	a->cell = rig_post(a->r, a->pv, 0, OP_ALLOC, a->spc, 0);
	canceller = a;
	a->r->h.io.start = cancel_start;
}

static bool taken_back(struct act *a)
{
	return !a->r->h.client_spans[a->pv.slot] ||
	       !span_is(&a->r->sg, (span_id){ 1 }, SPAN_GRANTED, a->pv);
}

/* By b, so that a cell of v's would be served before. */
static void ask_text(struct act *a, uint32_t op, uint32_t a0, uint32_t a1)
{
	a->cell = rig_post(a->r, a->pb, 2, op, a0, a1);
	strcpy(a->cell->text, "one");
	a->cell->value = 0x2001;
}

static void ask_name_setup(struct act *a)
{
	ask_text(a, OP_NAME_SET, 0, 0);
}

static void ask_unname_setup(struct act *a)
{
	if (names_set(&a->r->h, "one", 0x1001, false))
		abort();
	ask_text(a, OP_NAME_REMOVE, 0, 0);
}

static void ask_chan_setup(struct act *a)
{
	ask_text(a, OP_CHAN_OPEN, 2, CHAN_ONLY_NEW);
}

static void ask_unchan_setup(struct act *a)
{
	uint32_t i;

	if (chan_open(&a->r->h, "one", 2, CHAN_ONLY_NEW, &i))
		abort();
	ask_text(a, OP_CHAN_REMOVE, 0, 0);
}

/* It is done once: the answer is that of the one who asked, whoever served it. */
static const char *answered_again(struct act *a)
{
	return answered(a) ? NULL :
	       "a request that was served is refused the next time";
}

static void call_return(struct act *a)
{
	uint64_t w = span_load(&a->r->sg, a->g.id);

	rig_post(a->r, a->pv, 1, OP_RETURN, a->g.id.n, span_version(w));
	requests_serve(daemon_of(a));
	NEED(a, span_state(span_load(&a->r->sg, a->g.id)) == SPAN_FREE);
}

static void return_setup(struct act *a)
{
	list_spans(a, 1);
	a->g = span_with(a, 0, true);
}

static void names_setup(struct act *a)
{
	names_set(&a->r->h, "one", 0x1001, false);
	names_set(&a->r->h, "two", 0x1002, false);
	names_set(&a->r->h, "three", 0x1003, false);
	names_remove(&a->r->h, "two");
}

static void call_names(struct act *a)
{
	NEED(a, !names_set(daemon_of(a), "one", 0x2001, false));
	NEED(a, !names_set(daemon_of(a), "an object with a longer name", 0x3001, false));
	NEED(a, !names_remove(daemon_of(a), "three"));
	NEED(a, !names_remove(daemon_of(a), "one"));
}

static void call_join(struct act *a)
{
	struct party p;

	NEED(a, !client_join(daemon_of(a), &p));
}

/* As the rig makes one: nothing but zeroes in the segments. */
static void raw_setup(struct act *a)
{
	rig_kill(a->r);
	for (unsigned k = 0; k < 2; k++)
		memset(a->r->piece[k].map, 0, a->r->piece[k].bytes);
}

static void call_create(struct act *a)
{
	struct heap_choice ch = { .name = "rig", .wish = {
		.reserve_bytes = a->r->sg.geo.reserve_bytes, .nclients = 6,
		.nstripes = 2, .nnames = 16, .nchans = 4 } };

	heap_layout_new(a->r->piece[SEG_HEAP].map, &ch, &a->r->sg.geo);
}

#define DAEMON(n, set, c, ...) \
	{ .name = "daemon " n, .daemon = true, .setup = set, .call = c, \
	  __VA_ARGS__ }

static const struct scene scenes[] = {
	DAEMON("first span", NULL, call_birth, .lives = L_OWNED | L_SHARED,
	       .sizes = S_16 | S_1K | S_RUN),
	DAEMON("next span", one_span, call_birth, .lives = L_SHARED,
	       .sizes = S_1K | S_RUN),
	DAEMON("run", one_span, call_birth_run, .gain = 0),
	DAEMON("grows", used_up, call_birth, .reserve = 80u << 20,
	       .soak = true),
	DAEMON("provision", one_span, call_provision, .gain = 0),
	DAEMON("retire", retire_setup, call_retire, .lives = L_SHARED,
	       .sizes = S_1K | S_RUN),
	DAEMON("ids anew", anew_setup, call_provision, .gain = 0),
	DAEMON("sweep", mixture, call_sweep, .gain = 0),
	DAEMON("tick", mixture, call_tick, .gain = 0),
	DAEMON("punch", punch_setup, call_punch, .gain = 0),
	DAEMON("serve alloc", ask_setup, call_serve, .done = answered,
	       .look = answer_holds),
	DAEMON("serve cancelled", cancel_setup, call_serve, .done = taken_back,
	       .soak = true),
	DAEMON("serve return", return_setup, call_return, .gain = 0),
	DAEMON("names", names_setup, call_names, .gain = 0),
	DAEMON("serve a name", ask_name_setup, call_serve, .done = answered,
	       .again = answered_again),
	DAEMON("serve a name's end", ask_unname_setup, call_serve,
	       .done = answered, .again = answered_again),
	DAEMON("serve a channel", ask_chan_setup, call_serve, .done = answered,
	       .again = answered_again),
	DAEMON("serve a channel's end", ask_unchan_setup, call_serve,
	       .done = answered, .again = answered_again),
	DAEMON("join", NULL, call_join, .gain = 0),
	DAEMON("create", raw_setup, call_create, .raw = true),
};

const struct scene_list daemon_scenes = { scenes, N_OF(scenes) };
