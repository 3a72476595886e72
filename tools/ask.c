/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - see ask.h.  What comes back is checked: it may be anybody's. */
#include "tools/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/text.h"

int ask_dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	copy_text(a.sun_path, sizeof(a.sun_path), path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static int wait_reply(int sock, int wait_ms)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	return r > 0 ? 0 : r < 0 ? -errno : -ETIMEDOUT;
}

/* Takes the first ASK_FDS descriptors and closes what is more. */
static void take_fds(struct msghdr *m, int ret_fds[ASK_FDS])
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int got[WIRE_FDS];
	size_t n = 0;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (n > WIRE_FDS)
		n = WIRE_FDS;
	if (n)
		memcpy(got, CMSG_DATA(c), n * sizeof(int));
	for (size_t i = 0; i < n; i++) {
		if (i < ASK_FDS)
			ret_fds[i] = got[i];
		else
			close(got[i]);
	}
}

static int recv_welcome(int sock, struct wire_welcome *w, int fds[ASK_FDS])
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(WIRE_FDS * sizeof(int))];
	} c;
	struct iovec io = { w, sizeof(*w) };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1,
			    .msg_control = c.buf,
			    .msg_controllen = sizeof(c.buf) };
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	take_fds(&m, fds);
	if (n != sizeof(*w) || w->magic != WIRE_MAGIC ||
	    w->type != WIRE_WELCOME)
		return -EPROTO;
	w->text[sizeof(w->text) - 1] = 0;
	w->daemon_version[sizeof(w->daemon_version) - 1] = 0;
	return m.msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}

int ask_observe(int sock, int wait_ms, struct wire_welcome *ret_w,
		int ret_fds[ASK_FDS])
{
	struct wire_hello hello = {
		.magic = WIRE_MAGIC, .type = WIRE_HELLO,
		.version = WIRE_VERSION, .flags = WIRE_OBSERVE,
		.abi = sh_abi(), .lib_version = PACKAGE_VERSION,
	};
	int r;

	for (int i = 0; i < ASK_FDS; i++)
		ret_fds[i] = -1;
	if (send(sock, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return -errno;
	r = wait_reply(sock, wait_ms);
	return r ? r : recv_welcome(sock, ret_w, ret_fds);
}

int ask_control(int sock, int wait_ms, uint32_t command, uint32_t arg,
		struct wire_control *ret_c)
{
	struct wire_control c = { .magic = WIRE_MAGIC, .type = WIRE_CONTROL,
				  .command = command, .arg = arg };
	ssize_t n;
	int r;

	if (send(sock, &c, sizeof(c), MSG_NOSIGNAL) != sizeof(c))
		return -errno;
	r = wait_reply(sock, wait_ms);
	if (r)
		return r;
	n = recv(sock, &c, sizeof(c), 0);
	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	if (n != sizeof(c) || c.magic != WIRE_MAGIC || c.type != WIRE_CONTROL)
		return -EPROTO;
	c.text[sizeof(c.text) - 1] = 0;
	*ret_c = c;
	return 0;
}
