/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - hold and drop.  An object lives as long as a process or a name holds
 * it; the last who lets go, or the daemon for the dead, frees it.
 *
 * Each has a short way (looked.h), for what is most frequent: the object that the
 * thread held last, in no channel, in a process with one thread that doesn't hold it
 * yet, or holds it once beside others.  Whatever is otherwise, or changes meanwhile,
 * goes the long way.
 *
 * Locks: none; a count is BUSY meanwhile (held.h).
 */
#include "libclient/held.h"

static inline __attribute__((always_inline))
int hold_now(mh_heap *h)
{
	const struct held_at *at = &tls.looked.at;
	struct holds *t = looked_holds(h);
	_Atomic uint32_t *n;
	uint32_t was;
	int r = 0;

	if (unlikely(!t))
		return HOLDS_MISSING;
	n = &t->n[at->slot];
	was = count_take(n);
	if (likely(!was))
		r = held_hold(at->word, my_bit(h)) ? 0 : -ESTALE;
	else if (unlikely(was >= COUNT_MOST))
		r = -EOVERFLOW;
	count_put(n, r ? was : was + 1);
	return r;
}

int hold_looked(mh_heap *h)
{
	return hold_now(h);
}

/* Others held it, too, or did a moment ago. */
static APART enum held_left drop_of_many(struct sh_holder *word,
					 struct holders bit, uint32_t me)
{
	return held_drop(word, bit, me);
}

/* Most often nobody else holds it: the short way of held_drop(). */
static inline enum held_left drop_bit(struct sh_holder *word,
				      struct holders bit, uint32_t me)
{
	return likely(holders_same(holders_read(word), bit) &&
		      holders_cas(word, bit, holders_freeing(me))) ?
	       HELD_BY_NONE : drop_of_many(word, bit, me);
}

/* What was looked at. */
static inline __attribute__((always_inline))
int drop_now(mh_heap *h, bool *ret_last)
{
	const struct held_at *at = &tls.looked.at;
	struct holds *t = looked_holds(h);
	_Atomic uint32_t *n;
	uint32_t was;

	if (unlikely(!t))
		return -EINVAL;
	n = &t->n[at->slot];
	was = count_take(n);
	if (likely(was == 1))
		*ret_last = drop_bit(at->word, my_bit(h), h->r->me.slot) ==
			    HELD_BY_NONE;
	count_put(n, was ? was - 1 : 0);
	return was ? 0 : -EINVAL;
}

#define NO_HELD_OBJECT	2	/* beside what hold_now and drop_now give */
#define ASK_MAY_HOLD	3

static const char *held_text(int r)
{
	switch (r) {
	case NO_HELD_OBJECT:
		return "not the start of a held object";
	case -EINVAL:
		return "this process doesn't hold it";
	case -ESTALE:
		return "nobody holds it any more";
	case -EOVERFLOW:
		return "this process holds it two billion times (mh_drop)";
	case -EDEADLK:
		return "called from a signal handler that interrupted the like";
	}
	return "?";
}

static COLD int refuse_held(mh_heap *h, const char *call, const void *p, int r)
{
	return refuse(r == NO_HELD_OBJECT ? EINVAL : -r, "heap %s: %s(%p): %s",
		      h->name, call, p, held_text(r));
}

static inline const struct held_at *look(mh_heap *h, const void *p)
{
	return held_look(h, arena_offset(h, p));
}

/* What has to be done first was not: does it, and holds then. */
static COLD int hold_slowly(mh_heap *h, void *p, int r, struct span_slots s)
{
	if (r == ASK_MAY_HOLD)
		return may_hold(h, DAEMON_WAIT_MS) ? -1 : mh_hold(h, p);
	if (r == HOLDS_MISSING)
		return holds_missing(h, s) ? -1 : mh_hold(h, p);
	return refuse_held(h, "mh_hold", p, r);
}

