/* SPDX-License-Identifier: Apache-2.0 */
/* survive.c - see survive.h.  Runs in a judge; takes no locks. */
#include "tests/crash/survive.h"
#include "tests/crash/oracle.h"
#include "shm/names.h"

#include <errno.h>
#include <stdio.h>

#define COUNT	24		/* objects that must be there to be had */

static char text[300];

void no_pause(void *arg)
{
	(void)arg;
}

/* Pages and granules that the daemon holds are those of spans, no more. */
static const char *check_daemon(struct rig *r)
{
	uint32_t top = seg_span_top(&r->sg), granules = 0, spans = 0;

	for (span_id id = { 1 }; id.n < top; id.n++) {
		struct geom g;

		if (span_state(span_load(&r->sg, id)) == SPAN_FREE ||
		    !geom_read(&r->sg, id, &g))
			continue;
		granules += g.block_len;
		spans++;
	}
	if (pages_in_use(r->h.pages).n != r->report.used_pages)
		return "the daemon holds pages that are no span's";
	if (pages_in_use(r->h.blocks).n != granules)
		return "the daemon holds granules that are no span's";
	if (r->h.nfree_ids + spans + 1 != r->h.next_id)
		return "a span id is lost";
	return NULL;
}

const char *survive_check(struct rig *r)
{
	const char *why;

	heap_tick(&r->h);	/* the first ends where a paced sweep stood */
	heap_tick(&r->h);
	why = rig_check(r);
	if (why)
		return why;
	if (r->report.transit)
		return "a span is in transit, and nobody is moving it";
	if (r->report.unlinked && !r->report.busy_stripes)
		return "a LISTED span is in no list, though stripes are free";
	return check_daemon(r);
}

/* NOWAIT has failed: what the daemon would have given goes to mcentral. */
static bool feed(struct rig *r, size_t size, unsigned flags)
{
	struct span_wish w = { .spc = span_class(flags & MH_HELD ? LIFE_HELD :
						 flags ? LIFE_SHARED :
						 LIFE_OWNED, sc_of(size)) };
	uint32_t reason;
	span_id id;

	if (span_new(&r->h, &w, SPAN_LISTED, NOBODY, &id, &reason))
		return false;
	central_push(&r->sg, r->h.me, w.spc, id);
	return true;
}

static void *get(struct rig *r, mh_heap *h, size_t size, unsigned flags)
{
	void *p = mh_alloc_flags(h, size, flags | MH_NOWAIT);

	/* All stripes may be held by one who is stopped: then by a scan. */
	for (int i = 0; i < 3 && !p && errno == EAGAIN && feed(r, size, flags);
	     i++)
		p = mh_alloc_flags(h, size, flags | MH_NOWAIT);
	return p;
}

static bool overlaps(const struct objects *t, uint64_t off, uint64_t n)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->o[i].off >= off && t->o[i].off < off + n)
			return true;
	return false;
}

static const char *get_some(struct rig *r, mh_heap *h, size_t size,
			    unsigned flags, const struct objects *there)
{
	char *p[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		p[i] = get(r, h, size, flags);
		if (!p[i]) {
			snprintf(text, sizeof(text), "allocation %u of %zu "
				 "bytes fails: error %d", i, size, errno);
			return text;
		}
		if (overlaps(there, (uint64_t)(p[i] - r->sg.arena), size))
			return "memory of a shared object was handed out";
		for (unsigned k = 0; k < i; k++)
			if (p[k] == p[i])
				return "the same memory was handed out twice";
	}
	for (unsigned i = 0; i < COUNT; i++)
		if (flags & MH_HELD ? mh_drop(h, p[i]) : mh_try_free(h, p[i]))
			return "what was allocated can't be freed";
	return NULL;
}

const char *survive(struct rig *r, size_t size, unsigned flags,
		    const struct objects *there)
{
	struct party p = rig_join(r);
	const char *why = NULL;
	mh_heap *h;

	if (!sc_of(size)) {
		rig_run(r, p, npages_for(size).n);
		return survive_check(r);
	}
	h = attach_view("survivor", 0, &r->sg, p);
	if (!h)
		return "no new client can attach";
	if (size <= 65536 || flags)
		why = get_some(r, h, size, flags, there);
	return why ? why : survive_check(r);
}

static void free_object(struct rig *r, const struct geom *g, uint32_t slot)
{
	_Atomic uint64_t *live = &geom_live(&r->sg, g)[slot / 64];
	uint64_t bit = 1ull << slot % 64;

	if (ld_sc(live) & bit && spc_life(g->spc) != LIFE_HELD)
		rig_free_slot(r, r->h.me, g, slot);
}

/* With the last holder, name and channel, held objects are gone. */
static void remove_names(struct rig *r)
{
	uint64_t handle;
	char name[64];

	for (uint32_t i = 0; i < r->sg.geo.nnames; i++)
		if (name_read(&r->sg, i, name, &handle))
			names_remove(&r->h, name);
	for (uint32_t i = 0; i < seg_chan_top(&r->sg); i++)
		if (chan_name(&r->sg, i, name))
			chan_remove(&r->h, name);
}

const char *survive_end(struct rig *r)
{
	uint32_t top = seg_span_top(&r->sg);
	const char *why;

	for (uint32_t s = 1; s <= r->sg.geo.nclients; s++)
		reclaim_client(&r->h, s);
	remove_names(r);
	for (span_id id = { 1 }; id.n < top; id.n++) {
		struct geom g;

		if (span_state(span_load(&r->sg, id)) == SPAN_FREE ||
		    !geom_read(&r->sg, id, &g))
			continue;
		for (uint32_t s = 0; s < g.nslots; s++)
			free_object(r, &g, s);
	}
	sweep_all(&r->h, false);
	sweep_all(&r->h, false);
	why = survive_check(r);
	if (why)
		return why;
	if (!r->report.used_pages)
		return NULL;
	snprintf(text, sizeof(text), "all is freed, and %llu pages are in use",
		 (unsigned long long)r->report.used_pages);
	return text;
}
