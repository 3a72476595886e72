/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segfiles.c - see segfiles.h.  No locks: the daemon holds the heap's lock file
 * while it makes, opens or removes them.
 *
 * A name in /dev/shm can be taken by anybody first, so what is found there must
 * be ours and closed to others, or it is not touched.
 */
#include "daemon/segfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/options.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008u
#endif
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

const char *const segfile_part[SEGFILES] = { "heap", "central", "arena" };

void segfiles_init(struct segfiles *f)
{
	for (int i = 0; i < SEGFILES; i++)
		f->rw[i] = f->ro[i] = -1;
	f->backing = BACKING_SHM;
}

static void close_all(int fds[SEGFILES])
{
	for (int i = 0; i < SEGFILES; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

void segfiles_close(struct segfiles *f)
{
	close_all(f->rw);
	close_all(f->ro);
}

int segfile_back(int fd, uint64_t off, uint64_t len)
{
	int r;

	do
		r = fallocate(fd, 0, (off_t)off, (off_t)len);
	while (r && errno == EINTR);
	return r ? -errno : 0;
}

static int reopen(int fd, int *ret_ro)
{
	char path[32];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	if (ro < 0)
		return -errno;
	*ret_ro = ro;
	return 0;
}

static int reopen_all(struct segfiles *f, struct refusal *why)
{
	for (int i = 0; i < SEGFILES; i++) {
		int r = reopen(f->rw[i], &f->ro[i]);

		if (r)
			return refuse(why, EXIT_CANNOT, r, "can't open a "
				      "segment read-only through /proc/self/fd:"
				      " %s; is /proc mounted?", strerror(-r));
	}
	return 0;
}

static int shm_new(const char *name, int part)
{
	char path[HEAP_PATH_MAX];
	int fd;

	heap_shm_name(geteuid(), name, segfile_part[part], path, sizeof(path));
	fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? -errno : fd;
}

/* Kernels before 6.3 don't know how to forbid execution. */
static int memfd_new(const char *name, int part)
{
	char label[HEAP_PATH_MAX];
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	snprintf(label, sizeof(label), "mheap.%s.%s", name, segfile_part[part]);
	fd = memfd_create(label, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(label, flags);
	return fd < 0 ? -errno : fd;
}

static int file_new(uint32_t backing, const char *name, int part, uint64_t bytes,
		    int *ret_fd)
{
	int fd = backing == BACKING_MEMFD ? memfd_new(name, part) :
					    shm_new(name, part);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	if (fchmod(fd, 0600) || ftruncate(fd, (off_t)bytes))
		return -errno;
	if (backing == BACKING_MEMFD && fcntl(fd, F_ADD_SEALS, SEALS))
		return -errno;
	return 0;
}

int segfiles_new(struct segfiles *f, uint32_t backing, const char *name,
		 const uint64_t bytes[SEGFILES], struct refusal *why)
{
	f->backing = backing;
	for (int i = 0; i < SEGFILES; i++) {
		int r = file_new(backing, name, i, bytes[i], &f->rw[i]);

		if (r)
			return refuse(why, EXIT_CANNOT, r, "can't make the %s "
				      "segment of %" PRIu64 " bytes: %s",
				      segfile_part[i], bytes[i], strerror(-r));
	}
	return reopen_all(f, why);
}

static int check_ours(int fd, const char *path, struct refusal *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return refuse(why, EXIT_CANNOT, -errno, "%s: %s", path,
			      strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & 077))
		return 0;
	return refuse(why, EXIT_CANNOT, -EPERM, "/dev/shm%s belongs to user %u "
		      "with mode %o, not to this user alone: somebody else put "
		      "it there; remove it", path, st.st_uid,
		      st.st_mode & 07777);
}

static int shm_existing(const char *name, int part, int *ret_fd,
			struct refusal *why)
{
	char path[HEAP_PATH_MAX];
	int fd, r;

	heap_shm_name(geteuid(), name, segfile_part[part], path, sizeof(path));
	fd = shm_open(path, O_RDWR, 0);
	if (fd < 0)
		return refuse(why, EXIT_CANNOT, -errno, "can't open /dev/shm%s: "
			      "%s", path, strerror(errno));
	r = check_ours(fd, path, why);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int segfile_open_heap(const char *name, int *ret_fd, struct refusal *why)
{
	return shm_existing(name, 0, ret_fd, why);
}

static int check_sizes(const struct segfiles *f, const char *name,
		       const uint64_t bytes[SEGFILES], struct refusal *why)
{
	struct stat st;

	for (int i = 0; i < SEGFILES; i++) {
		if (!fstat(f->rw[i], &st) && (uint64_t)st.st_size >= bytes[i])
			continue;
		return refuse(why, EXIT_CANNOT, -EBADMSG, "the %s segment of "
			      "heap %s is shorter than its header says; "
			      "somebody cut it: `mheap destroy %s` removes "
			      "what is left", segfile_part[i], name, name);
	}
	return 0;
}

int segfiles_open(struct segfiles *f, const char *name,
		  const uint64_t bytes[SEGFILES], struct refusal *why)
{
	int r;

	f->backing = BACKING_SHM;
	for (int i = 0; i < SEGFILES; i++) {
		r = shm_existing(name, i, &f->rw[i], why);
		if (r == -ENOENT)
			return refuse(why, EXIT_CANNOT, -EBADMSG, "the %s segment of "
				      "heap %s is missing, somebody removed it: "
				      "`mheap destroy %s` removes the rest",
				      segfile_part[i], name, name);
		if (r)
			return r;
	}
	r = check_sizes(f, name, bytes, why);
	return r ? r : reopen_all(f, why);
}

int segfiles_adopt(struct segfiles *f, const int fds[SEGFILES],
		   const uint64_t bytes[SEGFILES], struct refusal *why)
{
	int r;

	f->backing = BACKING_MEMFD;
	for (int i = 0; i < SEGFILES; i++)
		f->rw[i] = fds[i];
	for (int i = 0; i < SEGFILES; i++)
		if ((fcntl(fds[i], F_GET_SEALS) & SEALS) != SEALS)
			return refuse(why, EXIT_CANNOT, -EBADMSG, "the %s "
				      "segment that was kept is no sealed memfd",
				      segfile_part[i]);
	r = check_sizes(f, "kept", bytes, why);
	return r ? r : reopen_all(f, why);
}

void segfiles_unlink(const char *name)
{
	char path[HEAP_PATH_MAX];

	for (int i = 0; i < SEGFILES; i++) {
		heap_shm_name(geteuid(), name, segfile_part[i], path,
			      sizeof(path));
		shm_unlink(path);
	}
}
