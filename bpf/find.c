/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - see find.h. */
#include "bpf/find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bpf/mapping.h"
#include "bpf/session.h"
#include "tools/say.h"

#define SPARE_FDS	64u

static struct object *known(const struct finder *f, const struct stat *st)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->object[i]->dev == st->st_dev &&
		    f->object[i]->ino == st->st_ino)
			return f->object[i];
	return NULL;
}

static struct object *object_new(const char *path, int fd, const struct stat *st)
{
	struct object *o = calloc(1, sizeof(*o));
	size_t room = strlen(path) + 1;

	if (!o)
		return NULL;
	o->path = malloc(room);
	if (!o->path) {
		free(o);
		return NULL;
	}
	safe_text(o->path, room, path, room - 1, SAFE_TERMINAL);
	o->fd = fd;
	o->dev = st->st_dev;
	o->ino = st->st_ino;
	o->size = st->st_size;
	o->modified = st->st_mtim;
	snprintf(o->attach, sizeof(o->attach), "/proc/self/fd/%d", fd);
	return o;
}

static void object_free(struct object *o)
{
	free(o->path);
	free(o);
}

void find_detach(struct object *o)
{
	for (uint32_t i = 0; i < o->nholds; i++)
		link_drop(&o->hold[i]);
	free(o->hold);
	o->hold = NULL;
	o->nholds = 0;
}

static void let_go(struct object *o)
{
	find_detach(o);
	close(o->fd);
	object_free(o);
}

/*
 * 1: an object more, which has the descriptor; 0: a known one; -ENOEXEC, -EFBIG of
 * notes_read(), -ENOMEM.
 */
static int add(struct finder *f, int fd, const struct stat *st, const char *path,
	       struct object **ret_o)
{
	struct object **more, *o = known(f, st);
	int r;

