/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell.h - the doorbell: a pipe into which clients write when there is something to see
 * in the shared words.  What is in it means nothing more than that.
 *
 * A client knows its end by the inode, which is the pipe's alone: eventfds have all one,
 * so that a client could not tell it from an eventfd that its application has got by the
 * same number since.  Each client has its end to itself, open for reading too: what it
 * does to that one's flags is its own affair, and without a daemon nobody is sent SIGPIPE.
 *
 * Owns its descriptors.  No locks.
 */
#ifndef DAEMON_BELL_H
#define DAEMON_BELL_H

struct bell {
	int fd;		/* polled: readable once somebody has rung */
	int back;	/* of which clients' ends are made */
};

#define BELL_NONE	((struct bell){ -1, -1 })

int bell_make(struct bell *b);		/* 0 or -errno */
int bell_open(const struct bell *b);	/* a client's end, to be closed; or -errno */
int bell_hear(const struct bell *b);	/* empties it.  0 or -errno; never waits */
void bell_close(struct bell *b);

#endif
