/* SPDX-License-Identifier: Apache-2.0 */
/*
 * obtain.c - spans from mcentral and from the daemon, and spans given back.
 * obtain_fast may run under a class lock; obtain_span asks the daemon and may
 * not.
 */
#include <errno.h>
#include <sys/mman.h>

#include "libclient/seen.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

#define SCAN_IDS	1024u
#define GROW_SHARE	8u	/* a span is at most this share of its class */

/*
 * Maps the pages of a span for reading, once per process and life of the span:
 * 0.2 us a page, where a write fault would cost one to two.  Failure does no
 * harm.
 */
void populate(mh_heap *h, const struct geom *g)
{
	_Atomic uint32_t *seen = &h->populated[g->id.n];

	if (ld_rlx(seen) == g->gen)				/* [A1] */
		return;
	st_rlx(seen, g->gen);					/* [A1] */
	madvise(h->arena + geom_offset(g), geom_bytes(g), MADV_POPULATE_READ);
}

/* A class that uses much has long spans; others' length is the table's. */
npages span_length(mh_heap *h, uint32_t spc)
{
	uint64_t most = ld_rlx(&pclass_of(h, spc)->bytes) / GROW_SHARE; /* [A1] */
	uint32_t sc = spc_size_class(spc), n, longer = sc_npages(sc);

	do {
		n = longer;
		longer = sc_longer(sc, n);
	} while (longer && spc_life(spc) == LIFE_OWNED &&
		 npages_bytes((npages){ longer }) <= most);
	return (npages){ n };
}

/* A stripe ran low: the daemon is to list more. */
static void run_low(mh_heap *h, uint32_t spc)
{
	st_rlx(&h->sg.ctl->want_pages[spc],			/* [Q2] */
	       (uint8_t)span_length(h, spc).n);
	want_spans(h, spc);
}

bool obtain_fast(mh_heap *h, uint32_t spc, struct geom *ret_g)
{
	struct pclass *c = pclass_of(h, spc);
	struct seen s = seen_begin(PROBE_ON(span_alloc));
	bool low = false, got;
	unsigned busy = 0;

	got = central_pop(&h->sg, h->r->me, spc, ret_g, &low, &busy);
	if (!got && busy)
		got = central_scan(&h->sg, h->r->me, spc, &c->cursor, SCAN_IDS,
				   ret_g);
	if (low)
		run_low(h, spc);
	if (busy && PROBE_ON(lock_wait_done))
		stripes_busy(h, spc, busy);
	if (got) {
		span_note_owner(&h->sg, ret_g->id, h->r->me);
		populate(h, ret_g);
	}
	if (got && s.on)
		PROBE_FIRE(span_alloc, spc, ret_g->len.n, geom_offset(ret_g),
			   seen_ns(&s), LEVEL_CENTRAL, 0);
	return got;
}

/*
 * Is it what was asked for?  A grant that a restarted daemon took back may have
 * become one for another thread of this process, under the same id.
 */
static bool as_asked(const struct geom *g, uint32_t spc, npages len,
		     npages align)
{
	return g->spc == spc && (!len.n || g->len.n == len.n) &&
	       (!align.n || !(g->start.n & (align.n - 1)));
}

/* The daemon GRANTs a span; taking it may find it taken back, then again. */
static int ask_for_span(mh_heap *h, uint32_t spc, npages len, npages align,
			bool nowait, struct geom *ret_g)
{
	struct call c = { .op = OP_ALLOC, .arg = { spc, len.n, align.n } };

	for (;;) {
		int r = call_daemon(h, &c, nowait);

		if (r)
			return r;
		if (!central_take_grant(&h->sg, h->r->me,
					(span_id){ c.result }, ret_g))
			continue;
		if (as_asked(ret_g, spc, len, align))
			break;
		pass_span(h, ret_g);
	}
	span_note_owner(&h->sg, ret_g->id, h->r->me);
	populate(h, ret_g);
	return 0;
}

int obtain_span(mh_heap *h, uint32_t spc, npages len, npages align,
		bool nowait, struct geom *ret_g)
{
	struct seen s = seen_begin(PROBE_ON(span_alloc));
	int r = ask_for_span(h, spc, len, align, nowait, ret_g);

	if (s.on)
		PROBE_FIRE(span_alloc, spc, r ? len.n : ret_g->len.n,
			   r ? 0 : geom_offset(ret_g), seen_ns(&s),
			   LEVEL_DAEMON, (uint64_t)-r);
	return r;
}

/*
 * Is LISTED by us: into a stripe.  A large run is the page heap's: the daemon
 * comes for it.  (Where all stripes are busy its sweep finds it.)
 */
void offer_span(mh_heap *h, const struct geom *g)
{
	central_push(&h->sg, h->r->me, g->spc, g->id);
	if (!spc_size_class(g->spc)) {
		want_spans(h, g->spc);
		return;
	}
	if (many_returned(h, geom_bytes(g)))
		hint_sweep(h);
}

void pass_span(mh_heap *h, const struct geom *g)
{
	struct seen s = seen_begin(PROBE_ON(span_free));
	uint32_t state = span_dispose(&h->sg, g, h->r->me);

	if (state == SPAN_LISTED)
		offer_span(h, g);
	if (s.on)
		PROBE_FIRE(span_free, g->spc, g->len.n, geom_offset(g),
			   seen_ns(&s), state, 0);
}
