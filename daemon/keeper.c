/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - the daemon's side of a keeper; see keeper.h.  Runs under the
 * daemon's lock file, so there is one who starts or ends keepers.
 *
 * The socket is bound and listening before the keeper is started and is handed
 * to it, so there is no moment in which it can't be reached.
 */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/passfds.h"

#define PATIENCE_S	5
#define AGAIN_NS	1000000000ull	/* before the next is started */
#define HIGH_FD		16		/* above all numbers in the keeper */
#define HANDED		(1 + SEGFILES)

struct keeper {
	struct loop		*loop;
	const struct segfiles	*files;
	char			 path[HEAP_PATH_MAX];
	int			 fd;	/* -1: none; its end is the keeper's */
	loop_id			 watch, again;
};

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memcpy(a.sun_path, path, strlen(path));
	return a;
}

/* Connected to a process of ours; -ENOENT: nobody listens there. */
static int keeper_connect(const char *path)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un a = address(path);
	socklen_t len = sizeof(struct ucred);
	struct ucred who;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		r = errno == ECONNREFUSED ? -ENOENT : -errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
		 who.uid != geteuid())
		r = -EPERM;
	if (!r)
		return fd;
	close(fd);
	return r;
}

static int ask(int fd, uint32_t command)
{
	struct keep_packet p = { KEEP_MAGIC, command };

	return send(fd, &p, sizeof(p), MSG_NOSIGNAL) == sizeof(p) ? 0 : -EPIPE;
}

int keeper_fetch(const char *path, int ret_fds[SEGFILES], struct refusal *why)
{
	int fd = keeper_connect(path), r = fd;
	struct keep_packet p;

	if (r == -ENOENT)
		return r;
	if (r >= 0) {
		r = ask(fd, KEEP_GET);
		if (!r)
			r = passfds_receive(fd, &p, sizeof(p), ret_fds,
					    SEGFILES);
		close(fd);
	}
	if (r)
		return refuse(why, EXIT_CANNOT, r == -ENOENT ? -EIO : r, "the "
			      "keeper at %s has the heap and does not answer: "
			      "%s", path, strerror(-r));
	return 0;
}

void keeper_end(const char *path)
{
	int fd = keeper_connect(path);
	struct keep_packet p;

	if (fd >= 0) {
		/* Its answer says that it lets go of the memory. */
		if (!ask(fd, KEEP_END) && recv(fd, &p, sizeof(p), 0) < 0)
			log_line(LOG_WARNING, "the keeper at %s did not say "
				 "that it ends", path);
		close(fd);
	}
	unlink(path);
}

/* A listening socket at path, whatever was there. */
static int bind_keeper(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r = 0;
	mode_t before;

	if (fd < 0)
		return -errno;
	unlink(path);
	before = umask(0177);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
		r = -errno;
	umask(before);
	if (!r)
		return fd;
	close(fd);
	return r;
}

static void actions_fill(posix_spawn_file_actions_t *fa, const int from[HANDED])
{
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_addopen(fa, i, "/dev/null", O_RDWR, 0);
	for (int i = 0; i < HANDED; i++)
		posix_spawn_file_actions_adddup2(fa, from[i],
						 KEEP_LISTEN_FD + i);
}

static void attributes_fill(posix_spawnattr_t *at)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(at, &none);
	posix_spawnattr_setsigdefault(at, &all);
	posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

static int spawn_with(const int from[HANDED])
{
	static char program[] = "mheap-keeper", option[] = "--keeper";
	char *argv[] = { program, option, NULL }, *envp[] = { NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	pid_t pid;
	int r;

	if (posix_spawn_file_actions_init(&fa))
		return -ENOMEM;
	if (posix_spawnattr_init(&at)) {
		posix_spawn_file_actions_destroy(&fa);
		return -ENOMEM;
	}
	actions_fill(&fa, from);
	attributes_fill(&at);
	r = posix_spawn(&pid, "/proc/self/exe", &fa, &at, argv, envp);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

/* Copies above the keeper's numbers first: a dup2 must not hit a source. */
static int spawn(int listen_fd, const struct segfiles *f)
{
	int from[HANDED], n = 0, r = 0;

	for (; !r && n < HANDED; n++) {
		from[n] = fcntl(n ? f->rw[n - 1] : listen_fd, F_DUPFD_CLOEXEC,
				HIGH_FD);
		r = from[n] < 0 ? -errno : 0;
	}
	if (!r)
		r = spawn_with(from);
	while (n--)
		if (from[n] >= 0)
			close(from[n]);
	return r;
}

static void on_end(void *arg, unsigned int revents);

/* Joins the keeper that listens at the path. */
static int join(struct keeper *k)
{
	int fd = keeper_connect(k->path);

	if (fd < 0)
		return fd;
	k->watch = loop_poll(k->loop, fd, POLLIN, on_end, k);
	if (!k->watch) {
		close(fd);
		return -ENOMEM;
	}
	k->fd = fd;
	return 0;
}

static int make(struct keeper *k)
{
	int r, fd = bind_keeper(k->path);

	if (fd < 0)
		return fd;
	r = spawn(fd, k->files);
	if (!r)
		r = join(k);
	close(fd);
	return r;
}

static void on_again(void *arg)
{
	struct keeper *k = arg;
	int r = make(k);

	k->again = 0;
	if (!r)
		return;
	log_line(LOG_ERR, "can't start a keeper at %s, the heap would be lost "
		 "with this daemon: %s", k->path, strerror(-r));
	k->again = loop_timer(k->loop, 60 * AGAIN_NS, 0, on_again, k);
}

/* It never speaks first, so this is its end. */
static void on_end(void *arg, unsigned int revents)
{
	struct keeper *k = arg;
	char byte;

	(void)revents;
	if (recv(k->fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return;
	loop_cancel(k->loop, k->watch);
	close(k->fd);
	k->fd = -1;
	log_line(LOG_WARNING, "the keeper at %s is gone, another is started",
		 k->path);
	k->again = loop_timer(k->loop, AGAIN_NS, 0, on_again, k);
}

int keeper_start(struct loop *loop, const char *path, const struct segfiles *f,
		 struct keeper **ret_k, struct refusal *why)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int r = k ? 0 : -ENOMEM;

	if (!r) {
		k->loop = loop;
		k->files = f;
		k->fd = -1;
		strncpy(k->path, path, sizeof(k->path) - 1);
		r = join(k);
		if (r == -ENOENT)
			r = make(k);
	}
	if (!r) {
		*ret_k = k;
		return 0;
	}
	free(k);
	return refuse(why, EXIT_CANNOT, r, "can't start a keeper at %s for the "
		      "heap's memfds: %s; is /proc mounted?", path,
		      strerror(-r));
}

void keeper_leave(struct keeper *k, bool over)
{
	if (!k)
		return;
	loop_cancel(k->loop, k->watch);
	loop_cancel(k->loop, k->again);
	if (k->fd >= 0)
		close(k->fd);
	if (over)
		keeper_end(k->path);
	free(k);
}
