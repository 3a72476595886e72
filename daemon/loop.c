/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - the half of the event loop that needs no kernel facility: watches,
 * their ids, timers, and the turn.
 *
 * Owns the slot table and the descriptors of loop_signal().  No locks: one
 * thread.  It reads no data and never touches a caller's descriptor.
 *
 * The upper half of an id is its slot's generation, so an id kept too long is
 * noticed.  Timers never reach the kernel: they are a list in order of time,
 * and a turn waits no longer than until the first.  The list is walked from its
 * end, where a new timer mostly belongs, as few different periods are in use.
 */
#include "daemon/loop_watch.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define GENERATION (UINT64_C(1) << 32)
#define OTHERS_RAN (UINT64_C(20) * 1000) /* a yield that takes as long */
#define TIRED	   (5 * NS_PER_MS)
#define LONGEST	   (3600 * NS_PER_S) /* keeps the kernel's sums from wrapping */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t later(uint64_t t, uint64_t ns)
{
	return ns > LOOP_NEVER - t ? LOOP_NEVER : t + ns;
}

static struct watch *slot_new(struct loop *l)
{
	struct watch **slots, *w;
	uint32_t room;

	if (l->nslots == l->room) {
		room = l->room ? 2 * l->room : 64;
		slots = realloc(l->slots, room * sizeof(*slots));
		if (!slots)
			return NULL;
		l->slots = slots;
		l->room = room;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->id = GENERATION | l->nslots;
	l->slots[l->nslots++] = w;
	return w;
}

static struct watch *watch_new(struct loop *l, struct watch like)
{
	struct watch *w = STAILQ_FIRST(&l->spare);

	if (w)
		STAILQ_REMOVE_HEAD(&l->spare, link);
	else
		w = slot_new(l);
	if (!w) {
		errno = ENOMEM;
		return NULL;
	}
	like.id = w->id;
	*w = like;
	return w;
}

/* The slot is dead until its next use: an id guessed ahead finds nothing. */
void watch_release(struct loop *l, struct watch *w)
{
	if (w->kind == SIGNAL)
		close(w->fd);
	w->id += GENERATION;
	if (w->id < GENERATION) /* wrapped: 0 stays "none" */
		w->id += GENERATION;
	STAILQ_INSERT_TAIL(&l->spare, w, link);
}

struct watch *watch_find(struct loop *l, loop_id id)
{
	uint32_t i = (uint32_t)id;

