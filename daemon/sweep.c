/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.c - provisioning ahead of demand, and the walk over the span table (not
 * the lists) that finds what nobody else will move on: FULL spans with room,
 * LISTED ones that no stripe could take, empty ones beyond the target.
 *
 * Takes stripe locks by trying only.
 */
#include "daemon/heap.h"

#include <errno.h>
#include <string.h>

#define TARGET_MAX	64u
#define TARGET_BYTES	(2u << 20)	/* of a class */
#define PROVISION_SHARE	64u	/* provisioned spans stay below limit / 64 ... */
#define USE_SHARE	32u	/* ... and below this share of the pages in use */
#define USE_LEAST	(256u << 10)
#define HOT_NS		10000000ull	/* low again so soon: a hot class */

static uint64_t span_bytes(const struct heap *h, uint32_t spc)
{
	uint32_t n = h->length[spc];

	return npages_bytes((npages){ n ? n : sc_npages(spc_size_class(spc)) });
}

/*
 * What all provisioned spans together may be: little of a small heap.  Runs that
 * are passed on have an allowance of their own, or they would leave others none.
 */
static uint64_t provision_most(const struct heap *h, bool passed_on)
{
	uint64_t limit = h->limit ? h->limit : h->sg.geo.reserve_bytes;
	uint64_t use = npages_bytes(pages_in_use(h->pages)) / USE_SHARE;

	limit /= PROVISION_SHARE;
	if (use < USE_LEAST)
		use = USE_LEAST;
	if (passed_on)
		use += CENTRAL_RUN_BYTES;
	return use < limit ? use : limit;
}

/* What a client wrote there last, if it makes sense. */
static uint8_t wanted_length(struct heap *h, uint32_t spc)
{
	uint8_t n = ld_rlx(&h->sg.ctl->want_pages[spc]);	/* [Q2] */

	return span_npages_ok(spc, n) ? n : 0;
}

/* So many spans, as long as who ran low last wants them. */
static void set_target(struct heap *h, uint32_t spc, uint32_t n)
{
	bool passed_on = spc_passed_on(spc);
	uint64_t most = provision_most(h, passed_on), each;
	uint64_t bytes = passed_on ? CENTRAL_RUN_BYTES : TARGET_BYTES;
	uint64_t *all = &h->provisioned[passed_on];
	uint64_t rest = *all - h->target[spc] * span_bytes(h, spc);

	h->length[spc] = n ? wanted_length(h, spc) : 0;
	each = span_bytes(h, spc);
	if (n * each > bytes)
		n = (uint32_t)(bytes / each);
	while (n && rest + n * each > most)
		n /= 2;
	*all = rest + n * each;
	h->target[spc] = (uint16_t)n;
}

int provision(struct heap *h, uint32_t spc)
{
	struct span_wish wish = { .spc = spc, .len = { h->length[spc] } };
	uint32_t have = central_listed(&h->sg, spc), reason;
	span_id id;
	int r = 0;

	h->patient = true;
	/* What was taken is wanted, though no stripe ran low. */
	h->wanted[spc] |= have < h->target[spc];
	for (; !r && have < h->target[spc]; have++) {
		r = span_new(h, &wish, SPAN_LISTED, NOBODY, &id, &reason);
		if (!r && !central_push(&h->sg, h->me, spc, id))
			break;		/* LISTED all the same */
	}
	h->patient = false;
	return r;
}

/* What had to wait for memory, or was taken since. */
void provision_all(struct heap *h)
{
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		if (h->target[spc] && provision(h, spc))
			return;
}

/* Large runs that somebody freed: what a stripe has of them is all that is. */
static void take_large(struct heap *h, uint32_t spc)
{
	struct geom g;
	unsigned busy;
	bool low;

	retire_begin(h);
	/* One that is watched is LISTED again, but in no list: the sweep's matter. */
	while (central_pop(&h->sg, h->me, spc, &g, &low, &busy))
		if (!span_retire(h, &g))
			span_dispose(&h->sg, &g, h->me);
	retire_end(h);
}

/* Aims higher, and fills up.  False: the lists hold what they may already. */
static bool aim_higher(struct heap *h, uint32_t spc)
{
	uint64_t now = h->io.now_ns(h->io.arg);
	uint32_t was = h->target[spc], len = h->length[spc], have;
	uint32_t t = was * (now - h->want_ns[spc] < HOT_NS ? 4u : 2u);

	h->want_ns[spc] = now;
	h->wanted[spc] = 1;
	set_target(h, spc, t > TARGET_MAX ? TARGET_MAX : t ? t : 1);
	have = central_listed(&h->sg, spc);
	provision(h, spc);
	return h->target[spc] > was || h->length[spc] != len ||
	       have < h->target[spc];
}

/* A stripe of the class ran low.  False: there was nothing to be done. */
static bool want(struct heap *h, uint32_t spc)
{
	if (spc < SPAN_CLASSES && !spc_size_class(spc)) {
		take_large(h, spc);
		return true;
	}
	/* Owned runs are too large to lie in wait; with a quota each span is asked for. */
	return !h->quota_spans && span_class_ok(spc) &&
	       (!sc_is_run(spc_size_class(spc)) || spc_passed_on(spc)) &&
	       aim_higher(h, spc);
}

