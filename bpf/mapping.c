/* SPDX-License-Identifier: Apache-2.0 */
/* mapping.c - see mapping.h. */
#include "bpf/mapping.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
	unsigned major, minor;
	uint64_t ino;
};

static int seen_cmp(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return x->minor == y->minor ? 0 : x->minor < y->minor ? -1 : 1;
}

int mapping_first_time(void **seen, const struct mapping *m)
{
	struct seen *s = malloc(sizeof(*s)), **node;

	if (!s)
		return -1;
	*s = (struct seen){ m->major, m->minor, m->ino };
	node = tsearch(s, seen, seen_cmp);
	if (node && *node == s)
		return 1;
	free(s);
	return node ? 0 : -1;
}

void mapping_forget(void **seen)
{
	tdestroy(*seen, free);
	*seen = NULL;
}

/* "start-end r-xp offset major:minor inode path": code from a file? */
static bool parse(char *line, struct mapping *ret_m)
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
	return mode[2] == 'x' && ret_m->ino && ret_m->path[0] == '/';
}

int mapping_each(pid_t pid, int (*take)(pid_t pid, const struct mapping *m,
					void *arg), void *arg)
{
	char path[64], *line = NULL;
	size_t size = 0;
	struct mapping m;
	FILE *maps;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return 0;
	while (!r && getline(&line, &size, maps) > 0)
		if (parse(line, &m))
			r = take(pid, &m, arg);
	free(line);
	fclose(maps);
	return r;
}

static int open_if(const char *path, uint64_t ino)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && ino && (fstat(fd, &st) || st.st_ino != ino)) {
		close(fd);
		return -1;
	}
	return fd;
}

int mapping_open(pid_t pid, const struct mapping *m)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
		 pid, m->start, m->end);
	fd = open_if(path, 0);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
	fd = open_if(path, m->ino);
	return fd >= 0 ? fd : open_if(m->path, m->ino);
}
