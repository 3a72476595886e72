/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - layout arithmetic and checked look-ups.  Takes no locks; writes
 * nothing shared.
 */
#include "shm/segment.h"

#include <errno.h>
#include <string.h>

#define OS_PAGE		4096u
#define RESERVE_MIN	(1ULL << 20)
#define RESERVE_MAX	(1ULL << 40)
#define GEOM_TRIES	8
#define GRANULES_MAX	(1u << 27)	/* what the daemon's table of them takes */

static uint64_t place(uint64_t *at, uint64_t count, uint64_t each)
{
	uint64_t off = *at;

	*at = round_up(off + count * each, OS_PAGE);
	return off;
}

static bool wish_ok(const struct geo_wish *w)
{
	return w->reserve_bytes >= RESERVE_MIN &&
	       w->reserve_bytes <= RESERVE_MAX &&
	       w->reserve_bytes % PAGE_BYTES == 0 &&
	       w->nclients >= 1 && w->nclients <= SH_CLIENTS_MAX &&
	       w->nstripes >= 1 && w->nstripes <= 64 &&
	       (w->nstripes & (w->nstripes - 1)) == 0 &&
	       w->nchans <= SH_CHANS_MAX && w->nnames >= 2 && w->nnames <= SH_NAMES_MAX &&
	       (w->nnames & (w->nnames - 1)) == 0;
}

/*
 * A span has at least 4 pages (large ones more), so a quarter of the pages
 * bounds the ids.  The worst block is that of a class of 64 B held objects: 17
 * bytes per 64; a third of the arena is range enough, memory comes on use.
 */
int geo_plan(const struct geo_wish *w, struct sh_geometry *ret_geo)
{
	struct sh_geometry g = { .reserve_bytes = w->reserve_bytes,
				 .base = w->base, .nclients = w->nclients,
				 .nstripes = w->nstripes, .nnames = w->nnames,
				 .nchans = w->nchans };
	uint64_t at = sizeof(struct sh_header);

	if (!wish_ok(w))
		return -EINVAL;
	g.npages = (uint32_t)(w->reserve_bytes >> PAGE_SHIFT);
	g.nspans = g.npages / 4 + 2;
	g.ngranules = (uint32_t)(w->reserve_bytes / 3 >> GRANULE_SHIFT);
	if (g.ngranules > GRANULES_MAX)
		g.ngranules = GRANULES_MAX;
	at = round_up(at, 64);
	g.registry_off = place(&at, w->nclients + 1, sizeof(struct sh_client));
	g.names_off = place(&at, w->nnames, sizeof(struct sh_name));
	g.chandir_off = place(&at, w->nchans, sizeof(struct sh_chandir));
	g.pagemap_off = place(&at, g.npages, sizeof(uint32_t));
	g.commit_off = place(&at, (g.npages + 63) / 64, sizeof(uint64_t));
	g.geom_off = place(&at, g.nspans, sizeof(struct sh_geom));
	g.heap_bytes = at;
	at = round_up(sizeof(struct sh_control), 128);
	g.stripes_off = place(&at, (uint64_t)SPAN_CLASSES * w->nstripes,
			      sizeof(struct sh_stripe));
	g.slots_off = place(&at, w->nclients + 1, sizeof(struct sh_slot));
	g.spans_off = place(&at, g.nspans, sizeof(struct sh_span));
	g.last_off = place(&at, g.nspans, sizeof(uint32_t));
	g.blocks_off = place(&at, g.ngranules, GRANULE_BYTES);
	g.chans_off = place(&at, w->nchans, sizeof(struct sh_chan));
	g.places_off = place(&at, (uint64_t)w->nchans * SH_PLACES_MAX,
			     sizeof(struct sh_place));
	g.since_off = place(&at, (uint64_t)w->nchans * SH_PLACES_MAX,
			    sizeof(uint32_t));
	g.central_bytes = at;
	*ret_geo = g;
	return 0;
}

/* The header's offsets must be what this build computes from its choices. */
static bool geo_ok(const struct sh_geometry *g)
{
	struct geo_wish w = { g->reserve_bytes, g->base, g->nclients,
			      g->nstripes, g->nnames, g->nchans };
	struct sh_geometry mine;

	return !geo_plan(&w, &mine) && !memcmp(g, &mine, sizeof(mine));
}

