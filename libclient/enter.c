/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enter.c - the door of every slow path: refuses re-entry from a signal handler
 * (EDEADLK), joins the heap if this process has not yet (first use, or a
 * forked child), finds or makes the thread's mcache, and takes note of the
 * give-ups that wait for each thread to pass here.
 *
 * Locks: rights.join while joining; ending while a thread's end gives back.
 */
#include <errno.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <time.h>
#include <unistd.h>

#include "libclient/client.h"

#define JOIN_TURN_MS	10
#define CANCEL_AS_IT_IS	(-1)

/* Arrays empty and full at once, no page ours: what every thread starts with. */
static struct mcache nothing;
__thread struct tls tls = {
	.mc = &nothing,
	.looked.joined = JOINED_NEVER,
	.quick.joined = JOINED_NEVER,
};

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	pthread_key_create(&exit_key, thread_gone);
}

static bool alive(mh_heap *h)
{
	uint32_t live = ld_acq(&h->r->live);			/* [A1] */
	uint64_t w;

	if (live != h->serial)
		return false;
	w = ld_acq(&h->sg.clients[h->r->me.slot].word);		/* [R1] */
	return (w >> 8 & GEN_MASK) == h->r->me.gen &&
	       (w & 0xff) != CLIENT_FREE && (w & 0xff) < CLIENT_DYING;
}

static bool daemon_is_away(int r)
{
	return r == -ECONNREFUSED || r == -ENOENT;
}

static bool lock_join_until(mh_heap *h, uint64_t end)
{
	struct timespec t = { (time_t)(end / 1000),
			      (long)(end % 1000) * 1000000 };

	return !pthread_mutex_clocklock(&h->r->join, CLOCK_MONOTONIC, &t);
}

static int nobody_there(mh_heap *h, unsigned wait_ms)
{
	if (!wait_ms)
		return refuse(EAGAIN, "heap %s: mheapd would have to be waited "
			      "for, to join", h->name);
	return refuse(ETIMEDOUT, "heap %s: no mheapd for %u ms; is it running?",
		      h->name, wait_ms);
}

/*
 * A forked child's first slow path; it waits for a daemon as a request does.  Each
 * thread so long from when it came, also for another one that tries.
 */
static int rejoin(mh_heap *h, unsigned wait_ms)
{
	struct timespec t = { 0, JOIN_TURN_MS * 1000000 };
	uint64_t end = mono_ms() + wait_ms;
	int r = 0;

	if (!lock_join_until(h, end))
		return has_joined(h) ? 0 : nobody_there(h, wait_ms);
	while (!has_joined(h)) {
		r = join_heap(h, wait_ms);
		if (!daemon_is_away(r) && r != -ETIMEDOUT)
			break;
		if (r == -ETIMEDOUT || mono_ms() >= end) {
			r = nobody_there(h, wait_ms);
			break;
		}
		if (h->flags & MH_START)
			start_daemon(h);
		nanosleep(&t, NULL);
	}
	pthread_mutex_unlock(&h->r->join);
	return r;
}

static bool usable(mh_heap *h, unsigned wait_ms)
{
	if (likely(h->attached && alive(h)) &&
	    ld_acq(&h->sg.hdr->status) != HEAP_DESTROYED)	/* [H1] */
		return true;
	if (!h->attached) {
		refuse(EINVAL, "the heap is not attached");
		return false;
	}
	if (ld_acq(&h->sg.hdr->status) == HEAP_DESTROYED) {	/* [H1] */
		refuse(ESHUTDOWN, "heap %s has been destroyed", h->name);
		return false;
	}
	if (has_joined(h)) {
		/* Another thread may have joined since it was looked at. */
		if (alive(h))
			return true;
		refuse(ESHUTDOWN, "heap %s: this client was taken for dead",
		     h->name);
		return false;
	}
	return !rejoin(h, wait_ms);	/* says why itself */
}

/*
 * Until leave() a signal handler finds no heap, so that its calls come here
 * and not to an array that is being filled or flushed; and the thread is not
 * cancelled, or it would take the locks with it that it holds.  (With the only
 * thread the process ends, and whoever waits for them.)
 */
