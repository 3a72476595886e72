/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.c - the handshake of a connection: who it is, whether both sides speak
 * the same protocol of the same heap layout, and what it gets.
 *
 *	HELLO	identity, versions, a slot: JOINING	-> WELCOME, descriptors
 *	READY	the nonce came back			-> ACTIVE, then GO
 *
 * The slot's registry entry is written before the WELCOME, so that a daemon
 * killed in between is succeeded by one that knows whose the slot is.
 */
#include "daemon/session.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/passfds.h"

static struct wire_welcome welcome(const struct server *sv)
{
	struct wire_welcome w = { .magic = WIRE_MAGIC, .type = WIRE_WELCOME,
				  .version = WIRE_VERSION, .abi = sh_abi() };

	snprintf(w.daemon_version, sizeof(w.daemon_version), "%s",
		 PACKAGE_VERSION);
	if (sv->serving) {
		w.epoch = ld_acq(&sv->heap.sg.hdr->epoch);	/* [H1] */
		w.backing = sv->heap.sg.hdr->backing;
	}
	return w;
}

bool hello_refuse(struct session *s, int err, const char *sentence)
{
	struct wire_welcome w = welcome(s->sv);

	w.status = err;
	snprintf(w.text, sizeof(w.text), "%.*s", (int)sizeof(w.text) - 1,
		 sentence);
	session_say(s, &w, sizeof(w));
	return false;
}

/* What a stranger calls its version, fit for people. */
static void printable(const char *from, size_t len, char *ret_text)
{
	size_t i;

	for (i = 0; i < len - 1 && from[i]; i++)
		ret_text[i] = isgraph((unsigned char)from[i]) ? from[i] : '?';
	ret_text[i] = 0;
}

static bool refuse_version(struct session *s, const struct wire_hello *h,
			   size_t len)
{
	char text[192], theirs[sizeof(h->lib_version)] = "?";

	if (len >= sizeof(*h))
		printable(h->lib_version, sizeof(h->lib_version), theirs);
	snprintf(text, sizeof(text), "libmheap %s (protocol %u, ABI %016" PRIx64
		 ") does not fit mheapd %s (protocol %u, ABI %016" PRIx64
		 "): use both of one version", theirs, h->version,
		 len >= sizeof(*h) ? h->abi : 0, PACKAGE_VERSION, WIRE_VERSION,
		 sh_abi());
	return hello_refuse(s, -EPROTO, text);
}

static bool may_attach(const struct session *s)
{
	return s->uid == geteuid() || s->uid == 0 || s->sv->o->group;
}

/* The descriptors for what it may do, in the order of wire.h; the bell's apart. */
static void choose_fds(const struct server *sv, uint32_t flags,
		       int ret_fds[WIRE_FDS])
{
	const struct segfiles *f = &sv->store.files;
	bool looks = flags & WIRE_OBSERVE;

	ret_fds[WIRE_FD_HEAP] = f->ro[SEG_HEAP];
	ret_fds[WIRE_FD_CENTRAL] = looks ? f->ro[SEG_CENTRAL] :
					   f->rw[SEG_CENTRAL];
	ret_fds[WIRE_FD_ARENA] = flags & (WIRE_OBSERVE | WIRE_READONLY) ?
				 f->ro[SEG_ARENA] : f->rw[SEG_ARENA];
}

static bool send_welcome(struct session *s, struct party p, uint32_t flags)
{
	const struct sh_geometry *g = &s->sv->store.sg.geo;
	struct wire_welcome w = welcome(s->sv);
	int fds[WIRE_FDS], bell = -1;
	bool sent;

	choose_fds(s->sv, flags, fds);
	if (!(flags & WIRE_OBSERVE)) {
		bell = bell_open(&s->sv->bell);
		if (bell < 0)
			return hello_refuse(s, bell, "mheapd has no file "
					    "descriptor for a doorbell (ulimit "
					    "-n)");
		fds[WIRE_FD_BELL] = bell;
	}
	w.nonce = s->nonce;
	w.slot = p.slot;
	w.gen = p.gen;
	w.base = g->base;
	w.heap_bytes = g->heap_bytes;
	w.central_bytes = g->central_bytes;
	w.arena_bytes = g->reserve_bytes;
	sent = passfds_send(s->fd, &w, sizeof(w), fds,
			    bell < 0 ? WIRE_FD_BELL : WIRE_FDS, NULL, 0);
	if (bell >= 0)
		close(bell);
	return sent;
}

static int take_slot(struct session *s, const struct wire_hello *h,
		     struct peer *p, struct party *ret_p, struct refusal *why)
{
	struct party old = { h->slot, h->gen };
	int r;

	s->resumes = h->flags & WIRE_RESUME;
	if (!s->resumes)
		return member_join(s->sv, p, h->flags & WIRE_READONLY, s,
				   ret_p, why);
	r = member_resume(s->sv, p, old, h->nonce, s, why);
	if (!r)
		*ret_p = old;
	return r;
}

static bool join(struct session *s, const struct wire_hello *h)
{
	const struct sh_client *c;
	struct refusal why;
	struct party who;
	struct peer p;
	int r = peer_identify(s->fd, &p, &why);

	if (r)
		return hello_refuse(s, r, why.text);
	r = take_slot(s, h, &p, &who, &why);
	peer_close(&p);		/* unless a member has it now */
	if (r)
		return hello_refuse(s, r, why.text);
	c = &s->sv->heap.sg.clients[who.slot];
	s->slot = who.slot;
	s->nonce = c->nonce;
	s->state = GETS_READY;
	return send_welcome(s, who, (uint32_t)c->flags);
}

bool hello_take(struct session *s, const struct wire_hello *h, size_t len)
{
	if (s->state != SAYS_HELLO || len < offsetof(struct wire_hello, flags))
		return false;
	if (h->version != WIRE_VERSION || len != sizeof(*h) ||
	    h->abi != sh_abi())
		return refuse_version(s, h, len);
	if (!may_attach(s))
		return hello_refuse(s, -EACCES, "this heap is its owner's and "
				    "root's alone; mheapd --group lets others "
				    "attach");
	if (!(h->flags & WIRE_OBSERVE))
		return join(s, h);
	session_settled(s, IS_TOOL);
	return send_welcome(s, NOBODY, WIRE_OBSERVE);
}

bool hello_ready(struct session *s, const struct wire_ready *m)
{
	struct wire_ready go = { .magic = WIRE_MAGIC, .type = WIRE_GO,
				 .nonce = s->nonce };

	if (s->state != GETS_READY || m->nonce != s->nonce ||
	    !sock_connected(s->fd) || pidfd_dead(s->sv->members[s->slot].pidfd))
		return false;
	session_settled(s, IS_CLIENT);
	member_active(s->sv, s->slot);
	return session_say(s, &go, sizeof(go));
}
