/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_segment.c - layout arithmetic, checked views, geometry entries that are
 * odd, changing or impossible, and slots of offsets.
 */
#include "tests/unit/rig_test.h"

static const struct geo_wish good = {
	.reserve_bytes = 64u << 20, .nclients = 8, .nstripes = 2, .nnames = 64,
};

static void plan_refuses(void **state)
{
	struct sh_geometry g = { .npages = 77 };
	struct geo_wish w;

	(void)state;
#define REFUSED(field, value)	do {					\
	w = good;							\
	w.field = (value);						\
	assert_int_equal(geo_plan(&w, &g), -EINVAL);			\
} while (0)
	REFUSED(reserve_bytes, 0);
	REFUSED(reserve_bytes, MIB - PAGE_BYTES);
	REFUSED(reserve_bytes, MIB + 1);
	REFUSED(reserve_bytes, (1ull << 40) + PAGE_BYTES);
	REFUSED(nclients, 0);
	REFUSED(nclients, SH_CLIENTS_MAX + 1);
	REFUSED(nstripes, 0);
	REFUSED(nstripes, 3);
	REFUSED(nstripes, 128);
	REFUSED(nnames, 1);
	REFUSED(nnames, 48);
	REFUSED(nnames, SH_NAMES_MAX * 2);
#undef REFUSED
	assert_int_equal(g.npages, 77);
}

struct part {
	uint64_t off, bytes;
};

static void assert_apart(const struct part *p, unsigned n, uint64_t end)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(p[i].bytes > 0);
		assert_int_equal(p[i].off % 64, 0);
		assert_true(p[i].off + p[i].bytes <= end);
		if (i)
			assert_true(p[i - 1].off + p[i - 1].bytes <= p[i].off);
	}
	assert_int_equal(end % 4096, 0);
}

static void check_plan(const struct geo_wish *w)
{
	struct sh_geometry g;

	assert_int_equal(geo_plan(w, &g), 0);
	{
		const struct part heap[] = {
			{ 0, sizeof(struct sh_header) },
			{ g.registry_off,
			  (w->nclients + 1) * sizeof(struct sh_client) },
			{ g.names_off, w->nnames * sizeof(struct sh_name) },
			{ g.pagemap_off, g.npages * 4ull },
			{ g.commit_off, (g.npages + 63ull) / 64 * 8 },
			{ g.geom_off, g.nspans * sizeof(struct sh_geom) },
		};
		const struct part central[] = {
			{ 0, sizeof(struct sh_control) },
			{ g.stripes_off, (uint64_t)SPAN_CLASSES * w->nstripes *
			  sizeof(struct sh_stripe) },
			{ g.slots_off,
			  (w->nclients + 1) * sizeof(struct sh_slot) },
			{ g.spans_off, g.nspans * sizeof(struct sh_span) },
			{ g.last_off, g.nspans * sizeof(uint32_t) },
			{ g.blocks_off, (uint64_t)g.ngranules * GRANULE_BYTES },
		};

		assert_apart(heap, N_OF(heap), g.heap_bytes);
		assert_apart(central, N_OF(central), g.central_bytes);
		/* What must have memory before anything else lies in front. */
		assert_int_equal(heap_fixed_bytes(&g, SEG_HEAP), g.names_off);
		assert_true(heap_fixed_bytes(&g, SEG_CENTRAL) >=
			    central[1].off + central[1].bytes);
		assert_true(heap_fixed_bytes(&g, SEG_CENTRAL) <= g.slots_off);
	}
	assert_int_equal((uint64_t)g.npages << PAGE_SHIFT, w->reserve_bytes);
	/* Tables of the daemon can be made for it. */
	assert_true(g.npages <= PAGES_MAX && g.ngranules <= PAGES_MAX);
}

static void plans(void **state)
{
	struct geo_wish w = good;

	(void)state;
	check_plan(&w);
	for (w.reserve_bytes = MIB; w.reserve_bytes <= 1ull << 40;
	     w.reserve_bytes *= 4)
		check_plan(&w);
	w.reserve_bytes = 16ull << 30;
	w.nclients = SH_CLIENTS_MAX;
	w.nstripes = 64;
	w.nnames = SH_NAMES_MAX;
	check_plan(&w);
}

