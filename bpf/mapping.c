/* SPDX-License-Identifier: Apache-2.0 */
/* mapping.c - see mapping.h. */
#include "bpf/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int seen_cmp(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return x->dev == y->dev ? 0 : x->dev < y->dev ? -1 : 1;
}

struct seen *mapping_seen(struct seen_files *f, const struct mapping *m,
			  dev_t dev)
{
	const struct seen key = { .major = m->major, .minor = m->minor,
				  .ino = m->ino, .dev = dev };
	struct seen **was = tfind(&key, &f->now, seen_cmp), *s;

	if (was)
		return *was;
	was = tfind(&key, &f->before, seen_cmp);
	s = was ? *was : malloc(sizeof(*s));
	if (s && !was)
		*s = key;
	if (!s || !tsearch(s, &f->now, seen_cmp)) {
		if (!was)
			free(s);
		return NULL;
	}
	if (was)
		tdelete(s, &f->before, seen_cmp);
	return s;
}

void mapping_scanned(struct seen_files *f)
{
	tdestroy(f->before, free);
	f->before = f->now;
	f->now = NULL;
}

void mapping_forget(struct seen_files *f)
{
	mapping_scanned(f);
	mapping_scanned(f);
}

/* "start-end r-xp offset major:minor inode path": from a file? */
static bool parse(char *line, struct mapping *ret_m, bool *ret_code)
{
	char mode[5];
	int at = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64
		   " %x:%x %" SCNu64 " %n", &ret_m->start, &ret_m->end, mode,
		   &ret_m->offset, &ret_m->major, &ret_m->minor, &ret_m->ino,
		   &at) != 7 || !at)
		return false;
	ret_m->path = line + at;
	*ret_code = mode[2] == 'x';
	return ret_m->ino && ret_m->path[0] == '/';
}

static int each(pid_t pid, bool all, int (*take)(pid_t pid,
						 const struct mapping *m,
						 void *arg), void *arg)
{
	char path[64], *line = NULL;
	size_t size = 0;
	struct mapping m;
	bool code;
	FILE *maps;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (!r && getline(&line, &size, maps) > 0)
		if (parse(line, &m, &code) && (code || all))
			r = take(pid, &m, arg);
	free(line);
	fclose(maps);
	return r;
}

int mapping_each(pid_t pid, int (*take)(pid_t pid, const struct mapping *m,
					void *arg), void *arg)
{
	return each(pid, false, take, arg);
}

/* Not 0: both map one file. */
static int same(pid_t pid, const struct mapping *ours, void *arg)
{
	const struct mapping *m = arg;

	(void)pid;
	return ours->start == m->start && ours->ino == m->ino &&
	       ours->major == m->major && ours->minor == m->minor;
}

/*
 * fstat() has other numbers than the kernel shows of a mapping, on btrfs and on
 * overlays: so we map it, too, and look what is shown of that.
 */
static bool is_mapped_as(int fd, const struct mapping *m)
{
	struct mapping at = *m;
	void *map = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	bool is;

	if (map == MAP_FAILED)
		return false;
	at.start = (uintptr_t)map;
	is = each(getpid(), true, same, &at) > 0;
	munmap(map, 1);
	return is;
}

/*
 * Others have chosen the path: what isn't a file isn't opened, as that alone may
 * wait for ever, arm a watchdog, or give us a terminal.
 */
static int open_regular(const char *path)
{
	int at = open(path, O_PATH | O_CLOEXEC), fd;
	struct stat st;
	char self[64];

	if (at < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	if (fstat(at, &st) || !S_ISREG(st.st_mode)) {
		close(at);
		return -ENOEXEC;
	}
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		fd = -errno;
	close(at);
	return fd;
}

static int open_if(const char *path, const struct mapping *m)
{
	int fd = open_regular(path);

	if (fd >= 0 && !is_mapped_as(fd, m)) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static void map_file(pid_t pid, const struct mapping *m, char *to, size_t size)
{
	snprintf(to, size, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
		 m->start, m->end);
}

dev_t mapping_dev(pid_t pid, const struct mapping *m)
{
	char path[128];
	struct stat st;

	map_file(pid, m, path, sizeof(path));
	return stat(path, &st) ? (dev_t)-1 : st.st_dev;
}

int mapping_open(pid_t pid, const struct mapping *m)
{
	char path[PATH_MAX + 64];
	int fd, why;

	map_file(pid, m, path, sizeof(path));
	why = open_regular(path);
	if (why != -EPERM && why != -EACCES)
		return why;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
	fd = open_if(path, m);
	if (fd < 0)
		fd = open_if(m->path, m);
	return fd >= 0 ? fd : why;
}
