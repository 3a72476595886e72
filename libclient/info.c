/* SPDX-License-Identifier: Apache-2.0 */
/*
 * info.c - figures for programs, and mh_trim.  mh_stats walks the span table;
 * it takes no lock, so it is exact only while nobody else runs.
 */
#include <errno.h>
#include <string.h>

#include "libclient/seen.h"
#include "shm/count.h"
#include "shm/text.h"

static void from_header(const struct seg *sg, struct mh_stats *s)
{
	const struct sh_counters *c = &sg->hdr->count;

	s->reserve_bytes = sg->geo.reserve_bytes;
	s->limit_bytes = ld_rlx(&c->limit_bytes);		/* [H2] */
	s->committed_bytes = ld_rlx(&c->committed_bytes);	/* [H2] */
	s->free_bytes = ld_rlx(&c->free_bytes);			/* [H2] */
	s->returned_bytes = ld_rlx(&c->returned_bytes);		/* [H2] */
	s->deaths = ld_rlx(&c->deaths);				/* [H2] */
	s->reclaimed_bytes = ld_rlx(&c->reclaimed_bytes);	/* [H2] */
	s->enomem = ld_rlx(&c->enomem);				/* [H2] */
	s->enomem_reason = ld_rlx(&c->enomem_reason);		/* [H2] */
}

static void from_walk(const struct seg *sg, struct mh_stats *s)
{
	struct heap_count n;

	count_heap(sg, &n, NULL);
	s->spans = n.spans;
	s->owned_bytes = n.owned_bytes;
	s->shared_objects = n.shared_objects;
	s->shared_bytes = n.shared_bytes;
	s->held_objects = n.held_objects;
	s->held_bytes = n.held_bytes;
	s->quarantined_spans = n.quarantined;
	s->clients = n.clients;
	s->refills = n.refills;
	s->daemon_calls = n.daemon_calls;
}

static int give(void *out, size_t out_size, const void *from, size_t size,
		uint64_t *size_field)
{
	size_t n = out_size < size ? out_size : size;

	if (!out || out_size < sizeof(uint64_t))
		return refuse(EINVAL, "size %zu is less than the first field",
			    out_size);
	*size_field = n;
	memcpy(out, from, n);
	return 0;
}

int mh_stats(mh_heap *h, struct mh_stats *out, size_t out_size)
{
	struct mh_stats s = { 0 };

	if (!enter_any(h))
		return -1;
	from_header(&h->sg, &s);
	from_walk(&h->sg, &s);
	leave();
	return give(out, out_size, &s, sizeof(s), &s.size);
}

int mh_info(mh_heap *h, struct mh_info *out, size_t out_size)
{
	struct mh_info i = { 0 };

	if (!enter_any(h))
		return -1;
	i.abi = h->sg.hdr->abi;
	i.base = (uint64_t)(uintptr_t)h->arena;
	i.reserve_bytes = h->sg.geo.reserve_bytes;
	i.same_address = h->sg.geo.base && i.base == h->sg.geo.base;
	i.slot = h->r->me.slot;
	i.daemon = daemon_away(h);
	i.backing = h->sg.hdr->backing;
	i.readonly = !!(h->flags & MH_READONLY);
	copy_text(i.name, sizeof(i.name), h->name);
	memcpy(i.version, h->daemon_version, sizeof(i.version));
	leave();
	return give(out, out_size, &i, sizeof(i), &i.size);
}

/* Every class: harvest, give up, and no free span is kept. */
static void trim_class(mh_heap *h, struct pclass *c)
{
	class_lock(h, c);
	for (uint32_t n = c->exhausted.n; n && c->exhausted.head; n--) {
		struct pspan *ps = c->exhausted.head;

		if (!ps_harvest(h, c, ps))
			ps_move(c, ps, PS_EXHAUSTED);
	}
	for (uint32_t n = c->partial.n; n && c->partial.head; n--) {
		struct pspan *ps = c->partial.head;

		plist_del(&c->partial, ps);
		plist_add(&c->partial, ps);
		ps_harvest(h, c, ps);
	}
	giveup_pending(h, c, c->pending.n);
	for (struct pspan *ps = c->partial.head, *next; ps; ps = next) {
		next = ps->next;
		if (ps->nfree == ps->g.nslots)
			ps_release(h, c, ps);
	}
	class_unlock(c);
}

int mh_trim(mh_heap *h)
{
	struct call c = { .op = OP_TRIM };
	struct mcache *mc = enter(h);
	int r;

	if (!mc)
		return -1;
	mc->trim = (uint32_t)add_rlx(&h->r->trims, 1) + 1;	/* [A1] */
	flush_all(h, mc);
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++)
		trim_class(h, pclass_of(h, spc));
	forget_peak(h);
	r = call_daemon(h, &c, false);
	leave();
	return r ? -1 : 0;
}
