/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.c - sending and receiving.  The hand-over, step by step, [O1] and [M1]:
 *
 *	send	EMPTY place seen; word NO -> QUEUED, my bit off; place -> FULL
 *	recv	place FULL -> TAKING; word QUEUED -> NO, my bit on; place -> EMPTY
 *
 * A sender killed before the place is FULL has sent nothing, and his recovery
 * undoes the word.  A receiver has the message from TAKING on.  Who is stopped in
 * between is passed over (shm/chan.h).  models/queue.pml is the proof.
 *
 * Locks: none; the count of holds is BUSY while it is changed (held.h).
 */
#include <errno.h>

#include "libclient/chan.h"
#include "shm/handle.h"

/* [M4] Recovery is to look into this channel. */
static inline void note_chan(mh_chan *c)
{
	uint32_t i = c->ch.index;
	_Atomic uint64_t *word = &my_slot(c->h)->chans[i / 64];

	if (unlikely(!(ld_rlx(word) >> i % 64 & 1)))		/* [M4] */
		or_rel(word, 1ull << i % 64);			/* [M4] */
}

/* NO -> QUEUED at pos; keep: we hold it more than once.  0 or -EBUSY. */
static int queue_word(mh_chan *c, struct sh_holder *word, bool keep, uint64_t pos)
{
	uint32_t me = c->h->r->me.slot;
	struct holders w, to;

	do {
		w = holders_read(word);
		if (holders_tag(w) != TAG_NO)
			return -EBUSY;
		to = keep ? w : holders_without(w, me);
	} while (!holders_cas(word, w, holders_queued(to, &c->ch, pos, me)));
	return 0;
}

/* QUEUED by us, and in no place: to another position, or back to us. */
static void requeue_word(mh_chan *c, struct sh_holder *word, uint64_t to_pos)
{
	uint32_t me = c->h->r->me.slot;
	struct holders w;

	do
		w = holders_read(word);
	while (!holders_cas(word, w, holders_queued(w, &c->ch, to_pos, me)));
}

/* QUEUED, and we alone may change that: it is ours, with our bit. */
static void own_word(mh_chan *c, struct sh_holder *word)
{
	uint32_t me = c->h->r->me.slot;
	struct holders w;

	do
		w = holders_read(word);
	while (!holders_cas(word, w, holders_with(holders_bits(w), me)));
}

/* Threads may share the handle: what one has sent, none goes below. */
static inline void raise_mine(mh_chan *c, uint64_t to)
{
	uint64_t was = ld_rlx(&c->mine);			/* [A1] */

	if (__libc_single_threaded)
		st_rlx(&c->mine, to);				/* [A1] */
	else
		while (was < to && !cas_acq(&c->mine, &was, to))	/* [A1] */
			;
}

/*
 * One attempt.  0: it is in the channel, at *pos.  -EAGAIN: no room, and nothing
 * has changed; -EBUSY.
 */
static int put(mh_chan *c, const struct held_at *at, bool keep, uint64_t handle,
	       uint64_t *pos)
{
	bool queued = false;

	*pos = ld_rlx(&c->mine);				/* [A1] */
	while (chan_room(&c->ch, pos)) {
		if (!queued && queue_word(c, at->word, keep, *pos))
			return -EBUSY;
		if (queued)
			requeue_word(c, at->word, *pos);
		queued = true;
		if (chan_fill(&c->ch, *pos, handle)) {
			raise_mine(c, *pos + 1);
			return 0;
		}
	}
	if (queued)
		own_word(c, at->word);
	return -EAGAIN;
}

/* The channel was removed while it was put there: is it still ours to have back? */
static COLD int put_too_late(mh_chan *c, const struct held_at *at, uint64_t pos)
{
	if (!chan_claim(&c->ch, pos, c->h->r->me.slot))
		return 0;		/* somebody has it, or the daemon */
	own_word(c, at->word);
	chan_emptied(&c->ch, pos);
	return -EPIPE;
}

/* 0, -EAGAIN, -EBUSY, -EPIPE, -EINVAL, -EDEADLK. */
static int try_send(mh_chan *c, const struct held_at *at, uint64_t handle)
{
	struct holds *t = holds_of(c->h, at);
	uint64_t pos;
	uint32_t was;
	int r;

	if (unlikely(!t))
		return -EINVAL;
	r = count_begin(&t->n[at->slot], &was);
	if (r)
		return r;
	r = !was ? -EINVAL : !chan_is_open(&c->ch) ? -EPIPE :
	    put(c, at, was > 1, handle, &pos);
	/* [M5] After the place is FULL: who removes the channel looks after. */
	if (!r && unlikely(!chan_is_open(&c->ch)))
		r = put_too_late(c, at, pos);
	count_end(&t->n[at->slot], was - !r);
	return r;
}

static COLD int refuse_send(mh_chan *c, const void *p, int r)
{
	const char *why = r == -EAGAIN ? "the channel is full" :
			  r == -EBUSY ? "it is in a channel already" :
			  r == -EPIPE ? "the channel has been removed" :
			  r == -ESHUTDOWN ? "the heap has been destroyed" :
			  r == -EDEADLK ? "called from a signal handler that "
					  "interrupted the like" :
			  "not a held object that this process holds "
			  "(MH_HELD)";

	return refuse(r == -EAGAIN ? ETIMEDOUT : -r,
		      "heap %s: mh_chan_send(%p): %s", c->h->name, p, why);
}

