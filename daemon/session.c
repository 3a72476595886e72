/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the life of a connection: accepted, heard, closed.  Owns its
 * socket.  hello.c has the handshake.
 *
 * A packet is received once, into a buffer of ours, and nothing that comes with
 * it: without a control buffer the kernel drops descriptors.  Each packet has
 * one size for its type; anything else ends the connection, and so does a peer
 * that does not read: we never wait for one.
 */
#include "daemon/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUDGET	4	/* packets of one connection before others' turn */

union packet {
	struct { uint32_t magic, type; } head;
	struct wire_hello	hello;
	struct wire_ready	ready;
	struct wire_control	control;
	char			room[512];
};

static void on_packets(void *arg, unsigned int revents);

bool session_say(struct session *s, const void *packet, size_t len)
{
	return send(s->fd, packet, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)len;
}

void session_settled(struct session *s, enum session_state state)
{
	s->state = state;
	loop_cancel(s->sv->loop, s->deadline);
	s->deadline = 0;
}

/* Whoever has a slot and goes without a word is away, not dead. */
static void leave_slot(struct session *s)
{
	struct member *m = &s->sv->members[s->slot];

	if (!s->slot || m->session != s)
		return;
	if (s->state == IS_CLIENT || s->resumes)
		member_away(s->sv, s->slot);
	else
		member_gone(s->sv, s->slot);	/* had no GO: owns nothing */
}

void session_close(struct session *s)
{
	struct server *sv = s->sv;

	loop_cancel(sv->loop, s->poll);
	loop_cancel(sv->loop, s->deadline);
	if (!sv->removed)
		leave_slot(s);
	TAILQ_REMOVE(&sv->sessions, s, link);
	sv->nsessions--;
	/* At once, while the event loop may still hold on to it for a turn. */
	shutdown(s->fd, SHUT_RDWR);
	close(s->fd);
	free(s);
	server_someone_left(sv);
}

static bool on_bye(struct session *s)
{
	struct wire_ready gone = { .magic = WIRE_MAGIC, .type = WIRE_GONE,
				   .nonce = s->nonce };
	uint32_t slot = s->slot;

	if (s->state == IS_CLIENT) {
		s->slot = 0;
		client_set_state(&s->sv->heap, slot, CLIENT_LEAVING);
		member_gone(s->sv, slot);
	}
	session_say(s, &gone, sizeof(gone));
	return false;
}

static bool answer(struct session *s, uint32_t command, int status,
		   const char *text)
{
	struct wire_control c = { .magic = WIRE_MAGIC, .type = WIRE_CONTROL,
				  .command = command, .status = status };

	snprintf(c.text, sizeof(c.text), "%s", text);
	return session_say(s, &c, sizeof(c));
}

static bool destroy(struct session *s, bool forced)
{
	struct server *sv = s->sv;
	char text[192];

	if (s->uid != geteuid() && s->uid != 0)
		return answer(s, WIRE_DESTROY, -EACCES, "only the heap's owner "
			      "and root may destroy it");
	if (sv->nmembers && !forced) {
		snprintf(text, sizeof(text), "%u clients use heap %s (mheap ps "
			 "%s lists them); --force destroys it all the same",
			 sv->nmembers, sv->o->name, sv->o->name);
		return answer(s, WIRE_DESTROY, -EBUSY, text);
	}
	server_remove(sv);
	answer(s, WIRE_DESTROY, 0, "");
	return false;
}

static bool trim_ended(const struct heap *h)
{
	return !h->force_scavenge && !h->punching;
}

static bool trim(struct session *s)
{
	struct heap *h = &s->sv->heap;

	sweep_all(h, false);
	commit_scavenge(h, true);
	heap_count(h);
	s->trims = !trim_ended(h);
	return s->trims || answer(s, WIRE_TRIM, 0, "");
}

void sessions_trimmed(struct server *sv)
{
	struct session *s, *next;

	if (!trim_ended(&sv->heap))
		return;
	for (s = TAILQ_FIRST(&sv->sessions); s; s = next) {
		next = TAILQ_NEXT(s, link);
		if (!s->trims)
			continue;
		s->trims = false;
		if (!answer(s, WIRE_TRIM, 0, ""))
			session_close(s);
	}
}

