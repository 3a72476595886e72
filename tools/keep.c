/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep.c - see keep.h.  The protocol is that of the daemon's keeper, which never
 * changes: keepers outlive upgrades.
 */
#include "tools/keep.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEP_MAGIC	0x7065656bu	/* "keep" */
#define KEEP_GET	1u
#define KEEP_END	2u
#define KEEP_MS		5000

struct keep_packet {
	uint32_t magic, command;
};

int path_beside(const char *sock, const char *suffix, char *ret_path,
		size_t len)
{
	size_t n = strlen(sock);
	int r;

	if (n > 5 && !strcmp(sock + n - 5, ".sock"))
		n -= 5;
	r = snprintf(ret_path, len, "%.*s%s", (int)n, sock, suffix);
	return r >= 0 && (size_t)r < len ? 0 : -ENAMETOOLONG;
}

static int dial(const char *path)
{
	int fd = path[0] ? ask_dial(path) : -ENOENT;

	return fd == -ECONNREFUSED ? -ENOENT : fd;
}

static int send_and_wait(int sock, uint32_t command)
{
	struct keep_packet p = { KEEP_MAGIC, command };
	struct pollfd answer = { .fd = sock, .events = POLLIN };

	if (send(sock, &p, sizeof(p), MSG_NOSIGNAL) != sizeof(p))
		return -errno;
	return poll(&answer, 1, KEEP_MS) > 0 ? 0 : -ETIMEDOUT;
}

static int receive_fds(int sock, int ret_fds[ASK_FDS])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(ASK_FDS * sizeof(int))];
	} c;
	struct keep_packet p;
	struct iovec io = { &p, sizeof(p) };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
			    .msg_control = c.buf,
			    .msg_controllen = sizeof(c.buf) };
	struct cmsghdr *h;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != sizeof(p))
		return -EPROTO;
	h = CMSG_FIRSTHDR(&m);
	if (!h || h->cmsg_type != SCM_RIGHTS || m.msg_flags & MSG_CTRUNC ||
	    h->cmsg_len != CMSG_LEN(ASK_FDS * sizeof(int)))
		return -EMFILE;
	memcpy(ret_fds, CMSG_DATA(h), ASK_FDS * sizeof(int));
	return 0;
}

int keep_get(const char *path, int ret_fds[ASK_FDS])
{
	int sock = dial(path), r;

	if (sock < 0)
		return sock;
	r = send_and_wait(sock, KEEP_GET);
	if (!r)
		r = receive_fds(sock, ret_fds);
	close(sock);
	return r;
}

int keep_end(const char *path)
{
	int sock = dial(path), r;

	if (sock < 0)
		return sock;
	r = send_and_wait(sock, KEEP_END);
	close(sock);
	return r;
}
