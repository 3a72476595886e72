/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan.c - sending and receiving.  The hand-over, step by step, [O1] and [M1]:
 *
 *	send	EMPTY place seen; word NO -> QUEUED, my bit off; place -> FULL
 *	recv	place FULL -> TAKING; word QUEUED -> NO, my bit on; place -> EMPTY
 *
 * QUEUED is ALONE if nobody else has a bit; then recv goes over BORN (shm/held.h).
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

/* NO -> QUEUED at pos, without `bit`.  0 or -EBUSY. */
static APART int queue_word(mh_chan *c, struct sh_holder *word,
			     struct holders bit, uint64_t pos)
{
	uint32_t me = c->h->r->me.slot;
	struct holders w, to;

	do {
		w = holders_read(word);
		if (unlikely(holders_tag(w) != TAG_NO))
			return -EBUSY;
		to = holders_queued(holders_without(w, bit), &c->ch, pos, me);
	} while (unlikely(!holders_cas(word, w, to)));
	return 0;
}

/* Most often nobody else holds it: the short way of queue_word(). */
static inline int queue_bit(mh_chan *c, struct sh_holder *word,
			    struct holders bit, uint64_t pos)
{
	const struct holders nobody = { 0, 0 };
	uint32_t me = c->h->r->me.slot;

	return likely(holders_same(holders_read(word), bit) &&
		      holders_cas(word, bit, holders_queued(nobody, &c->ch,
							    pos, me))) ?
	       0 : queue_word(c, word, bit, pos);
}

/* QUEUED by us, and in no place: to another position. */
static void requeue_word(mh_chan *c, struct sh_holder *word, uint64_t to_pos)
{
	uint32_t me = c->h->r->me.slot;
	struct holders w;

	do
		w = holders_read(word);
	while (!holders_cas(word, w, holders_queued(w, &c->ch, to_pos, me)));
}

