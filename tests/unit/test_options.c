/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_options.c - the command line of mheapd: values, bounds, and that each
 * refusal names the option, the value and a remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

#define GIB	(1ull << 30)

static int parse(struct options *o, struct refusal *why, const char *a,
		 const char *b)
{
	char *argv[] = { strdup("mheapd"), a ? strdup(a) : NULL,
			 b ? strdup(b) : NULL, NULL };
	int r = options_parse(1 + !!a + !!b, argv, o, why);

	/* o keeps --socket and --group as they stand in argv. */
	free(argv[0]);
	free(argv[1]);
	if (!o->socket && !o->group)
		free(argv[2]);
	return r;
}

static void test_bytes(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{ "0", 0 }, { "4096", 4096 }, { "1K", 1024 },
		{ "16G", 16 * GIB }, { "3M", 3 << 20 }, { "2T", 2048 * GIB },
		{ "18014398509481983K", 18014398509481983ull << 10 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", "x", "-1", "+1", " 1", "1k", "1KB", "1 K", "K", "1.5G",
		"0x10", "18446744073709551616", "18014398509481984K",
		"17179869184T", "1KK",
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(parse_bytes(good[i].text, &n));
		assert_true(n == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse_bytes(bad[i], &n))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void test_bytes_there_and_back(void **state)
{
	static const uint64_t all[] = { 0, 1, 1023, 1024, 1025, 1 << 20,
					3 * GIB, 1024 * GIB, 1025 * GIB,
					UINT64_MAX, 1ull << 63 };
	char text[24];
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		assert_true(parse_bytes(bytes_text(all[i], text, sizeof(text)),
					&n));
		assert_true(n == all[i]);
	}
	assert_string_equal(bytes_text(16 * GIB, text, sizeof(text)), "16G");
	assert_string_equal(bytes_text(1025, text, sizeof(text)), "1025");
}

static void test_defaults(void **state)
{
	struct refusal why;
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, &why, NULL, NULL), 0);
	assert_string_equal(o.name, "default");
	assert_true(o.size == 16 * GIB);
	assert_true(o.limit == 0 && o.given == 0 && !o.foreground);
	assert_int_equal(o.clients, 1024);
	assert_int_equal(o.names, 65536);
	assert_true(o.stripes >= 1 && o.stripes <= 64);
	assert_true((o.stripes & (o.stripes - 1)) == 0);
	assert_true(o.base == default_base("default", 16 * GIB));
}

static void test_values(void **state)
{
	struct refusal why;
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, &why, "--size", "32M"), 0);
	assert_true(o.size == 32 << 20 && o.given == GIVEN_SIZE);
	assert_int_equal(parse(&o, &why, "--limit", "1G"), 0);
	assert_true(o.limit == GIB && o.given == GIVEN_LIMIT);
	assert_int_equal(parse(&o, &why, "--backing", "memfd"), 0);
	assert_true(o.backing == BACKING_MEMFD && o.given == GIVEN_BACKING);
	assert_int_equal(parse(&o, &why, "--base", "0x300000000000"), 0);
	assert_true(o.base == 0x300000000000 && o.given == GIVEN_BASE);
	assert_int_equal(parse(&o, &why, "--base", "0"), 0);
	assert_true(o.base == 0 && o.given == GIVEN_BASE);
	assert_int_equal(parse(&o, &why, "--socket", "/run/x"), 0);
	assert_string_equal(o.socket, "/run/x");
	free((void *)(uintptr_t)o.socket);
	assert_int_equal(parse(&o, &why, "--autoremove", "--foreground"), 0);
	assert_true(o.autoremove && o.foreground);
	assert_int_equal(parse(&o, &why, "--quota-spans", "5K"), 0);
	assert_true(o.quota_spans == 5120);
	assert_int_equal(parse(&o, &why, "--stripes", "16"), 0);
	assert_true(o.stripes == 16 && o.given == GIVEN_STRIPES);
}

static void test_refusals(void **state)
{
	static const struct { const char *option, *value, *remedy; } all[] = {
		{ "--size", "1023K", "from 1M to 1T" },
		{ "--size", "1025G", "from 1M to 1T" },
		{ "--size", "1048577", "such as 1056768" },
		{ "--size", "big", "K, M, G or T" },
		{ "--limit", "0", "from 1M to 1024T" },
		{ "--backing", "file", "shm or memfd" },
		{ "--base", "4096", "multiple of 2 MiB" },
		{ "--base", "0x550000100000", "multiple of 2 MiB" },
		{ "--base", "0x800000000000", "0x7fffffe00000" },
		{ "--base", "-2097152", "0x7fffffe00000" },
		{ "--base", "0x7fffffe00000", "lower" },
		{ "--clients", "1025", "from 1 to 1024" },
		{ "--stripes", "128", "power of two from 1 to 64" },
		{ "--names", "1000", "power of two from 2 to 65536" },
		{ "--quota-spans", "0", "bytes from 1 to" },
		{ "--name", ".hidden", "not a dot first" },
		{ "--name", "", "1 to 48" },
		{ "--socket", "relative", "absolute path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct refusal why = { 0, "" };
		struct options o = { .socket = NULL };

		assert_true(parse(&o, &why, all[i].option, all[i].value) < 0);
		assert_int_equal(why.exit_code, EXIT_USAGE);
		assert_non_null(strstr(why.text, all[i].option));
		if (!strstr(why.text, all[i].remedy))
			fail_msg("\"%s\" lacks \"%s\"", why.text,
				 all[i].remedy);
	}
}

/* Free in ordinary programs and application memory for thread sanitizers. */
static void test_base_range(void **state)
{
	char name[8] = "a";
	uint64_t first = 0;
	unsigned int others = 0;

	(void)state;
	for (uint64_t size = 1 << 20; size <= 256 * GIB; size *= 4)
		for (name[0] = 'a'; name[0] <= 'z'; name[0]++) {
			uint64_t base = default_base(name, size);

			assert_true(base % (2 << 20) == 0);
			assert_true(base >= 0x550000000000);
			assert_true(base + size <= 0x555555554000);
			first = first ? first : base;
			others += base != first;
		}
	assert_true(others > 100);
	assert_true(default_base("a", 1024 * GIB) + 1024 * GIB < 1ull << 47);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_there_and_back),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_base_range),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
