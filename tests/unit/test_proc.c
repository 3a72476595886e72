/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_proc.c - what /proc and pidfds say of processes, and what they must not
 * be taken to say: an empty list of mappings proves nothing, and neither does a
 * PID that somebody else has now.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/proc.h"

static void test_stat_line(void **state)
{
	static const char tail[] = " R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 "
				   "17 18 4242 20 21 22\n";
	static const struct { const char *head, *comm; } all[] = {
		{ "7 (sh)", "sh" }, { "7 ()", "" },
		{ "7 (a) b (c)", "a) b (c" },
		{ "7 (123456789012345)", "123456789012345" },
		{ "7 (kworker/0:1H-longer)", "kworker/0:1H-lo" },
	};
	struct proc_stat st;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(text, sizeof(text), "%s%s", all[i].head, tail);
		assert_true(proc_stat_parse(text, &st));
		assert_string_equal(st.comm, all[i].comm);
		assert_int_equal(st.state, 'R');
		assert_true(st.start_time == 4242);
	}
	assert_false(proc_stat_parse("", &st));
	assert_false(proc_stat_parse("7 (sh", &st));
	assert_false(proc_stat_parse(")(", &st));
	assert_false(proc_stat_parse("7 (sh) R 1 2 3", &st));
}

static int scan(const char *text, dev_t dev, ino_t ino)
{
	FILE *f = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	int r = f ? maps_have_file(f, dev, ino) : -ENOMEM;

	if (f)
		fclose(f);
	return r;
}

static void test_maps(void **state)
{
	static const char text[] =
		"55d0-55d1 r-xp 00000000 fe:00 1234     /usr/bin/x\n"
		"7f00-7f01 rw-p 00000000 00:00 0 \n"
		"7f02-7f03 rw-s 00001000 00:01 77       /dev/shm/a (deleted)\n"
		"7f04-7f05 rw-p 00000000 00:00 0        [stack]";
	char wide[2048];

	(void)state;
	assert_int_equal(scan(text, makedev(0, 1), 77), 1);
	assert_int_equal(scan(text, makedev(0, 2), 77), 0);
	assert_int_equal(scan(text, makedev(0, 1), 78), 0);
	assert_int_equal(scan(text, makedev(0xfe, 0), 1234), 1);
	assert_int_equal(scan("\n", makedev(0, 1), 77), 0);
	/* A path as long as it likes, which looks like a row in its middle. */
	memset(wide, 'x', sizeof(wide));
	memcpy(wide, text, 42);
	memcpy(wide + 511, "1-2 rw-s 0 00:01 77 /", 21);
	strcpy(wide + 1500, "\n7f02-7f03 rw-s 0 00:09 99 /b\n");
	assert_int_equal(scan(wide, makedev(0, 1), 77), 0);
	assert_int_equal(scan(wide, makedev(0, 9), 99), 1);
}

static void test_no_maps_prove_nothing(void **state)
{
	FILE *f = fopen("/dev/null", "r");

	(void)state;
	assert_non_null(f);
	assert_int_equal(maps_have_file(f, 1, 1), -ENODATA);
	fclose(f);
}

static void test_own_mapping(void **state)
{
	int fd = memfd_create("test_proc", MFD_CLOEXEC);
	struct stat st;
	void *p;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(proc_maps_file(getpid(), st.st_dev, st.st_ino), 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(proc_maps_file(getpid(), st.st_dev, st.st_ino), 1);
	munmap(p, 4096);
	assert_int_equal(proc_maps_file(getpid(), st.st_dev, st.st_ino), 0);
	close(fd);
}

static void *stay(void *arg)
{
	char byte;

	(void)!read(*(int *)arg, &byte, 1);
	_exit(0);
}

/* The first thread has ended: its own list is empty, the process lives on. */
static void leader_gone(int hold)
{
	static pthread_t t;

	pthread_create(&t, NULL, stay, &hold);
	pthread_exit(NULL);
}

static bool leader_is_zombie(pid_t pid)
{
	struct proc_stat st;

	return !proc_stat_read(pid, &st) && st.state == 'Z';
}

static void test_leader_gone(void **state)
{
	int fd = memfd_create("test_proc", 0), hold[2], pidfd, i;
	struct proc_stat st;
	struct stat file;
	void *p;
	pid_t pid;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fstat(fd, &file), 0);
	assert_int_equal(pipe(hold), 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		leader_gone(hold[0]);
	munmap(p, 4096);
	assert_int_equal(proc_stat_read(pid, &st), 0);
	assert_int_equal(pidfd_of(pid, st.start_time, &pidfd), 0);
	for (i = 0; i < 10000 && !leader_is_zombie(pid); i++)
		poll(NULL, 0, 1);
	assert_true(leader_is_zombie(pid));
	assert_int_equal(proc_maps_file(pid, file.st_dev, file.st_ino), 1);
	assert_false(pidfd_dead(pidfd));
	assert_int_equal(write(hold[1], "x", 1), 1);
	assert_int_equal(poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, 20000), 1);
	assert_true(pidfd_dead(pidfd));
	/* A zombie has no mappings to be seen; it isn't proof either. */
	assert_true(proc_maps_file(pid, file.st_dev, file.st_ino) != 0);
	assert_int_equal(pidfd_of(pid, st.start_time, &i), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(pidfd_of(pid, st.start_time, &i), -ESRCH);
	close(pidfd);
	close(fd);
	close(hold[0]);
	close(hold[1]);
}

/* The PID is somebody else's now: the start time tells. */
static void test_other_start_time(void **state)
{
	struct proc_stat st;
	int pidfd;

	(void)state;
	assert_int_equal(proc_stat_read(getpid(), &st), 0);
	assert_true(st.start_time > 0);
	assert_int_equal(pidfd_of(getpid(), st.start_time, &pidfd), 0);
	close(pidfd);
	assert_int_equal(pidfd_of(getpid(), st.start_time - 1, &pidfd), -ESRCH);
	assert_int_equal(pidfd_of(getpid(), 0, &pidfd), 0);
	close(pidfd);
}

static void test_peer(void **state)
{
	struct refusal why;
	struct peer p;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(peer_identify(fds[0], &p, &why), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.uid, geteuid());
	assert_true(p.start_time > 0);
	assert_true(p.comm[0] != 0);
	assert_false(pidfd_dead(p.pidfd));
	peer_close(&p);
	assert_int_equal(p.pidfd, -1);
	assert_true(sock_connected(fds[0]));
	close(fds[1]);
	assert_false(sock_connected(fds[0]));
	close(fds[0]);
}

static void test_machine(void **state)
{
	char boot[40];

	(void)state;
	proc_boot_id(boot, sizeof(boot));
	assert_int_equal(strlen(boot), 36);
	assert_true(proc_pidns() != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_line),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_no_maps_prove_nothing),
		cmocka_unit_test(test_own_mapping),
		cmocka_unit_test(test_leader_gone),
		cmocka_unit_test(test_other_start_time),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
