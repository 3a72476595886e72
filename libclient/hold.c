/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c - hold and drop.  An object lives as long as a process or a name holds
 * it; the last who lets go, or the daemon for the dead, frees it.
 *
 * Each has a short way, for what is most frequent: the object that the thread
 * looked at last, of a process with one thread that doesn't hold it yet, or holds
 * it once.  Whatever is otherwise, or changes meanwhile, goes the long way.
 *
 * Locks: none; a count is BUSY meanwhile (held.h).
 */
#include "libclient/held.h"

static inline __attribute__((always_inline))
int hold_now(mh_heap *h, const struct held_at *at)
{
	struct holds *t = holds_of(h, at);
	_Atomic uint32_t *n;
	uint32_t was;
	int r = 0;

	if (unlikely(!t))
		return HOLDS_MISSING;
	n = &t->n[at->slot];
	was = count_take(n);
	if (likely(!was)) {
		note_held(h, at->spc);
		r = held_hold(at->word, my_bit(h)) ? 0 : -ESTALE;
	}
	count_put(n, r ? 0 : was + 1);
	return r;
}

int hold_at(mh_heap *h, const struct held_at *at)
{
	return hold_now(h, at);
}

static inline __attribute__((always_inline))
int drop_now(mh_heap *h, const struct held_at *at, bool *ret_last)
{
	struct holds *t = holds_of(h, at);
	_Atomic uint32_t *n;
	uint32_t was;

	*ret_last = false;
	if (unlikely(!t))
		return -EINVAL;
	n = &t->n[at->slot];
	was = count_take(n);
	if (was == 1)
		*ret_last = held_drop(at->word, my_bit(h), h->r->me.slot) ==
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
		return may_hold(h) ? -1 : mh_hold(h, p);
	if (r == HOLDS_MISSING)
		return holds_missing(h, s) ? -1 : mh_hold(h, p);
	return refuse_held(h, "mh_hold", p, r);
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
		r = hold_now(h, at);
	if (unlikely(r == HOLDS_MISSING))
		s = span_slots(at);
	counting_end();
	return likely(!r) ? 0 : hold_slowly(h, p, r, s);
}

/* The count of what was looked at, if the process has one thread and it is `was`. */
static inline _Atomic uint32_t *count_if(mh_heap *h, const struct held_at *at,
					 uint32_t was)
{
	struct holds *t = ld_acq(&h->holds[at->id.n]);		/* [A1] */
	_Atomic uint32_t *n;

	if (unlikely(!__libc_single_threaded || !t || t->slots != at->slots))
		return NULL;
	n = &t->n[at->slot];
	return likely(ld_rlx(n) == was) ? n : NULL;		/* [A1] */
}

/* Not held by us, but by others.  False: nothing was changed. */
static inline bool hold_first(mh_heap *h, const struct held_at *at)
{
	_Atomic uint32_t *n = count_if(h, at, 0);
	struct holders bit = my_bit(h), w;

	if (unlikely(!n || holders_none(bit) || !is_noted(h, at->spc)))
		return false;
	w = holders_read(at->word);
	if (unlikely(!holders_open(w) ||
		     !holders_cas(at->word, w, holders_with(w, bit))))
		return false;
	count_put(n, 1);
	return true;
}

HOT int mh_hold(mh_heap *h, void *p)
{
	if (unlikely(!counting_begin()))
		return refuse_held(h, "mh_hold", p, -EDEADLK);
	if (unlikely(!held_same(h, arena_offset(h, p)) ||
		     !hold_first(h, &tls.held)))
		return hold_on(h, p);
	counting_end();
	return 0;
}

/* Counting. */
static APART int drop_last(mh_heap *h)
{
	const struct held_at gone = tls.held;

	counting_end();
	free_held(h, &gone);
	return 0;
}

/* Held once.  HELD_NOT, HELD_CHANGED: nothing was changed. */
static inline enum held_left drop_only(mh_heap *h, const struct held_at *at)
{
	_Atomic uint32_t *n = count_if(h, at, 1);
	enum held_left left;

	if (unlikely(!n))
		return HELD_NOT;
	left = held_drop_once(at->word, my_bit(h), h->r->me.slot);
	if (likely(left > HELD_CHANGED))
		count_put(n, 0);
	return left;
}

/* Counting; `at` is what is at p. */
static APART int drop_long(mh_heap *h, void *p, const struct held_at *at)
{
	bool last = false;
	int r = likely(at) ? drop_now(h, at, &last) : NO_HELD_OBJECT;

	if (last)
		return drop_last(h);
	counting_end();
	return likely(!r) ? 0 : refuse_held(h, "mh_drop", p, r);
}

static inline __attribute__((always_inline))
int drop_at(mh_heap *h, void *p, const struct held_at *at)
{
	enum held_left left = drop_only(h, at);

	if (unlikely(left <= HELD_CHANGED))
		return drop_long(h, p, at);
	if (left == HELD_BY_NONE)
		return drop_last(h);
	counting_end();
	return 0;
}

/* Not what was looked at last. */
static APART int drop_other(mh_heap *h, void *p)
{
	const struct held_at *at = look(h, p);

	return likely(at) ? drop_at(h, p, at) : drop_long(h, p, at);
}

HOT int mh_drop(mh_heap *h, void *p)
{
	if (unlikely(!counting_begin()))
		return refuse_held(h, "mh_drop", p, -EDEADLK);
	if (unlikely(!held_same(h, arena_offset(h, p))))
		return drop_other(h, p);
	return drop_at(h, p, &tls.held);
}
