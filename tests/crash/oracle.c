/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle.c - see oracle.h.  One thread; takes no locks.
 */
#include "tests/crash/oracle.h"
#include "tests/crash/survive.h"
#include "shm/chan.h"
#include "shm/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_offset(const void *pa, const void *pb)
{
	const struct object *a = pa, *b = pb;

	return a->off < b->off ? -1 : a->off > b->off;
}

/* In its place in a channel, and not in a dead receiver's hands. */
static bool in_channel(const struct seg *sg, struct holders w, uint64_t handle,
		       uint32_t dead)
{
	struct chan ch;
	uint64_t seq;

	if (!holders_queue(w) || !chan_has(sg, w, handle) ||
	    !chan_view(sg, holders_chan(w), &ch))
		return false;
	seq = ld_acq(&chan_place(&ch, holders_pos(w))->seq);
	return place_state(seq) == PLACE_FULL ||
	       !(dead >> place_taker(seq) & 1);
}

/* Held by somebody who isn't dead, by a name or a channel. */
static bool outlives(const struct seg *sg, const struct geom *g, uint32_t slot,
		     uint32_t dead)
{
	struct holders w = holders_read(&geom_holders(sg, g)[slot]);

	if (in_channel(sg, w, handle_make(sg, g, geom_offset(g) +
					  slot * g->elem), dead))
		return true;
	w.lo &= ~(uint64_t)dead;
	return holders_open(w);
}

/* Live and not parked: objects of the heap.  dead: clients, by bits. */
static void add_objects(const struct seg *sg, const struct geom *g,
			uint32_t dead, struct objects *t)
{
	_Atomic uint64_t *live = geom_live(sg, g);
	_Atomic uint8_t *parked = geom_parked(sg, g);

	for (uint32_t s = 0; s < g->nslots; s++) {
		if (!(ld_sc(&live[s / 64]) >> s % 64 & 1) ||
		    (spc_leased(g->spc) && ld_rlx(&parked[s])) ||
		    (spc_life(g->spc) == LIFE_HELD && !outlives(sg, g, s, dead)))
			continue;
		if (t->n < OBJECTS_MAX)
			t->o[t->n] = (struct object){ geom_offset(g) +
						      s * g->elem, g->gen };
		t->n++;
	}
}

static void find_objects(const struct seg *sg, uint32_t dead, struct objects *t)
{
	uint32_t top = seg_span_top(sg);

	t->n = 0;
	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint32_t state = span_state(span_load(sg, id));
		struct geom g;

		if (state != SPAN_FREE && state != SPAN_GRANTED &&
		    geom_read(sg, id, &g))
			add_objects(sg, &g, dead, t);
	}
	if (t->n > OBJECTS_MAX)
		abort();
	qsort(t->o, t->n, sizeof(t->o[0]), by_offset);
}

void oracle_open(struct oracle *o, const struct scene *sc, struct act *a)
{
	memset(o, 0, sizeof(*o));
	o->sc = sc;
	o->a = a;
	o->gain = sc->gain > 0 && !a->flags && !a->operand ? 0 : sc->gain;
	o->dead = sc->dead | (sc->daemon ? 0 : 1u << a->pv.slot);
	if (!sc->raw)
		find_objects(&a->r->sg, o->dead, &o->before);
}

static const char *object_fault(struct oracle *o, const char *what,
				const struct object *x)
{
	snprintf(o->text, sizeof(o->text), "a shared object at offset 0x%llx "
		 "%s", (unsigned long long)x->off, what);
	return o->text;
}

static uint32_t most(int gain)
{
	return gain > 1 ? (uint32_t)gain : 1;
}

/*
 * Objects that nobody was at are there still; what the call makes or frees may
 * be there or not, and once it has returned, is.
 */
static const char *check_objects(struct oracle *o)
{
	const struct objects *a = &o->before, *b = &o->now;
	uint64_t operand = o->a->operand ? o->a->operand - 1 : UINT64_MAX;
	uint32_t lost = 0, more = 0;

	for (uint32_t i = 0, k = 0; i < a->n || k < b->n; ) {
		int d = i == a->n ? 1 : k == b->n ? -1 :
			by_offset(&a->o[i], &b->o[k]);

		if (!d && a->o[i].gen != b->o[k].gen)
			return object_fault(o, "was replaced", &a->o[i]);
		if (d < 0 && (o->gain >= 0 || (operand != UINT64_MAX &&
					       a->o[i].off != operand)))
			return object_fault(o, "is lost", &a->o[i]);
		if (d > 0 && (o->gain <= 0 || (operand != UINT64_MAX &&
					       b->o[k].off != operand)))
			return object_fault(o, "has appeared", &b->o[k]);
		lost += d < 0;
		more += d > 0;
		i += d <= 0;
		k += d >= 0;
	}
	if (lost <= most(-o->gain) && more <= most(o->gain) &&
	    (!o->at_end || (int)more - (int)lost == o->gain))
		return NULL;
	snprintf(o->text, sizeof(o->text), "%u shared objects appeared, %u were "
		 "lost; legal is %d", more, lost, o->gain);
	return o->text;
}

/* Untouched: what living clients pass through inside a call is legal. */
static const char *judge_untouched(struct oracle *o, struct rig *r)
{
	struct verify_opts opts = { .quiet_heap = !o->sc->daemon,
				    .in_calls = true, .pause = no_pause };

	if (verify_heap(&r->sg, &opts, &r->report))
		return r->report.text;
	return o->sc->look ? o->sc->look(o->a) : NULL;
}

