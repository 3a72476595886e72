/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_uring.c - the event loop's back end on io_uring (made for Linux 6.1; it
 * makes do with 5.19).
 *
 * Owns the ring and the zeros that loop_zero() writes.  No locks: one thread,
 * the one that made the ring.  It decides nothing about watches beyond asking the kernel anew, and of its callers'
 * descriptors closes only connections that come for a watch already cancelled.
 *
 * A request's user_data is its watch's id, and a watch has one request at most.
 * A cancellation's is 0: the request's own last completion says all.  What was
 * asked for since the last turn, and the wait, are one system call.
 */
#include "daemon/loop_watch.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SQ_ENTRIES 256
#define CQ_ENTRIES 2048
#define BACK_OFF   (100 * NS_PER_MS)

/* COOP_TASKRUN and multishot accept both came with 5.19. */
#define LEAST                                                                  \
	(IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |                       \
	 IORING_SETUP_COOP_TASKRUN)
/* 6.1: completions are worked off in our wait only, not at any system call. */
#define BEST (LEAST | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
/* Completions beyond CQ_ENTRIES wait in the kernel; a wait takes a timeout. */
#define FEATURES (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG)

struct ring {
	struct io_uring uring;
	unsigned int armed; /* watches whose last completion is to come */
	void *zeros;	    /* LOOP_ZERO_PIECE bytes, never written */
};

static int setup(struct io_uring *uring, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags, .cq_entries = CQ_ENTRIES };
	int ret = io_uring_queue_init_params(SQ_ENTRIES, uring, &p);

	if (ret)
		return ret;
	if ((p.features & FEATURES) == FEATURES)
		return 0;
	io_uring_queue_exit(uring);
	return -EOPNOTSUPP;
}

/* All of it is the kernel's one page of zeros: no memory, and in the cache. */
static int zeros_map(struct ring *r)
{
	r->zeros = mmap(NULL, LOOP_ZERO_PIECE, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->zeros == MAP_FAILED)
		return -ENOMEM;
	madvise(r->zeros, LOOP_ZERO_PIECE, MADV_NOHUGEPAGE);
	return 0;
}

static void ring_free(struct ring *r)
{
	if (r->zeros != MAP_FAILED)
		munmap(r->zeros, LOOP_ZERO_PIECE);
	free(r);
}

int ring_new(struct ring **ret_ring)
{
	struct ring *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	ret = zeros_map(r);
	if (!ret)
		ret = setup(&r->uring, BEST);
	if (ret == -EINVAL)
		ret = setup(&r->uring, LEAST);
	if (ret) {
		ring_free(r);
		return ret == -EINVAL ? -EOPNOTSUPP : ret;
	}
	*ret_ring = r;
	return 0;
}

/* The next piece of a ZERO. */
static void prepare_zero(struct ring *r, const struct watch *w,
			 struct io_uring_sqe *sqe)
{
	uint64_t left = w->len - w->done;

	io_uring_prep_write(sqe, w->fd, r->zeros,
			    left < LOOP_ZERO_PIECE ? (unsigned int)left :
						     LOOP_ZERO_PIECE,
			    w->off + w->done);
}

static void arm(struct ring *r, struct watch *w, struct io_uring_sqe *sqe)
{
	if (w->kind == ACCEPT)
		io_uring_prep_multishot_accept(sqe, w->fd, NULL, NULL,
					       SOCK_CLOEXEC);
	else if (w->kind == FALLOCATE)
		io_uring_prep_fallocate(sqe, w->fd, w->mode, (off_t)w->off,
					(off_t)w->len);
	else if (w->kind == ZERO)
		prepare_zero(r, w, sqe);
	else
		io_uring_prep_poll_multishot(sqe, w->fd, w->events);
	io_uring_sqe_set_data64(sqe, w->id);
	w->armed = true;
	r->armed++;
}

static void disarm(struct watch *w, struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, w->id, 0);
	io_uring_sqe_set_data64(sqe, 0);
}

/* Work half done is no use to anybody, so what works on files runs on. */
static bool lacks_request(const struct watch *w)
{
	return w->dead ? w->armed && !watch_is_file_work(w) : !w->armed;
}

void ring_prepare(struct loop *l)
{
	struct io_uring_sqe *sqe = NULL;
	struct watch *w;

	while ((w = STAILQ_FIRST(&l->todo))) {
		if (lacks_request(w)) {
			sqe = io_uring_get_sqe(&l->ring->uring);
			if (!sqe)
				return; /* full: the turn empties it */
		}
		STAILQ_REMOVE_HEAD(&l->todo, link);
		w->queued = false;
		if (!lacks_request(w)) {
			if (w->dead && !w->armed)
				watch_release(l, w);
		} else if (w->dead) {
			disarm(w, sqe);
		} else {
			arm(l->ring, w, sqe);
		}
	}
}

