/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - what keeps a nameless heap while no daemon runs: a process of its
 * own that holds the three memfds, maps nothing, and hands them to the next
 * daemon of the same user over the socket NAME.keep.  It ends when told to.
 *
 * It is mheapd's own program, run anew, so that it holds none of the daemon's
 * other descriptors: not its lock, not its event loop.  Under a service
 * manager that keeps descriptors there is none (activation.h).
 */
#ifndef DAEMON_KEEPER_H
#define DAEMON_KEEPER_H

#include <stdbool.h>

#include "daemon/loop.h"
#include "daemon/segfiles.h"

struct keeper;

/*
 * The memfds that a keeper listening at path holds.  0; -ENOENT: there is none;
 * or -errno, when there is one that does not answer.
 */
int keeper_fetch(const char *path, int ret_fds[SEGFILES], struct refusal *why);

/*
 * Sees to it that there is a keeper at path: joins the one that is there, else
 * starts one; starts another when it dies.  Holds f, which must outlive it.
 */
int keeper_start(struct loop *loop, const char *path, const struct segfiles *f,
		 struct keeper **ret_k, struct refusal *why);
/* The daemon ends; the keeper stays, unless the heap is over. */
void keeper_leave(struct keeper *k, bool over);

/* Tells whatever keeper listens at path to end. */
void keeper_end(const char *path);

/* keeper_main.c: the process itself; an exit code. */
int keeper_main(void);

/* The protocol; never changes, as keepers outlive upgrades. */
#define KEEP_MAGIC	0x7065656bu	/* "keep" */
#define KEEP_GET	1u
#define KEEP_END	2u
#define KEEP_LISTEN_FD	3		/* in the keeper; segments follow */

struct keep_packet {
	uint32_t magic, command;
};

#endif