static bool at_of(mh_chan *c, const void *p, struct held_at *ret_at,
		  uint64_t *ret_handle)
{
	mh_heap *h = c->h;
	uint64_t off = (uint64_t)((const char *)p - h->arena);
	struct geom g;

	if (off >= h->sg.geo.reserve_bytes || !held_find(&h->sg, off, ret_at))
		return false;
	g.gen = ret_at->gen;
	*ret_handle = handle_make(&h->sg, &g, off);
	return true;
}

/* Without a wake. */
static int send_one(mh_chan *c, void *p, int timeout_ms)
{
	struct waiting w;
	uint64_t handle;
	struct held_at at;
	int r, over = 0;

	if (unlikely(!at_of(c, p, &at, &handle)))
		return -EINVAL;
	r = try_send(c, &at, handle);
	if (likely(r != -EAGAIN) || !timeout_ms)
		return r;
	w = wait_begin(c, WAIT_TO_SEND, timeout_ms);
	while (r == -EAGAIN && !(over = wait_more(&w)))
		r = try_send(c, &at, handle);
	return wait_end(&w, over ? over : r);
}

int mh_chan_send(mh_chan *c, void *p, int timeout_ms)
{
	int r;

	if (unlikely(chan_usable(c)))
		return -1;
	note_chan(c);
	r = send_one(c, p, timeout_ms);
	if (unlikely(r))
		return refuse_send(c, p, r);
	chan_wake(&c->ch.c->items, 1);
	return 0;
}

size_t mh_chan_send_batch(mh_chan *c, void **p, size_t n, int timeout_ms)
{
	size_t done = 0;
	int r = 0;

	if (!n || chan_usable(c))
		return 0;
	note_chan(c);
	for (; done < n; done++) {
		r = send_one(c, p[done], done ? 0 : timeout_ms);
		if (r)
			break;
	}
	if (done)
		chan_wake(&c->ch.c->items, (uint32_t)done);
	if (r)
		refuse_send(c, p[done], r);
	return done;
}

/* Claimed, so that the object is there, and what the look before said is true. */
static int own(mh_chan *c, const struct held_at *at)
{
	_Atomic uint32_t *n = &holds_of(c->h, at)->n[at->slot];
	uint32_t was;
	int r = count_begin(n, &was);

	if (r)
		return r;
	note_held(c->h, at->spc);
	own_word(c, at->word);
	tls.held = *at;			/* its drop will be next */
	tls.held_serial = c->h->serial;
	count_end(n, was + 1);
	return 0;
}

/* While the place's CAS waits for its line, these come, too. */
static inline void fetch_message(mh_heap *h, const struct held_at *at)
{
	prefetch_write(at->word);
	__builtin_prefetch(h->arena + at->off);
}

/* 0 and the message, -EAGAIN, -EPIPE, -ENOMEM. */
static int try_recv(mh_chan *c, void **ret_p)
{
	mh_heap *h = c->h;
	uint64_t pos, handle;
	struct held_at at;
	bool known;
	int r;

	for (;;) {
		if (!chan_next(&c->ch, &pos, &handle))
			return chan_is_open(&c->ch) ? -EAGAIN : -EPIPE;
		known = held_find(&h->sg, handle_offset(&h->sg, handle), &at);
		/* Memory to count the message's holds is there before. */
		if (unlikely(known && !holds_of(h, &at)) &&
		    holds_missing(h, at.id, at.slots))
			return -errno;
		if (likely(known))
			fetch_message(h, &at);
		if (!chan_claim(&c->ch, pos, h->r->me.slot))
			continue;
		if (likely(known))
			break;
		chan_emptied(&c->ch, pos);	/* somebody has scribbled */
	}
	r = own(c, &at);
	chan_emptied(&c->ch, pos);
	*ret_p = h->arena + at.off;
	return r;
}

static int recv_one(mh_chan *c, void **ret_p, int timeout_ms)
{
	int r = try_recv(c, ret_p), over = 0;
	struct waiting w;

	if (likely(r != -EAGAIN) || !timeout_ms)
		return r;
	w = wait_begin(c, WAIT_TO_RECEIVE, timeout_ms);
	while (r == -EAGAIN && !(over = wait_more(&w)))
		r = try_recv(c, ret_p);
	return wait_end(&w, over ? over : r);
}

static COLD void refuse_recv(mh_chan *c, int r)
{
	refuse(r == -EAGAIN ? ETIMEDOUT : -r, "heap %s: mh_chan_recv: %s",
	       c->h->name, r == -EAGAIN ? "nothing came" :
	       r == -EPIPE ? "the channel has been removed" :
	       r == -ENOMEM ? "no memory to count its holds" :
	       r == -ESHUTDOWN ? "the heap has been destroyed" :
			      "called from a signal handler");
}

static COLD void nothing_came(mh_chan *c, int r)
{
	if (r == -EAGAIN)
		chan_fd_clear(c);
	refuse_recv(c, r);
}

void *mh_chan_recv(mh_chan *c, int timeout_ms)
{
	void *p = NULL;
	int r;

	if (unlikely(chan_usable(c)))
		return NULL;
	note_chan(c);
	r = recv_one(c, &p, timeout_ms);
	if (unlikely(r)) {
		nothing_came(c, r);
		return NULL;
	}
	chan_wake(&c->ch.c->room, 1);
	return p;
}

size_t mh_chan_recv_batch(mh_chan *c, void **out, size_t n, int timeout_ms)
{
	size_t done = 0;
	int r = 0;

	if (!n || chan_usable(c))
		return 0;
	note_chan(c);
	for (; done < n; done++) {
		r = recv_one(c, &out[done], done ? 0 : timeout_ms);
		if (r)
			break;
	}
	if (done)
		chan_wake(&c->ch.c->room, (uint32_t)done);
	if (done < n)
		nothing_came(c, r);
	return done;
}