/* Its layout never changes, so that a heap of any version can be destroyed. */
static bool on_control(struct session *s, const struct wire_control *c)
{
	if (s->state == GETS_READY || s->trims)
		return false;
	if (s->state == SAYS_HELLO)
		session_settled(s, IS_TOOL);
	switch (c->command) {
	case WIRE_TRIM:
		return trim(s);
	case WIRE_DESTROY:
		return destroy(s, c->arg == 1);
	}
	return answer(s, c->command, -ENOSYS, "this mheapd does not know the "
		      "command");
}

/* False: the connection is to be closed; *ret_bad: it broke the protocol. */
static bool take(struct session *s, const union packet *p, size_t n,
		 bool *ret_bad)
{
	*ret_bad = false;
	if (n >= sizeof(p->head) && p->head.magic == WIRE_MAGIC) {
		if (p->head.type == WIRE_HELLO && s->state == SAYS_HELLO)
			return hello_take(s, &p->hello, n);
		if (p->head.type == WIRE_READY && n == sizeof(p->ready))
			return hello_ready(s, &p->ready);
		if (p->head.type == WIRE_BYE && n == sizeof(p->ready))
			return on_bye(s);
		if (p->head.type == WIRE_CONTROL && n == sizeof(p->control))
			return on_control(s, &p->control);
	}
	*ret_bad = true;
	return false;
}

/* 1: go on; 0: nothing more for now; -1: to be closed. */
static int hear(struct session *s)
{
	union packet p = { .room = { 0 } };
	ssize_t n = recv(s->fd, &p, sizeof(p), MSG_DONTWAIT | MSG_TRUNC);
	bool bad;

	if (n < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -1;
	if (n == 0)
		return -1;
	if (take(s, &p, (size_t)n, &bad))
		return 1;
	if (bad)
		log_limited(&s->sv->complaints, LOG_WARNING, "closed the "
			    "connection of process %d of user %u: %zd bytes "
			    "that are no message", s->pid, s->uid, n);
	return -1;
}

static bool watch(struct session *s)
{
	loop_cancel(s->sv->loop, s->poll);
	s->poll = loop_poll(s->sv->loop, s->fd, POLLIN, on_packets, s);
	return s->poll;
}

static void on_packets(void *arg, unsigned int revents)
{
	struct session *s = arg;
	int r = 1;

	(void)revents;		/* an end of file is read like data */
	for (int i = 0; r == 1 && i < BUDGET; i++)
		r = hear(s);
	if (r < 0 || (r == 1 && !watch(s)))
		session_close(s);
}

static void on_deadline(void *arg)
{
	struct session *s = arg;

	s->deadline = 0;
	session_close(s);
}

static bool session_start(struct server *sv, int fd, const struct ucred *who)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->sv = sv;
	s->fd = fd;
	s->uid = who->uid;
	s->pid = who->pid;
	TAILQ_INSERT_TAIL(&sv->sessions, s, link);
	sv->nsessions++;
	s->deadline = loop_timer(sv->loop, HELLO_NS, 0, on_deadline, s);
	if (watch(s) && s->deadline)
		return true;
	session_close(s);
	return true;
}

/* Strangers may never have more connections than are left for others. */
static bool has_room(const struct server *sv, uid_t uid)
{
	uint32_t left = sv->max_sessions - sv->nsessions, theirs = 0;
	struct session *s;

	if (uid == 0 || uid == geteuid())
		return left > 0;
	TAILQ_FOREACH(s, &sv->sessions, link)
		theirs += s->uid == uid;
	return theirs < left;
}

static void turn_away(struct server *sv, int fd)
{
	struct session s = { .sv = sv, .fd = fd };
	char text[128], hello[sizeof(struct wire_hello)];

	snprintf(text, sizeof(text), "%u of %u connections to heap %s are in "
		 "use: end some, or try again", sv->nsessions, sv->max_sessions,
		 sv->o->name);
	/* What is left unread would reach the peer as an error instead. */
	recv(fd, hello, sizeof(hello), MSG_DONTWAIT);
	hello_refuse(&s, -EUSERS, text);
	close(fd);
}

void session_accepted(void *server, int fd)
{
	struct server *sv = server;
	socklen_t len = sizeof(struct ucred);
	struct ucred who;

	if (fd < 0) {
		log_limited(&sv->complaints, LOG_ERR, "can't accept a "
			    "connection: %s", strerror(-fd));
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
	    sv->removed) {
		close(fd);
	} else if (!has_room(sv, who.uid)) {
		turn_away(sv, fd);
	} else if (!session_start(sv, fd, &who)) {
		close(fd);
	}
}
