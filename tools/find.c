/* SPDX-License-Identifier: Apache-2.0 */
/* find.c - see find.h.  Reads folders; opens and connects to nothing. */
#include "tools/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_DIR		"/dev/shm"
#define SYSTEM_DIR	"/run/mheap"

static bool concerns_us(uid_t uid)
{
	return !geteuid() || uid == geteuid() || !uid;
}

static struct place *place_at(struct places *p, uid_t uid, const char *name)
{
	struct place *more;

	for (size_t i = 0; i < p->n; i++)
		if (p->at[i].uid == uid && !strcmp(p->at[i].name, name))
			return &p->at[i];
	more = realloc(p->at, (p->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->at = more;
	more += p->n++;
	memset(more, 0, sizeof(*more));
	more->uid = uid;
	strcpy(more->name, name);
	return more;
}

/* The part of a file's name before the suffix, if that may name a heap. */
static bool heap_name_in(const char *file, const char *suffix, char *ret_name)
{
	size_t n = strlen(file), s = strlen(suffix);
	char name[HEAP_NAME_MAX + 1];

	if (n <= s || n - s > HEAP_NAME_MAX || strcmp(file + n - s, suffix))
		return false;
	memcpy(name, file, n - s);
	name[n - s] = 0;
	if (!heap_name_ok(name))
		return false;
	strcpy(ret_name, name);
	return true;
}

/* "mheap.UID.NAME.heap", put there by that user. */
static int add_shm(struct places *p, int dir, const char *file)
{
	char name[HEAP_NAME_MAX + 1];
	struct stat st;
	unsigned uid;
	int at = 0;

	if (sscanf(file, "mheap.%u.%n", &uid, &at) != 1 || !at ||
	    !heap_name_in(file + at, ".heap", name) || !concerns_us(uid) ||
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode) || st.st_uid != uid)
		return 0;
	return place_at(p, uid, name) ? 0 : -ENOMEM;
}

static int add_socket(struct places *p, int dir, const char *path,
		      const char *file)
{
	char name[HEAP_NAME_MAX + 1];
	struct place *at;
	struct stat st;

	char full[sizeof(at->socket)];
	int n;

	if (!heap_name_in(file, ".sock", name) ||
	    fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISSOCK(st.st_mode))
		return 0;
	n = snprintf(full, sizeof(full), "%s/%s.sock", path, name);
	if (n < 0 || (size_t)n >= sizeof(full))
		return 0;
	at = place_at(p, st.st_uid, name);
	if (!at)
		return -ENOMEM;
	memcpy(at->socket, full, sizeof(full));
	return 0;
}

/* A folder that isn't there has nothing in it. */
static int scan(struct places *p, const char *path, bool sockets)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return 0;
	while (!r && (e = readdir(d)))
		r = sockets ? add_socket(p, dirfd(d), path, e->d_name) :
			      add_shm(p, dirfd(d), e->d_name);
	closedir(d);
	return r;
}

/* Root looks into the folders of all users that are logged in. */
static int scan_users(struct places *p)
{
	char path[HEAP_PATH_MAX];
	struct dirent *e;
	int r = 0;
	DIR *d;

	if (geteuid())
		return 0;
	d = opendir("/run/user");
	while (d && !r && (e = readdir(d))) {
		if (e->d_name[0] == '.' || strlen(e->d_name) > 10)
			continue;
		snprintf(path, sizeof(path), "/run/user/%.10s/mheap",
			 e->d_name);
		r = scan(p, path, true);
	}
	if (d)
		closedir(d);
	return r;
}

static int by_user_and_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return strcmp(x->name, y->name);
}

int places_find(struct places *ret_p)
{
	char dir[HEAP_PATH_MAX], why[256];
	struct places p = { 0 };
	int r = scan(&p, SHM_DIR, false);

	if (!r && !heap_dir(false, dir, sizeof(dir), why, sizeof(why)))
		r = scan(&p, dir, true);
	if (!r)
		r = scan(&p, SYSTEM_DIR, true);
	if (!r)
		r = scan_users(&p);
	if (r) {
		places_free(&p);
		return r;
	}
	if (p.n)
		qsort(p.at, p.n, sizeof(*p.at), by_user_and_name);
	*ret_p = p;
	return 0;
}

void places_free(struct places *p)
{
	free(p->at);
	p->at = NULL;
	p->n = 0;
}
