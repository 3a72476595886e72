/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - one process's view of a heap: where its segments are mapped, and
 * the only functions that turn an id into a pointer.  They check bounds,
 * because the word that held the id may have been written by somebody broken.
 *
 * Owns nothing: mapping and file descriptors are the caller's.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include "shm/bits.h"
#include "shm/layout.h"

struct seg {
	const struct sh_header	*hdr;
	struct sh_header	*whdr;		/* the daemon's, else NULL */
	struct sh_geometry	 geo;		/* a private copy, checked */
	struct sh_client	*clients;	/* [1..nclients] */
	struct sh_name		*names;
	struct sh_chandir	*chandir;
	_Atomic uint32_t	*pagemap;
	_Atomic uint64_t	*commit;
	struct sh_geom		*geom;
	struct sh_control	*ctl;
	struct sh_slot		*slots;		/* [1..nclients] */
	struct sh_stripe	*stripes;
	struct sh_span		*spans;
	_Atomic uint32_t	*last;		/* owner of each span, for people */
	char			*blocks;
	struct sh_chan		*chans;
	struct sh_place		*places;	/* SH_PLACES_MAX per channel */
	_Atomic uint32_t	*since;		/* (a) [M6] ms; as many */
	char			*arena;		/* NULL in a process without it */
};

/* A span's geometry as one consistent copy. */
struct geom {
	span_id	 id;
	uint32_t gen;
	pgno	 start;
	npages	 len;
	uint64_t elem;			/* bytes of a slot */
	uint32_t nslots;
	uint32_t spc;			/* span class */
	uint32_t block, block_len;	/* granules */
};

struct geo_wish {
	uint64_t reserve_bytes, base;
	uint32_t nclients, nstripes, nnames;
	uint32_t nchans;		/* may be 0 */
};

/* Lays the segments out; -EINVAL if a wish is out of range. */
int geo_plan(const struct geo_wish *wish, struct sh_geometry *ret_geo);

/*
 * Makes a view of mapped segments.  0, -EPROTO (not a heap, or of another ABI),
 * -EBADMSG (offsets that can't be).  heap_bytes and central_bytes are those
 * of the mappings.
 */
int seg_view(struct seg *ret_sg, void *heap, uint64_t heap_bytes,
	     void *central, uint64_t central_bytes, void *arena);

/* Consistent copy of a FREE-or-used span's geometry; false: a miss [G1]. */
bool geom_read(const struct seg *sg, span_id id, struct geom *ret_g);

/* Is the copy what the entry says yet?  Of a span that can't be FREE meanwhile. */
static inline bool geom_same(const struct seg *sg, const struct geom *g)
{
	return ld_acq(&sg->geom[g->id.n].seq) == g->gen << 1;	/* [G1] */
}

/* The span on a page as the page map says; geometry must confirm it. */
bool geom_of_page(const struct seg *sg, pgno page, struct geom *ret_g);

static inline uint32_t span_class(uint32_t life, uint32_t sc)
{
	return life * SC_COUNT + sc;
}

static inline uint32_t spc_life(uint32_t spc)
{
	return spc / SC_COUNT;
}

static inline uint32_t spc_size_class(uint32_t spc)
{
	return spc % SC_COUNT;
}

/* Do its spans have parked bytes? */
static inline bool spc_leased(uint32_t spc)
{
	return spc_life(spc) != LIFE_OWNED;
}

/*
 * May the class have spans by class?  Size class 0 is for runs of a length; a
 * shared object has 8 bytes at the least, and a held one 64.
 */
static inline bool span_class_ok(uint32_t spc)
{
	uint32_t size = sc_size(spc_size_class(spc));

	return spc < SPAN_CLASSES &&
	       size >= (spc_life(spc) == LIFE_OWNED ? 1 :
			spc_life(spc) == LIFE_SHARED ? 8 : 64);
}

/*
 * May a span of the class have so many pages?  Those of owned objects may be
 * longer than the table says: a free of a shared one goes by the table.
 */
static inline bool span_npages_ok(uint32_t spc, uint32_t pages)
{
	uint32_t sc = spc_size_class(spc);

	return spc_life(spc) == LIFE_OWNED ? sc_npages_ok(sc, pages) :
	       sc && pages == sc_npages(sc);
}

/* Ids in use are below this; grows only. */
static inline uint32_t seg_span_top(const struct seg *sg)
{
	uint32_t top = ld_acq(&sg->hdr->span_top);	/* [H1] */

	return top < sg->geo.nspans ? top : sg->geo.nspans;
}

static inline uint32_t seg_page_top(const struct seg *sg)
{
	uint32_t top = ld_acq(&sg->hdr->page_top);	/* [H1] */

	return top < sg->geo.npages ? top : sg->geo.npages;
}

