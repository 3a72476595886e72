/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanfd.c - a channel for poll, epoll and io_uring: an eventfd that is readable
 * while something may be received.
 *
 * Senders know nothing of it, and nobody has to pass descriptors on: a thread of
 * the library sleeps at the channel, as a receiver does, and writes the eventfd
 * when there is a message.  Then it rests until a receive that found nothing has
 * emptied the eventfd, looks again, and sleeps again.
 *
 *	UNSET -> SETTING -> SET (readable) -> UNSET ...  STOP ends it
 *
 * Only the thread writes the eventfd, while SETTING; if that is UNSET when it has, it
 * empties it itself.  A turn beside the state tells one SET from the next, so that who
 * makes it UNSET has emptied what that one wrote (models/fd.pml).
 * As the thread may have been woken in place of a receiver, it wakes another.
 *
 * Locks: `watching`, while a watch is made or goes.  A forked child has no such thread,
 * closes the parent's descriptors at once, and makes its own.  A detach ends the threads;
 * the descriptors are there until the channels are closed.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libclient/chan.h"

#define TURN_S		2

enum { UNSET, SETTING, SET, STOP };	/* in state, beside the turn */

#define TAG_MASK	3u

struct chan_watch {
	mh_chan		*c;
	pthread_t	 thread;
	_Atomic pid_t	 pid;		/* [A1] of who has the thread; 0: none */
	struct chan_watch *_Atomic next;	/* [A1] */
	int		 fd;		/* -1: none */
	_Atomic uint32_t state;		/* [A1] futex: turn << 2 | UNSET ... */
};

static pthread_mutex_t watching = PTHREAD_MUTEX_INITIALIZER;
static struct chan_watch *_Atomic watches;	/* [A1] all of the process */

