/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanopen.c - channels: opened, closed, removed, and how one sleeps at one.
 *
 * A sleeper counts the futex up and sets its bit 0, looks again, and sleeps; who
 * has put or taken a message counts it up if the bit is set, and wakes one.  Wakes
 * that get lost with whoever was woken are made good by turns of two seconds.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libclient/chan.h"
#include "shm/names.h"

#define TURN_MS		2000
#define MAY_SLEEP	1u

int64_t chan_deadline(int timeout_ms)
{
	struct timespec t;

	if (timeout_ms < 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + timeout_ms;
}

int64_t chan_left(int64_t deadline)
{
	int64_t left;

	if (deadline < 0)
		return TURN_MS;
	left = deadline - chan_deadline(0);
	return left < 0 ? 0 : left < TURN_MS ? left : TURN_MS;
}

void chan_sleep(_Atomic uint32_t *word, uint32_t seen, int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

/* [M3] Counts, or a waker that finds nobody yet would take the bit down under us. */
uint32_t chan_drowsy(_Atomic uint32_t *word)
{
	uint32_t w = ld_sc(word), to;				/* [M3] */

	do
		to = (w + 2) | MAY_SLEEP;
	while (!cas_sc(word, &w, to));				/* [M3] */
	return to;
}

/* Who wakes nobody takes the bit down, unless somebody came since. */
static COLD void wake_some(_Atomic uint32_t *word, uint32_t n)
{
	uint32_t w = add_sc(word, 2) + 2;			/* [M3] */

	if (syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0) == 0)
		cas_sc(word, &w, w & ~MAY_SLEEP);		/* [M3] */
}

void chan_wake(_Atomic uint32_t *word, uint32_t n)
{
	if (unlikely(ld_sc(word) & MAY_SLEEP))			/* [M3] */
		wake_some(word, n);
}

int chan_usable(mh_chan *c)
{
	mh_heap *h = c->h;

	if (unlikely(!h->attached || h->serial != c->serial))
		return refuse(EINVAL, "the channel's heap is not attached");
	if (unlikely(tls.counting))
		return refuse(EDEADLK, "called from a signal handler that "
			      "interrupted the like");
	if (unlikely(h->r->me.slot - 1 >= SH_HOLDERS - 1))
		return may_hold(h);
	return 0;
}

static int bad_open(mh_heap *h, const char *name, unsigned capacity,
		    unsigned flags)
{
	if (!name || !name_ok(name))
		return refuse(EINVAL, "heap %s: a channel's name has 1 to %u "
			      "bytes", h->name, SH_NAME_MAX);
	if (!capacity || capacity > SH_PLACES_MAX)
		return refuse(EINVAL, "heap %s: channel %s: a capacity of %u: it "
			      "has 1 to %u places", h->name, name, capacity,
			      SH_PLACES_MAX);
	if (flags & ~MH_EXCL)
		return refuse(EINVAL, "mh_chan_open: flags 0x%x: MH_EXCL is "
			      "known", flags);
	return 0;
}

static int open_failed(mh_heap *h, const char *name, int r)
{
	switch (r) {
	case -EEXIST:
		return refuse(EEXIST, "heap %s: there is a channel %s", h->name,
			      name);
	case -ENOSPC:
		return refuse(ENOSPC, "heap %s: all of its %u channels are in "
			      "use (mheapd --channels)", h->name,
			      h->sg.geo.nchans);
	case -ENOMEM:
		return refuse(ENOMEM, "heap %s: no memory for channel %s",
			      h->name, name);
	}
	return -1;
}

static mh_chan *handle_new(mh_heap *h, uint32_t index)
{
	mh_chan *c = calloc(1, sizeof(*c));

	if (c && chan_view(&h->sg, index, &c->ch)) {
		c->h = h;
		c->serial = h->serial;
		return c;
	}
	free(c);
	return refuse_null(ENOMEM, "no memory for a channel's handle");
}

mh_chan *mh_chan_open(mh_heap *h, const char *name, unsigned capacity,
		      unsigned flags)
{
	struct call call = { .op = OP_CHAN_OPEN, .text = name,
			     .arg = { capacity, flags & MH_EXCL } };
	int r;

	if (bad_open(h, name, capacity, flags) || !enter_any(h))
		return NULL;
	r = call_daemon(h, &call, false);
	leave();
	if (r) {
		open_failed(h, name, r);
		return NULL;
	}
	return may_hold(h) ? NULL : handle_new(h, call.result);
}

int mh_chan_close(mh_chan *c)
{
	if (!c)
		return refuse(EINVAL, "mh_chan_close: NULL");
	chan_fd_close(c);
	free(c);
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
		return refuse(ENOENT, "heap %s: there is no channel %s", h->name,
			      name);
	return r ? -1 : 0;
}
