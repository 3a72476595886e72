/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.c - names and removal of what a peer has in a file system while it
 * runs: shared memory objects, temporary folders.  Makes none of them.
 *
 * A run that is killed can't remove anything.  So a guard, a process of its own
 * session, holds the end of a pipe whose other end this process and all that it
 * starts have: when the last of them is gone, it removes the name.  If the
 * guard was killed too, the next run of the same peer removes what has the pid
 * of no process and belongs to this user.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/peers/scratch.h"

#define PREFIX "mheap-bench-"

extern char **environ;

const char *scratch_tmp(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir == '/' ? dir : "/tmp";
}

/* By rm, which can't be led out of the folder by a link put there meanwhile. */
void scratch_remove(const char *path)
{
	const char *argv[] = { "rm", "-rf", "--one-file-system", "--", path,
			       NULL };
	pid_t pid;

	if (posix_spawnp(&pid, "rm", NULL, NULL, (char **)argv, environ) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
}

/* The pid that a name of the form PREFIX TAG-PID ends in, or 0. */
static pid_t pid_of(const char *name, const char *tag)
{
	size_t n = strlen(tag);
	char *end;
	long pid;

	if (strncmp(name, PREFIX, strlen(PREFIX)))
		return 0;
	name += strlen(PREFIX);
	if (strncmp(name, tag, n) || name[n] != '-')
		return 0;
	pid = strtol(name + n + 1, &end, 10);
	return *end || pid < 1 ? 0 : (pid_t)pid;
}

static void remove_stale(const char *dir, const char *tag)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	char path[512];

	while (d && (e = readdir(d))) {
		pid_t pid = pid_of(e->d_name, tag);

		if (!pid || (pid != getpid() &&
			     (kill(pid, 0) == 0 || errno != ESRCH)))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >=
		    (int)sizeof(path))
			continue;
		if (lstat(path, &st) == 0 && st.st_uid == geteuid())
			scratch_remove(path);
	}
	if (d)
		closedir(d);
}

/* In the guard, which has nothing of its parent's but the pipe's end. */
static void wait_and_remove(int end, const char *path)
{
	int null = open("/dev/null", O_RDWR);
	char c;

	setsid();		/* a ^C is not for it */
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	while (read(end, &c, 1) < 0 && errno == EINTR)
		;
	scratch_remove(path);
	_exit(0);
}

static int guard(const char *path)
{
	int end[2];
	pid_t pid;

	if (pipe(end) < 0)	/* a server has it too: no O_CLOEXEC */
		return -errno;
	pid = fork();
	if (!pid) {
		close(end[1]);
		wait_and_remove(end[0], path);
	}
	close(end[0]);		/* end[1] stays open, that is its use */
	return pid < 0 ? -EAGAIN : 0;
}

int scratch_name(char *path, size_t size, const char *dir, const char *tag)
{
	remove_stale(dir, tag);
	if (snprintf(path, size, "%s/" PREFIX "%s-%ld", dir, tag,
		     (long)getpid()) < (int)size)
		return guard(path);
	fprintf(stderr, "%s: the path of %s is longer than %zu bytes: set "
		"TMPDIR to a shorter one\n", tag, dir, size - 1);
	return -ENAMETOOLONG;
}

int scratch_room(const char *dir, uint64_t need, const char *who)
{
	struct statvfs fs;
	uint64_t free_bytes;

	if (statvfs(dir, &fs) < 0) {
		fprintf(stderr, "%s: %s: %s\n", who, dir, strerror(errno));
		return -errno;
	}
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= need)
		return 0;
	fprintf(stderr, "%s: needs %llu MiB in %s, which has %llu: remove "
		"what is there or remount it with a larger size=\n", who,
		(unsigned long long)(need >> 20), dir,
		(unsigned long long)(free_bytes >> 20));
	return -ENOSPC;
}
