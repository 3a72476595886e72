/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.c - handles.  They live in a table for the life of the process and are
 * reused, so a stale one is an error and never a wild pointer.
 * Locks: `table`, over attach and detach as a whole; `ending` of a handle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libclient/client.h"
#include "shm/paths.h"
#include "shm/text.h"

static mh_heap heaps[HEAPS_MAX];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static uint32_t serials;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/*
 * A fork while another thread attaches or detaches: the child has no such
 * thread, who would unlock the table and settle what is in no handle yet.
 */
static void in_child(void)
{
	table = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	chan_fds_in_child();
	for (unsigned i = 0; i < HEAPS_MAX; i++) {
		mh_heap *h = &heaps[i];

		/* The parent's: as long as they are open here it seems to be there. */
		close_heap_fds(h);
		h->ending = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
		if (h->attached && h->refs)
			continue;
		h->attached = false;
		h->arena = NULL;
		h->heap_map = h->central_map = NULL;
		h->bytes = 0;
	}
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

mh_heap *heap_at(unsigned index)
{
	return &heaps[index];
}

static mh_heap *find(const char *name)
{
	for (unsigned i = 0; i < HEAPS_MAX; i++)
		if (heaps[i].attached && !strcmp(heaps[i].name, name))
			return &heaps[i];
	return NULL;
}

static mh_heap *claim(const char *name, unsigned flags)
{
	for (unsigned i = 0; i < HEAPS_MAX; i++) {
		mh_heap *h = &heaps[i];

		if (h->attached)
			continue;
		h->index = i;
		h->flags = flags;
		h->serial = ++serials;
		h->sock.fd = h->bell.fd = -1;
		copy_text(h->name, sizeof(h->name), name);
		return h;
	}
	return refuse_null(EMFILE, "this process has %d heaps attached, which is "
			 "the limit", HEAPS_MAX);
}

/* The rights mapping must be there before the handshake fills it. */
static int prepare(mh_heap *h)
{
	char why[256] = "";
	int r = heap_socket_path(h->name, h->socket_path,
				 sizeof(h->socket_path), why, sizeof(why));

	if (r)
		return refuse(-r, "heap %s: %s", h->name, why);
	rights_clear(h);
	if (rights_first(h))
		return refuse(ENOMEM, "no memory to attach heap %s", h->name);
	return 0;
}

static int join_or_start(mh_heap *h)
{
	int r = join_heap(h, DAEMON_WAIT_MS);

	for (int i = 0; i < 3 && h->flags & MH_START &&
	     (r == -ENOENT || r == -ECONNREFUSED); i++) {
		r = start_daemon(h);
		if (r)
			return r;
		r = join_heap(h, DAEMON_WAIT_MS);
	}
	return r;
}

static mh_heap *attach(const char *name, unsigned flags)
{
	mh_heap *h = find(name);

	if (h && h->flags != flags)
		return refuse_null(EINVAL, "heap %s is attached already, with "
				 "flags 0x%x, not 0x%x", name, h->flags, flags);
	if (h) {
		h->refs++;
		return h;
	}
	h = claim(name, flags);
	if (!h || prepare(h))
		return NULL;
	if (join_or_start(h)) {
		int err = errno;

		close_heap_fds(h);
		unmap_heap(h);
		errno = err;
		return NULL;
	}
	h->refs = 1;
	h->attached = true;
	return h;
}

/*
 * A handle for a heap that is mapped already, as slot `me`: how tests and the
 * kill harness become clients without a socket.
 */
mh_heap *attach_view(const char *name, unsigned flags, const struct seg *sg,
		     struct party me)
{
	mh_heap *h;

	pthread_mutex_lock(&table);
	h = claim(name, flags);
	if (h) {
		rights_clear(h);
		h->sg = *sg;
		h->arena = sg->arena;
		h->bytes = flags & MH_READONLY ? 0 : sg->geo.reserve_bytes;
	}
	if (!h || rights_first(h) || rights_make(h)) {
		pthread_mutex_unlock(&table);
		return NULL;
	}
	set_me(h, me);
	h->r->epoch = ld_acq(&sg->hdr->epoch);			/* [H1] */
	st_rel(&h->r->live, h->serial);				/* [A1] */
	h->refs = 1;
	h->attached = true;
	pthread_mutex_unlock(&table);
	return h;
}

mh_heap *mh_attach(const char *name, unsigned flags)
{
	mh_heap *h;

	if (!name)
		name = getenv("MHEAP_NAME");
	if (!name || !*name)
		name = "default";
	if (!heap_name_ok(name))
		return refuse_null(EINVAL, "\"%.64s\" is no heap name: 1 to %u of "
				 "[A-Za-z0-9._-], not starting with a dot",
				 name, HEAP_NAME_MAX);
	if (flags & ~(MH_START | MH_READONLY | MH_CHECKED))
		return refuse_null(EINVAL, "mh_attach: flags 0x%x: MH_START, "
				 "MH_READONLY and MH_CHECKED are known", flags);
	if (!begin())
		return NULL;
	pthread_once(&fork_once, watch_forks);
	pthread_mutex_lock(&table);
	h = attach(name, flags);
	pthread_mutex_unlock(&table);
	leave();
	return h;
}

/*
 * What this process owns goes back by the recovery rule, as if it had died: it
 * unmaps the heap and tells the daemon, who reclaims the slot.  Threads that have
 * ended may be giving back what they had: they are waited for, and the next find
 * nothing to give.
 */
static int last_detach(mh_heap *h)
{
	bool joined = has_joined(h);
	int r = 0;

	chan_fds_stop(h);
	if (joined)
		meet_daemon(h);
	pthread_mutex_lock(&h->ending);
	h->attached = false;
	st_rel(&h->r->live, 0);					/* [A1] */
	pthread_mutex_unlock(&h->ending);
	if (h->heap_map)
		unmap_heap(h);
	h->arena = NULL;	/* a view's is not ours to unmap */
	h->bytes = 0;
	if (joined)
		r = part_heap(h);
	else
		close_heap_fds(h);
	rights_clear(h);
	return r;
}

int mh_detach(mh_heap *h)
{
	int r = 0;

	if (h < heaps || h >= heaps + HEAPS_MAX)
		return refuse(EINVAL, "mh_detach: %p is no heap", (void *)h);
	if (!begin())
		return -1;
	pthread_mutex_lock(&table);
	if (!h->attached)
		r = refuse(EINVAL, "mh_detach: the heap is not attached");
	else if (!--h->refs && last_detach(h))
		r = refuse(ETIMEDOUT, "heap %s: its mheapd is away; what this "
			 "process owned is reclaimed when it ends", h->name);
	pthread_mutex_unlock(&table);
	leave();
	return r;
}
