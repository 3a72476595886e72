/* SPDX-License-Identifier: Apache-2.0 */
/* process.c - see process.h. */
#include "tools/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat; the command before it may hold anything. */
static bool start_time_of(pid_t pid, uint64_t *ret_ticks)
{
	char path[32], text[1024];
	const char *at;
	unsigned long ticks;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
			  " %*u %*u %*d %*d %*d %*d %*d %*d %lu", &ticks) != 1)
		return false;
	*ret_ticks = ticks;
	return true;
}

static bool same_namespace(const struct sh_client *c)
{
	struct stat st;

	return !c->pidns || (!stat("/proc/self/ns/pid", &st) &&
			     st.st_ino == c->pidns);
}

bool client_gone(const struct sh_client *c)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t ticks;
	bool gone;

	if (!c->pid || !same_namespace(c))
		return false;
	p.fd = (int)syscall(SYS_pidfd_open, (pid_t)c->pid, 0);
	if (p.fd < 0)
		return errno == ESRCH;
	/* The descriptor came first: what /proc says is of that process. */
	gone = poll(&p, 1, 0) > 0 ||
	       (c->start_time && start_time_of((pid_t)c->pid, &ticks) &&
		ticks != c->start_time);
	close(p.fd);
	return gone;
}
