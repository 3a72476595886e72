/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - see lock.h.  A lock file may be removed by its holder, so who gets
 * the lock looks whether the name still leads to the file that is locked.
 */
#include "tools/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/keep.h"
#include "tools/say.h"

#define TRIES		500
#define TRY_NS		10000000l

static int lock_path(const struct place *p, bool shm, char *ret, size_t len)
{
	return shm ? heap_shm_name(p->uid, p->name, "lock", ret, len) :
		     path_beside(p->socket, ".lock", ret, len);
}

static int lock_open(const char *path, bool shm, int flags)
{
	int fd = shm ? shm_open(path, flags, 0600) :
		 open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static bool still_named(int fd, const char *path, bool shm)
{
	struct stat mine, named;
	int other = lock_open(path, shm, O_RDONLY);
	bool same;

	if (other < 0)
		return false;
	same = !fstat(fd, &mine) && !fstat(other, &named) &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
	close(other);
	return same;
}

/* A locked descriptor; -EAGAIN: somebody has it; -errno. */
static int try_lock(const char *path, bool shm)
{
	int fd = lock_open(path, shm, O_RDWR | O_CREAT);

	if (fd < 0)
		return fd;
	if (!flock(fd, LOCK_EX | LOCK_NB) && still_named(fd, path, shm))
		return fd;
	close(fd);
	return -EAGAIN;
}

/* The PID that the holder wrote; 0: it begins or ends. */
static long holder(const char *path, bool shm)
{
	int fd = lock_open(path, shm, O_RDONLY);
	char text[16] = "";
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int take_one(const struct place *p, bool shm, int *ret_fd)
{
	const struct timespec pause = { 0, TRY_NS };
	char path[HEAP_PATH_MAX];
	int fd = lock_path(p, shm, path, sizeof(path));

	if (!fd)
		fd = try_lock(path, shm);
	for (int i = 0; fd == -EAGAIN && i < TRIES; i++) {
		nanosleep(&pause, NULL);
		fd = try_lock(path, shm);
	}
	*ret_fd = fd < 0 ? -1 : fd;
	if (fd >= 0 || fd == -ENOENT)
		return 0;
	if (fd != -EAGAIN)
		return refuse(EXIT_IMPOSSIBLE, "the lock file %s: %s", path,
			      strerror(-fd));
	return refuse(EXIT_FAULT, "process %ld holds the lock of heap %s (%s) "
		      "and does not answer at %s: if it is a daemon with "
		      "another socket, set MHEAP_SOCKET", holder(path, shm),
		      p->name, path, p->socket);
}

int locks_take(struct locks *l, const struct place *p)
{
	int r;

	*l = (struct locks){ .p = p, .beside = -1, .shm = -1 };
	r = take_one(p, false, &l->beside);
	if (!r)
		r = take_one(p, true, &l->shm);
	if (r)
		locks_drop(l);
	return r;
}

/* Who waits for a file that was removed looks for it anew. */
void locks_drop(struct locks *l)
{
	char path[HEAP_PATH_MAX];

	if (l->shm >= 0) {
		if (!lock_path(l->p, true, path, sizeof(path)))
			shm_unlink(path);
		close(l->shm);
	}
	if (l->beside >= 0) {
		if (!lock_path(l->p, false, path, sizeof(path)))
			unlink(path);
		close(l->beside);
	}
	l->shm = l->beside = -1;
}
