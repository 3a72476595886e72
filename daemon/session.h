/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one connection, as session.c (its life) and hello.c (the
 * handshake) share it; nobody else includes it.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include "daemon/server.h"

/*
 *	SAYS_HELLO -> GETS_READY -> IS_CLIENT
 *	           -> IS_TOOL
 * The deadline runs in the first two.
 */
enum session_state { SAYS_HELLO, GETS_READY, IS_CLIENT, IS_TOOL };

struct session {
	TAILQ_ENTRY(session) link;
	struct server	*sv;
	int		 fd;
	uid_t		 uid;
	pid_t		 pid;		/* for the log */
	enum session_state state;
	loop_id		 poll, deadline;
	uint32_t	 slot;		/* 0: none */
	bool		 resumes;
	uint64_t	 nonce;
	bool		 trims;		/* waits for a forced scavenge */
};

/* False: the peer does not read what we say, or is gone. */
bool session_say(struct session *s, const void *packet, size_t len);
/* The handshake is over. */
void session_settled(struct session *s, enum session_state state);

/* hello.c: false: the connection is to be closed. */
bool hello_take(struct session *s, const struct wire_hello *h, size_t len);
bool hello_ready(struct session *s, const struct wire_ready *m);
/* Refuses with a sentence; always false. */
bool hello_refuse(struct session *s, int err, const char *sentence);

#endif
