/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passfds.h - one packet with descriptors along with it (SCM_RIGHTS).
 */
#ifndef DAEMON_PASSFDS_H
#define DAEMON_PASSFDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define PASS_MAX	4u

/* to: for a socket that is not connected, else NULL.  Never waits. */
bool passfds_send(int sock, const void *packet, size_t len, const int *fds,
		  unsigned int nfds, const struct sockaddr *to, socklen_t tolen);

/* A packet of just this size with just so many descriptors; 0 or -errno. */
int passfds_receive(int sock, void *packet, size_t len, int *ret_fds,
		    unsigned int nfds);

#endif
