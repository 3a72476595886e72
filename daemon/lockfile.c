/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockfile.c - see lockfile.h.  The file may be removed by its holder, so who
 * gets the lock looks whether the name still leads to the file it has locked.
 */
#include "daemon/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/proc.h"

#define WAIT_STEP_MS	10
#define WAIT_STEPS	1000
#define GRACE_STEPS	30	/* for a holder that looks alive */

static int lock_open(const struct lockfile *l, int flags)
{
	int fd = l->shm ? shm_open(l->path, flags, 0600) :
		 open(l->path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static bool still_named(const struct lockfile *l)
{
	struct stat mine, named;
	int fd = lock_open(l, O_RDONLY);
	bool same;

	if (fd < 0)
		return false;
	same = !fstat(l->fd, &mine) && !fstat(fd, &named) &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
	close(fd);
	return same;
}

/* The PID in the file; 0: none, its holder begins or ends. */
static pid_t holder(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/* A process that was killed keeps its locks until its last work is done. */
static bool is_ending(pid_t pid)
{
	struct proc_stat st;

	return pid <= 0 || proc_stat_read(pid, &st) == -ESRCH ||
	       st.state == 'Z' || st.state == 'X';
}

static void wait_step(void)
{
	struct timespec t = { .tv_nsec = WAIT_STEP_MS * 1000000l };

	nanosleep(&t, NULL);
}

/* 0: locked.  -EAGAIN: not yet.  -EBUSY: its holder looks alive. */
static int lock_try(struct lockfile *l, struct refusal *why)
{
	int fd = lock_open(l, O_RDWR | O_CREAT);
	pid_t pid;

	if (fd < 0)
		return refuse(why, EXIT_CANNOT, fd, "can't open the lock file "
			      "%s: %s", l->path, strerror(-fd));
	l->fd = fd;
	if (!flock(fd, LOCK_EX | LOCK_NB)) {
		if (still_named(l))
			return 0;
		close(fd);
		return -EAGAIN;
	}
	pid = holder(fd);
	close(fd);
	if (is_ending(pid))
		return -EAGAIN;
	return refuse(why, EXIT_FAULT, -EBUSY, "process %d serves this heap "
		      "already (it holds %s)", pid, l->path);
}

static void write_pid(struct lockfile *l)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", getpid());

	/* For people only: a full disk shall not keep us from serving. */
	if (!ftruncate(l->fd, 0) && pwrite(l->fd, text, (size_t)n, 0) != n)
		log_line(LOG_WARNING, "can't write to %s", l->path);
}

int lockfile_take(struct lockfile *l, bool shm, const char *path,
		  struct refusal *why)
{
	int r = -EAGAIN;

	l->shm = shm;
	snprintf(l->path, sizeof(l->path), "%s", path);
	/* One that is being killed may look alive for a moment more. */
	for (int i = 0; (r == -EAGAIN && i < WAIT_STEPS) ||
			(r == -EBUSY && i < GRACE_STEPS); i++) {
		if (i)
			wait_step();
		r = lock_try(l, why);
	}
	if (r == -EAGAIN)
		refuse(why, EXIT_FAULT, r, "somebody holds the lock file %s "
		       "and neither serves nor ends", path);
	if (r)
		l->fd = -1;
	else
		write_pid(l);
	return r;
}

void lockfile_ending(struct lockfile *l)
{
	if (l->fd >= 0 && ftruncate(l->fd, 0))
		log_line(LOG_WARNING, "can't empty %s", l->path);
}

void lockfile_drop(struct lockfile *l, bool remove)
{
	if (l->fd < 0)
		return;
	if (remove && l->shm)
		shm_unlink(l->path);
	else if (remove)
		unlink(l->path);
	close(l->fd);
	l->fd = -1;
}