	return i < l->nslots && l->slots[i]->id == id ? l->slots[i] : NULL;
}

void watch_look_at(struct loop *l, struct watch *w)
{
	if (w->queued)
		return;
	w->queued = true;
	STAILQ_INSERT_TAIL(&l->todo, w, link);
}

static void timer_off(struct loop *l, struct watch *w)
{
	if (w->timed)
		TAILQ_REMOVE(&l->timers, w, timer);
	w->timed = false;
}

/* Behind its equals: timers of one moment run in the order of their setting. */
static void timer_on(struct loop *l, struct watch *w, uint64_t due)
{
	struct watch *before;

	timer_off(l, w);
	before = TAILQ_LAST(&l->timers, timers);
	while (before && before->due > due)
		before = TAILQ_PREV(before, timers, timer);
	if (before)
		TAILQ_INSERT_AFTER(&l->timers, before, w, timer);
	else
		TAILQ_INSERT_HEAD(&l->timers, w, timer);
	w->due = due;
	w->timed = true;
}

void watch_rest(struct loop *l, struct watch *w, uint64_t ns)
{
	timer_on(l, w, later(now_ns(), ns));
}

void watch_end(struct loop *l, struct watch *w)
{
	w->dead = true;
	timer_off(l, w);
	watch_look_at(l, w);
}

static loop_id watch_start(struct loop *l, struct watch like)
{
	struct watch *w = watch_new(l, like);

	if (!w)
		return 0;
	watch_look_at(l, w);
	return w->id;
}

loop_id loop_accept(struct loop *l, int listen_fd,
		    void (*cb)(void *arg, int fd_or_err), void *arg)
{
	return watch_start(l, (struct watch){ .kind = ACCEPT,
					      .fd = listen_fd,
					      .cb.number = cb,
					      .arg = arg });
}

loop_id loop_poll(struct loop *l, int fd, unsigned int events,
		  void (*cb)(void *arg, unsigned int revents), void *arg)
{
	return watch_start(l, (struct watch){ .kind = POLL,
					      .fd = fd,
					      .events = events,
					      .cb.mask = cb,
					      .arg = arg });
}

loop_id loop_fallocate(struct loop *l, int fd, int mode, uint64_t off,
		       uint64_t len, void (*cb)(void *arg, int res), void *arg)
{
	loop_id id = watch_start(l, (struct watch){ .kind = FALLOCATE,
						    .fd = fd,
						    .mode = mode,
						    .off = off,
						    .len = len,
						    .cb.number = cb,
						    .arg = arg });

	l->in_flight += id != 0;
	return id;
}

loop_id loop_zero(struct loop *l, int fd, uint64_t off, uint64_t len,
		  void (*cb)(void *arg, int res), void *arg)
{
	loop_id id = watch_start(l, (struct watch){ .kind = ZERO,
						    .fd = fd,
						    .off = off,
						    .len = len,
						    .cb.number = cb,
						    .arg = arg });

	l->in_flight += id != 0;
	return id;
}

loop_id loop_signal(struct loop *l, int signo, void (*cb)(void *arg, int signo),
		    void *arg)
{
	sigset_t set;
	loop_id id;
	int fd;

	sigemptyset(&set);
	if (sigaddset(&set, signo))
		return 0;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return 0;
	id = watch_start(l, (struct watch){ .kind = SIGNAL,
					    .fd = fd,
					    .events = POLLIN,
					    .cb.number = cb,
					    .arg = arg });
	if (!id)
		close(fd); /* leaves errno alone when it succeeds */
	return id;
}

loop_id loop_timer(struct loop *l, uint64_t first_ns, uint64_t every_ns,
		   void (*cb)(void *arg), void *arg)
{
	struct watch *w = watch_new(l, (struct watch){ .kind = TIMER,
						       .every = every_ns,
						       .cb.tick = cb,
						       .arg = arg });

	if (!w)
		return 0;
	timer_on(l, w, later(now_ns(), first_ns));
	return w->id;
}

int loop_timer_set(struct loop *l, loop_id id, uint64_t first_ns,
		   uint64_t every_ns)
{
	struct watch *w = watch_find(l, id);

	if (!w || w->dead || w->kind != TIMER)
		return -ENOENT;
	w->every = every_ns;
	timer_on(l, w, later(now_ns(), first_ns));
	return 0;
}

int loop_cancel(struct loop *l, loop_id id)
{
	struct watch *w = watch_find(l, id);

	if (!w || w->dead)
		return -ENOENT;
	if (watch_is_file_work(w) && !w->armed)
		l->in_flight--;
	watch_end(l, w);
	return 0;
}

unsigned int loop_in_flight(const struct loop *l)
{
	return l->in_flight;
}

static void run_timer(struct loop *l, struct watch *w, uint64_t now)
{
	uint64_t next = later(w->due, w->every);

	timer_off(l, w);
	if (w->every)
		timer_on(l, w, next > now ? next : later(now, w->every));
	w->cb.tick(w->arg);
	if (!w->timed && !w->dead)
		watch_end(l, w);
}

static int run_timers(struct loop *l)
{
	uint64_t now = now_ns();
	struct watch *w;
	int n = 0;

	while ((w = TAILQ_FIRST(&l->timers)) && w->due <= now) {
		if (w->kind == TIMER) {
			run_timer(l, w, now);
			n++;
		} else { /* has rested enough */
			timer_off(l, w);
			watch_look_at(l, w);
		}
	}
	return n;
}

void loop_linger(struct loop *l, uint64_t ns)
{
	uint64_t now = now_ns();

	if (now < l->tired)
		return;
	l->linger = now + (ns < LOOP_LINGER_MAX ? ns : LOOP_LINGER_MAX);
}

/* A turn found nothing.  Who else wants to run here does so before the next. */
static void let_others_run(struct loop *l)
{
	uint64_t before = now_ns();

	if (before >= l->linger)
		return;
	sched_yield();
	if (now_ns() - before > OTHERS_RAN) {
		l->linger = 0;
		l->tired = before + TIRED;
	}
}

/* Until the first timer, and not at all while something is left to prepare. */
static uint64_t how_long(struct loop *l, int timeout_ms)
{
	struct watch *first = TAILQ_FIRST(&l->timers);
	uint64_t now = now_ns(), ns = LONGEST;

	if (timeout_ms >= 0 && (uint64_t)timeout_ms * NS_PER_MS < ns)
		ns = (uint64_t)timeout_ms * NS_PER_MS;
	if (first && first->due < now + ns)
		ns = first->due > now ? first->due - now : 0;
	return STAILQ_EMPTY(&l->todo) && now >= l->linger ? ns : 0;
}

int loop_once(struct loop *l, int timeout_ms)
{
	int n;

	if (l->turning)
		return -EBUSY;
	l->turning = true;
	ring_prepare(l);
	n = ring_turn(l, how_long(l, timeout_ms));
	if (n >= 0)
		n += run_timers(l);
	if (!n)
		let_others_run(l);
	l->turning = false;
	return n;
}

int loop_run(struct loop *l)
{
	int ret = 0;

	if (l->turning)
		return -EBUSY;
	while (!l->stop && ret >= 0)
		ret = loop_once(l, -1);
	l->stop = false;
	return ret < 0 ? ret : 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

int loop_new(struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return -ENOMEM;
	ret = ring_new(&l->ring);
	if (ret) {
		free(l);
		return ret;
	}
	STAILQ_INIT(&l->todo);
	STAILQ_INIT(&l->spare);
	TAILQ_INIT(&l->timers);
	*ret_loop = l;
	return 0;
}

void loop_destroy(struct loop *l)
{
	uint32_t i;

	if (!l)
		return;
	for (i = 0; i < l->nslots; i++)
		loop_cancel(l, l->slots[i]->id);
	ring_destroy(l);
	for (i = 0; i < l->nslots; i++)
		free(l->slots[i]);
	free(l->slots);
	free(l);
}
