/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - verify_heap(): the order of the checks, the second walk, header,
 * clients and sums.  Spans are in verify_span.c, what holds among them in
 * verify_page.c, stripes and names in verify_list.c.
 */
#include "shm/verify_walk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WALKS_MAX	12u

static const char *const state_names[] = {
	"FREE", "GRANTED", "OWNED", "FULL", "LISTED", "QUARANTINED",
};

int v_fault(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->rep->text, sizeof(v->rep->text), fmt, ap);
	va_end(ap);
	return 1;
}

struct vtext v_party_text(struct party p)
{
	struct vtext t;

	if (p.slot == SH_DAEMON_SLOT)
		snprintf(t.s, sizeof(t.s), "the daemon's start %u", p.gen);
	else
		snprintf(t.s, sizeof(t.s), "slot %u generation %u", p.slot,
			 p.gen);
	return t;
}

struct vtext v_span_text(span_id id, uint64_t w)
{
	uint32_t state = span_state(w);
	struct party p = span_party(w);
	struct vtext t, who = v_party_text(p);
	char name[24];

	if (state <= SPAN_QUARANTINED)
		snprintf(name, sizeof(name), "%s", state_names[state]);
	else
		snprintf(name, sizeof(name), "state %u", state);
	if (p.slot || p.gen)
		snprintf(t.s, sizeof(t.s), "span %u (%s by %.40s, version %u)",
			 id.n, name, who.s, span_version(w));
	else
		snprintf(t.s, sizeof(t.s), "span %u (%s, version %u)", id.n,
			 name, span_version(w));
	return t;
}

bool v_alive(const struct verify *v, struct party p)
{
	uint64_t w;

	if (p.slot == SH_DAEMON_SLOT)			/* [H1] */
		return !v->quiet || p.gen == (ld_acq(&v->sg->hdr->epoch) &
					      GEN_MASK);
	if (p.slot < 1 || p.slot > v->sg->geo.nclients)
		return false;
	w = ld_acq(&v->sg->clients[p.slot].word);	/* [R1] */
	return (w & 0xff) != CLIENT_FREE && (w >> 8 & GEN_MASK) == p.gen;
}

static int check_header(struct verify *v)
{
	const struct sh_header *h = v->sg->hdr;
	uint32_t pages = ld_acq(&h->page_top);		/* [H1] */
	uint32_t ids = ld_acq(&h->span_top);		/* [H1] */

	if (h->magic != SH_MAGIC)
		return v_fault(v, "the header's magic is %llx",
			       (unsigned long long)h->magic);
	if (h->abi != sh_abi() || h->format != SH_FORMAT)
		return v_fault(v, "the header's ABI is of another build");
	if (memcmp(&h->geo, &v->sg->geo, sizeof(h->geo)))
		return v_fault(v, "the header's geometry has changed");
	if (pages > v->sg->geo.npages)
		return v_fault(v, "the top page is %u of %u", pages,
			       v->sg->geo.npages);
	if (ids < 1 || ids > v->sg->geo.nspans)
		return v_fault(v, "the top span is %u of %u", ids,
			       v->sg->geo.nspans);
	if (ld_acq(&h->status) > HEAP_DESTROYED)	/* [H1] */
		return v_fault(v, "the heap's status is %u",
			       ld_acq(&h->status));	/* [H1] */
	return 0;
}

static int check_cells(struct verify *v, uint32_t slot, uint32_t state)
{
	for (uint32_t i = 0; i < SH_CELLS; i++) {
		uint32_t w = ld_acq(&v->sg->slots[slot].cells[i].word); /* [Q1] */

		if ((w & 3) > CELL_DONE)
			return v_fault(v, "request %u of slot %u is in phase 3",
				       i, slot);
		if ((w & 3) && state == CLIENT_FREE)
			return v_fault(v, "request %u of slot %u is pending, "
				       "but the slot is free", i, slot);
		v->rep->requests += (w & 3) == CELL_POSTED;
	}
	return 0;
}

int v_clients(struct verify *v)
{
	for (uint32_t s = 1; s <= v->sg->geo.nclients; s++) {
		uint64_t w = ld_acq(&v->sg->clients[s].word);	/* [R1] */
		uint32_t state = w & 0xff;

		if (state > CLIENT_LEAVING || w >> 32)
			return v_fault(v, "client slot %u has the word %llx", s,
				       (unsigned long long)w);
		if (!(w >> 8)) {	/* never used: no memory behind it */
			if (state != CLIENT_FREE)
				return v_fault(v, "client slot %u is in use "
					       "and has no generation", s);
			continue;
		}
		if (check_cells(v, s, state))
			return 1;
		v->rep->clients += state != CLIENT_FREE;
	}
	return 0;
}

static int check_sums(struct verify *v)
{
	const struct sh_counters *c = &v->sg->hdr->count;
	uint64_t spans = ld_rlx(&c->spans);		/* [H2] */

	if (v->quiet && spans != v->nused)
		return v_fault(v, "the counter of spans says %llu, there are %u",
			       (unsigned long long)spans, v->nused);
	return 0;
}

static int walk(struct verify *v)
{
	static int (*const checks[])(struct verify *) = {
		check_header, v_clients, v_spans, v_pages, v_blocks, v_stripes,
		v_names, v_chans, check_sums,
	};
	int r = 0;

	memset(v->rep, 0, sizeof(*v->rep));
	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]) && !r; i++)
		r = checks[i](v);
	free(v->used);
	v->used = NULL;
	v->nused = v->cap = 0;
	return r;
}

static void rest(const struct verify_opts *o, unsigned walks)
{
	struct timespec ts = { 0, (long)walks * 1000000 };

	if (o->pause)
		o->pause(o->arg);
	else
		nanosleep(&ts, NULL);
}

/* The sentence names the state word, version included: it must say the same. */
int verify_heap(const struct seg *sg, const struct verify_opts *o,
		struct verify_report *ret)
{
	struct verify v = { .sg = sg, .rep = ret, .quiet = o->quiet_heap,
			    .transit_ok = !o->quiet_heap || o->in_calls };
	char before[sizeof(ret->text)] = "";
	int r;

	for (unsigned i = 1; ; i++) {
		r = walk(&v);
		ret->walks = i;
		if (r <= 0 || v.quiet || !strcmp(before, ret->text))
			return r;
		if (i == WALKS_MAX)
			break;		/* always another: nothing stands still */
		memcpy(before, ret->text, sizeof(before));
		rest(o, i);
	}
	ret->text[0] = 0;
	return 0;
}
