/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.c - where the daemon listens.  The socket is ours while we hold the
 * lock file beside it, so whatever lies at its path then is stale.  One that a
 * service manager passed is never removed or shut down.  See server.h.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/server.h"

#define BACKLOG	4096

static int passed_path(int fd, char *ret_path, size_t len)
{
	struct sockaddr_un a;
	socklen_t alen = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, (struct sockaddr *)&a, &alen) ||
	    a.sun_family != AF_UNIX || a.sun_path[0] != '/')
		return -EINVAL;
	snprintf(ret_path, len, "%.*s", (int)sizeof(a.sun_path), a.sun_path);
	return 0;
}

static int own_path(const struct options *o, char *ret_path, size_t len,
		    struct refusal *why)
{
	const char *env = secure_getenv("MHEAP_SOCKET");
	const char *given = o->socket ? o->socket : env && env[0] ? env : NULL;
	char dir[HEAP_PATH_MAX], text[256];
	int r, n;

	if (given) {
		n = snprintf(ret_path, len, "%s", given);
	} else {
		r = heap_dir(true, dir, sizeof(dir), text, sizeof(text));
		if (r)
			return refuse(why, EXIT_CANNOT, r, "%s", text);
		n = snprintf(ret_path, len, "%s/%s.sock", dir, o->name);
	}
	if (n > 0 && (size_t)n < len && ret_path[0] == '/')
		return 0;
	return refuse(why, EXIT_USAGE, -EINVAL, "the socket's path %.120s is "
		      "not absolute or longer than %zu bytes: give another "
		      "with --socket", ret_path, len - 1);
}

/* NAME.sock -> NAME.lock and so on; other names just get longer. */
static int beside(const char *sock, const char *suffix, char *ret_path,
		  size_t len)
{
	size_t n = strlen(sock);

	if (n > 5 && !strcmp(sock + n - 5, ".sock"))
		n -= 5;
	return snprintf(ret_path, len, "%.*s%s", (int)n, sock, suffix) <
	       (int)len ? 0 : -ENAMETOOLONG;
}

int place_find(struct server *sv, struct refusal *why)
{
	struct place *at = &sv->at;
	int r = 0;

	sv->listen_fd = sv->given.listen_fd;
	if (sv->listen_fd < 0 ||
	    passed_path(sv->listen_fd, at->sock, sizeof(at->sock)))
		r = own_path(sv->o, at->sock, sizeof(at->sock), why);
	if (r)
		return r;
	if (beside(at->sock, ".lock", at->lock, sizeof(at->lock)) ||
	    beside(at->sock, ".keep", at->keep, sizeof(at->keep)) ||
	    beside(at->sock, ".limit", at->limit, sizeof(at->limit)))
		return refuse(why, EXIT_USAGE, -ENAMETOOLONG, "the socket's "
			      "path %s is too long for files beside it: give "
			      "another with --socket", at->sock);
	return 0;
}

static int group_id(const char *name, gid_t *ret_gid)
{
	struct group *g = getgrnam(name);
	unsigned long n;
	char *end;

	if (g) {
		*ret_gid = g->gr_gid;
		return 0;
	}
	errno = 0;
	n = strtoul(name, &end, 10);
	if (errno || !name[0] || *end || n >= UINT32_MAX)
		return -ENOENT;
	*ret_gid = (gid_t)n;
	return 0;
}

static int open_to_group(const struct server *sv, struct refusal *why)
{
	gid_t gid;

	if (!sv->o->group)
		return 0;
	if (group_id(sv->o->group, &gid))
		return refuse(why, EXIT_USAGE, -ENOENT, "--group %.60s: there "
			      "is no such group", sv->o->group);
	if (chown(sv->at.sock, (uid_t)-1, gid) || chmod(sv->at.sock, 0660))
		return refuse(why, EXIT_CANNOT, -errno, "can't give %s to group "
			      "%s: %s; be a member of it, or root", sv->at.sock,
			      sv->o->group, strerror(errno));
	return 0;
}

/* Only a socket is taken for stale. */
static int clear_path(const char *path, struct refusal *why)
{
	struct stat st;

	if (!lstat(path, &st) && !S_ISSOCK(st.st_mode))
		return refuse(why, EXIT_CANNOT, -EEXIST, "%s is there and is no "
			      "socket: remove it, or give another path with "
			      "--socket", path);
	unlink(path);
	return 0;
}

static int bind_private(int fd, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	mode_t before = umask(0177);
	int r;

	memcpy(a.sun_path, path, strlen(path));
	r = bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
	umask(before);
	return r;
}

static int listen_make(struct server *sv, struct refusal *why)
{
	int r = clear_path(sv->at.sock, why);

	if (r)
		return r;
	sv->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sv->listen_fd < 0)
		return refuse(why, EXIT_CANNOT, -errno, "no Unix socket: %s",
			      strerror(errno));
	r = bind_private(sv->listen_fd, sv->at.sock);
	if (r)
		return refuse(why, EXIT_CANNOT, r, "can't listen at %s: %s",
			      sv->at.sock, strerror(-r));
	r = open_to_group(sv, why);
	if (r)
		return r;
	if (listen(sv->listen_fd, BACKLOG))
		return refuse(why, EXIT_CANNOT, -errno, "can't listen at %s: "
			      "%s", sv->at.sock, strerror(errno));
	return 0;
}

int listen_start(struct server *sv, struct refusal *why)
{
	int r = sv->listen_fd >= 0 ? 0 : listen_make(sv, why);

	if (r)
		return r;
	sv->accept = loop_accept(sv->loop, sv->listen_fd, session_accepted, sv);
	if (!sv->accept)
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory");
	return 0;
}

void listen_end(struct server *sv, bool remove)
{
	bool ours = sv->listen_fd >= 0 && sv->given.listen_fd < 0;

	loop_cancel(sv->loop, sv->accept);
	sv->accept = 0;
	if (ours && remove)
		unlink(sv->at.sock);
	if (ours)	/* nobody waits in vain for our last turn */
		shutdown(sv->listen_fd, SHUT_RDWR);
	if (sv->listen_fd >= 0)
		close(sv->listen_fd);
	sv->listen_fd = -1;
}