static inline bool seg_span_ok(const struct seg *sg, span_id id)
{
	return id.n != 0 && id.n < seg_span_top(sg);
}

static inline struct sh_stripe *seg_stripe(const struct seg *sg, uint32_t spc,
					   uint32_t s)
{
	return &sg->stripes[(uint64_t)spc * sg->geo.nstripes +
			    (s & (sg->geo.nstripes - 1))];
}

/* Sizes of the parts of a block, in bytes. */
static inline uint32_t block_live_bytes(uint32_t nslots)
{
	return (uint32_t)round_up((nslots + 7) / 8, GRANULE_BYTES);
}

static inline uint32_t block_parked_bytes(uint32_t nslots)
{
	return (uint32_t)round_up(nslots, sizeof(struct sh_holder));
}

static inline uint32_t block_granules(uint32_t life, uint32_t nslots)
{
	uint32_t bytes = block_live_bytes(nslots);

	if (life == LIFE_SHARED)
		bytes += nslots;
	else if (life == LIFE_HELD)
		bytes += block_parked_bytes(nslots) +
			 (uint32_t)sizeof(struct sh_holder) * nslots;
	return (bytes + GRANULE_BYTES - 1) / GRANULE_BYTES | 1;
}

static inline uint32_t live_words(uint32_t nslots)
{
	return (nslots + 63) / 64;
}

static inline _Atomic uint64_t *geom_live(const struct seg *sg,
					  const struct geom *g)
{
	return (_Atomic uint64_t *)(void *)
		(sg->blocks + ((uint64_t)g->block << GRANULE_SHIFT));
}

static inline _Atomic uint8_t *geom_parked(const struct seg *sg,
					   const struct geom *g)
{
	return (_Atomic uint8_t *)geom_live(sg, g) + block_live_bytes(g->nslots);
}

/* Of a span of held objects. */
static inline struct sh_holder *geom_holders(const struct seg *sg,
					     const struct geom *g)
{
	return (struct sh_holder *)(void *)
	       (geom_parked(sg, g) + block_parked_bytes(g->nslots));
}

/* Bits of live word w that stand for slots. */
static inline uint64_t slot_mask(uint32_t nslots, uint32_t w)
{
	uint32_t rest = nslots - w * 64;

	return rest >= 64 ? ~0ULL : (1ULL << rest) - 1;
}

static inline uint64_t geom_offset(const struct geom *g)
{
	return pgno_offset(g->start);
}

static inline uint64_t geom_bytes(const struct geom *g)
{
	return npages_bytes(g->len);
}

/* Where the live bit of a small object is. */
struct slot_at {
	span_id		 id;
	uint32_t	 slot;
	uint32_t	 spc, nslots;
	_Atomic uint64_t *live;		/* of the span */
};

/* Of a leased one. */
static inline _Atomic uint8_t *slot_parked(const struct slot_at *at)
{
	return (_Atomic uint8_t *)at->live + block_live_bytes(at->nslots) +
	       at->slot;
}

/*
 * Of an owned or shared small object by its arena offset: what a free needs, in
 * one look.  False: not the start of a slot,
 * or the geometry is changing; geom_of_page() knows better.
 */
static inline bool slot_find(const struct seg *sg, uint64_t off,
			     struct slot_at *ret)
{
	uint32_t seq, nc, spc, sc, start, block;
	const struct sh_geom *e;
	span_id id;

	if (off >> PAGE_SHIFT >= seg_page_top(sg))
		return false;
	id.n = ld_acq(&sg->pagemap[off >> PAGE_SHIFT]);	/* [G2] */
	if (!id.n)
		return false;
	e = &sg->geom[id.n];
	seq = ld_acq(&e->seq);				/* [G1] */
	nc = ld_acq(&e->nslots_class);			/* [G2] */
	start = ld_acq(&e->start);			/* [G2] */
	block = ld_acq(&e->block);			/* [G2] */
	if (seq & 1 || ld_acq(&e->seq) != seq)		/* [G1] */
		return false;
	spc = nc >> 16;
	sc = spc < SC_COUNT ? spc : spc - SC_COUNT;
	off -= (uint64_t)start << PAGE_SHIFT;
	if (!sc_is_small(sc) || off > UINT32_MAX ||
	    !sc_slot_start(sc, (uint32_t)off, &ret->slot) ||
	    ret->slot >= (nc & 0xffff))
		return false;
	ret->id = id;
	ret->spc = spc;
	ret->nslots = nc & 0xffff;
	ret->live = (_Atomic uint64_t *)(void *)
		    (sg->blocks + ((uint64_t)block << GRANULE_SHIFT));
	return true;
}

/* Slot of an arena offset in this span; false: between slots or outside. */
bool geom_slot(const struct geom *g, uint64_t offset, uint32_t *ret_slot);

#endif