static int view(struct rig *r, uint64_t heap, uint64_t central)
{
	struct seg sg;

	return seg_view(&sg, r->piece[SEG_HEAP].map, heap,
			r->piece[SEG_CENTRAL].map, central, NULL);
}

static void views(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct sh_header *h = (void *)r->piece[SEG_HEAP].map;
	uint64_t hb = r->piece[SEG_HEAP].bytes;
	uint64_t cb = r->piece[SEG_CENTRAL].bytes;

	(void)state;
	assert_int_equal(view(r, hb, cb), 0);
	assert_int_equal(view(r, sizeof(*h) - 1, cb), -EPROTO);
	assert_int_equal(view(r, hb - 1, cb), -EBADMSG);
	assert_int_equal(view(r, hb, cb - 1), -EBADMSG);
	h->magic++;
	assert_int_equal(view(r, hb, cb), -EPROTO);
	h->magic--;
	h->abi ^= 1;
	assert_int_equal(view(r, hb, cb), -EPROTO);
	h->abi ^= 1;
	for (unsigned i = 0; i < sizeof(h->geo) / 8; i++) {
		uint64_t *word = (uint64_t *)(void *)&h->geo + i;

		if (word == &h->geo.base)
			continue;
		*word += 4096;
		assert_int_equal(view(r, hb, cb), -EBADMSG);
		*word -= 4096;
	}
	assert_int_equal(view(r, hb, cb), 0);
	rig_free(r);
}

static void geometry_is_read(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, SHARED(SC_64)), run = rig_run(r, p, 100);

	(void)state;
	assert_int_equal(g.gen, 1);
	assert_int_equal(g.len.n, 4);
	assert_int_equal(g.elem, 64);
	assert_int_equal(g.nslots, 512);
	assert_int_equal(g.spc, SHARED(SC_64));
	assert_int_equal(run.elem, 100ull << PAGE_SHIFT);
	assert_int_equal(run.nslots, 1);
	assert_int_equal(spc_size_class(run.spc), 0);
	rig_free(r);
}

static void geometry_that_misses(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct geom g = rig_span(r, rig_join(r), OWNED(SC_1K)), out = { .gen = 9 };
	struct sh_geom *e = &r->sg.geom[g.id.n];
	_Atomic uint32_t *const field[] = {
		&e->seq, &e->seq, &e->start, &e->len, &e->len, &e->elem,
		&e->nslots_class, &e->nslots_class, &e->block, &e->block_len,
		&e->block_len,
	};
	const uint32_t bad[] = {
		g.gen << 1 | 1, 0, r->sg.geo.npages, 0,
		r->sg.geo.npages - g.start.n + 1, 0,
		g.spc << 16, g.nslots | SPAN_CLASSES << 16,
		r->sg.geo.ngranules, g.block_len - 1,
		r->sg.geo.ngranules - g.block + 1,
	};

	(void)state;
	for (unsigned i = 0; i < N_OF(field); i++) {
		uint32_t was = xchg_sc(field[i], bad[i]);

		if (geom_read(&r->sg, g.id, &out))
			fail_msg("entry %u was accepted", i);
		st_rlx(field[i], was);
		assert_true(geom_read(&r->sg, g.id, &out));
		out.gen = 9;
	}
	assert_false(geom_read(&r->sg, (span_id){ 0 }, &out));
	assert_false(geom_read(&r->sg, (span_id){ seg_span_top(&r->sg) }, &out));
	assert_false(geom_read(&r->sg, (span_id){ UINT32_MAX }, &out));
	assert_int_equal(out.gen, 9);
	rig_free(r);
}

