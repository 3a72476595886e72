/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - see find.h. */
#include "bpf/find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/mapping.h"
#include "tools/say.h"

static struct object *known(const struct finder *f, const struct stat *st)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->object[i]->dev == st->st_dev &&
		    f->object[i]->ino == st->st_ino)
			return f->object[i];
	return NULL;
}

/* Takes the descriptor.  1: an object more; 0: none, or a known one. */
static int add(struct finder *f, int fd, const char *path)
{
	struct object *o = calloc(1, sizeof(*o)), **more;
	struct stat st;
	int r = 0;

	if (!o)
		goto no_memory;
	if (fstat(fd, &st) || known(f, &st) || !notes_read(fd, &o->notes))
		goto out;
	more = realloc(f->object, (f->n + 1) * sizeof(*more));
	if (!more)
		goto no_memory;
	f->object = more;
	o->path = malloc(strlen(path) + 1);
	if (!o->path)
		goto no_memory;
	safe_text(o->path, strlen(path) + 1, path, strlen(path), SAFE_TERMINAL);
	o->fd = fd;
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	snprintf(o->attach, sizeof(o->attach), "/proc/self/fd/%d", fd);
	f->object[f->n++] = o;
	return 1;
no_memory:
	r = -1;
out:
	free(o);
	close(fd);
	return r;
}

struct scan {
	struct finder *f;
	int	       found;
};

/* Not 0: no memory. */
static int look_at(pid_t pid, const struct mapping *m, void *arg)
{
	struct scan *s = arg;
	int r = mapping_first_time(&s->f->seen, m), fd;

	if (r <= 0)
		return r;
	fd = mapping_open(pid, m);
	r = fd < 0 ? 0 : add(s->f, fd, m->path);
	if (r > 0)
		s->found++;
	return r < 0;
}

static int scan_process(struct finder *f, pid_t pid)
{
	struct scan s = { .f = f };

	return mapping_each(pid, look_at, &s) ? -1 : s.found;
}

static int scan_all(struct finder *f)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int found = 0;

	if (!proc)
		return 0;
	while (found >= 0 && (d = readdir(proc))) {
		int r = isdigit((unsigned char)d->d_name[0]) ?
			scan_process(f, atoi(d->d_name)) : 0;

		found = r < 0 ? r : found + r;
	}
	closedir(proc);
	return found;
}

int find_scan(struct finder *f, const pid_t *pid, uint32_t npids)
{
	int found = 0;

	if (!npids)
		return scan_all(f);
	for (uint32_t i = 0; i < npids && found >= 0; i++) {
		int r = scan_process(f, pid[i]);

		found = r < 0 ? r : found + r;
	}
	return found;
}

int find_file(struct finder *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && known(f, &st)) {
		close(fd);
		return 0;
	}
	r = add(f, fd, path);
	if (!r)
		errno = ENOEXEC;
	return r > 0 ? 0 : -1;
}

void find_end(struct finder *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		close(f->object[i]->fd);
		free(f->object[i]->path);
		free(f->object[i]);
	}
	free(f->object);
	mapping_forget(&f->seen);
	*f = (struct finder){ 0 };
}
