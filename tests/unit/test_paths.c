/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_paths.c - names, folders and sockets: where they are, and which folders
 * are not trusted.  Works in a folder of its own; parts need not to be root,
 * and become somebody else in a child if they are.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/paths.h"

#define NOBODY_UID	65534

#define CHECK(x)		\
	do {			\
		if (!(x))	\
			_exit(__LINE__ & 0xff ? __LINE__ & 0xff : 1); \
	} while (0)

static char top[64];

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/test_paths.XXXXXX");
	unsetenv("MHEAP_SOCKET");
	unsetenv("RUNTIME_DIRECTORY");
	return mkdtemp(top) && !chmod(top, 0755) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static void test_names(void **state)
{
	char longest[HEAP_NAME_MAX + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[HEAP_NAME_MAX + 1] = 0;
	assert_false(heap_name_ok(longest));
	longest[HEAP_NAME_MAX] = 0;
	assert_true(heap_name_ok(longest));
	assert_true(heap_name_ok("a"));
	assert_true(heap_name_ok("A-Z_a.z-09"));
	assert_true(heap_name_ok("-"));
	assert_false(heap_name_ok(""));
	assert_false(heap_name_ok("."));
	assert_false(heap_name_ok(".a"));
	assert_false(heap_name_ok("a/b"));
	assert_false(heap_name_ok("a b"));
	assert_false(heap_name_ok("\xc3\xa4"));
}

static void test_shm_name(void **state)
{
	char text[HEAP_PATH_MAX];

	(void)state;
	assert_int_equal(heap_shm_name(1000, "db", "heap", text, sizeof(text)),
			 0);
	assert_string_equal(text, "/mheap.1000.db.heap");
	assert_int_equal(heap_shm_name(1000, "db", "heap", text, 10),
			 -ENAMETOOLONG);
}

static void test_socket_given(void **state)
{
	char path[HEAP_PATH_MAX], why[256], longer[200];

	(void)state;
	setenv("MHEAP_SOCKET", "/some/where", 1);
	assert_int_equal(heap_socket_path("x", path, sizeof(path), why,
					  sizeof(why)), 0);
	assert_string_equal(path, "/some/where");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	setenv("MHEAP_SOCKET", longer, 1);
	assert_int_equal(heap_socket_path("x", path, sizeof(path), why,
					  sizeof(why)), -ENAMETOOLONG);
	assert_non_null(strstr(why, "199 bytes"));
	unsetenv("MHEAP_SOCKET");
	assert_int_equal(heap_socket_path(".x", path, sizeof(path), why,
					  sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "\".x\" is no name"));
}

/* In a child, as somebody who is not root. */
static void as_user(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (geteuid() == 0) {
			CHECK(!chown(top, NOBODY_UID, NOBODY_UID));
			CHECK(!setgid(NOBODY_UID) && !setuid(NOBODY_UID));
		}
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("the check in line %d (modulo 256) failed",
			 WEXITSTATUS(status));
}

static void runtime_folder(void)
{
	char dir[HEAP_PATH_MAX], want[HEAP_PATH_MAX], why[256];
	struct stat st;

	setenv("XDG_RUNTIME_DIR", top, 1);
	snprintf(want, sizeof(want), "%s/mheap", top);
	/* Missing and not to be made: it is where it would be. */
	CHECK(!heap_dir(false, dir, sizeof(dir), why, sizeof(why)));
	CHECK(!strcmp(dir, want) && access(dir, F_OK));
	CHECK(!heap_dir(true, dir, sizeof(dir), why, sizeof(why)));
	CHECK(!stat(dir, &st) && (st.st_mode & 07777) == 0700);
	CHECK(!heap_dir(true, dir, sizeof(dir), why, sizeof(why)));
	CHECK(!heap_socket_path("n", dir, sizeof(dir), why, sizeof(why)));
	strcat(want, "/n.sock");
	CHECK(!strcmp(dir, want));
}

static void test_runtime_folder(void **state)
{
	(void)state;
	as_user(runtime_folder);
}

static void temporary_folder(void)
{
	char dir[HEAP_PATH_MAX], want[HEAP_PATH_MAX], why[256];

	unsetenv("XDG_RUNTIME_DIR");
	setenv("TMPDIR", top, 1);
	snprintf(want, sizeof(want), "%s/mheap-%u", top, geteuid());
	CHECK(!heap_dir(true, dir, sizeof(dir), why, sizeof(why)));
	CHECK(!strcmp(dir, want) && !access(dir, W_OK));
	/* Others could put a socket there. */
	CHECK(!chmod(dir, 0777));
	CHECK(heap_dir(true, dir, sizeof(dir), why, sizeof(why)) == -EPERM);
	CHECK(strstr(why, "mode 777"));
	CHECK(heap_dir(false, dir, sizeof(dir), why, sizeof(why)) == -EPERM);
	CHECK(!rmdir(dir) && !symlink("/tmp", dir));
	CHECK(heap_dir(true, dir, sizeof(dir), why, sizeof(why)) == -ENOTDIR);
	CHECK(!unlink(dir));
}

static void test_temporary_folder(void **state)
{
	(void)state;
	as_user(temporary_folder);
}

static void somebody_elses(void)
{
	char dir[HEAP_PATH_MAX], why[256];

	unsetenv("XDG_RUNTIME_DIR");
	setenv("TMPDIR", top, 1);
	CHECK(heap_dir(true, dir, sizeof(dir), why, sizeof(why)) == -EPERM);
	CHECK(strstr(why, "belongs to user 0"));
}

/* Taken by somebody else before us. */
static void test_somebody_elses_folder(void **state)
{
	char dir[HEAP_PATH_MAX];

	(void)state;
	if (geteuid())
		return;		/* it takes two users */
	snprintf(dir, sizeof(dir), "%s/mheap-%u", top, NOBODY_UID);
	assert_int_equal(mkdir(dir, 0700), 0);
	as_user(somebody_elses);
	assert_int_equal(rmdir(dir), 0);
}

static void too_long(void)
{
	char dir[HEAP_PATH_MAX], why[256], longer[160];

	memset(longer, 'y', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	setenv("XDG_RUNTIME_DIR", longer, 1);
	CHECK(heap_dir(false, dir, sizeof(dir), why, sizeof(why)) ==
	      -ENAMETOOLONG);
	CHECK(strstr(why, "MHEAP_SOCKET"));
}

static void test_too_long(void **state)
{
	(void)state;
	as_user(too_long);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shm_name),
		cmocka_unit_test(test_socket_given),
		cmocka_unit_test(test_runtime_folder),
		cmocka_unit_test(test_temporary_folder),
		cmocka_unit_test(test_somebody_elses_folder),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("paths", tests, setup, teardown);
}
