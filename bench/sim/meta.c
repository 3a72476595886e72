/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta.c - `sim meta`: bytes of metadata of a heap of a size, by the geometry
 * functions that the daemon itself uses.  Touches no memory.
 *
 * A line "part=..." for each part of the segments, then a line "class=..." for a
 * heap filled with objects of one class.
 */
#include <inttypes.h>
#include <stdio.h>

#include "bench/sim/sim.h"
#include "daemon/pagetree.h"
#include "shm/segment.h"

#define CLIENTS		1024u
#define NAMES		65536u

static void part(const char *name, uint64_t bytes, uint64_t reserve)
{
	printf("part=%s bytes=%" PRIu64 " percent=%.5f\n", name, bytes,
	       100.0 * (double)bytes / (double)reserve);
}

/* The daemon's private tables: a chunk for 512 pages, and the tree above. */
static uint64_t page_table_bytes(uint64_t pages)
{
	uint64_t chunks = (pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
	uint64_t nodes = 0;

	for (unsigned l = 0; l < TREE_LEVELS; l++)
		nodes += (chunks >> TREE_SHIFT * l) + 8;
	return chunks * sizeof(struct page_chunk) +
	       nodes * (sizeof(pagesum) + sizeof(uint32_t));
}

static void parts(const struct sh_geometry *g)
{
	uint64_t all = g->reserve_bytes;

	part("header", sizeof(struct sh_header), all);
	part("registry", g->names_off - g->registry_off, all);
	part("names", g->chandir_off - g->names_off, all);
	part("page_map", g->commit_off - g->pagemap_off, all);
	part("commit_bits", g->geom_off - g->commit_off, all);
	part("geometry", g->heap_bytes - g->geom_off, all);
	part("stripes", g->slots_off - g->stripes_off, all);
	part("client_slots", g->spans_off - g->slots_off, all);
	part("span_words", g->blocks_off - g->spans_off, all);
	part("blocks", g->chans_off - g->blocks_off, all);
	part("daemon_pages", page_table_bytes(g->npages), all);
	part("daemon_granules", page_table_bytes(g->ngranules), all);
	part("daemon_ids", g->nspans * sizeof(uint32_t), all);
	part("client_page_words", 2 * g->npages * sizeof(uint64_t) +
	     g->npages / 8, all);	/* whose, leased; populated */
	part("kernel_page_table", g->reserve_bytes / 4096 * 8, all);
}

static void class_row(const struct sh_geometry *g, size_t size, uint32_t life)
{
	unsigned sc = sc_of(size);
	uint64_t spans = g->npages / sc_npages(sc), bytes, pages, ids;
	uint64_t granules = block_granules(life, sc_nslots(sc));
	uint64_t fit = g->ngranules / granules;

	if (fit > spans)
		fit = spans;
	pages = fit * sc_npages(sc);
	ids = fit * (sizeof(struct sh_geom) + sizeof(struct sh_span));
	bytes = pages * 4 + pages / 8 + ids + fit * granules * GRANULE_BYTES;
	printf("class=%zu life=%s spans=%" PRIu64 " fit=%.4f page_bytes=%"
	       PRIu64 " id_bytes=%" PRIu64 " block_bytes=%" PRIu64
	       " meta_bytes=%" PRIu64 " percent=%.4f\n", size,
	       life == LIFE_SHARED ? "shared" : "owned", fit,
	       (double)fit / (double)spans, pages * 4 + pages / 8, ids,
	       fit * granules * GRANULE_BYTES, bytes, 100.0 * (double)bytes /
	       (double)(pages << PAGE_SHIFT));
}

int cmd_meta(int argc, char **argv)
{
	static const size_t sizes[] = { 16, 64, 256, 1024, 8192, 32768, 1048576 };
	double gib = 1024, stripes = 64;
	struct geo_wish w = { .nclients = CLIENTS, .nnames = NAMES };
	struct sh_geometry g;

	for (int i = 0; i < argc; i++)
		if (!arg_number(argv[i], "gib", &gib) &&
		    !arg_number(argv[i], "stripes", &stripes)) {
			fprintf(stderr, "sim meta: %s: gib= and stripes= are "
				"known\n", argv[i]);
			return 2;
		}
	w.reserve_bytes = (uint64_t)(gib * (1u << 30));
	w.nstripes = (uint32_t)stripes;
	if (geo_plan(&w, &g)) {
		fprintf(stderr, "sim meta: no heap has %g GiB and %g stripes: "
			"1 MiB to 1 TiB, a power of two to 64\n", gib, stripes);
		return 2;
	}
	parts(&g);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		class_row(&g, sizes[i], LIFE_OWNED);
		class_row(&g, sizes[i], LIFE_SHARED);
	}
	return 0;
}
