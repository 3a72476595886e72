/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sizeclass.c - the size classes: Go's published rows from the rule, our
 * table from Go's, and the accessors against plain arithmetic over every size
 * and every offset.
 */
#include "shm/sizeclass.h"
#include "shm/sizeclass_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct published {
	uint32_t size, span, nobj, tail, waste;
};

/* The 67 rows of Go's table, waste in hundredths of a percent. */
/* clang-format off */
static const struct published go_rows[] = {
	{ 8, 8192, 1024, 0, 8750 },
	{ 16, 8192, 512, 0, 4375 },
	{ 24, 8192, 341, 8, 2924 },
	{ 32, 8192, 256, 0, 2188 },
	{ 48, 8192, 170, 32, 3152 },
	{ 64, 8192, 128, 0, 2344 },
	{ 80, 8192, 102, 32, 1907 },
	{ 96, 8192, 85, 32, 1595 },
	{ 112, 8192, 73, 16, 1356 },
	{ 128, 8192, 64, 0, 1172 },
	{ 144, 8192, 56, 128, 1182 },
	{ 160, 8192, 51, 32, 973 },
	{ 176, 8192, 46, 96, 959 },
	{ 192, 8192, 42, 128, 925 },
	{ 208, 8192, 39, 80, 812 },
	{ 224, 8192, 36, 128, 815 },
	{ 240, 8192, 34, 32, 662 },
	{ 256, 8192, 32, 0, 586 },
	{ 288, 8192, 28, 128, 1216 },
	{ 320, 8192, 25, 192, 1180 },
	{ 352, 8192, 23, 96, 988 },
	{ 384, 8192, 21, 128, 951 },
	{ 416, 8192, 19, 288, 1071 },
	{ 448, 8192, 18, 128, 837 },
	{ 480, 8192, 17, 32, 682 },
	{ 512, 8192, 16, 0, 605 },
	{ 576, 8192, 14, 128, 1233 },
	{ 640, 8192, 12, 512, 1548 },
	{ 704, 8192, 11, 448, 1393 },
	{ 768, 8192, 10, 512, 1394 },
	{ 896, 8192, 9, 128, 1552 },
	{ 1024, 8192, 8, 0, 1240 },
	{ 1152, 8192, 7, 128, 1241 },
	{ 1280, 8192, 6, 512, 1555 },
	{ 1408, 16384, 11, 896, 1400 },
	{ 1536, 8192, 5, 512, 1400 },
	{ 1792, 16384, 9, 256, 1557 },
	{ 2048, 8192, 4, 0, 1245 },
	{ 2304, 16384, 7, 256, 1246 },
	{ 2688, 8192, 3, 128, 1559 },
	{ 3072, 24576, 8, 0, 1247 },
	{ 3200, 16384, 5, 384, 622 },
	{ 3456, 24576, 7, 384, 883 },
	{ 4096, 8192, 2, 0, 1560 },
	{ 4864, 24576, 5, 256, 1665 },
	{ 5376, 16384, 3, 256, 1092 },
	{ 6144, 24576, 4, 0, 1248 },
	{ 6528, 32768, 5, 128, 623 },
	{ 6784, 40960, 6, 256, 436 },
	{ 6912, 49152, 7, 768, 337 },
	{ 8192, 8192, 1, 0, 1561 },
	{ 9472, 57344, 6, 512, 1428 },
	{ 9728, 49152, 5, 512, 364 },
	{ 10240, 40960, 4, 0, 499 },
	{ 10880, 32768, 3, 128, 624 },
	{ 12288, 24576, 2, 0, 1145 },
	{ 13568, 40960, 3, 256, 999 },
	{ 14336, 57344, 4, 0, 535 },
	{ 16384, 16384, 1, 0, 1249 },
	{ 18432, 73728, 4, 0, 1111 },
	{ 19072, 57344, 3, 128, 357 },
	{ 20480, 40960, 2, 0, 687 },
	{ 21760, 65536, 3, 256, 625 },
	{ 24576, 24576, 1, 0, 1145 },
	{ 27264, 81920, 3, 128, 1000 },
	{ 28672, 57344, 2, 0, 491 },
	{ 32768, 32768, 1, 0, 1250 },
};
/* clang-format on */
#define NGO (sizeof(go_rows) / sizeof(go_rows[0]))

static void go_rule_gives_the_published_rows(void **state)
{
	struct rule_class got[RULE_MAX];
	uint32_t prev = 0;
	unsigned i;

	(void)state;
	assert_int_equal(NGO, 67);
	assert_int_equal(rule_classes(got), NGO);
	for (i = 0; i < NGO; i++) {
		uint32_t span = got[i].npages * RULE_PAGE, size = got[i].size;

		assert_int_equal(size, go_rows[i].size);
		assert_int_equal(span, go_rows[i].span);
		assert_int_equal(span / size, go_rows[i].nobj);
		assert_int_equal(span % size, go_rows[i].tail);
		assert_int_equal(rule_max_waste(size, prev, span),
				 go_rows[i].waste);
		prev = size;
	}
}