static void *in(void *base, uint64_t off)
{
	return (char *)base + off;
}

int seg_view(struct seg *ret_sg, void *heap, uint64_t heap_bytes,
	     void *central, uint64_t central_bytes, void *arena)
{
	const struct sh_header *hdr = heap;
	struct sh_geometry g;

	if (heap_bytes < sizeof(*hdr) || hdr->magic != SH_MAGIC ||
	    hdr->abi != sh_abi())
		return -EPROTO;
	g = hdr->geo;
	if (!geo_ok(&g) || g.heap_bytes > heap_bytes ||
	    g.central_bytes > central_bytes)
		return -EBADMSG;
	*ret_sg = (struct seg){
		.hdr = hdr, .geo = g, .arena = arena, .ctl = central,
		.clients = in(heap, g.registry_off),
		.names = in(heap, g.names_off),
		.chandir = in(heap, g.chandir_off),
		.pagemap = in(heap, g.pagemap_off),
		.commit = in(heap, g.commit_off),
		.geom = in(heap, g.geom_off),
		.slots = in(central, g.slots_off),
		.stripes = in(central, g.stripes_off),
		.spans = in(central, g.spans_off),
		.last = in(central, g.last_off),
		.blocks = in(central, g.blocks_off),
		.chans = in(central, g.chans_off),
		.places = in(central, g.places_off),
		.since = in(central, g.since_off),
	};
	return 0;
}

/* [G2] acquire on each field keeps the second look at seq behind them. */
static uint32_t geom_copy(const struct sh_geom *e, struct geom *g)
{
	uint32_t seq = ld_acq(&e->seq);			/* [G1] */
	uint32_t elem = ld_acq(&e->elem);		/* [G2] */
	uint32_t nc = ld_acq(&e->nslots_class);		/* [G2] */

	g->gen = seq >> 1;
	g->start.n = ld_acq(&e->start);			/* [G2] */
	g->len.n = ld_acq(&e->len);			/* [G2] */
	g->nslots = nc & 0xffff;
	g->spc = nc >> 16;
	g->elem = spc_size_class(g->spc) ? elem : (uint64_t)elem << PAGE_SHIFT;
	g->block = ld_acq(&e->block);			/* [G2] */
	g->block_len = ld_acq(&e->block_len);		/* [G2] */
	return seq;
}

static bool geom_sane(const struct seg *sg, const struct geom *g)
{
	return g->gen && g->nslots && g->elem && g->spc < SPAN_CLASSES &&
	       g->len.n && g->start.n < sg->geo.npages &&
	       g->len.n <= sg->geo.npages - g->start.n &&
	       g->block < sg->geo.ngranules &&
	       g->block_len <= sg->geo.ngranules - g->block &&
	       g->block_len >= block_granules(spc_life(g->spc), g->nslots);
}

bool geom_read(const struct seg *sg, span_id id, struct geom *ret_g)
{
	const struct sh_geom *e = &sg->geom[id.n];
	struct geom g = { .id = id };

	if (!seg_span_ok(sg, id))
		return false;
	for (int i = 0; i < GEOM_TRIES; i++) {
		uint32_t seq = geom_copy(e, &g);

		if (seq & 1 || ld_acq(&e->seq) != seq)	/* [G1] */
			continue;
		if (!geom_sane(sg, &g))
			return false;
		*ret_g = g;
		return true;
	}
	return false;
}

bool geom_of_page(const struct seg *sg, pgno page, struct geom *ret_g)
{
	span_id id;

	if (page.n >= seg_page_top(sg))
		return false;
	id.n = ld_acq(&sg->pagemap[page.n]);		/* [G2] */
	return geom_read(sg, id, ret_g) && page.n >= ret_g->start.n &&
	       page.n - ret_g->start.n < ret_g->len.n;
}

bool geom_slot(const struct geom *g, uint64_t offset, uint32_t *ret_slot)
{
	uint64_t off = offset - geom_offset(g);
	uint32_t sc = spc_size_class(g->spc), slot;

	if (offset < geom_offset(g) || off >= geom_bytes(g))
		return false;
	slot = sc_is_small(sc) ? sc_slot(sc, (uint32_t)off) : 0;
	if (slot >= g->nslots || slot * g->elem != off)
		return false;
	*ret_slot = slot;
	return true;
}