	if (o) {
		*ret_o = o;
		return 0;
	}
	if (!S_ISREG(st->st_mode))
		return -ENOEXEC;
	more = realloc(f->object, (f->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	f->object = more;
	o = object_new(path, fd, st);
	if (!o)
		return -ENOMEM;
	r = notes_read(fd, &o->notes);
	if (!r && f->most && f->n >= f->most)
		r = -EMFILE;
	if (r) {
		object_free(o);
		return r;
	}
	more[f->n++] = *ret_o = o;
	f->ever++;
	return 1;
}

struct scan {
	struct finder *f;
	int	       found;
};

static void barred(struct finder *f, pid_t pid, const char *what)
{
	if (!f->barred)
		explain_barred(pid, what);
	f->barred = true;
}

static void say_why_not(struct finder *f, pid_t pid, int err, const char *what)
{
	if (err == -EPERM || err == -EACCES)
		barred(f, pid, what);
	if (err != -EMFILE && err != -ENFILE)
		return;
	if (!f->crowded)
		refuse(0, "there is no descriptor left (%s): what has probes in "
		       "further files is not traced; `ulimit -Hn' raises the "
		       "limit", strerror(-err));
	f->crowded = true;
}

/* The same file as the last time: same number, not changed, not made anew. */
static bool looked_at(struct seen *s, const struct stat *st)
{
	if (s->changed.tv_sec == st->st_ctim.tv_sec &&
	    s->changed.tv_nsec == st->st_ctim.tv_nsec)
		return true;
	s->changed = st->st_ctim;
	return false;
}

/* Takes the descriptor. */
static int look_into(struct scan *s, pid_t pid, struct seen *seen, int fd,
		     const char *path)
{
	struct stat st;
	int r = 0;

	if (!fstat(fd, &st) && !looked_at(seen, &st)) {
		seen->object = NULL;
		r = add(s->f, fd, &st, path, &seen->object);
	}
	if (seen->object)
		seen->object->idle = 0;
	if (r == -EFBIG)
		refuse(0, "%s: left out: its .note.stapsdt is longer than %u bytes",
		       path, NOTES_MAX);
	if (r == -EMFILE)
		seen->changed = (struct timespec){ 0 };
	say_why_not(s->f, pid, r, path);
	s->found += r > 0;
	if (r <= 0)
		close(fd);
	return r == -ENOMEM ? r : 0;
}

static struct seen *seen_of(struct finder *f, pid_t pid, const struct mapping *m)
{
	struct seen *seen = mapping_seen(&f->seen, m, 0);

	return seen && seen->many ?
	       mapping_seen(&f->seen, m, mapping_dev(pid, m)) : seen;
}

static bool has_subvolumes(int fd)
{
	struct statfs st;

	return !fstatfs(fd, &st) && st.f_type == BTRFS_SUPER_MAGIC;
}

/* A file that can't be opened now may be later, or by another process's path. */
static int look_at(pid_t pid, const struct mapping *m, void *arg)
{
	struct scan *s = arg;
	struct seen *seen = seen_of(s->f, pid, m);
	char name[PATH_MAX];
	int fd;

	if (!seen)
		return -ENOMEM;
	if (seen->object)
		seen->object->idle = 0;
	if (seen->scan == s->f->scan)
		return 0;
	if (watch_over())
		return -EINTR;
	fd = mapping_open(pid, m);
	safe_text(name, sizeof(name), m->path, strlen(m->path), SAFE_TERMINAL);
	say_why_not(s->f, pid, fd, name);
	if (fd < 0)
		return 0;
	if (!seen->dev && has_subvolumes(fd)) {
		seen->many = true;
		seen = seen_of(s->f, pid, m);
	}
	if (!seen) {
		close(fd);
		return -ENOMEM;
	}
	seen->scan = s->f->scan;
	return look_into(s, pid, seen, fd, name);
}

static int scan_process(struct finder *f, pid_t pid)
{
	struct scan s = { .f = f };
	int r = mapping_each(pid, look_at, &s);

	say_why_not(f, pid, r, "the memory map");
	f->whole = f->whole && r != -EMFILE && r != -ENFILE;
	return r == -ENOMEM ? -1 : s.found;
}

static int scan_all(struct finder *f)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	int found = 0;

	if (!proc) {
		say_why_not(f, getpid(), -errno, "/proc");
		f->whole = false;
		return 0;
	}
	while (found >= 0 && !watch_over() && (d = readdir(proc))) {
		int r = isdigit((unsigned char)d->d_name[0]) ?
			scan_process(f, atoi(d->d_name)) : 0;

		found = r < 0 ? r : found + r;
	}
	closedir(proc);
	return found;
}

static bool is_idle(const struct object *o)
{
	struct stat st;

	return !o->named && o->idle > IDLE_REMOVED &&
	       (o->idle > IDLE_THERE || (!fstat(o->fd, &st) && !st.st_nlink));
}

/* Nothing in `seen` has an idle object: it would be met with that. */
static void scanned(struct finder *f)
{
	uint32_t n = 0;

	mapping_scanned(&f->seen);
	for (uint32_t i = 0; i < f->n; i++) {
		struct object *o = f->object[i];

		o->idle++;
		if (is_idle(o))
			let_go(o);
		else
			f->object[n++] = o;
	}
	f->n = n;
}

/* One for its file, one for each link; some are left to look and to write with. */
static uint32_t most_objects(uint32_t npids)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur > INT_MAX)
		return INT_MAX;
	return l.rlim_cur < SPARE_FDS + 2 ? 1 : ((uint32_t)l.rlim_cur - SPARE_FDS) /
		(1 + (npids ? npids : 1));
}

int find_scan(struct finder *f, const pid_t *pid, uint32_t npids)
{
	int found = 0;

	f->scan++;
	f->whole = true;
	f->most = most_objects(npids);
	if (!npids)
		found = scan_all(f);
	for (uint32_t i = 0; i < npids && found >= 0; i++) {
		int r = scan_process(f, pid[i]);

		found = r < 0 ? r : found + r;
	}
	if (f->whole && found >= 0 && !watch_over())
		scanned(f);
	return found;
}

int find_file(struct finder *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct object *o = NULL;
	struct stat st;

	if (fd < 0)
		return -1;
	r = fstat(fd, &st) ? -errno : add(f, fd, &st, path, &o);
	if (o)
		o->named = true;
	if (r <= 0)
		close(fd);
	if (r >= 0)
		return 0;
	errno = -r;
	return -1;
}

void find_end(struct finder *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		let_go(f->object[i]);
	free(f->object);
	mapping_forget(&f->seen);
	*f = (struct finder){ 0 };
}
