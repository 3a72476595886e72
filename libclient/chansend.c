/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chansend.c - sending, [O1] and [M1]: EMPTY place seen; word NO -> QUEUED, my bit off;
 * place -> FULL.  (What receivers do is in chanrecv.c.)
 *
 * A sender killed before the place is FULL has sent nothing, and his recovery
 * undoes the word.  models/queue.pml is the proof.
 *
 * Of a batch the words of all come first, for places that follow each other, then the
 * places: four words are in a line, and who received the first message at once would
 * take it from the sender who is at the second.
 *
 * Locks: none; the counts of holds are BUSY while they are changed (held.h).  Who has
 * some waits for none.
 */
#include <errno.h>

#include "libclient/chan.h"
#include "shm/handle.h"

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

/* The channel was removed while it was put there: is it still ours to have back? */
static COLD int put_too_late(mh_chan *c, struct sh_holder *word, uint64_t pos)
{
	struct sh_place *p = chan_place(&c->ch, pos);
	uint32_t me = c->h->r->me.slot;

	if (!place_claim(&c->ch, p, place_full(pos, me), me))
		return 0;		/* somebody has it, or the daemon */
	chan_own_word(c, word);
	place_emptied(p);
	return -EPIPE;
}

/* [M5] After the place is FULL: who removes the channel looks after. */
static inline int put_done(mh_chan *c, struct sh_holder *word, uint64_t pos)
{
	return likely(chan_is_open(&c->ch)) ? 0 : put_too_late(c, word, pos);
}

/* Somebody was faster at pos: on from there.  Else it is ours as before. */
static COLD int put_after(mh_chan *c, uint64_t pos, uint32_t now)
{
	struct sh_holder *word = tls.looked.at.word;
	uint32_t me = c->h->r->me.slot;
	struct sh_place *p;

	while ((p = chan_room_after(&c->ch, &pos)) && chan_is_open(&c->ch)) {
		requeue_word(c, word, pos);
		if (chan_fill(&c->ch, p, pos, looked_handle(), me, now))
			return put_done(c, word, pos);
	}
	chan_own_word(c, word);
	return chan_is_open(&c->ch) ? -EAGAIN : -EPIPE;
}

/*
 * What was looked at, without `bit`.  0: it is in the channel.  -EAGAIN: no room, and
 * nothing has changed; -EBUSY; -EPIPE.
 */
static inline int put(mh_chan *c, struct holders bit, uint32_t now)
{
	struct sh_holder *word = tls.looked.at.word;
	struct sh_place *p;
	uint64_t pos;

	p = chan_room(&c->ch, &pos);
	if (unlikely(!chan_is_open(&c->ch)))	/* [M5] after the look */
		return -EPIPE;
	if (unlikely(!p))
		return -EAGAIN;
	if (unlikely(queue_bit(c, word, bit, pos)))
		return -EBUSY;
	return likely(chan_fill(&c->ch, p, pos, looked_handle(),
				c->h->r->me.slot, now)) ?
	       put_done(c, word, pos) : put_after(c, pos, now);
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

/*
 * A place that was passed over is EMPTY before it is of use: who was woken for that found
 * no room.  It is of use when the position before is filled (models/sleep.pml).
 */
static void pass_wake_on(mh_chan *c)
{
	uint64_t pos;

	if (chan_room_awaited(&c->ch) && chan_room(&c->ch, &pos))
		chan_wake_some(&c->ch.c->room, 1);
}

static APART int wait_and_send(mh_chan *c, const void *p, int timeout_ms)
{
	struct waiting w = wait_begin(c, WAIT_TO_SEND, timeout_ms);
	int r = -EAGAIN, over = 0;

	while (r == -EAGAIN && !(over = wait_more(&w)))
		r = try_send(c, p, chan_clock());
	if (!r)
		pass_wake_on(c);
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

	if (unlikely(chan_usable(c, &timeout_ms)))
		return -1;
	note_chan(c);
	r = send_one(c, p, chan_clock(), timeout_ms);
	if (unlikely(r))
		return refuse_send(c, p, r);
	chan_wake(&c->ch.c->items, 1);
	return 0;
}

/* One of a batch, between its two passes. */
struct putting {
	struct sh_place	 *p;
	struct sh_holder *word;
	_Atomic uint32_t *n;		/* BUSY ... */
	uint32_t	  was;		/* ... and was that */
	uint64_t	  handle;
};

#define PUT_MOST	32u	/* a handler can't hold or send meanwhile */

/* p's word says pos, whose place is EMPTY.  False: all is as it was. */
static inline bool queue_one(mh_chan *c, const void *p, uint64_t pos,
			     struct putting *ret)
{
	mh_heap *h = c->h;
	const struct held_at *at = held_look(h, arena_offset(h, p));
	struct holds *t = likely(at) ? looked_holds(h) : NULL;
	const struct holders nobody = { 0, 0 };
	struct sh_place *place = chan_place(&c->ch, pos);
	uint32_t was;

	if (unlikely(!t || !count_try(&t->n[at->slot], &was)))
		return false;
	*ret = (struct putting){ place, at->word, &t->n[at->slot], was,
				 looked_handle() };
	/* Looks while the count is ours: no other thread of ours puts it there. */
	if (likely(was && ld_acq(&place->seq) == place_empty(pos) && /* [M1] */
		   chan_is_open(&c->ch) &&	/* [M5] after the look */
		   !queue_bit(c, at->word, likely(was == 1) ?
			      my_bit(h) : nobody, pos)))
		return true;
	count_put(ret->n, was);
	return false;
}

/* They are in no place, as somebody was faster or has removed the channel. */
static COLD void unqueue(mh_chan *c, const struct putting *put, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		chan_own_word(c, put[i].word);
		count_put(put[i].n, put[i].was);
	}
}

