/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.c - see page.h.
 */
#include "bench/page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE(bytes)	(((bytes) + 4095) & ~4095ull)

static char path[48];

static pid_t maker;

static void drop_file(void)
{
	if (getpid() == maker)
		unlink(path);
}

static void on_signal(int sig)
{
	drop_file();
	signal(sig, SIG_DFL);
	raise(sig);
}

static struct bench_shared *map(int fd, uint64_t bytes)
{
	void *p = MAP_FAILED;

	errno = posix_fallocate(fd, 0, (off_t)bytes);
	if (!errno)
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (p != MAP_FAILED)
		return p;
	fprintf(stderr, "bench: %s: no room for %llu bytes: %s\n", path,
		(unsigned long long)bytes, strerror(errno));
	return NULL;
}

/* Workers that are forked have the descriptor: nothing can be left behind. */
static int make_nameless(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd;
}

static int make_named(void)
{
	int fd;

	/* If this process is killed, the runner finds it by the pid. */
	snprintf(path, sizeof(path), "/dev/shm/mheap-bench-%d-XXXXXX",
		 (int)getpid());
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fd;
	maker = getpid();
	atexit(drop_file);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	fchmod(fd, 0666);
	return fd;
}

struct bench_shared *page_make(const struct bench_params *p,
			       uint64_t area_bytes, bool for_others)
{
	uint64_t head = PAGE(sizeof(struct bench_shared));
	int fd = for_others ? make_named() : make_nameless();
	struct bench_shared *s;

	if (fd < 0) {
		fprintf(stderr, "bench: no shared file %s: %s\n", path,
			strerror(errno));
		return NULL;
	}
	s = map(fd, head + PAGE(area_bytes));
	if (!s)
		return NULL;
	s->p = *p;
	s->total_bytes = head + PAGE(area_bytes);
	s->area_off = head;
	s->area_bytes = area_bytes;
	return s;
}

const char *page_path(void)
{
	return path;
}

void page_drop(struct bench_shared *s)
{
	munmap(s, s->total_bytes);
	drop_file();
}
