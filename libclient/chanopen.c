/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanopen.c - channels: opened, closed, removed.  The daemon does it; a handle is
 * this process's own.  Takes no lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libclient/chan.h"
#include "shm/names.h"

_Static_assert(MH_EXCL == CHAN_ONLY_NEW && MH_EXISTING == CHAN_ONLY_THERE,
	       "passed on to the daemon");

/* To join takes of the time.  -1: as long as for anything. */
COLD int chan_unusable(mh_chan *c, int *timeout_ms)
{
	unsigned ms = *timeout_ms < 0 || *timeout_ms > DAEMON_WAIT_MS ?
		      DAEMON_WAIT_MS : (unsigned)*timeout_ms;
	uint64_t from = mono_ms(), spent;
	mh_heap *h = c->h;

	if (!h->attached || h->serial != c->serial)
		return refuse(EINVAL, "the channel's heap is not attached");
	if (tls.counting)
		return refuse(EDEADLK, "called from a signal handler that "
			      "interrupted the like");
	if (!may_hold(h, ms)) {
		spent = mono_ms() - from;
		if (*timeout_ms > 0)
			*timeout_ms = spent < (uint64_t)*timeout_ms ?
				      *timeout_ms - (int)spent : 0;
		return 0;
	}
	return errno != EAGAIN ? -1 :
	       refuse(ETIMEDOUT, "heap %s: mheapd would have to be waited for, to "
		      "join", h->name);
}

static int bad_open(mh_heap *h, const char *name, unsigned capacity,
		    unsigned flags)
{
	if (!name || !name_ok(name))
		return refuse(EINVAL, "heap %s: a channel's name has 1 to %u "
			      "bytes", h->name, SH_NAME_MAX);
	if (flags & ~(MH_EXCL | MH_EXISTING) ||
	    flags == (MH_EXCL | MH_EXISTING))
		return refuse(EINVAL, "mh_chan_open: flags 0x%x: MH_EXCL or "
			      "MH_EXISTING or none", flags);
	if (!(flags & MH_EXISTING) && (!capacity || capacity > SH_PLACES_MAX))
		return refuse(EINVAL, "heap %s: channel %s: a capacity of %u: it "
			      "has 1 to %u places", h->name, name, capacity,
			      SH_PLACES_MAX);
	return 0;
}

static int no_chan(mh_heap *h, const char *name)
{
	return refuse(ENOENT, "heap %s: there is no channel %s", h->name, name);
}

static int open_failed(mh_heap *h, const char *name, int r)
{
	switch (r) {
	case -EEXIST:
		return refuse(EEXIST, "heap %s: there is a channel %s", h->name,
			      name);
	case -ENOENT:
		return no_chan(h, name);
	case -ENOSPC:
		return refuse(ENOSPC, "heap %s: all of its %u channels are in "
			      "use (mheapd --channels)", h->name,
			      h->sg.geo.nchans);
	}
	return -1;
}

static mh_chan *handle_new(mh_heap *h)
{
	mh_chan *c = calloc(1, sizeof(*c));

	if (!c)
		return refuse_null(ENOMEM, "no memory for a channel's handle");
	c->h = h;
	c->serial = h->serial;
	return c;
}

bool chan_view_named(const struct seg *sg, uint32_t index, const char *name,
		     struct chan *ret)
{
	char text[64];

	return chan_view(sg, index, ret) && chan_name(sg, index, text) &&
	       !strcmp(text, name) && chan_is_open(ret);
}

/* Asks the daemon: which one, of which version.  0, or -1 and it was refused. */
static int ask(mh_heap *h, const char *name, unsigned capacity, unsigned flags,
	       struct chan *ret)
{
	struct call call = { .op = OP_CHAN_OPEN, .text = name,
			     .arg = { capacity, flags } };
	int r;

	if (!enter_any(h))
		return -1;
	r = call_daemon(h, &call, false);
	leave();
	ret->index = call.result;
	ret->version = call.reason;
	return r ? open_failed(h, name, r) : 0;
}

/*
 * Again, if it was removed since the daemon's answer: what has its index or its name by
 * now was made by somebody else.
 */
mh_chan *mh_chan_open(mh_heap *h, const char *name, unsigned capacity,
		      unsigned flags)
{
	struct chan is;
	mh_chan *c;

	if (bad_open(h, name, capacity, flags) || !enter_any(h))
		return NULL;
	leave();
	c = may_hold(h, DAEMON_WAIT_MS) ? NULL : handle_new(h);
	if (!c)
		return NULL;
	do {
		if (ask(h, name, capacity, flags, &is)) {
			free(c);
			return NULL;
		}
	} while (!chan_view_named(&h->sg, is.index, name, &c->ch) ||
		 c->ch.version != is.version);
	return c;
}

int mh_chan_close(mh_chan *c)
{
	if (!c)
		return refuse(EINVAL, "mh_chan_close: NULL");
	if (!begin())
		return -1;
	chan_fd_close(c);
	free(c);
	leave();
	return 0;
}

int mh_chan_remove(mh_heap *h, const char *name)
{
	struct call call = { .op = OP_CHAN_REMOVE, .text = name };
	int r;

	if (bad_open(h, name, 1, 0) || !enter_any(h))
		return -1;
	r = call_daemon(h, &call, false);
	leave();
	if (r == -ENOENT)
		return no_chan(h, name);
	return r ? -1 : 0;
}
