/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destroy.c - `mheap destroy`: the daemon does it, if there is one; else this
 * command does, under the daemon's own lock files, so that none can start while
 * it is at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/keep.h"
#include "tools/lock.h"
#include "tools/process.h"
#include "tools/say.h"
#include "tools/view.h"

#define FORCE		(1u << 1)
#define DESTROY_MS	30000

static bool shm_exists(const struct place *p)
{
	char path[16 + HEAP_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/shm/mheap.%u.%s.heap", p->uid,
		 p->name);
	return !lstat(path, &st);
}

static bool anything_left(const struct place *p)
{
	char keep[HEAP_PATH_MAX];

	return shm_exists(p) || !access(p->socket, F_OK) ||
	       (!path_beside(p->socket, ".keep", keep, sizeof(keep)) &&
		!access(keep, F_OK));
}

/* Living clients: how many, and the first of them as text. */
static uint32_t living(const struct view *v, char *ret_first, size_t len)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i <= v->sg.geo.nclients; i++) {
		const struct sh_client *c = &v->sg.clients[i];
		char comm[3 * sizeof(c->comm)];

		if ((ld_acq(&c->word) & 0xff) == CLIENT_FREE ||	/* [R1] */
		    client_gone(c))
			continue;
		if (!n++)
			snprintf(ret_first, len, "process %u (%s)", c->pid,
				 safe_text(comm, sizeof(comm), c->comm,
					   sizeof(c->comm), SAFE_TERMINAL));
	}
	return n;
}

/* A heap that can't be looked at may have clients that we don't see. */
static int check_unused(const struct view *v, int seen, const struct place *p,
			unsigned flags)
{
	char first[96] = "";
	uint32_t n;

	if (flags & FORCE)
		return 0;
	if (seen)
		return refuse(EXIT_FAULT, "%s; who uses it can't be seen, so "
			      "only --force removes it", v->why);
	n = living(v, first, sizeof(first));
	if (!n)
		return 0;
	return refuse(EXIT_FAULT, "heap %s is in use by %u client%s, first %s: "
		      "end %s, or give --force; mappings stay then, and who "
		      "needs more gets ESHUTDOWN", p->name, n, n == 1 ? "" : "s",
		      first, n == 1 ? "it" : "them");
}

/* Who still has the heap mapped shall know. */
static void mark(int fd)
{
	struct sh_header *hdr = mmap(NULL, sizeof(*hdr), PROT_READ | PROT_WRITE,
				     MAP_SHARED, fd, 0);

	if (hdr == MAP_FAILED)
		return;
	st_rel(&hdr->status, HEAP_DESTROYED);			/* [H1] */
	munmap(hdr, sizeof(*hdr));
}

static void mark_by_name(const struct place *p)
{
	char path[HEAP_PATH_MAX];
	int fd;

	heap_shm_name(p->uid, p->name, "heap", path, sizeof(path));
	fd = shm_open(path, O_RDWR, 0);
	if (fd < 0)
		return;
	mark(fd);
	close(fd);
}

static void mark_kept(const char *keep)
{
	int fds[ASK_FDS];

	if (keep_get(keep, fds))
		return;
	mark(fds[WIRE_FD_HEAP]);
	for (int i = 0; i < ASK_FDS; i++)
		close(fds[i]);
}

/* The heap's own segment goes first: without it the rest means nothing. */
static int remove_segments(const struct place *p)
{
	static const char *const part[] = { "heap", "central", "arena" };
	char path[HEAP_PATH_MAX];

	for (int i = 0; i < 3; i++) {
		heap_shm_name(p->uid, p->name, part[i], path, sizeof(path));
		if (shm_unlink(path) && errno != ENOENT)
			return refuse(EXIT_FAULT, "can't remove /dev/shm%s: %s",
				      path, strerror(errno));
	}
	return 0;
}

static int remove_all(const struct place *p, bool same_layout)
{
	char keep[HEAP_PATH_MAX] = "";
	int r;

	path_beside(p->socket, ".keep", keep, sizeof(keep));
	if (same_layout) {
		mark_by_name(p);
		mark_kept(keep);
	}
	r = remove_segments(p);
	if (r)
		return r;
	r = keep_end(keep);
	if (r && r != -ENOENT)
		return refuse(EXIT_FAULT, "the keeper at %s does not end: %s",
			      keep, strerror(-r));
	unlink(keep);
	unlink(p->socket);
	return 0;
}

static int without_daemon(const struct place *p, unsigned flags)
{
	/* The daemon's way is not ours: it would answer if it were there. */
	struct view v;
	struct locks l;
	int seen, r;

	if (!anything_left(p))
		return refuse(EXIT_IMPOSSIBLE, "no heap %s: there is neither a "
			      "socket %s nor /dev/shm/mheap.%u.%s.heap; `mheap "
			      "ls` shows what there is", p->name, p->socket,
			      p->uid, p->name);
	r = locks_take(&l, p);
	if (r)
		return r;
	seen = view_place(&v, p, VIEW_MS);
	r = shm_exists(p) || !seen ? check_unused(&v, seen, p, flags) : 0;
	if (!r)
		r = remove_all(p, !seen);
	if (!seen)
		view_close(&v);
	locks_drop(&l);
	return r;
}

static int judge(int r, const struct wire_control *c, const struct place *p)
{
	char text[sizeof(c->text)];

	if (r)
		return refuse(EXIT_FAULT, "the daemon of heap %s at %s does not "
			      "answer (%s): if it is stopped, wake or kill it, "
			      "and try again", p->name, p->socket,
			      strerror(-r));
	if (!c->status)
		return 0;
	return refuse(EXIT_FAULT, "%s", safe_text(text, sizeof(text), c->text,
						  sizeof(c->text),
						  SAFE_TERMINAL));
}

int cmd_destroy(int argc, char **argv)
{
	static const struct argp_option options[] = {
		ARG_OPTION(1, "force", "Even while clients live"),
		ARG_END
	};
	static const struct args_rule rule = {
		options, "NAME", "Removes heap NAME, with or without a daemon."
		"\vForced upon clients that live, it leaves them their mappings;"
		" when they need more they get ESHUTDOWN.", 1, true, 0,
	};
	struct wire_control c;
	struct args a;
	struct place p;
	int sock, r;

	args_parse(&rule, argc, argv, &a);
	r = place_of(&p, a.arg[0]);
	if (r)
		return r;
	sock = ask_dial(p.socket);
	if (sock == -ENOENT || sock == -ECONNREFUSED)
		return without_daemon(&p, a.flags);
	if (sock < 0)
		return refuse(EXIT_IMPOSSIBLE, "%s: %s", p.socket,
			      strerror(-sock));
	r = ask_control(sock, DESTROY_MS, WIRE_DESTROY, !!(a.flags & FORCE),
			&c);
	close(sock);
	return judge(r, &c, &p);
}
