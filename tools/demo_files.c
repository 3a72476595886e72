/* SPDX-License-Identifier: Apache-2.0 */
/* demo_files.c - see demo_files.h. */
#include "tools/demo_files.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int add(struct file_list *list, const char *path, uint64_t bytes)
{
	if (list->n == list->room) {
		uint32_t room = list->room ? list->room * 2 : 256;
		char **p = reallocarray(list->path, room, sizeof(*p));

		if (!p)
			return -ENOMEM;
		list->path = p;
		list->room = room;
	}
	list->path[list->n] = strdup(path);
	if (!list->path[list->n])
		return -ENOMEM;
	list->n++;
	list->bytes += bytes;
	return 0;
}

/*
 * What is named must be there, what is found in a folder may be anything: only
 * readable regular files of it count.
 */
static int look_at(struct file_list *list, const FTSENT *e)
{
	switch (e->fts_info) {
	case FTS_NS:
	case FTS_DNR:
	case FTS_ERR:
		return e->fts_level == FTS_ROOTLEVEL ? -e->fts_errno : 0;
	case FTS_F:
		if (!access(e->fts_path, R_OK))
			return add(list, e->fts_path,
				   (uint64_t)e->fts_statp->st_size);
		return e->fts_level == FTS_ROOTLEVEL ? -errno : 0;
	default:
		return 0;
	}
}

static int walk(struct file_list *list, const char *name)
{
	char *roots[] = { strdup(name), NULL };
	FTS *fts = roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW |
				       FTS_NOCHDIR, NULL) : NULL;
	int r = fts ? 0 : -ENOMEM;
	FTSENT *e;

	while (!r) {
		errno = 0;
		e = fts_read(fts);
		if (!e) {
			r = -errno;
			break;
		}
		r = look_at(list, e);
	}
	if (fts)
		fts_close(fts);
	free(roots[0]);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A file that was named twice is read once. */
static void drop_doubles(struct file_list *list)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		if (kept && !strcmp(list->path[kept - 1], list->path[i]))
			free(list->path[i]);
		else
			list->path[kept++] = list->path[i];
	}
	list->n = kept;
}

int files_find(struct file_list *list, char *const *names,
	       const char **ret_name)
{
	memset(list, 0, sizeof(*list));
	for (; *names; names++) {
		int r = walk(list, *names);

		if (r) {
			*ret_name = *names;
			files_end(list);
			return r;
		}
	}
	if (list->n)
		qsort(list->path, list->n, sizeof(*list->path), by_name);
	drop_doubles(list);
	return 0;
}

void files_end(struct file_list *list)
{
	for (uint32_t i = 0; i < list->n; i++)
		free(list->path[i]);
	free(list->path);
	memset(list, 0, sizeof(*list));
}
