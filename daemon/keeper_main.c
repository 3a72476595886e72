/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_main.c - the keeper's process; see keeper.h.  A plain poll loop over
 * its socket and a few connections, which wait for nothing: no memory of the
 * heap is mapped here, nothing is allocated, and nobody is waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/keeper.h"
#include "daemon/passfds.h"

#define FIRST_SEG	(KEEP_LISTEN_FD + 1)
#define BEYOND		(FIRST_SEG + SEGFILES)
#define PEERS		16

static bool is_ours(int fd)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred who;

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	       who.uid == geteuid();
}

static bool give(int fd, uint32_t command)
{
	const struct keep_packet p = { KEEP_MAGIC, command };
	const int fds[SEGFILES] = { FIRST_SEG, FIRST_SEG + 1, FIRST_SEG + 2 };

	return passfds_send(fd, &p, sizeof(p), fds,
			    command == KEEP_GET ? SEGFILES : 0, NULL, 0);
}

/* False: the connection is over. */
static bool hear(int fd)
{
	struct keep_packet p;
	ssize_t n = recv(fd, &p, sizeof(p), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n != sizeof(p) || p.magic != KEEP_MAGIC || !give(fd, p.command))
		return false;
	if (p.command == KEEP_END)
		exit(EXIT_SUCCESS);
	return true;
}

static void drop(struct pollfd *peer)
{
	close(peer->fd);
	peer->fd = -1;
}

/* Room for another: the place of who came first, if all are taken. */
static void admit(struct pollfd *peers, unsigned int *turn)
{
	int fd = accept4(KEEP_LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
	struct pollfd *at;

	if (fd < 0)
		return;
	if (!is_ours(fd)) {
		close(fd);
		return;
	}
	for (unsigned int i = 0; i < PEERS; i++)
		if (peers[(*turn + i) % PEERS].fd < 0) {
			*turn += i;
			break;
		}
	at = &peers[(*turn)++ % PEERS];
	if (at->fd >= 0)
		drop(at);
	*at = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void serve(void)
{
	struct pollfd all[1 + PEERS] = { { KEEP_LISTEN_FD, POLLIN, 0 } };
	unsigned int turn = 0;

	for (int i = 1; i <= PEERS; i++)
		all[i].fd = -1;
	while (poll(all, 1 + PEERS, -1) >= 0 || errno == EINTR) {
		for (int i = 1; i <= PEERS; i++)
			if (all[i].fd >= 0 && all[i].revents &&
			    !hear(all[i].fd))
				drop(&all[i]);
		if (all[0].revents)
			admit(all + 1, &turn);
		for (int i = 0; i <= PEERS; i++)
			all[i].revents = 0;
	}
}

static bool is_started_well(void)
{
	int seals = fcntl(FIRST_SEG, F_GET_SEALS), listens = 0;
	socklen_t len = sizeof(listens);

	return seals > 0 &&
	       !getsockopt(KEEP_LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens,
			   &len) && listens;
}

int keeper_main(void)
{
	if (!is_started_well()) {
		log_line(LOG_ERR, "--keeper is for mheapd's own use");
		return EXIT_USAGE;
	}
	closefrom(BEYOND);
	prctl(PR_SET_NAME, "mheap-keeper");
	signal(SIGHUP, SIG_IGN);	/* SIGTERM ends it: so does the heap */
	signal(SIGINT, SIG_IGN);
	fcntl(KEEP_LISTEN_FD, F_SETFL, O_NONBLOCK);
	serve();
	return EXIT_FAULT;
}
