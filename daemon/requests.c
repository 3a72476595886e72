/* SPDX-License-Identifier: Apache-2.0 */
/*
 * requests.c - serves the cells in the clients' slots.
 *
 * Every word of a cell is read once into a local, checked, then used.  A span
 * is GRANTED before the cell says DONE; if the client has cancelled meanwhile,
 * the grant is taken back.  What has to wait for memory is kept in a list and
 * asked again when a job ends.  What a killed daemon was at, its successor serves
 * first, and only if it was not done (requests_mend).
 */
#include "daemon/heap.h"
#include "shm/chan.h"
#include "shm/names.h"
#include "shm/probe.h"
#include "shm/probe_ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct request {
	struct party	 who;
	uint32_t	 op, arg[4];
	uint64_t	 value;
	char		 text[64];
};

static uint32_t cell_phase(uint32_t w)
{
	return w & 3;
}

static void take_back(struct heap *h, struct party who, span_id id)
{
	uint64_t w = span_load(&h->sg, id);
	struct geom g;

	if (span_state(w) == SPAN_GRANTED && party_eq(span_party(w), who) &&
	    span_move(&h->sg, id, &w, SPAN_OWNED, h->me) &&
	    geom_read(&h->sg, id, &g))
		span_settle(h, &g, false);
}

static void count_enomem(struct heap *h, uint32_t reason, uint64_t asked)
{
	struct sh_counters *c = &h->sg.whdr->count;

	add_rlx(&c->enomem, 1);					/* [H2] */
	st_rlx(&c->enomem_reason, reason);			/* [H2] */
	st_rlx(&c->enomem_asked, asked);			/* [H2] */
}

static bool wish_ok(const struct heap *h, const struct span_wish *w)
{
	uint32_t sc = spc_size_class(w->spc);

	if (w->spc >= SPAN_CLASSES || (!sc && !w->len.n) ||
	    (sc && (!span_class_ok(w->spc) ||
		    (w->len.n && !span_npages_ok(w->spc, w->len.n)))))
		return false;
	return w->len.n <= h->sg.geo.npages && w->align.n <= 256 &&
	       (w->align.n & (w->align.n - 1)) == 0;
}

/* Spans that a client gave up are noticed only when it matters. */
static bool over_quota(struct heap *h, uint32_t slot)
{
	if (!h->quota_spans || h->client_spans[slot] < h->quota_spans)
		return false;
	spans_count_client(h, slot);
	return h->client_spans[slot] >= h->quota_spans;
}

/* 0, -EAGAIN (waits), or an error for the client. */
static int serve_alloc(struct heap *h, const struct request *q,
		       uint32_t *ret_id, uint32_t *ret_reason)
{
	struct span_wish wish = { .spc = q->arg[0], .len = { q->arg[1] },
				  .align = { q->arg[2] } };
	span_id id = { 0 };
	int r;

	*ret_reason = ENOMEM_NONE;
	if (!wish_ok(h, &wish))
		return -EINVAL;
	if (over_quota(h, q->who.slot)) {
		*ret_reason = ENOMEM_QUOTA;
		return -ENOMEM;
	}
	want_again(h, wish.spc);
	r = span_new(h, &wish, SPAN_GRANTED, q->who, &id, ret_reason);
	if (r == -ENOMEM) {	/* somebody's empty spans may do */
		sweep_all(h, false);
		r = span_new(h, &wish, SPAN_GRANTED, q->who, &id, ret_reason);
	}
	while (r == -ENOMEM && *ret_reason == ENOMEM_BACKING) {
		r = commit_win_back(h);
		if (r != -EAGAIN || h->jobs)
			break;
		r = span_new(h, &wish, SPAN_GRANTED, q->who, &id, ret_reason);
	}
	if (!r)
		h->client_spans[q->who.slot]++;
	*ret_id = id.n;
	return r;
}

static int serve_return(struct heap *h, const struct request *q)
{
	span_id id = { q->arg[0] };
	struct geom g;
	uint64_t w;

	if (!seg_span_ok(&h->sg, id))
		return -EINVAL;
	w = span_load(&h->sg, id);
	if (span_state(w) != SPAN_LISTED || span_version(w) != q->arg[1])
		return -ESTALE;
	if (span_move(&h->sg, id, &w, SPAN_OWNED, h->me) &&
	    geom_read(&h->sg, id, &g))
		span_settle(h, &g, false);
	return 0;
}

/* An index alone may be another channel's by the time that it is looked at. */
static uint32_t chan_version(const struct heap *h, uint32_t i)
{
	return ld_acq(&h->sg.chandir[i].state) >> 2;		/* [M5] */
}

static int serve_open(struct heap *h, const struct request *q,
		      uint32_t *ret_index, uint32_t *ret_version)
{
	int r = chan_open(h, q->text, q->arg[0], q->arg[1], ret_index);

	if (!r)
		*ret_version = chan_version(h, *ret_index);
	return r;
}

