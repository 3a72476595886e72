/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap.c - making a heap, taking charge of one, counters and the timer's work.
 * See heap.h.  Takes no locks; single-threaded.
 */
#include "daemon/heap.h"
#include "shm/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_IDS_PER_TICK	4096u
#define DECAY_NS		1000000000ull
#define OS_PAGE			4096u

uint64_t heap_fixed_bytes(const struct sh_geometry *geo, enum seg_kind seg)
{
	return seg == SEG_HEAP ? geo->names_off :
	       seg == SEG_CENTRAL ? geo->slots_off : 0;
}

int heap_back(struct heap *h, enum seg_kind seg, uint64_t from, uint64_t to)
{
	uint64_t lo = from & ~(OS_PAGE - 1ull), hi = round_up(to, OS_PAGE);

	return h->io.back(h->io.arg, seg, lo, hi - lo);
}

/* From what is published, so that a restarted daemon counts the same. */
uint64_t heap_meta_bytes(const struct heap *h)
{
	const struct sh_geometry *g = &h->sg.geo;
	uint32_t pages = seg_page_top(&h->sg), ids = seg_span_top(&h->sg);
	uint64_t n = heap_fixed_bytes(g, SEG_HEAP) +
		     heap_fixed_bytes(g, SEG_CENTRAL);

	for (unsigned i = 0; i < 32; i++)		/* [H1] */
		n += OS_PAGE * (uint64_t)__builtin_popcountll(
			     ld_acq(&h->sg.hdr->names_backed[i]));
	n += round_up(4ull * pages, OS_PAGE);
	n += round_up((pages + 63ull) / 64 * 8, OS_PAGE);
	n += round_up(h->slots_top * sizeof(struct sh_slot), OS_PAGE);
	if (ids > 1) {
		n += round_up(ids * sizeof(struct sh_geom), OS_PAGE);
		n += round_up(ids * sizeof(struct sh_span), OS_PAGE);
		n += round_up(ids * sizeof(uint32_t), OS_PAGE);
	}
	n += chans_bytes(h);
	return n + ((uint64_t)pages_committed(h->blocks).n << GRANULE_SHIFT);
}

void heap_layout_new(void *heap, const struct heap_choice *ch,
		     const struct sh_geometry *geo)
{
	struct sh_header *hdr = heap;

	hdr->abi = sh_abi();
	hdr->format = SH_FORMAT;
	hdr->backing = ch->backing;
	hdr->uid = ch->uid;
	hdr->autoremove = ch->autoremove;
	copy_text(hdr->name, sizeof(hdr->name), ch->name);
	hdr->geo = *geo;
	st_rlx(&hdr->span_top, 1);			/* [H1] */
	order_for_recovery();
	hdr->magic = SH_MAGIC;	/* last: without it there is no heap yet */
}

static int private_new(struct heap *h)
{
	const struct sh_geometry *geo = &h->sg.geo;

	h->pages = pages_new((npages){ geo->npages });
	h->blocks = pages_new((npages){ geo->ngranules });
	h->free_ids = malloc(geo->nspans * sizeof(*h->free_ids));
	h->ids_used = calloc(geo->nspans / IDS_CHUNK + 1, sizeof(*h->ids_used));
	h->client_spans = calloc(geo->nclients + 1, sizeof(*h->client_spans));
	return h->pages && h->blocks && h->free_ids &&
	       h->ids_used && h->client_spans ?
	       0 : -ENOMEM;
}

void heap_close(struct heap *h)
{
	while (h->jobs) {
		struct heap_job *j = h->jobs;

		h->jobs = j->next;
		free(j);
	}
	pages_destroy(h->pages);
	pages_destroy(h->blocks);
	free(h->free_ids);
	free(h->ids_used);
	free(h->client_spans);
	free(h->waiters);
	memset(h, 0, sizeof(*h));
}

void heap_set_limit(struct heap *h, uint64_t limit)
{
	h->limit = limit;
	heap_count(h);
}

int heap_open(struct heap *h, const struct seg *sg, const struct heap_io *io,
	      uint64_t limit)
{
	uint32_t epoch = (ld_acq(&sg->hdr->epoch) + 1) & GEN_MASK; /* [H1] */
	int r;

	memset(h, 0, sizeof(*h));
	h->sg = *sg;
	h->sg.whdr = (struct sh_header *)(uintptr_t)sg->hdr;
	h->io = *io;
	h->limit = limit;
	h->me = (struct party){ SH_DAEMON_SLOT, epoch ? epoch : 1 };
	r = private_new(h);
	if (r)
		goto fail;
	scavenge_init(&h->scav, io->now_ns(io->arg));
	st_rel(&h->sg.whdr->epoch, h->me.gen);		/* [H1] */
	for (uint32_t s = 1; s <= sg->geo.nclients; s++)
		if (client_party(h, s).gen)
			h->slots_top = s + 1;
	r = spans_rebuild(h);
	if (!r)
		r = held_mend(h);
	if (!r)
		chans_mend(h);
	if (r)
		goto fail;
	requests_mend(h);
	st_rel(&h->sg.whdr->status, HEAP_SERVING);	/* [H1] */
	heap_count(h);
	return 0;
fail:
	heap_close(h);
	return r;
}

void heap_count(struct heap *h)
{
	struct sh_counters *c = &h->sg.whdr->count;
	uint64_t committed = npages_bytes(pages_committed(h->pages));

	st_rlx(&c->limit_bytes, h->limit);			/* [H2] */
	st_rlx(&c->committed_bytes,				/* [H2] */
	       committed + heap_meta_bytes(h));
	st_rlx(&c->free_bytes,					/* [H2] */
	       npages_bytes(pages_free_committed(h->pages)));
	if (committed > ld_rlx(&c->peak_bytes))			/* [H2] */
		st_rlx(&c->peak_bytes, committed);		/* [H2] */
}

void heap_tick(struct heap *h)
{
	uint64_t now = h->io.now_ns(h->io.arg);

	hints_again(h);
	requests_serve_all(h);
	provision_all(h);
	if (now >= h->next_decay) {
		sweep_decay(h);
		ahead_decay(h);
		h->next_decay = now + DECAY_NS;
	}
	ahead_go(h);
	sweep_some(h, SWEEP_IDS_PER_TICK);
	commit_scavenge(h, false);
	heap_count(h);
}
