/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_heap.c - the daemon's heap on a rig: birth and death of spans.  Memory and
 * limits are in test_limits.c, provisioning and sweep in test_sweep.c, reclaim in
 * test_recover.c, restart in test_restart.c.
 */
#include "tests/unit/rig_test.h"

static void new_heap_is_sound(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });

	(void)state;
	assert_sound(r);
	assert_int_equal(r->sg.hdr->epoch, 1);
	assert_int_equal(r->sg.hdr->status, HEAP_SERVING);
	assert_int_equal(r->report.spans_by_state[SPAN_FREE], 0);
	assert_int_equal(r->piece[SEG_ARENA].nbacked, 0);
	rig_free(r);
}

static void birth_and_death(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, OWNED(SC_1K)), at;

	(void)state;
	assert_int_equal(g.nslots, 32);
	assert_int_equal(g.elem, 1024);
	assert_true(geom_of_page(&r->sg, (pgno){ g.start.n + 3 }, &at));
	assert_int_equal(at.id.n, g.id.n);
	assert_true(span_is(&r->sg, g.id, SPAN_OWNED, p));
	assert_int_equal(r->sg.hdr->count.spans, 1);
	assert_sound(r);

	retire(r, &g);
	assert_int_equal(rig_state(r, g.id), SPAN_FREE);
	assert_false(geom_read(&r->sg, g.id, &at));
	assert_false(geom_of_page(&r->sg, g.start, &at));
	assert_int_equal(r->sg.hdr->count.spans, 0);
	assert_int_equal(pages_in_use(r->h.pages).n, 0);
	assert_int_equal(pages_in_use(r->h.blocks).n, 0);
	assert_sound(r);
	rig_free(r);
}

/* An id used again: next generation, next version, clean block. */
static void reuse_of_an_id(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom a = rig_span(r, p, SHARED(SC_1K)), b;
	uint64_t w = span_load(&r->sg, a.id);

	(void)state;
	retire(r, &a);
	b = rig_span(r, p, SHARED(SC_1K));
	assert_int_equal(a.id.n, b.id.n);
	assert_int_equal(b.gen, a.gen + 1);
	assert_true(span_version(span_load(&r->sg, b.id)) > span_version(w));
	assert_int_equal(span_free_slots(&r->sg, &b), b.nslots);
	assert_sound(r);
	rig_free(r);
}

static void retire_refuses(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ 0 });
	struct party p = rig_join(r);
	struct geom g = rig_span(r, p, OWNED(SC_1K));
	uint64_t w;

	(void)state;
	assert_false(span_retire(&r->h, &g));	/* another's */
	rig_share(r, &g, 31);
	w = span_load(&r->sg, g.id);
	assert_true(span_move(&r->sg, g.id, &w, SPAN_OWNED, r->h.me));
	assert_false(span_retire(&r->h, &g));	/* an object in it */
	span_settle(&r->h, &g, false);
	assert_int_equal(rig_state(r, g.id), SPAN_LISTED);
	assert_sound(r);
	assert_int_equal(r->report.shared_objects, 1);
	assert_int_equal(r->report.shared_bytes, 1024);
	rig_free(r);
}

static void every_class_has_spans(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	unsigned n = 0;

	(void)state;
	for (uint32_t spc = 0; spc < SPAN_CLASSES; spc++) {
		if (!span_class_ok(spc))
			continue;
		rig_span(r, p, spc);
		n++;
	}
	assert_in_range(n, SPAN_CLASSES - 20, SPAN_CLASSES);
	assert_sound(r);
	assert_int_equal(r->report.spans_by_state[SPAN_OWNED], n);
	assert_true(reclaim_client(&r->h, p.slot) > 0);
	assert_sound(r);
	assert_int_equal(r->sg.hdr->count.spans, 0);
	rig_free(r);
}

static void large_runs_are_aligned(void **state)
{
	static const uint32_t len[] = { 1, 3, 130, 257, 600 };
	struct rig *r = rig_of((struct rig_opts){ .reserve = 64 * MIB });
	struct party p = rig_join(r);
	uint32_t reason;
	struct geom g;
	span_id id;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for (uint32_t align = 1; align <= 256; align *= 4) {
			struct span_wish w = { .len = { len[i] },
					       .align = { align } };

			assert_int_equal(span_new(&r->h, &w, SPAN_GRANTED, p,
						  &id, &reason), 0);
			g = rig_geom(r, id);
			assert_int_equal(g.start.n % align, 0);
			assert_int_equal(g.len.n, len[i]);
			assert_int_equal(g.elem, (uint64_t)len[i] << PAGE_SHIFT);
			assert_int_equal(g.nslots, 1);
		}
	assert_sound(r);
	rig_free(r);
}

#define SEED	0x4ea90001u

/* Any order of births, deaths, trims and ticks leaves a sound heap. */
static void random_life(void **state)
{
	struct rig *r = rig_of((struct rig_opts){ .reserve = 8 * MIB,
						  .limit = 6 * MIB });
	struct party p = rig_join(r);
	uint32_t rng = SEED, n = 0, reason;
	struct geom g[64];
	const char *why;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct span_wish w = { 0 };
		span_id id;

		rng = rng * 1664525 + 1013904223;
		if (rng >> 30 == 0 && n) {
			uint32_t k = (rng >> 8) % n;

			retire(r, &g[k]);
			g[k] = g[--n];
		} else if (n < 64) {
			w.spc = (rng >> 8) % SPAN_CLASSES;
			if (!spc_size_class(w.spc))
				w.len.n = 1 + (rng >> 20) % 40;
			if ((w.len.n || span_class_ok(w.spc)) &&
			    !span_new(&r->h, &w, SPAN_OWNED, p, &id, &reason))
				g[n++] = rig_geom(r, id);
		}
		r->now += 10000000;
		if (i % 16 == 0)
			heap_tick(&r->h);
		if (i % 512 == 511)
			commit_scavenge(&r->h, true);
		why = rig_check(r);
		if (why)
			fail_msg("step %u, seed %x: %s", i, SEED, why);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_heap_is_sound),
		cmocka_unit_test(birth_and_death),
		cmocka_unit_test(reuse_of_an_id),
		cmocka_unit_test(retire_refuses),
		cmocka_unit_test(every_class_has_spans),
		cmocka_unit_test(large_runs_are_aligned),
		cmocka_unit_test(random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