/*
 * Fills the places of words that say pos and those after it.  How many were sent; the
 * others are ours as before.
 */
static inline size_t fill_queued(mh_chan *c, const struct putting *put,
				 size_t n, uint64_t pos, uint32_t now)
{
	uint32_t me = c->h->r->me.slot;
	size_t i = 0;

	for (; i < n; i++) {
		const struct putting *t = &put[i];

		if (unlikely(!chan_fill(&c->ch, t->p, pos + i, t->handle, me,
					now))) {
			unqueue(c, t, n - i);
			break;
		}
		if (unlikely(put_done(c, t->word, pos + i))) {
			count_put(t->n, t->was);
			unqueue(c, t + 1, n - i - 1);
			break;
		}
		count_put(t->n, t->was - 1);
	}
	return i;
}

/* Counting.  As many as go without ado, from the first on. */
static APART size_t put_some(mh_chan *c, void **p, size_t n, uint32_t now)
{
	uint64_t pos = ld_acq(&c->ch.c->tail);			/* [M2] */
	struct putting put[PUT_MOST];
	size_t queued = 0;

	if (n > PUT_MOST)
		n = PUT_MOST;
	while (queued < n && likely(queue_one(c, p[queued], pos + queued,
					      &put[queued])))
		queued++;
	return fill_queued(c, put, queued, pos, now);
}

static inline size_t send_some(mh_chan *c, void **p, size_t n, uint32_t now)
{
	size_t sent;

	if (unlikely(!counting_begin()))
		return 0;
	sent = put_some(c, p, n, now);
	counting_end();
	return sent;
}

/* Waits for room for the first; of the others, as many as there is room for. */
size_t mh_chan_send_batch(mh_chan *c, void **p, size_t n, int timeout_ms)
{
	uint32_t now = chan_clock();
	size_t done = 0;
	int r = 0;

	if (!n || unlikely(chan_usable(c, &timeout_ms)))
		return 0;
	note_chan(c);
	while (!r && done < n) {
		size_t some = send_some(c, p + done, n - done, now);

		if (unlikely(!some)) {
			r = send_one(c, p[done], now, done ? 0 : timeout_ms);
			now = chan_clock();	/* it may have waited */
			some = !r;
		}
		done += some;
	}
	if (done)
		chan_wake(&c->ch.c->items, (uint32_t)done);
	if (r)
		refuse_send(c, p[done], r);
	return done;
}

