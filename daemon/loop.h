/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the daemon's event loop: connections, readiness, timers, signals,
 * and fallocate and zeroing that do not stall anybody.
 *
 * The interface names no kernel facility of its own, so that another back end
 * can stand beside loop_uring.c.  It knows no heap and reads no client's data:
 * a readiness callback calls recv() itself.
 *
 * One loop belongs to one thread; there are no locks.  Create it in the process
 * and thread that runs it, that is after daemonizing: a child made by fork()
 * must not touch its parent's loop, not even to destroy it.  The descriptor
 * inside is close-on-exec.
 *
 * Rules for callbacks: they run inside loop_once() only, never inside the call
 * that made the watch.  They may make, change and cancel any watch, their own
 * too, and call loop_stop(); they must not run or destroy the loop.  After
 * loop_cancel() the callback of that watch does not run again.
 *
 * A watch call returns an id, or 0 and errno (ENOMEM; loop_signal: also what
 * signalfd says).  Nothing else can fail there: what the kernel refuses later
 * arrives in the callback.  An id stays good until loop_cancel() or an event
 * called final below; from then on it means -ENOENT, never another watch.
 */
#ifndef MHEAP_DAEMON_LOOP_H
#define MHEAP_DAEMON_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop;
typedef uint64_t loop_id; /* 0: none */

#define LOOP_NEVER UINT64_MAX /* a first_ns that does not come */

/* 0 or -errno; loop_explain() has a sentence for each errno. */
int loop_new(struct loop **ret_loop);

/* What loop_new()'s err means here and how to get past it; returns buf. */
const char *loop_explain(int err, char *buf, size_t len);

/*
 * Drops all watches without calling back, and waits until the kernel has
 * finished each fallocate and each piece of zeroing that it began.  NULL is
 * fine.
 */
void loop_destroy(struct loop *l);

/* Turns until loop_stop(); 0, or -errno when the kernel fails us for good. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/*
 * More is expected at once: for so long (LOOP_LINGER_MAX at most) the loop looks
 * again and again and does not sleep.  Falling asleep and being woken is what it
 * would cost otherwise.  Where other work wants the processor it gets it, and
 * the loop sleeps then, and is not to be kept from it for a while.
 */
#define LOOP_LINGER_MAX	(100u * 1000)	/* ns */
void loop_linger(struct loop *l, uint64_t ns);

/*
 * One turn: waits for an event at most timeout_ms (-1: as long as it likes),
 * then handles what is there.  A positive number, or 0 when nothing was there;
 * -EBUSY from a callback, or -errno.
 */
int loop_once(struct loop *l, int timeout_ms);

/*
 * Each new connection, close-on-exec and the callback's to close; or -errno.
 * Without memory or descriptors it tells so, rests a tenth of a second and goes
 * on by itself.  Final: -EBADF, -EINVAL, -ENOTSOCK, -EOPNOTSUPP.
 */
loop_id loop_accept(struct loop *l, int listen_fd,
		    void (*cb)(void *arg, int fd_or_err), void *arg);

/*
 * POLLIN and friends, told once per change and not once per turn: read until
 * EAGAIN, or, so as to give others a turn, cancel and watch again, which looks
 * afresh.  A call may come without a cause.  Cancel before closing fd, and on
 * POLLHUP or POLLERR.  Final: POLLNVAL.
 */
loop_id loop_poll(struct loop *l, int fd, unsigned int events,
		  void (*cb)(void *arg, unsigned int revents), void *arg);

/*
 * After first_ns, then each every_ns; missed periods are not made up for.  With
 * every_ns 0 the event is final, unless the callback sets the timer again.
 */
loop_id loop_timer(struct loop *l, uint64_t first_ns, uint64_t every_ns,
		   void (*cb)(void *arg), void *arg);

/* Starts the timer anew from now; 0, or -ENOENT. */
int loop_timer_set(struct loop *l, loop_id id, uint64_t first_ns,
		   uint64_t every_ns);

/*
 * fallocate(2) outside this thread; res is 0 or -errno; always final.  When
 * cancelled in the turn that asked for it, it never starts; when later, it runs
 * to its end and only the callback is dropped.  fd stays open until then.
 */
loop_id loop_fallocate(struct loop *l, int fd, int mode, uint64_t off,
		       uint64_t len, void (*cb)(void *arg, int res), void *arg);

/*
 * Writes zeros outside this thread, in pieces of LOOP_ZERO_PIECE: memory for
 * the range, and clean, which behind tmpfs costs a third less than fallocate
 * and the clearing by whoever touches a page first.  res is the bytes written,
 * fewer than len (at most INT_MAX) if then something failed, or -errno if
 * nothing was; always final.  When cancelled, the piece under way is the last.
 */
#define LOOP_ZERO_PIECE	(1u << 20)
loop_id loop_zero(struct loop *l, int fd, uint64_t off, uint64_t len,
		  void (*cb)(void *arg, int res), void *arg);

/* The caller has blocked signo in all threads. */
loop_id loop_signal(struct loop *l, int signo, void (*cb)(void *arg, int signo),
		    void *arg);

/* 0, or -ENOENT. */
int loop_cancel(struct loop *l, loop_id id);

/*
 * Each fallocate and zeroing that is asked for and not finished, cancelled ones
 * too.
 */
unsigned int loop_in_flight(const struct loop *l);

#endif
