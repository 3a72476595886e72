/* SPDX-License-Identifier: Apache-2.0 */
/*
 * members.c - the processes in the client slots.  Owns their pidfds.
 *
 * A slot is reclaimed only when its process is proven dead (pidfd), has said
 * goodbye, or runs and provably maps the arena no more (it has called exec).
 * Until then the slot is AWAY and keeps all it has.  See server.h.
 */
#include "daemon/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int members_new(struct server *sv, struct refusal *why)
{
	uint32_t n = sv->store.sg.geo.nclients;

	sv->members = calloc(n + 1, sizeof(*sv->members));
	if (!sv->members)
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory for %u "
			      "clients", n);
	for (uint32_t i = 0; i <= n; i++)
		sv->members[i] = (struct member){ .sv = sv, .slot = i,
						  .pidfd = -1 };
	sv->pidns = proc_pidns();
	return 0;
}

static void member_unwatch(struct member *m)
{
	loop_cancel(m->sv->loop, m->death);
	loop_cancel(m->sv->loop, m->recheck);
	m->death = m->recheck = 0;
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}

void members_free(struct server *sv)
{
	for (uint32_t i = 1; sv->members && i <= sv->store.sg.geo.nclients; i++)
		member_unwatch(&sv->members[i]);
	free(sv->members);
	sv->members = NULL;
}

static void count(struct server *sv, int change)
{
	sv->nmembers += (uint32_t)change;
	st_rlx(&sv->heap.sg.whdr->count.clients, sv->nmembers);	/* [H2] */
}

void member_gone(struct server *sv, uint32_t slot)
{
	struct member *m = &sv->members[slot];

	m->session = NULL;
	reclaim_client(&sv->heap, slot);
	member_unwatch(m);
	count(sv, -1);
	heap_count(&sv->heap);
	server_awake(sv);
	server_someone_left(sv);
}

static void member_end(struct member *m)
{
	struct session *s = m->session;

	member_gone(m->sv, m->slot);	/* first: others wait for what it had */
	if (s)
		session_close(s);
}

static void on_death(void *arg, unsigned int revents)
{
	struct member *m = arg;

	(void)revents;
	if (!pidfd_dead(m->pidfd))
		return;		/* called without a cause */
	member_end(m);
}

/* 1: it maps the arena, or that can't be ruled out; 0: proven not to. */
static bool may_use(struct member *m)
{
	const struct sh_client *c = &m->sv->heap.sg.clients[m->slot];
	struct stat arena;

	if (m->pidfd < 0 || !c->pid || c->pidns != m->sv->pidns ||
	    fstat(m->sv->store.files.rw[SEG_ARENA], &arena))
		return true;
	if (proc_maps_file((pid_t)c->pid, arena.st_dev, arena.st_ino) != 0)
		return true;
	/* It lived until now, so the PID that we looked at was its own. */
	return pidfd_dead(m->pidfd);
}

static int member_watch(struct member *m, int pidfd)
{
	loop_id id = loop_poll(m->sv->loop, pidfd, POLLIN, on_death, m);

	if (!id)
		return -ENOMEM;
	loop_cancel(m->sv->loop, m->death);
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = pidfd;
	m->death = id;
	return 0;
}

/* The process of the registry's entry: 0: watched; -ESRCH: it is no more. */
static int member_find(struct member *m)
{
	const struct sh_client *c = &m->sv->heap.sg.clients[m->slot];
	int r, pidfd;

	if (m->pidfd >= 0)
		return pidfd_dead(m->pidfd) ? -ESRCH : 0;
	if (!c->pid || c->pidns != m->sv->pidns)
		return -ENXIO;
	r = pidfd_of((pid_t)c->pid, c->start_time, &pidfd);
	if (r)
		return r;
	r = member_watch(m, pidfd);
	if (r)
		close(pidfd);
	return r;
}

static void on_recheck(void *arg)
{
	struct member *m = arg;

	if (member_find(m) == -ESRCH || !may_use(m)) {
		member_gone(m->sv, m->slot);
		return;
	}
	m->recheck_ns *= 2;
	if (m->recheck_ns > IDLE_TURN_NS)
		m->recheck_ns = IDLE_TURN_NS;
	loop_timer_set(m->sv->loop, m->recheck, m->recheck_ns, 0);
}

static void recheck_start(struct member *m)
{
	loop_cancel(m->sv->loop, m->recheck);
	m->recheck_ns = TURN_NS;
	m->recheck = loop_timer(m->sv->loop, TURN_NS, 0, on_recheck, m);
}

/* Others than the owner and root may never have more than is left. */
static bool fair_share(const struct server *sv, uid_t uid)
{
	uint32_t n = sv->store.sg.geo.nclients, theirs = 0;

	if (uid == 0 || uid == geteuid())
		return true;
	for (uint32_t i = 1; i <= n; i++)
		theirs += client_state(&sv->heap, i) != CLIENT_FREE &&
			  sv->heap.sg.clients[i].uid == uid;
	return theirs < n - sv->nmembers;
}

