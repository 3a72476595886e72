/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - talking to a heap's daemon as an observer.  One connection, one
 * question.  Takes no slot in the heap.
 */
#ifndef TOOLS_ASK_H
#define TOOLS_ASK_H

#include "shm/wire.h"

#define ASK_FDS	3			/* heap, central, arena */

/*
 * A connection to the socket, or -errno: -ENOENT and -ECONNREFUSED mean that
 * no daemon is there.
 */
int ask_dial(const char *path);

/*
 * HELLO as an observer.  0, or -errno: -ETIMEDOUT the daemon does not answer,
 * -EPROTO what answers is no daemon of ours.  If w->status tells a refusal, no
 * descriptors came.  fds are the caller's to close; -1: not sent.
 */
int ask_observe(int sock, int wait_ms, struct wire_welcome *ret_w,
		int ret_fds[ASK_FDS]);

/* CONTROL; *ret_c is the reply, whose status and text the caller judges. */
int ask_control(int sock, int wait_ms, uint32_t command, uint32_t arg,
		struct wire_control *ret_c);

#endif