bool begin(void)
{
	if (tls.inside) {
		refuse(EDEADLK, "called from a signal handler that interrupted "
		     "libmheap in this thread");
		return false;
	}
	tls.inside = true;
	order_for_recovery();
	tls.after = tls.heap;
	tls.heap = NULL;
	order_for_recovery();
	tls.cancel = CANCEL_AS_IT_IS;
	if (!__libc_single_threaded)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &tls.cancel);
	return true;
}

bool enter_within(mh_heap *h, unsigned wait_ms)
{
	if (!begin())
		return false;
	if (usable(h, wait_ms))
		return true;
	leave();
	return false;
}

bool enter_any(mh_heap *h)
{
	return enter_within(h, DAEMON_WAIT_MS);
}

bool heap_ready(mh_heap *h, unsigned wait_ms)
{
	if (likely(h->attached && alive(h) &&
		   ld_acq(&h->sg.hdr->status) != HEAP_DESTROYED)) /* [H1] */
		return true;
	if (!enter_within(h, wait_ms))
		return false;
	leave();
	return true;
}

void leave(void)
{
	int cancel = tls.cancel;

	tls.heap = tls.after;
	order_for_recovery();
	tls.inside = false;
	order_for_recovery();
	if (unlikely(cancel != CANCEL_AS_IT_IS))
		pthread_setcancelstate(cancel, NULL);
}

static struct mcache *find_mcache(mh_heap *h)
{
	struct mcache *mc = tls.by_heap[h->index];

	if (mc && mc->serial == h->serial && ld_rlx(&mc->taken)) /* [A1] */
		return mc;
	mc = mcache_take(h);
	if (!mc) {
		refuse(ENOMEM, "no memory for a thread's cache");
		return NULL;
	}
	pthread_once(&exit_once, make_key);
	pthread_setspecific(exit_key, &tls);
	tls.by_heap[h->index] = mc;
	tls.tid = (uint32_t)gettid();
	return mc;
}

struct mcache *enter(mh_heap *h)
{
	return enter_to(h, false);
}

struct mcache *enter_to(mh_heap *h, bool nowait)
{
	struct mcache *mc;

	if (!enter_within(h, nowait ? 0 : DAEMON_WAIT_MS))
		return NULL;
	if (h->flags & MH_READONLY) {
		refuse(EROFS, "heap %s is attached read-only", h->name);
		leave();
		return NULL;
	}
	mc = find_mcache(h);
	if (!mc) {
		leave();
		return NULL;
	}
	tls.after = h;
	tls.mc = mc;
	/* [A1] sc: page table words forgotten before this epoch are seen. */
	st_rel(&mc->seen, ld_sc(&h->r->giveups));
	if (mc->remote) {
		add_rlx(&my_slot(h)->remote_frees, mc->remote);	/* [C1] */
		mc->remote = 0;
	}
	if (unlikely(mc->trim != ld_rlx(&h->r->trims))) {	/* [A1] */
		mc->trim = ld_rlx(&h->r->trims);		/* [A1] */
		flush_all(h, mc);
	}
	return mc;
}

/*
 * A detach may be under way: from the lock to the unlock it waits.  The error hook,
 * which may wait for who detaches, is called after that.
 */
static void give_back(mh_heap *h, struct mcache *mc)
{
	misuse_keep();
	pthread_mutex_lock(&h->ending);
	if (h->attached && mc->serial == h->serial && alive(h)) {
		flush_all(h, mc);
		mcache_drop(h, mc);
	}
	pthread_mutex_unlock(&h->ending);
	misuse_tell(h);
}

/* The thread ends: what its arrays hold goes back, for each heap. */
void thread_gone(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < HEAPS_MAX; i++) {
		struct mcache *mc = tls.by_heap[i];

		tls.by_heap[i] = NULL;
		if (!mc || !begin())
			continue;
		give_back(heap_at(i), mc);
		leave();
	}
	tls.heap = NULL;
	tls.mc = &nothing;
}
