/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.h - what a service manager hands us, and what we tell it: sockets
 * and kept memfds by LISTEN_FDS, readiness by NOTIFY_SOCKET.  Both are plain
 * environment variables, so there is no library behind this, and without them
 * everything here does nothing.
 */
#ifndef DAEMON_ACTIVATION_H
#define DAEMON_ACTIVATION_H

#include <stdbool.h>

#include "daemon/segfiles.h"

struct activation {
	int	listen_fd;		/* -1: none */
	int	kept[SEGFILES];		/* -1: none */
};

/* Takes what was passed to this very process; the rest is closed. */
void activation_take(struct activation *a);

/* Is there a manager that listens? */
bool activation_notifies(void);

/* "READY=1" and the like; fds, if any, go along (FDSTORE). */
void activation_notify(const char *text, const int *fds, unsigned int nfds);

/* Memfds into the manager's store, to be found by our successor; and out. */
void activation_keep(const struct segfiles *f);
void activation_forget(void);

#endif