static int serve(struct heap *h, const struct request *q, uint32_t *ret_result,
		 uint32_t *ret_reason)
{
	switch (q->op) {
	case OP_ALLOC:
		return serve_alloc(h, q, ret_result, ret_reason);
	case OP_RETURN:
		return serve_return(h, q);
	case OP_TRIM:
		sweep_all(h, false);
		commit_scavenge(h, true);
		return 0;
	case OP_SWEEP:
		sweep_all(h, true);
		return 0;
	case OP_NAME_SET:
		return names_set(h, q->text, q->value, q->arg[0]);
	case OP_NAME_REMOVE:
		return names_remove(h, q->text);
	case OP_CHAN_OPEN:
		return serve_open(h, q, ret_result, ret_reason);
	case OP_CHAN_REMOVE:
		return chan_remove(h, q->text);
	}
	return -ENOSYS;
}

static void wait_for_job(struct heap *h, uint32_t slot, uint32_t cell,
			 uint64_t began_ns)
{
	if (h->nwaiters == h->cap_waiters) {
		uint32_t cap = h->cap_waiters ? h->cap_waiters * 2 : 16;
		struct waiter *w = realloc(h->waiters, cap * sizeof(*w));

		if (!w)
			return;		/* the timer finds the cell */
		h->waiters = w;
		h->cap_waiters = cap;
	}
	h->waiters[h->nwaiters++] = (struct waiter){ (uint16_t)slot,
						     (uint8_t)cell, began_ns };
}

static bool queued(const struct heap *h, uint32_t slot, uint32_t cell)
{
	for (uint32_t i = 0; i < h->nwaiters; i++)
		if (h->waiters[i].slot == slot && h->waiters[i].cell == cell)
			return true;
	return false;
}

static void request_read(struct heap *h, uint32_t slot, struct sh_cell *c,
			 struct request *ret_q)
{
	ret_q->who = client_party(h, slot);
	ret_q->op = c->op;
	memcpy(ret_q->arg, c->arg, sizeof(ret_q->arg));
	ret_q->value = c->value;
	memcpy(ret_q->text, c->text, sizeof(ret_q->text));
	ret_q->text[sizeof(ret_q->text) - 1] = 0;
}

/*
 * header.serving: a name's or channel's request must not be done twice, as others may
 * have been served in between: removed again what is new, or told "no such name".
 *
 *	| cell's word, 32 bits | slot, 16 | cell, 8 | there before, 1 | 1 |
 */
#define SERVING		1u
#define SERVING_THERE	2u

static bool changes_text(const struct request *q)
{
	return q->op == OP_NAME_SET || q->op == OP_NAME_REMOVE ||
	       q->op == OP_CHAN_OPEN || q->op == OP_CHAN_REMOVE;
}

/* Is there a name of the text, or an open channel? */
static bool is_there(const struct heap *h, const struct request *q,
		     uint32_t *ret_index)
{
	uint32_t i;

	if (q->op == OP_NAME_SET || q->op == OP_NAME_REMOVE)
		return name_find(&h->sg, q->text, NULL) != NULL;
	i = chan_find(&h->sg, q->text);
	*ret_index = i;
	return i < h->sg.geo.nchans &&
	       (ld_acq(&h->sg.chandir[i].state) & 3) == CHAN_OPEN; /* [M5] */
}

static void serving_begin(struct heap *h, const struct request *q,
			  uint32_t slot, uint32_t cell, uint32_t word)
{
	uint32_t i;

	if (changes_text(q))
		st_rel(&h->sg.whdr->serving,			/* [Q3] */
		       (uint64_t)word << 32 | slot << 16 | cell << 8 |
		       (is_there(h, q, &i) ? SERVING_THERE : 0) | SERVING);
}

static void serving_end(struct heap *h)
{
	st_rel(&h->sg.whdr->serving, 0);			/* [Q3] */
}

/*
 * Names and channels take memory, which counts in the limit.  What there was none for has
 * not been done: it is tried again once some has been won back.
 */
static int serve_with_memory(struct heap *h, const struct request *q, uint32_t slot,
			     uint32_t cell, uint32_t word, uint32_t *ret_result,
			     uint32_t *ret_reason)
{
	for (;;) {
		int err;

		h->short_of = 0;
		serving_begin(h, q, slot, cell, word);
		err = serve(h, q, ret_result, ret_reason);
		if (err != -ENOMEM || !changes_text(q) || !h->short_of)
			return err;
		serving_end(h);
		*ret_reason = h->short_why;
		err = h->short_why == ENOMEM_LIMIT ?
		      commit_room(h, h->short_of) : commit_win_back(h);
		if (err && (err != -EAGAIN || h->jobs))
			return err;
	}
}

static void finish(struct heap *h, struct sh_cell *c, uint32_t word,
		   const struct request *q, int err, uint32_t result,
		   uint32_t reason)
{
	if (err == -ENOMEM && q->op == OP_ALLOC)
		count_enomem(h, reason, spc_size_class(q->arg[0]) ?
			     sc_size(spc_size_class(q->arg[0])) :
			     npages_bytes((npages){ q->arg[1] }));
	c->err = err;
	c->result = result;
	c->reason = reason;
	/* [Q1] DONE unless the client has cancelled. */
	if (cas_ar(&c->word, &word, (word & ~3u) | CELL_DONE))
		h->io.wake(h->io.arg, &c->word);
	else if (!err && q->op == OP_ALLOC)
		take_back(h, q->who, (span_id){ result });
}