static void registry_write(struct server *sv, uint32_t slot,
			   const struct peer *p, uint64_t nonce, uint32_t flags)
{
	struct sh_client *c = &sv->heap.sg.clients[slot];

	c->start_time = p->start_time;
	c->pidns = sv->pidns;
	c->nonce = nonce;
	c->pid = (uint32_t)p->pid;
	c->uid = p->uid;
	memcpy(c->comm, p->comm, sizeof(c->comm));
	c->flags = flags;
}

static int slot_take(struct server *sv, const struct peer *p,
		     struct party *ret_p, struct refusal *why)
{
	uint32_t n = sv->store.sg.geo.nclients;
	int r = -EUSERS;

	if (fair_share(sv, p->uid))
		r = client_join(&sv->heap, ret_p);
	if (r == -EUSERS)
		return refuse(why, EXIT_FAULT, r, "%u of %u client slots of "
			      "heap %s are taken; a heap with more is made by "
			      "mheapd --clients", sv->nmembers, n, sv->o->name);
	if (r)
		return refuse(why, EXIT_FAULT, r, "no memory for a client slot "
			      "of heap %s (mheapd --limit, or /dev/shm is "
			      "full)", sv->o->name);
	count(sv, 1);
	return 0;
}

/*
 * A process that attaches does not map the arena yet: if it was a client once,
 * that was before an exec or a detach that we missed.  This is the moment to
 * prove it; afterwards the mapping may be of either.
 */
static void end_former(struct server *sv, const struct peer *p)
{
	for (uint32_t i = 1; i <= sv->store.sg.geo.nclients; i++) {
		uint32_t state = client_state(&sv->heap, i);

		if ((state == CLIENT_ACTIVE || state == CLIENT_AWAY) &&
		    sv->heap.sg.clients[i].pid == (uint32_t)p->pid &&
		    !may_use(&sv->members[i]))
			member_end(&sv->members[i]);
	}
}

int member_join(struct server *sv, struct peer *p, uint32_t flags,
		struct session *s, struct party *ret_p, struct refusal *why)
{
	struct member *m;
	uint64_t nonce = 0;
	int r;

	while (!nonce)
		if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
			return refuse(why, EXIT_FAULT, -EIO, "no random bytes");
	end_former(sv, p);
	r = slot_take(sv, p, ret_p, why);
	if (r)
		return r;
	registry_write(sv, ret_p->slot, p, nonce, flags);
	m = &sv->members[ret_p->slot];
	if (member_watch(m, p->pidfd)) {
		member_gone(sv, ret_p->slot);
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory");
	}
	p->pidfd = -1;
	m->session = s;
	return 0;
}

bool member_is(const struct server *sv, uint32_t slot, const struct peer *p)
{
	const struct sh_client *c = &sv->heap.sg.clients[slot];

	if (c->uid != p->uid)
		return false;
	if (c->pidns != sv->pidns || !c->pid)
		return true;	/* PIDs of two worlds can't be compared */
	return c->pid == (uint32_t)p->pid &&
	       (!c->start_time || !p->start_time ||
		c->start_time == p->start_time);
}

static bool resumable(const struct server *sv, struct party old, uint64_t nonce)
{
	uint32_t state;

	if (old.slot < 1 || old.slot > sv->store.sg.geo.nclients)
		return false;
	state = client_state(&sv->heap, old.slot);
	return (state == CLIENT_ACTIVE || state == CLIENT_AWAY) &&
	       party_eq(client_party(&sv->heap, old.slot), old) &&
	       sv->heap.sg.clients[old.slot].nonce == nonce;
}

int member_resume(struct server *sv, struct peer *p, struct party old,
		  uint64_t nonce, struct session *s, struct refusal *why)
{
	struct session *before;
	struct member *m;

	if (!resumable(sv, old, nonce) || !member_is(sv, old.slot, p))
		return refuse(why, EXIT_FAULT, -ESTALE, "client slot %u is not "
			      "this process's any more: attach anew", old.slot);
	m = &sv->members[old.slot];
	if (member_watch(m, p->pidfd))
		return refuse(why, EXIT_FAULT, -ENOMEM, "no memory");
	p->pidfd = -1;
	loop_cancel(sv->loop, m->recheck);
	m->recheck = 0;
	before = m->session;
	m->session = s;
	if (before)
		session_close(before);
	registry_write(sv, old.slot, p, nonce,
		       (uint32_t)sv->heap.sg.clients[old.slot].flags);
	return 0;
}

void member_active(struct server *sv, uint32_t slot)
{
	struct member *m = &sv->members[slot];

	loop_cancel(sv->loop, m->recheck);
	m->recheck = 0;
	client_set_state(&sv->heap, slot, CLIENT_ACTIVE);
}

void member_away(struct server *sv, uint32_t slot)
{
	struct member *m = &sv->members[slot];

	m->session = NULL;
	client_set_state(&sv->heap, slot, CLIENT_AWAY);
	recheck_start(m);
}

void member_adopt(struct server *sv, uint32_t slot)
{
	count(sv, 1);
	if (member_find(&sv->members[slot]) == -ESRCH)
		member_gone(sv, slot);
	else
		member_away(sv, slot);
}
