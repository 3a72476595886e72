/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the daemon's service around the heap.
 *
 *	server.c   one daemon's life: start, signals, end
 *	takeover.c the heap: found or made, rebuilt
 *	turns.c    the doorbell, the timers
 *	listen.c   where it listens: paths, lock file, socket
 *	session.c  one connection: the messages of shm/wire.h
 *	members.c  one client slot: whose it is, and proof of its death
 *	adopt.c    the clients that a former daemon left
 *	limit.c    how much memory the heap may use
 *
 * One thread, one event loop, no locks.  What clients write is read by the
 * heap's code alone; here only packets are read, once, into a buffer.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <sys/queue.h>

#include "daemon/activation.h"
#include "daemon/bell.h"
#include "daemon/proc.h"
#include "daemon/store.h"
#include "shm/wire.h"

#define MS		1000000ull
#define HELLO_NS	(5000 * MS)	/* a handshake may take so long */
#define TURN_NS		(100 * MS)	/* how often words are looked at */
#define IDLE_TURN_NS	(2000 * MS)	/* ... when nothing happens */

struct keeper;
struct server;
struct session;

/* The process in a client slot. */
struct member {
	struct server	*sv;
	uint32_t	 slot;
	int		 pidfd;		/* -1: none, it can't be watched */
	loop_id		 death;		/* watches pidfd */
	loop_id		 recheck;	/* while it is away */
	uint64_t	 recheck_ns;
	struct session	*session;	/* NULL: away, or the slot is free */
};

/* Files beside each other: NAME.sock, NAME.lock, NAME.keep, NAME.limit. */
struct place {
	char		 sock[HEAP_PATH_MAX], lock[HEAP_PATH_MAX];
	char		 keep[HEAP_PATH_MAX], limit[HEAP_PATH_MAX];
};

struct server {
	const struct options	*o;
	struct place		 at;
	struct activation	 given;
	struct lockfile		 lock;
	struct loop		*loop;
	struct store		 store;
	struct heap		 heap;
	struct keeper		*keeper;
	struct member		*members;	/* [1..nclients] */
	uint32_t		 nmembers;	/* slots in use */
	TAILQ_HEAD(, session)	 sessions;
	uint32_t		 nsessions, max_sessions;
	int			 listen_fd;
	struct bell		 bell;
	loop_id			 accept, turn, alone;
	uint64_t		 turn_ns, activity;
	uint64_t		 fenced;	/* quarantined spans told of */
	uint64_t		 pidns;
	struct log_limit	 complaints;
	bool			 serving;	/* heap is open */
	bool			 served;	/* it has been told so */
	bool			 removed;	/* the heap is over */
};

/* server.c: until it has ended; an exit code.  ready() runs once it serves. */
int server_run(const struct options *o, void (*ready)(void *arg), void *arg);
/* The heap and its names are gone when this returns; the daemon ends. */
void server_remove(struct server *sv);

/* takeover.c */
int takeover(struct server *sv, struct refusal *why);

/* turns.c */
int turns_start(struct server *sv, struct refusal *why);
/* Somebody left: an autoremove heap ends when nobody is there any more. */
void server_someone_left(struct server *sv);
/* Work has come: look at shared words more often again. */
void server_awake(struct server *sv);

/* listen.c */
int place_find(struct server *sv, struct refusal *why);
int listen_start(struct server *sv, struct refusal *why);
/* No connection comes any more; removes the socket if it is ours and remove. */
void listen_end(struct server *sv, bool remove);

/* session.c */
void session_accepted(void *server, int fd_or_err);
void session_close(struct session *s);
/* A forced scavenge has ended: answers those who wait for it. */
void sessions_trimmed(struct server *sv);

/* members.c */
int members_new(struct server *sv, struct refusal *why);
void members_free(struct server *sv);
/* A slot for the peer, whose pidfd it takes: JOINING, entered in the registry. */
int member_join(struct server *sv, struct peer *p, uint32_t flags,
		struct session *s, struct party *ret_p, struct refusal *why);
/* The peer is the one that had this slot: its pidfd takes the old one's place. */
int member_resume(struct server *sv, struct peer *p, struct party old,
		  uint64_t nonce, struct session *s, struct refusal *why);
void member_active(struct server *sv, uint32_t slot);
/* Its connection has ended; that is no death. */
void member_away(struct server *sv, uint32_t slot);
/* It is dead, or has said goodbye, or never got ready: frees the slot. */
void member_gone(struct server *sv, uint32_t slot);
/* One that a former daemon left: watched again, or reclaimed if it is dead. */
void member_adopt(struct server *sv, uint32_t slot);
/* Is this the process of the registry's entry, as far as can be seen? */
bool member_is(const struct server *sv, uint32_t slot, const struct peer *p);

/* adopt.c */
void adopt_all(struct server *sv);

/* limit.c */
/* By NAME.limit, else --limit, else what the machine has. */
uint64_t limit_now(const struct server *sv);

#endif