/*
 * A hint that nothing follows from stays up: whoever comes to give it again sees
 * that it has been heard, and rings no bell.  It counts again from the next tick
 * on, or once somebody has to ask for such a span.
 */
void sweep_wants(struct heap *h)
{
	for (uint32_t i = 0; i < SH_WANT_WORDS; i++) {
		_Atomic uint64_t *word = &h->sg.ctl->want[i];
		uint64_t bits = ld_rlx(word) & ~h->heard[i];	/* [Q2] */
		uint64_t vain = 0;

		if (!bits)
			continue;
		andnot_ar(word, bits);				/* [Q2] */
		for (uint64_t b = bits; b; b &= b - 1)
			if (!want(h, i * 64 + (uint32_t)__builtin_ctzll(b)))
				vain |= b & -b;
		h->heard[i] |= vain;
		if (vain)
			or_rel(word, vain);			/* [Q2] */
	}
}

void sweep_hinted(struct heap *h)
{
	_Atomic uint64_t *spans = &h->sg.whdr->count.spans;
	uint64_t was = ld_rlx(spans);				/* [H2] */

	sweep_all(h, true);
	h->heard_sweep = ld_rlx(spans) == was;			/* [H2] */
	if (h->heard_sweep)
		or_rel(&h->sg.ctl->bell[0], 1);			/* [Q2] */
}

void want_again(struct heap *h, uint32_t spc)
{
	uint64_t bit = 1ull << spc % 64;

	if (!(h->heard[spc / 64] & bit))
		return;
	h->heard[spc / 64] &= ~bit;
	andnot_ar(&h->sg.ctl->want[spc / 64], bit);		/* [Q2] */
}

void hints_again(struct heap *h)
{
	for (uint32_t i = 0; i < SH_WANT_WORDS; i++) {
		if (h->heard[i])
			andnot_ar(&h->sg.ctl->want[i], h->heard[i]); /* [Q2] */
		h->heard[i] = 0;
	}
	if (h->heard_sweep)
		andnot_ar(&h->sg.ctl->bell[0], 1);		/* [Q2] */
	h->heard_sweep = false;
}

void sweep_decay(struct heap *h)
{
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		if (!h->wanted[spc] && h->target[spc])
			set_target(h, spc, h->target[spc] / 2u);
		h->wanted[spc] = 0;
	}
}

static bool own(struct heap *h, span_id id, uint64_t w, struct geom *ret_g)
{
	return span_move(&h->sg, id, &w, SPAN_OWNED, h->me) &&
	       geom_read(&h->sg, id, ret_g);
}

static void sweep_listed(struct heap *h, const struct geom *g, uint64_t w)
{
	struct geom now;

	if (span_empty(&h->sg, g) &&
	    h->empties[g->spc]++ >= h->target[g->spc]) {
		if (own(h, g->id, w, &now))
			span_settle(h, &now, false);
		return;
	}
	central_refile(&h->sg, h->me, g);
}

static void sweep_one(struct heap *h, span_id id)
{
	uint64_t w = span_load(&h->sg, id);
	struct geom g;

	if (fence_span(h, id, w) ||
	    (span_state(w) != SPAN_LISTED && span_state(w) != SPAN_FULL) ||
	    !geom_read(&h->sg, id, &g))
		return;
	if (span_state(w) == SPAN_LISTED)
		sweep_listed(h, &g, w);
	else if (span_free_slots(&h->sg, &g) >= span_threshold(&g) &&
		 own(h, id, w, &g))
		span_settle(h, &g, h->empties[g.spc] < h->target[g.spc]);
}

/* The paced sweep: a round over the table begins with fresh counts. */
void sweep_some(struct heap *h, uint32_t ids)
{
	uint32_t top = seg_span_top(&h->sg);

	for (; ids && top > 1; ids--) {
		if (++h->sweep_at >= top) {
			h->sweep_at = 0;
			memset(h->empties, 0, sizeof(h->empties));
			add_rlx(&h->sg.whdr->count.sweeps, 1);	/* [H2] */
			return;
		}
		sweep_one(h, (span_id){ h->sweep_at });
	}
}

void sweep_all(struct heap *h, bool keep_targets)
{
	uint32_t top = seg_span_top(&h->sg);

	if (!keep_targets) {
		memset(h->target, 0, sizeof(h->target));
		memset(h->provisioned, 0, sizeof(h->provisioned));
	}
	memset(h->empties, 0, sizeof(h->empties));
	h->sweep_at = 0;
	retire_begin(h);
	for (span_id id = ids_from(h, (span_id){ 1 }, top); id.n < top;
	     id = ids_next(h, id, top))
		sweep_one(h, id);
	retire_end(h);
	memset(h->empties, 0, sizeof(h->empties));
	add_rlx(&h->sg.whdr->count.sweeps, 1);			/* [H2] */
}
