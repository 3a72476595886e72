/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_symbols.c - names of frames from files that others have made: whatever reading one
 * comes to, it is a child's end and no more.  (symbols.c is in here, with something in
 * the place of libdwfl's look-up.)
 */
#include <elfutils/libdwfl.h>

static const char *look_up(void);

#define dwfl_module_addrname(module, at)	((void)(module), (void)(at), look_up())
#include "bpf/symbols.c"
#undef dwfl_module_addrname

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static enum { FINE, CUT_SHORT, UNFOLDS, FOR_EVER } how;

static const char *look_up(void)
{
	/* cmocka's handlers would go on with the suite in the child. */
	signal(SIGBUS, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	if (how == CUT_SHORT)
		raise(SIGBUS);
	while (how == UNFOLDS)
		if (!malloc(16u << 20))
			abort();
	while (how == FOR_EVER)
		;
	return "function";
}

static const char *name_of(struct symbols *y, uint64_t at)
{
	struct frame f = { .status = FRAME_FILE, .at = at };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(notes_build_id(fd, f.build_id, ID_BYTES));
	close(fd);
	return symbols_name(y, &f);
}

static void read_by_a_child(void **state)
{
	(void)state;
	for (how = FINE; how <= FOR_EVER; how++) {
		struct symbols *y = symbols_new();

		assert_non_null(y);
		assert_true(symbols_file(y, "/proc/self/exe"));
		if (how == FINE)
			assert_string_equal(name_of(y, 64), "function");
		else
			assert_string_equal(name_of(y, 64), "[exe+0x40]");
		/* Once is enough. */
		assert_int_equal(y->file[0].bad, how != FINE);
		symbols_free(y);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(read_by_a_child) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
