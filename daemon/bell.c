/* SPDX-License-Identifier: Apache-2.0 */
/* bell.c - see bell.h. */
#include "daemon/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS	16	/* what a pipe holds; a client may write without end */

int bell_make(struct bell *b)
{
	int fds[2], end;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	*b = (struct bell){ fds[0], fds[1] };
	end = bell_open(b);
	if (end < 0) {
		bell_close(b);
		return end;
	}
	close(end);
	return 0;
}

int bell_open(const struct bell *b)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->back);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int bell_hear(const struct bell *b)
{
	char rings[4096];
	ssize_t n = 0;

	for (int i = 0; i < ROUNDS; i++) {
		n = read(b->fd, rings, sizeof(rings));
		if (n < (ssize_t)sizeof(rings))
			break;
	}
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

void bell_close(struct bell *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->back >= 0)
		close(b->back);
	*b = BELL_NONE;
}