/* QUEUED, and we alone may change that: it is ours, with our bit. */
static COLD void own_word(mh_chan *c, struct sh_holder *word)
{
	struct holders w;

	do
		w = holders_read(word);
	while (!holders_cas(word, w,
			    holders_with(holders_bits(w), my_bit(c->h))));
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

/* The channel was removed while it was put there: is it still ours to have back? */
static COLD int put_too_late(mh_chan *c, uint64_t pos)
{
	struct sh_place *p = chan_place(&c->ch, pos);
	uint32_t me = c->h->r->me.slot;

	if (!place_claim(p, place_full(pos, me), me))
		return 0;		/* somebody has it, or the daemon */
	own_word(c, tls.looked.at.word);
	place_emptied(&c->ch, p, pos);
	return -EPIPE;
}

/* [M5] After the place is FULL: who removes the channel looks after. */
static inline int put_done(mh_chan *c, uint64_t pos)
{
	raise_mine(c, pos + 1);
	return likely(chan_is_open(&c->ch)) ? 0 : put_too_late(c, pos);
}

/* Somebody was faster at pos: on from there.  Else it is ours as before. */
static COLD int put_after(mh_chan *c, uint64_t pos, uint32_t now)
{
	struct sh_holder *word = tls.looked.at.word;
	uint32_t me = c->h->r->me.slot;
	struct sh_place *p;

	while ((p = chan_room(&c->ch, &pos))) {
		requeue_word(c, word, pos);
		if (chan_fill(&c->ch, p, pos, looked_handle(), me, now))
			return put_done(c, pos);
	}
	own_word(c, word);
	return -EAGAIN;
}

/*
 * What was looked at, without `bit`.  0: it is in the channel.  -EAGAIN: no room, and
 * nothing has changed; -EBUSY; -EPIPE.
 */
static inline int put(mh_chan *c, struct holders bit, uint32_t now)
{
	uint64_t pos = ld_rlx(&c->mine);			/* [A1] */
	struct sh_place *p;

	if (unlikely(!chan_is_open(&c->ch)))
		return -EPIPE;
	p = chan_room(&c->ch, &pos);
	if (unlikely(!p))
		return -EAGAIN;
	if (unlikely(queue_bit(c, tls.looked.at.word, bit, pos)))
		return -EBUSY;
	return likely(chan_fill(&c->ch, p, pos, looked_handle(),
				c->h->r->me.slot, now)) ?
	       put_done(c, pos) : put_after(c, pos, now);
}

/* 0, -EAGAIN, -EBUSY, -EPIPE, -EINVAL. */
static inline __attribute__((always_inline))
int send_now(mh_chan *c, const void *p, uint32_t now)
{
	mh_heap *h = c->h;
	const struct held_at *at = held_look(h, arena_offset(h, p));
	struct holds *t = likely(at) ? looked_holds(h) : NULL;
	const struct holders nobody = { 0, 0 };
	_Atomic uint32_t *n;
	uint32_t was;
	int r;

	if (unlikely(!t))
		return -EINVAL;
	n = &t->n[at->slot];
	was = count_take(n);
	/* Who holds it more than once goes on holding it. */
	r = likely(was) ? put(c, likely(was == 1) ? my_bit(h) : nobody, now) :
	    -EINVAL;
	count_put(n, was - !r);
	return r;
}

/* One attempt; -EDEADLK, too. */
static inline __attribute__((always_inline))
int try_send(mh_chan *c, const void *p, uint32_t now)
{
	int r;

	if (unlikely(!counting_begin()))
		return -EDEADLK;
	r = send_now(c, p, now);
	counting_end();
	return r;
}

static COLD int refuse_send(mh_chan *c, const void *p, int r)
{
	const char *why = r == -EBUSY ? "it is in a channel already" :
			  r == -EPIPE ? "the channel has been removed" :
			  r == -ESHUTDOWN ? "the heap has been destroyed" :
			  r == -EDEADLK ? "called from a signal handler that "
					  "interrupted the like" :
			  "not a held object that this process holds "
			  "(MH_HELD)";

	if (r == -EAGAIN)
		return refuse_plain(ETIMEDOUT,
				    "mh_chan_send: the channel is full");
	return refuse(-r, "heap %s: mh_chan_send(%p): %s", c->h->name, p, why);
}

static APART int wait_and_send(mh_chan *c, const void *p, int timeout_ms)
{
	struct waiting w = wait_begin(c, WAIT_TO_SEND, timeout_ms);
	int r = -EAGAIN, over = 0;

	while (r == -EAGAIN && !(over = wait_more(&w)))
		r = try_send(c, p, chan_clock());
	return wait_end(&w, over ? over : r);
}

/* Without a wake. */
static inline __attribute__((always_inline))
int send_one(mh_chan *c, const void *p, uint32_t now, int timeout_ms)
{
	int r = try_send(c, p, now);

	return likely(r != -EAGAIN) || !timeout_ms ? r :
	       wait_and_send(c, p, timeout_ms);
}

int mh_chan_send(mh_chan *c, void *p, int timeout_ms)
{
	int r;

	if (unlikely(chan_usable(c)))
		return -1;
	note_chan(c);
	r = send_one(c, p, chan_clock(), timeout_ms);
	if (unlikely(r))
		return refuse_send(c, p, r);
	chan_wake(&c->ch.c->items, 1);
	return 0;
}

/* Waits for room for the first; of the others, as many as there is room for. */
size_t mh_chan_send_batch(mh_chan *c, void **p, size_t n, int timeout_ms)
{
	uint32_t now = chan_clock();
	size_t done = 0;
	int r = 0;

	if (!n || unlikely(chan_usable(c)))
		return 0;
	note_chan(c);
	do
		r = send_one(c, p[done], now, done ? 0 : timeout_ms);
	while (likely(!r) && ++done < n);
	if (done)
		chan_wake(&c->ch.c->items, (uint32_t)done);
	if (r)
		refuse_send(c, p[done], r);
	return done;
}

/* While the place's CAS waits for its line, these come, too. */
static inline void fetch_message(mh_heap *h, const struct held_at *at)
{
	prefetch_write(at->word);
	__builtin_prefetch(h->arena + at->off);
}

/* Claimed, so that the object is there, and what the look before said is true. */
static inline void own(mh_chan *c, const struct held_at *at, struct holds *t)
{
	_Atomic uint32_t *n = &t->n[at->slot];
	uint32_t was = count_take(n);

	if (unlikely(!held_take(at->word, my_bit(c->h), c->h->r->me.slot)))
		own_word(c, at->word);
	count_put(n, was + 1);
}

/*
 * The first message that there is, TAKING by us, and looked at.  0, -EAGAIN, -EPIPE,
 * HOLDS_MISSING.
 */
static inline int claim_next(mh_chan *c, struct chan_msg *m,
			     const struct held_at **ret_at)
{
	mh_heap *h = c->h;

	while (likely(chan_next(&c->ch, m))) {
		const struct held_at *at = held_look_handle(h, m->handle);

		*ret_at = at;
		if (likely(at)) {
			/* Memory to count the message's holds is there before. */
			if (unlikely(!looked_holds(h)))
				return HOLDS_MISSING;
			fetch_message(h, at);
		}
		if (unlikely(!place_claim(m->p, m->seq, h->r->me.slot)))
			continue;
		if (likely(at))
			return 0;
		/* Somebody has scribbled. */
		place_emptied(&c->ch, m->p, place_pos(m->seq));
	}
	return chan_is_open(&c->ch) ? -EAGAIN : -EPIPE;
}

static int try_recv(mh_chan *c, void **ret_p);

static COLD int recv_first_of_span(mh_chan *c, struct span_slots s,
				   void **ret_p)
{
	return holds_missing(c->h, s) ? -errno : try_recv(c, ret_p);
}

/* 0 and the message, -EAGAIN, -EPIPE, -EDEADLK, and what holds_missing() says. */
static inline __attribute__((always_inline))
int recv_now(mh_chan *c, void **ret_p)
{
	struct span_slots s = { { 0 }, 0 };
	const struct held_at *at;
	struct chan_msg m;
	int r;

	if (unlikely(!counting_begin()))
		return -EDEADLK;
	r = claim_next(c, &m, &at);
	if (likely(!r)) {
		own(c, at, looked_holds(c->h));
		place_emptied(&c->ch, m.p, place_pos(m.seq));
		*ret_p = c->h->arena + at->off;
	} else if (r == HOLDS_MISSING) {
		s = span_slots(at);
	}
	counting_end();
	return likely(r != HOLDS_MISSING) ? r :
	       recv_first_of_span(c, s, ret_p);
}

static APART int try_recv(mh_chan *c, void **ret_p)
{
	return recv_now(c, ret_p);
}

static APART int wait_and_recv(mh_chan *c, void **ret_p, int timeout_ms)
{
	struct waiting w = wait_begin(c, WAIT_TO_RECEIVE, timeout_ms);
	int r = -EAGAIN, over = 0;

	while (r == -EAGAIN && !(over = wait_more(&w)))
		r = try_recv(c, ret_p);
	return wait_end(&w, over ? over : r);
}

static inline __attribute__((always_inline))
int recv_one(mh_chan *c, void **ret_p, int timeout_ms)
{
	int r = recv_now(c, ret_p);

	return likely(r != -EAGAIN) || !timeout_ms ? r :
	       wait_and_recv(c, ret_p, timeout_ms);
}

static COLD void refuse_recv(mh_chan *c, int r)
{
	refuse(-r, "heap %s: mh_chan_recv: %s", c->h->name,
	       r == -EPIPE ? "the channel has been removed" :
	       r == -ENOMEM ? "no memory to count its holds" :
	       r == -ESHUTDOWN ? "the heap has been destroyed" :
				 "called from a signal handler");
}

static COLD void nothing_came(mh_chan *c, int r)
{
	if (r != -EAGAIN) {
		refuse_recv(c, r);
		return;
	}
	chan_fd_clear(c);
	refuse_plain(ETIMEDOUT, "mh_chan_recv: nothing came");
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
	chan_wake_room(c, 1);
	return p;
}

/* Waits for the first; of the others, as many as there are. */
size_t mh_chan_recv_batch(mh_chan *c, void **out, size_t n, int timeout_ms)
{
	size_t done = 0;
	int r = 0;

	if (!n || unlikely(chan_usable(c)))
		return 0;
	note_chan(c);
	do
		r = recv_one(c, &out[done], done ? 0 : timeout_ms);
	while (likely(!r) && ++done < n);
	if (done)
		chan_wake_room(c, (uint32_t)done);
	if (r)
		nothing_came(c, r);
	return done;
}