/* Ours: 1, 2, 4, then Go's without 24. */
static void small_classes_are_gos_with_three_in_front(void **state)
{
	unsigned i, class = 4;

	(void)state;
	assert_int_equal(sc_size(1), 1);
	assert_int_equal(sc_size(2), 2);
	assert_int_equal(sc_size(3), 4);
	for (i = 0; i < NGO; i++)
		if (go_rows[i].size != 24)
			assert_int_equal(sc_size(class++), go_rows[i].size);
	assert_int_equal(class, SC_FIRST_RUN);
	assert_int_equal(SC_LAST_SMALL, SC_FIRST_RUN - 1);
	assert_int_equal(sc_size(SC_LAST_SMALL), SC_SMALL_MAX);
}

static void run_classes_are_four_per_doubling(void **state)
{
	static const uint32_t pages[] = { 5,  6,  7,  8,  10, 12, 14,
					  16, 20, 24, 28, 32, 40, 48,
					  56, 64, 80, 96, 112, 128 };
	unsigned i, n = sizeof(pages) / sizeof(pages[0]);

	(void)state;
	assert_int_equal(SC_COUNT - SC_FIRST_RUN, n);
	for (i = 0; i < n; i++) {
		unsigned class = SC_FIRST_RUN + i;

		assert_int_equal(sc_npages(class), pages[i]);
		assert_int_equal(sc_size(class), pages[i] * SC_PAGE);
		assert_int_equal(sc_nslots(class), 1);
		assert_int_equal(sc_cache_max(class), 2097152 / sc_size(class) <
				 32 ? 2097152 / sc_size(class) : 32);
	}
	assert_int_equal(sc_size(SC_COUNT - 1), SC_RUN_MAX);
}

static void rows_add_up(void **state)
{
	unsigned class;

	(void)state;
	for (class = 1; class < SC_COUNT; class++) {
		const struct sizeclass *c = &sc_table[class];

		assert_int_equal(c->size * c->nslots + c->tail,
				 sc_span_bytes(class));
		assert_int_equal(sc_span_bytes(class), c->npages * SC_PAGE);
		assert_true(c->tail < c->size);
		assert_true(c->size > sc_size(class - 1));
		assert_int_equal(c->waste,
				 rule_max_waste(c->size, sc_size(class - 1),
						sc_span_bytes(class)));
		assert_int_equal(sc_is_small(class), class < SC_FIRST_RUN);
		assert_int_equal(sc_is_run(class), class >= SC_FIRST_RUN);
	}
	assert_int_equal(sc_size(0), 0);
	assert_false(sc_is_small(0));
	assert_false(sc_is_run(0));
}

/* 32 to 128 KiB; 4 slots with a tail of 1/64, or the least tail there is. */
static void small_spans_are_within_bounds(void **state)
{
	unsigned class;

	(void)state;
	for (class = 1; class <= SC_LAST_SMALL; class++) {
		assert_in_range(sc_npages(class), 4, SC_MAX_PAGES);
		assert_true(sc_nslots(class) >= 1);
		if (sc_size(class) <= 8192)
			assert_true(sc_nslots(class) >= 4);
		assert_true(sc_table[class].tail * 20 < sc_span_bytes(class));
	}
	assert_int_equal(sc_npages(sc_of(64)), 4);
	assert_int_equal(sc_nslots(sc_of(64)), 512);
}

static void longer_spans_double(void **state)
{
	unsigned class;
	uint32_t n;

	(void)state;
	for (class = 1; class < SC_COUNT; class++) {
		for (n = sc_npages(class); sc_longer(class, n);
		     n = sc_longer(class, n)) {
			assert_true(sc_npages_ok(class, n));
			assert_int_equal(sc_longer(class, n), 2 * n);
		}
		assert_true(sc_npages_ok(class, n));
		assert_false(sc_npages_ok(class, 2 * n));
		assert_false(sc_npages_ok(class, n + 1));
		assert_false(sc_npages_ok(class, 0));
		if (sc_is_run(class))
			assert_int_equal(n, sc_npages(class));
		else
			assert_true(n * SC_PAGE / sc_size(class) <=
				    SC_MAX_SLOTS && n <= SC_MAX_PAGES);
	}
	assert_false(sc_npages_ok(0, 0));
	assert_false(sc_npages_ok(0, 4));
	assert_false(sc_npages_ok(sc_of(64), UINT32_MAX));
	assert_true(sc_npages_ok(sc_of(64), 16));
	assert_true(sc_npages_ok(1, 4));
	assert_false(sc_npages_ok(1, 8));
}