/* began_ns: since when it waits, if it has been tried before and is traced. */
static void serve_cell(struct heap *h, uint32_t slot, uint32_t cell,
		       uint64_t began_ns)
{
	struct sh_cell *c = &h->sg.slots[slot].cells[cell];
	uint32_t word = ld_acq(&c->word), result = 0, reason = 0; /* [Q1] */
	uint32_t now = word;
	struct request q;
	int err;

	if (cell_phase(word) != CELL_POSTED || queued(h, slot, cell))
		return;
	request_read(h, slot, c, &q);
	/* [Q1] A CAS, because a load could come before the reading. */
	if (!cas_ar(&c->word, &now, word))
		return;		/* cancelled, and perhaps used anew, meanwhile */
	add_rlx(&h->sg.whdr->count.requests, 1);		/* [H2] */
	if (!began_ns && PROBE_ON(req_done))
		began_ns = probe_clock();
	err = serve_with_memory(h, &q, slot, cell, word, &result, &reason);
	if (err == -EAGAIN) {
		wait_for_job(h, slot, cell, began_ns);
		return;
	}
	finish(h, c, word, &q, err, result, reason);
	serving_end(h);
	if (began_ns && PROBE_ON(req_done))
		PROBE_FIRE(req_done, q.op, slot,
			   q.op == OP_ALLOC ? q.arg[0] : NO_CLASS,
			   probe_clock() - began_ns, result, (uint64_t)-err);
}

/*
 * The last daemon's: it has made or removed that, or the request is served now, before
 * any other.  (Setting a name once more does no harm.)
 */
static void serve_again(struct heap *h, uint64_t was, uint32_t slot, uint32_t cell)
{
	struct sh_cell *c = &h->sg.slots[slot].cells[cell];
	bool before = was & SERVING_THERE, now;
	uint32_t i = 0;
	struct request q;

	request_read(h, slot, c, &q);
	if (ld_acq(&c->word) != (uint32_t)(was >> 32) ||	/* [Q1] */
	    !changes_text(&q))
		return;			/* cancelled, and another one by now */
	now = is_there(h, &q, &i);
	if (q.op != OP_NAME_SET && before != now)
		finish(h, c, (uint32_t)(was >> 32), &q, 0, i,
		       q.op == OP_CHAN_OPEN ? chan_version(h, i) : 0);
	else
		serve_cell(h, slot, cell, 0);
}

void requests_mend(struct heap *h)
{
	uint64_t was = ld_acq(&h->sg.whdr->serving);		/* [Q3] */
	uint32_t slot = (uint32_t)(was >> 16) & 0xffff;
	uint32_t cell = (uint32_t)(was >> 8) & 0xff;
	uint32_t word = (uint32_t)(was >> 32);

	if (was & SERVING && slot && slot <= h->sg.geo.nclients &&
	    cell < SH_CELLS && cell_phase(word) == CELL_POSTED &&
	    ld_acq(&h->sg.slots[slot].cells[cell].word) == word) /* [Q1] */
		serve_again(h, was, slot, cell);
	serving_end(h);
}

static void serve_slot(struct heap *h, uint32_t slot)
{
	uint32_t state;

	if (slot < 1 || slot > h->sg.geo.nclients)
		return;
	state = client_state(h, slot);
	if (state != CLIENT_ACTIVE && state != CLIENT_AWAY)
		return;
	for (uint32_t i = 0; i < SH_CELLS; i++)
		serve_cell(h, slot, i, 0);
}

void requests_serve(struct heap *h)
{
	for (uint32_t i = 0; i < SH_BELL_WORDS; i++) {
		_Atomic uint64_t *word = &h->sg.ctl->bell[i];
		uint64_t bits = ld_rlx(word);			/* [Q2] */

		if (!i && h->heard_sweep)
			bits &= ~1ull;
		if (!bits)
			continue;
		andnot_ar(word, bits);				/* [Q2] */
		for (; bits; bits &= bits - 1) {
			uint32_t n = i * 64 + (uint32_t)__builtin_ctzll(bits);

			if (n)
				serve_slot(h, n);
			else
				sweep_hinted(h);
		}
	}
	sweep_wants(h);
	ahead_go(h);
}

void requests_serve_all(struct heap *h)
{
	requests_serve(h);
	for (uint32_t slot = 1; slot <= h->sg.geo.nclients; slot++)
		serve_slot(h, slot);
}

/* Those that wait ask again; what still can't be had waits on. */
void requests_retry(struct heap *h)
{
	struct waiter *old = h->waiters;
	uint32_t n = h->nwaiters;

	h->waiters = NULL;
	h->nwaiters = h->cap_waiters = 0;
	for (uint32_t i = 0; i < n; i++)
		if (old[i].slot <= h->sg.geo.nclients)
			serve_cell(h, old[i].slot, old[i].cell,
				   old[i].began_ns);
	free(old);
}
