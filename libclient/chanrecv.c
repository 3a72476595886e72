/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanrecv.c - receiving.  The hand-over, step by step, [O1] and [M1]:
 *
 *	send	EMPTY place seen; word NO -> QUEUED, my bit off; place -> FULL
 *	recv	place FULL -> TAKING; word QUEUED -> NO, my bit on; place -> EMPTY
 *
 * QUEUED is ALONE if nobody else has a bit; then recv goes over BORN (shm/held.h).
 * A receiver has the message from TAKING on.  Who is stopped in between is passed
 * over (shm/chan.h).  models/queue.pml is the proof.
 *
 * Locks: none; the count of holds is BUSY while it is changed (held.h).
 */
#include <errno.h>

#include "libclient/chan.h"
#include "shm/handle.h"

COLD void chan_own_word(mh_chan *c, struct sh_holder *word)
{
	struct holders w;

	do
		w = holders_read(word);
	while (!holders_cas(word, w,
			    holders_with(holders_bits(w), my_bit(c->h))));
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
		chan_own_word(c, at->word);
	count_put(n, was + 1);
}

/*
 * The first message that there is, TAKING by us, and looked at.  0, -EAGAIN, -EPIPE,
 * -EOVERFLOW, HOLDS_MISSING.
 */
static inline int claim_next(mh_chan *c, struct chan_msg *m,
			     const struct held_at **ret_at)
{
	mh_heap *h = c->h;

	while (likely(chan_next(&c->ch, m))) {
		const struct held_at *at = held_look_handle(h, m->handle);

		*ret_at = at;
		if (unlikely(!chan_is_open(&c->ch)))	/* [M5] after the look */
			return -EPIPE;
		if (likely(at)) {
			struct holds *t = looked_holds(h);

			/* Memory to count the message's holds is there before. */
			if (unlikely(!t))
				return HOLDS_MISSING;
			if (unlikely(count_is_most(&t->n[at->slot])))
				return -EOVERFLOW;
			fetch_message(h, at);
		}
		if (unlikely(!place_claim(&c->ch, m->p, m->seq,
					  h->r->me.slot)))
			continue;
		if (likely(at))
			return 0;
		place_emptied(m->p);	/* somebody has scribbled */
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
		place_emptied(m.p);
		chan_raise_head(&c->ch, place_pos(m.seq) + 1);
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
	       r == -EOVERFLOW ? "this process holds the next one two billion "
				 "times (mh_drop)" :
	       r == -ESHUTDOWN ? "the heap has been destroyed" :
				 "called from a signal handler");
}

static COLD void nothing_came(mh_chan *c, int r)
{
	if (ld_acq(&c->h->sg.hdr->status) == HEAP_DESTROYED)	/* [H1] */
		r = -ESHUTDOWN;
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

	if (unlikely(chan_usable(c, &timeout_ms)))
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

	if (!n || unlikely(chan_usable(c, &timeout_ms)))
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