/* What was looked at is held: the short way for it is open from now on. */
static inline void hold_quickly(mh_heap *h, const void *p)
{
	const struct held_looked *l = &tls.looked;

	tls.quick = (struct held_quick){
		.joined = l->joined, .p = p, .word = l->at.word,
		.n = &l->holds->n[l->at.slot], .seq = l->at.seq,
		.gen2 = l->at.gen2, .bit = my_bit(h),
	};
}

/* Counting. */
static APART int hold_on(mh_heap *h, void *p)
{
	const struct held_at *at = look(h, p);
	struct span_slots s = { { 0 }, 0 };
	int r;

	if (unlikely(!at))
		r = NO_HELD_OBJECT;
	else if (unlikely(holders_none(my_bit(h))))
		r = ASK_MAY_HOLD;
	else
		r = hold_now(h);
	if (unlikely(r == HOLDS_MISSING))
		s = span_slots(at);
	if (likely(!r))
		hold_quickly(h, p);
	counting_end();
	return likely(!r) ? 0 : hold_slowly(h, p, r, s);
}

/* Is p what the short way is for, and held so many times? */
static inline bool is_quick(const mh_heap *h, const void *p, uint32_t times)
{
	const struct held_quick *q = &tls.quick;

	return likely(q->joined == ld_acq(&h->r->joined) &&	/* [A1] */
		      q->p == p && ld_acq(q->seq) == q->gen2 &&	/* [G1] */
		      __libc_single_threaded && ld_rlx(q->n) == times); /* [A1] */
}

/* NO, and nothing else beside bits. */
static inline bool is_plain(struct holders w)
{
	return !(w.hi >> 32);
}

/* Not held by us, but by the name or one of the first 63.  False: nothing has changed. */
static inline bool quick_hold(const mh_heap *h, const void *p)
{
	const struct held_quick *q = &tls.quick;
	struct sh_holder *word;
	_Atomic uint32_t *n;
	struct holders w;

	if (unlikely(!is_quick(h, p, 0)))
		return false;
	n = q->n;
	word = q->word;
	w = holders_read(word);
	if (unlikely(!is_plain(w) || !w.lo ||
		     !holders_cas(word, w, holders_with(w, q->bit))))
		return false;
	count_put(n, 1);
	return true;
}

/* Held once by us, and by others.  Likewise. */
static inline bool quick_drop(const mh_heap *h, const void *p)
{
	const struct held_quick *q = &tls.quick;
	struct sh_holder *word;
	_Atomic uint32_t *n;
	struct holders w, to;

	if (unlikely(!is_quick(h, p, 1)))
		return false;
	n = q->n;
	word = q->word;
	w = holders_read(word);
	to = holders_without(w, q->bit);
	if (unlikely(!is_plain(w) || holders_none(to) ||
		     !holders_has(w, q->bit) || !holders_cas(word, w, to)))
		return false;
	count_put(n, 0);
	return true;
}

static COLD int refuse_hold(mh_heap *h, const void *p)
{
	return refuse_held(h, "mh_hold", p, -EDEADLK);
}

HOT int mh_hold(mh_heap *h, void *p)
{
	if (unlikely(!counting_begin()))
		return refuse_hold(h, p);
	if (unlikely(!quick_hold(h, p)))
		return hold_on(h, p);
	counting_end();
	return 0;
}

/* Counting. */
static APART int drop_on(mh_heap *h, void *p)
{
	const struct held_at *at = look(h, p);
	bool last = false;
	int r = likely(at) ? drop_now(h, &last) : NO_HELD_OBJECT;

	if (likely(last))
		free_held(h, at);
	counting_end();
	return likely(!r) ? 0 : refuse_held(h, "mh_drop", p, r);
}

static COLD int refuse_drop(mh_heap *h, const void *p)
{
	return refuse_held(h, "mh_drop", p, -EDEADLK);
}

HOT int mh_drop(mh_heap *h, void *p)
{
	if (unlikely(!counting_begin()))
		return refuse_drop(h, p);
	if (unlikely(!quick_drop(h, p)))
		return drop_on(h, p);
	counting_end();
	return 0;
}
