/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passfds.c - see passfds.h.  Keeps nothing, takes no locks.
 */
#include "daemon/passfds.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

union room {
	struct cmsghdr	align;
	char		bytes[CMSG_SPACE(PASS_MAX * sizeof(int))];
};

bool passfds_send(int sock, const void *packet, size_t len, const int *fds,
		  unsigned int nfds, const struct sockaddr *to, socklen_t tolen)
{
	struct iovec iov = { (void *)(uintptr_t)packet, len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)to,
			      .msg_namelen = tolen,
			      .msg_iov = &iov, .msg_iovlen = 1 };
	union room room;

	if (nfds > PASS_MAX)
		return false;
	if (nfds) {
		memset(&room, 0, sizeof(room));
		msg.msg_control = &room;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		room.align.cmsg_level = SOL_SOCKET;
		room.align.cmsg_type = SCM_RIGHTS;
		room.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&room.align), fds, nfds * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

int passfds_receive(int sock, void *packet, size_t len, int *ret_fds,
		    unsigned int nfds)
{
	union room room;
	struct iovec iov = { packet, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)len)
		return -EPIPE;
	c = CMSG_FIRSTHDR(&msg);
	/* Cut off: we are out of descriptors. */
	if (!c || c->cmsg_type != SCM_RIGHTS || msg.msg_flags & MSG_CTRUNC ||
	    c->cmsg_len != CMSG_LEN(nfds * sizeof(int)))
		return -EMFILE;
	memcpy(ret_fds, CMSG_DATA(c), nfds * sizeof(int));
	return 0;
}