static void pages_have_spans(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom a = rig_span(r, p, OWNED(SC_1K)), out;
	struct geom b = rig_span(r, p, OWNED(SC_64));

	(void)state;
	for (uint32_t i = 0; i < r->sg.geo.npages; i++) {
		bool in_a = i - a.start.n < a.len.n, in_b = i - b.start.n < b.len.n;

		assert_int_equal(geom_of_page(&r->sg, (pgno){ i }, &out),
				 in_a || in_b);
		if (in_a || in_b)
			assert_int_equal(out.id.n, in_a ? a.id.n : b.id.n);
	}
	/* The geometry has the last word. */
	st_rlx(&r->sg.pagemap[a.start.n], b.id.n);
	assert_false(geom_of_page(&r->sg, a.start, &out));
	assert_false(geom_of_page(&r->sg, (pgno){ UINT32_MAX }, &out));
	rig_free(r);
}

static void check_slots(const struct geom *g)
{
	uint64_t from = geom_offset(g), step = g->elem < 8 ? 1 : g->elem / 8;

	for (uint64_t off = 0; off < geom_bytes(g); off += step) {
		bool start = off % g->elem == 0 && off / g->elem < g->nslots;
		uint32_t slot = UINT32_MAX;

		assert_int_equal(geom_slot(g, from + off, &slot), start);
		assert_int_equal(slot, start ? off / g->elem : UINT32_MAX);
	}
}

static void slots_of_offsets(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	uint32_t slot = 9;
	struct geom g;

	(void)state;
	rig_run(r, p, 3);	/* so that spans don't begin at 0 */
	for (uint32_t sc = 1; sc < SC_COUNT; sc++) {
		g = rig_span(r, p, OWNED(sc));
		check_slots(&g);
		assert_false(geom_slot(&g, geom_offset(&g) - 1, &slot));
		assert_false(geom_slot(&g, geom_offset(&g) + geom_bytes(&g),
				       &slot));
		assert_false(geom_slot(&g, 0, &slot));
		assert_false(geom_slot(&g, UINT64_MAX, &slot));
	}
	assert_int_equal(slot, 9);
	rig_free(r);
}

static void blocks_hold_their_parts(void **state)
{
	(void)state;
	for (uint32_t sc = 1; sc < SC_COUNT; sc++)
		for (uint32_t life = 0; life < LIFE_COUNT; life++) {
			uint32_t n = sc_nslots(sc), live = block_live_bytes(n);
			uint32_t each = life == LIFE_OWNED ? 0 :
					life == LIFE_SHARED ? 1 : 17;
			uint32_t granules = block_granules(life, n);

			assert_true(live >= live_words(n) * 8);
			assert_int_equal(live % GRANULE_BYTES, 0);
			assert_true(granules * GRANULE_BYTES >= live + each * n);
			assert_true(granules * GRANULE_BYTES <
				    live + each * n + 2 * GRANULE_BYTES);
			assert_int_equal(granules % 2, 1);
		}
	assert_int_equal(slot_mask(64, 0), UINT64_MAX);
	assert_int_equal(slot_mask(65, 1), 1);
	assert_int_equal(slot_mask(32, 0), 0xffffffff);
}

static void classes_that_may_be(void **state)
{
	(void)state;
	assert_true(span_class_ok(OWNED(1)));
	assert_false(span_class_ok(OWNED(0)));
	assert_false(span_class_ok(SHARED(3)));		/* 4 bytes */
	assert_true(span_class_ok(SHARED(4)));
	assert_false(span_class_ok(HELD(7)));		/* 48 bytes */
	assert_true(span_class_ok(HELD(SC_64)));
	assert_true(span_class_ok(HELD(SC_COUNT - 1)));
	assert_false(span_class_ok(SPAN_CLASSES));
	assert_false(span_class_ok(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_refuses),
		cmocka_unit_test(plans),
		cmocka_unit_test(views),
		cmocka_unit_test(geometry_is_read),
		cmocka_unit_test(geometry_that_misses),
		cmocka_unit_test(pages_have_spans),
		cmocka_unit_test(slots_of_offsets),
		cmocka_unit_test(blocks_hold_their_parts),
		cmocka_unit_test(classes_that_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