static void caches_hold_256_kib_within_bounds(void **state)
{
	unsigned class;

	(void)state;
	for (class = 1; class <= SC_LAST_SMALL; class++) {
		uint32_t n = sc_cache_max(class), fit = 262144 / sc_size(class);

		assert_in_range(n, 32, sc_size(class) < 128 ? 248 : 128);
		assert_int_equal(n % 8, 0);
		if (n > 128)
			assert_in_range(n * sc_size(class), 1, 16384);
		if (fit >= 32 && fit <= 128)
			assert_true(n <= fit && fit - n < 8);
	}
	assert_int_equal(sc_cache_max(sc_of(32)), 248);
	assert_int_equal(sc_cache_max(sc_of(128)), 128);
	assert_int_equal(sc_cache_max(sc_of(4096)), 64);
	assert_int_equal(sc_cache_max(sc_of(32768)), 32);
}

static void lookup_gives_the_smallest_that_fits(void **state)
{
	unsigned class = 1;
	size_t size;

	(void)state;
	assert_int_equal(sc_of(0), 1);
	for (size = 1; size <= SC_RUN_MAX; size++) {
		if (sc_size(class) < size)
			class++;
		if (sc_of(size) != class)
			fail_msg("size %zu: class %u, not %u", size,
				 sc_of(size), class);
	}
	assert_int_equal(class, SC_COUNT - 1);
	assert_int_equal(sc_of(SC_RUN_MAX + 1), 0);
	assert_int_equal(sc_of(SIZE_MAX), 0);
}

static void check_slots(unsigned class)
{
	uint32_t off, slot, size = sc_size(class), bytes = sc_span_bytes(class);

	if (sc_is_small(class))
		bytes = SC_MAX_PAGES * SC_PAGE;	/* of the longest there could be */
	for (off = 0; off < bytes; off++) {
		bool start = off % size == 0;

		slot = sc_slot(class, off);
		if (slot != off / size ||
		    (sc_is_small(class) &&
		     (sc_slot_start(class, off, &slot) != start ||
		      slot != off / size)))
			fail_msg("class %u, offset %u: slot %u", class, off,
				 sc_slot(class, off));
		if (start)
			assert_int_equal(sc_slot_off(class, slot), off);
	}
}

static void each_offset_has_its_slot(void **state)
{
	unsigned class;

	(void)state;
	for (class = 1; class < SC_COUNT; class++)
		check_slots(class);
}

/* The naive answer to sc_of_aligned(). */
static unsigned search_aligned(size_t size, size_t align)
{
	unsigned class;

	for (class = 1; class < SC_COUNT; class++)
		if (sc_size(class) >= size && sc_size(class) % align == 0)
			return class;
	return 0;
}

static void alignment_picks_the_smallest_aligned_class(void **state)
{
	size_t size, align;

	(void)state;
	for (align = 1; align <= SC_PAGE; align *= 2)
		for (size = 0; size <= SC_RUN_MAX; size += 1 + size / 256)
			if (sc_of_aligned(size, align) !=
			    search_aligned(size, align))
				fail_msg("size %zu, align %zu: class %u", size,
					 align, sc_of_aligned(size, align));
	assert_int_equal(sc_of_aligned(1, 2 * SC_PAGE), 0);
	assert_int_equal(sc_of_aligned(SC_RUN_MAX + 1, 1), 0);
	assert_int_equal(sc_of_aligned(SIZE_MAX, SC_PAGE), 0);
}

static void sixteen_bytes_and_more_are_16_aligned(void **state)
{
	unsigned class;

	(void)state;
	for (class = 1; class < SC_COUNT; class++) {
		uint32_t align = sc_align(class), size = sc_size(class);

		assert_int_equal(size % align, 0);
		assert_true(align == SC_PAGE || size % (2 * align) != 0);
		assert_true(size < 16 ? align == size : align >= 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_rule_gives_the_published_rows),
		cmocka_unit_test(small_classes_are_gos_with_three_in_front),
		cmocka_unit_test(run_classes_are_four_per_doubling),
		cmocka_unit_test(rows_add_up),
		cmocka_unit_test(small_spans_are_within_bounds),
		cmocka_unit_test(longer_spans_double),
		cmocka_unit_test(caches_hold_256_kib_within_bounds),
		cmocka_unit_test(lookup_gives_the_smallest_that_fits),
		cmocka_unit_test(each_offset_has_its_slot),
		cmocka_unit_test(alignment_picks_the_smallest_aligned_class),
		cmocka_unit_test(sixteen_bytes_and_more_are_16_aligned),
	};

	return cmocka_run_group_tests_name("sizeclass", tests, NULL, NULL);
}