static bool owns_nothing(const struct rig *r, struct party dead)
{
	uint32_t top = seg_span_top(&r->sg);

	for (span_id id = { 1 }; id.n < top; id.n++)
		if (party_eq(span_party(span_load(&r->sg, id)), dead))
			return false;
	return true;
}

static const char *reclaim_dead(struct oracle *o, struct rig *r)
{
	for (uint32_t slot = 1; slot <= r->sg.geo.nclients; slot++) {
		struct party dead = client_party(&r->h, slot);
		uint32_t state = client_state(&r->h, slot);

		if (!(o->dead >> slot & 1))
			continue;
		reclaim_client(&r->h, slot);
		/* It may be the end of a reclaim that was under way. */
		if (state != CLIENT_FREE && !owns_nothing(r, dead))
			return "the dead client owns a span";
		if (client_state(&r->h, slot) != CLIENT_FREE)
			return "the dead client's slot is not free";
	}
	return NULL;
}

/* What two recoveries of one state must have in common. */
static uint64_t digest(const struct rig *r)
{
	uint32_t top = seg_span_top(&r->sg);
	uint64_t d = 0;

	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint64_t w = span_load(&r->sg, id);
		struct geom g;

		d = SH_FOLD(d, span_state(w));
		d = SH_FOLD(d, span_party(w).slot);
		if (span_state(w) == SPAN_FREE || !geom_read(&r->sg, id, &g))
			continue;
		d = SH_FOLD(d, g.start.n);
		d = SH_FOLD(d, g.spc);
		for (uint32_t k = 0; k < live_words(g.nslots); k++)
			d = SH_FOLD(d, ld_sc(&geom_live(&r->sg, &g)[k]));
	}
	for (uint32_t s = 1; s <= r->sg.geo.nclients; s++)
		d = SH_FOLD(d, ld_acq(&r->sg.clients[s].word));
	return d;
}

static const char *judge_twice(struct oracle *o, struct snap *s, bool reopen)
{
	const char *why, *where;
	struct rig *kept;

	/* Of what the dead daemon had backed, the first restart drops some. */
	if (reopen && rig_reopen(s->r))
		return "a second daemon can't take the heap over";
	heap_count(&s->r->h);
	kept = snap_keep(s);
	if (reopen && rig_reopen(s->r))
		return "a third daemon can't take the heap over";
	why = reclaim_dead(o, s->r);
	where = why ? NULL : snap_differs(s, kept);
	if (where) {
		snprintf(o->text, sizeof(o->text), "recovery run twice has "
			 "changed the bytes %s", where);
		why = o->text;
	}
	rig_free(kept);
	return why;
}

/* The daemon is there, or has just come: it recovers, and all must be well. */
static const char *judge_recovered(struct oracle *o, struct snap *s,
				   bool reopened)
{
	struct rig *r = s->r;
	const char *why = reclaim_dead(o, r);
	uint64_t d = digest(r);

	r->forgetful = r->forgetful || reopened;
	if (!o->a->expect)
		o->a->expect = d;
	if (!why && o->sc->same && d != o->a->expect)
		why = "an interrupted recovery ends in another state than one "
		      "that is left alone";
	if (!why)
		why = judge_twice(o, s, reopened);
	if (!why)
		why = survive_check(r);
	if (why)
		return why;
	find_objects(&r->sg, 0, &o->now);
	why = check_objects(o);
	if (!why)
		why = survive(r, o->a->size, o->a->flags, &o->now);
	return why ? why : survive_end(r);
}

/* No heap yet: if its magic says that there is one, it must be one. */
static const char *judge_raw(struct rig *r)
{
	const struct sh_header *hdr = (void *)r->piece[SEG_HEAP].map;

	if (hdr->magic != SH_MAGIC)
		return NULL;
	if (seg_view(&r->sg, r->piece[SEG_HEAP].map, r->piece[SEG_HEAP].bytes,
		     r->piece[SEG_CENTRAL].map, r->piece[SEG_CENTRAL].bytes,
		     r->piece[SEG_ARENA].map))
		return "there is a magic, but the heap is refused";
	if (rig_open(r))
		return "there is a magic, but no daemon can take the heap over";
	return survive_check(r);
}

static const char *in_words(struct oracle *o, const char *when, const char *why)
{
	char text[300];

	if (!why)
		return NULL;
	snprintf(text, sizeof(text), "%s", why);
	snprintf(o->text, sizeof(o->text), "%s: %s", when, text);
	return o->text;
}

const char *oracle_judge(struct snap *s, void *arg)
{
	struct oracle *o = arg;
	const char *why;

	if (o->sc->raw)
		return judge_raw(s->r);
	why = in_words(o, "untouched", judge_untouched(o, s->r));
	if (!why && !o->sc->daemon) {
		why = in_words(o, "reclaimed",
			       judge_recovered(o, s, false));
		snap_restore(s);
	}
	if (why)
		return why;
	if (rig_reopen(s->r))
		return "the next daemon can't take the heap over";
	if (o->sc->again) {
		requests_serve_all(&s->r->h);
		why = in_words(o, "new daemon", o->sc->again(o->a));
		if (why)
			return why;
	}
	return in_words(o, "new daemon", judge_recovered(o, s, true));
}