static bool is_final(int err)
{
	return err == -EBADF || err == -EINVAL || err == -ENOTSOCK ||
	       err == -EOPNOTSUPP;
}

/* The kernel's own wish (our cancellation would find us dead), or a peer's. */
static bool is_passing(int err)
{
	return err == -ECANCELED || err == -EINTR || err == -ECONNABORTED;
}

static void on_refusal(struct loop *l, struct watch *w, int err)
{
	if (is_final(err))
		watch_end(l, w);
	else if (is_passing(err))
		watch_look_at(l, w);
	else /* no memory, no descriptors: asking at once would spin */
		watch_rest(l, w, BACK_OFF);
	if (w->kind == ACCEPT && !is_passing(err))
		w->cb.number(w->arg, err);
	else if (w->kind == POLL && is_final(err))
		w->cb.mask(w->arg, POLLNVAL);
}

static void on_signal(struct watch *w)
{
	struct signalfd_siginfo si;

	while (!w->dead && read(w->fd, &si, sizeof(si)) == sizeof(si))
		w->cb.number(w->arg, (int)si.ssi_signo);
}

static void on_fallocate(struct loop *l, struct watch *w, int res)
{
	/*
	 * A stop signal or the freezer interrupts the kernel's worker too, and
	 * before Linux 6.11 tmpfs then gives up and undoes what it had done.
	 * That is nobody's failure: once more.
	 */
	if (res == -EINTR && !w->dead) {
		watch_look_at(l, w);
		return;
	}
	l->in_flight--;
	if (w->dead)
		return;
	watch_end(l, w);
	w->cb.number(w->arg, res);
}

/*
 * After a piece that was cut short the next one says why, and after a piece
 * that gave nothing it is over.
 */
static void on_zero(struct loop *l, struct watch *w, int res)
{
	if (res > 0)
		w->done += (uint64_t)res;
	if (!w->dead && (res == -EINTR || (res > 0 && w->done < w->len))) {
		watch_look_at(l, w);
		return;
	}
	l->in_flight--;
	if (w->dead)
		return;
	watch_end(l, w);
	w->cb.number(w->arg, w->done ? (int)w->done : res);
}

static void on_event(struct loop *l, struct watch *w, int res)
{
	if (w->kind == FALLOCATE)
		on_fallocate(l, w, res);
	else if (w->kind == ZERO)
		on_zero(l, w, res);
	else if (w->dead && w->kind == ACCEPT && res >= 0)
		close(res);
	else if (w->dead)
		return;
	else if (res < 0)
		on_refusal(l, w, res);
	else if (w->kind == ACCEPT)
		w->cb.number(w->arg, res);
	else if (w->kind == POLL)
		w->cb.mask(w->arg, (unsigned int)res);
	else
		on_signal(w);
}

static void on_completion(struct loop *l, loop_id id, int res, bool last)
{
	struct watch *w = watch_find(l, id);

	if (!w)
		return;
	if (last) {
		w->armed = false;
		l->ring->armed--;
		if (w->dead || res >= 0) /* else a refusal decides */
			watch_look_at(l, w);
	}
	on_event(l, w, res);
}

/* At most a queueful at a time, so that timers get their turn. */
int ring_turn(struct loop *l, uint64_t ns)
{
	struct __kernel_timespec ts = { .tv_sec = (long long)(ns / NS_PER_S),
					.tv_nsec = (long long)(ns % NS_PER_S) };
	struct io_uring *uring = &l->ring->uring;
	struct io_uring_cqe *cqe;
	loop_id id;
	bool last;
	int n, res, ret;

	ret = io_uring_submit_and_wait_timeout(uring, &cqe, 1, &ts, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EAGAIN &&
	    ret != -EBUSY)
		return ret;
	for (n = 0; n < CQ_ENTRIES && !io_uring_peek_cqe(uring, &cqe); n++) {
		id = cqe->user_data;
		res = cqe->res;
		last = !(cqe->flags & IORING_CQE_F_MORE);
		io_uring_cqe_seen(uring, cqe);
		on_completion(l, id, res, last);
	}
	return n;
}

void ring_destroy(struct loop *l)
{
	int ret = 0;

	while (l->ring->armed && ret >= 0) {
		ring_prepare(l);
		ret = ring_turn(l, NS_PER_S);
	}
	ring_prepare(l); /* lets go of those that were armed no more */
	io_uring_queue_exit(&l->ring->uring);
	ring_free(l->ring);
}