static void wake_watch(struct chan_watch *w)
{
	syscall(SYS_futex, &w->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Until one of the two words is not what was seen; a turn at most. */
static void sleep_at_both(struct chan_watch *w, uint32_t items, uint32_t state)
{
	struct futex_waitv v[2] = {
		{ .val = items, .uaddr = (uintptr_t)&w->c->ch.c->items,
		  .flags = FUTEX_32 },
		{ .val = state, .uaddr = (uintptr_t)&w->state,
		  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += TURN_S;
	syscall(SYS_futex_waitv, v, 2, 0, &t, CLOCK_MONOTONIC);
}

/* A message, or the news that there will be none. */
static bool something_there(mh_chan *c)
{
	struct chan_msg m;

	return chan_next(&c->ch, &m) || !chan_is_open(&c->ch) ||
	       ld_acq(&c->h->sg.hdr->status) == HEAP_DESTROYED;	/* [H1] */
}

/* [A1] Readable, unless it is to stop, or a receive found nothing meanwhile. */
static void set(struct chan_watch *w, uint32_t unset)
{
	uint32_t turn = (unset & ~TAG_MASK) + TAG_MASK + 1, setting = turn | SETTING;
	eventfd_t n;

	if (!cas_sc(&w->state, &unset, setting))		/* [A1] */
		return;
	eventfd_write(w->fd, 1);
	if (!cas_sc(&w->state, &setting, turn | SET))		/* [A1] */
		eventfd_read(w->fd, &n);
	chan_wake(&w->c->ch.c->items, 1);
}

static void *watch(void *arg)
{
	struct chan_watch *w = arg;

	for (;;) {
		uint32_t seen = chan_drowsy(&w->c->ch.c->items);
		uint32_t state = ld_acq(&w->state);		/* [A1] */

		if (state == STOP) {
			/* It may have been woken for a message. */
			chan_wake(&w->c->ch.c->items, 1);
			return NULL;
		}
		if ((state & TAG_MASK) == SET)
			syscall(SYS_futex, &w->state, FUTEX_WAIT_PRIVATE, state,
				NULL, NULL, 0);
		else if (something_there(w->c))
			set(w, state);
		else
			sleep_at_both(w, seen, state);
	}
}

static int start_thread(struct chan_watch *w)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* An eventfd, and a thread of this process.  Watching. */
static int watch_start(struct chan_watch *w)
{
	const char *name = w->c->h->name;

	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0)
		return refuse(errno, "heap %s: mh_chan_fd: no file descriptor is "
			      "to be had", name);
	st_rel(&w->state, UNSET);				/* [A1] */
	if (start_thread(w)) {
		close(w->fd);
		w->fd = -1;
		return refuse(EAGAIN, "heap %s: mh_chan_fd: no thread is to be "
			      "had", name);
	}
	st_rel(&w->pid, getpid());				/* [A1] last */
	return 0;
}

/* One for each handle, until that is closed.  Watching. */
static struct chan_watch *watch_of(mh_chan *c)
{
	struct chan_watch *w = ld_acq(&c->watch);		/* [A1] */

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return refuse_null(ENOMEM, "no memory for a channel's watch");
	w->c = c;
	w->fd = -1;
	w->next = ld_acq(&watches);				/* [A1] */
	st_rel(&watches, w);					/* [A1] */
	st_rel(&c->watch, w);					/* [A1] */
	return w;
}

int mh_chan_fd(mh_chan *c)
{
	struct chan_watch *w;
	int fd, as_long = -1;

	if (chan_usable(c, &as_long) || !begin())
		return -1;
	note_chan(c);		/* a wake may be its thread's when we die */
	pthread_mutex_lock(&watching);
	w = watch_of(c);
	fd = w && (ld_acq(&w->pid) == getpid() || !watch_start(w)) ?	/* [A1] */
	     w->fd : -1;
	pthread_mutex_unlock(&watching);
	leave();
	return fd;
}

/* A receive found nothing: no more readable, until the thread has looked again. */
void chan_fd_clear(mh_chan *c)
{
	struct chan_watch *w = ld_acq(&c->watch);		/* [A1] */
	uint32_t state;
	eventfd_t n;

	if (!w || ld_acq(&w->pid) != getpid())			/* [A1] */
		return;
	state = ld_acq(&w->state);				/* [A1] */
	while ((state & TAG_MASK) == SETTING || (state & TAG_MASK) == SET) {
		eventfd_read(w->fd, &n);
		if (cas_sc(&w->state, &state, state & ~TAG_MASK)) { /* [A1] */
			wake_watch(w);
			return;
		}
	}
}

/* Watching. */
static void stop_thread(struct chan_watch *w)
{
	if (ld_acq(&w->pid) != getpid())			/* [A1] */
		return;
	xchg_sc(&w->state, STOP);				/* [A1] */
	wake_watch(w);
	pthread_join(w->thread, NULL);
	st_rel(&w->pid, 0);					/* [A1] */
}

/* Watching. */
static void unlink_watch(struct chan_watch *w)
{
	struct chan_watch *_Atomic *at = &watches;

	while (ld_acq(at) && ld_acq(at) != w)			/* [A1] */
		at = &ld_acq(at)->next;				/* [A1] */
	if (ld_acq(at))		/* else a fork came in between */ /* [A1] */
		st_rel(at, ld_acq(&w->next));			/* [A1] */
}

void chan_fd_close(mh_chan *c)
{
	struct chan_watch *w;

	pthread_mutex_lock(&watching);
	w = ld_acq(&c->watch);					/* [A1] */
	if (w) {
		stop_thread(w);
		unlink_watch(w);
		if (w->fd >= 0)
			close(w->fd);
		free(w);
	}
	pthread_mutex_unlock(&watching);
}

void chan_fds_stop(mh_heap *h)
{
	pthread_mutex_lock(&watching);
	for (struct chan_watch *w = ld_acq(&watches); w; w = ld_acq(&w->next)) /* [A1] */
		if (w->c->h == h)
			stop_thread(w);
	pthread_mutex_unlock(&watching);
}

/*
 * While the numbers are those of the eventfds still.  A fork may have come when one was
 * in the list and its channel didn't know it yet.
 */
void chan_fds_in_child(void)
{
	watching = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (struct chan_watch *w = ld_acq(&watches); w; w = ld_acq(&w->next)) { /* [A1] */
		if (w->fd >= 0)
			close(w->fd);
		w->fd = -1;
		st_rel(&w->pid, 0);				/* [A1] */
		st_rel(&w->c->watch, w);			/* [A1] */
	}
}
