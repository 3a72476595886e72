/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer.c - who is at the other end of a socket; see proc.h.
 *
 * The kernel names the process that called connect().  With SO_PEERPIDFD it
 * gives a descriptor of that process; without, the PID is opened, and proof
 * that it was not reused in between is that the process is older than the look
 * at it and that the connection lives.
 */
#include "daemon/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif

static int pidfd_open_(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

bool pidfd_dead(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

bool sock_connected(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

int pidfd_of(pid_t pid, uint64_t start_time, int *ret_pidfd)
{
	int fd = pidfd_open_(pid);
	struct proc_stat st;

	if (fd < 0)
		return fd;
	/* The descriptor came first: what /proc says is of that process. */
	if (pidfd_dead(fd) || (start_time && !proc_stat_read(pid, &st) &&
			       st.start_time != start_time)) {
		close(fd);
		return -ESRCH;
	}
	*ret_pidfd = fd;
	return 0;
}

/* Now, in the unit of start times. */
static uint64_t ticks_since_boot(void)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * hz +
	       (uint64_t)t.tv_nsec * hz / 1000000000u;
}

static int open_by_pid(int sock, pid_t pid, struct refusal *why)
{
	uint64_t before = ticks_since_boot();
	struct proc_stat st;
	int fd;

	if (pid <= 0)
		return refuse(why, EXIT_CANNOT, -ESRCH, "your process is in a "
			      "PID namespace that mheapd can't see into: run "
			      "both in one, or on Linux 6.5 or newer");
	fd = pidfd_open_(pid);
	if (fd < 0)
		return refuse(why, EXIT_FAULT, fd, "process %d: %s", pid,
			      strerror(-fd));
	if (proc_stat_read(pid, &st) || st.start_time > before ||
	    pidfd_dead(fd) || !sock_connected(sock)) {
		close(fd);
		return refuse(why, EXIT_FAULT, -ESRCH, "process %d that "
			      "connected is gone", pid);
	}
	return fd;
}

static int open_peer(int sock, pid_t pid, struct refusal *why)
{
	socklen_t len = sizeof(int);
	int fd;

	if (!getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &fd, &len))
		return fd;
	if (errno == ENOPROTOOPT)
		return open_by_pid(sock, pid, why);
	return refuse(why, EXIT_FAULT, -errno, "process %d that connected: %s",
		      pid, strerror(errno));
}

int peer_identify(int sock, struct peer *ret_p, struct refusal *why)
{
	struct proc_stat st = { 0 };
	struct ucred who;
	socklen_t len = sizeof(who);
	int fd;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return refuse(why, EXIT_FAULT, -errno, "SO_PEERCRED: %s",
			      strerror(errno));
	fd = open_peer(sock, who.pid, why);
	if (fd < 0)
		return fd;
	if (who.pid > 0 && proc_stat_read(who.pid, &st))
		st = (struct proc_stat){ 0 };
	*ret_p = (struct peer){ .pidfd = fd, .pid = who.pid, .uid = who.uid,
				.start_time = st.start_time };
	memcpy(ret_p->comm, st.comm, sizeof(ret_p->comm));
	/* If it died meanwhile, what /proc said may be another's. */
	if (!pidfd_dead(fd))
		return 0;
	close(fd);
	return refuse(why, EXIT_FAULT, -ESRCH, "process %d that connected is "
		      "gone", who.pid);
}

void peer_close(struct peer *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
}
