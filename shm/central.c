/* SPDX-License-Identifier: Apache-2.0 */
/*
 * central.c - see central.h.
 *
 * A span is in at most one list: its link word names the stripe.  Links of a
 * stripe's list are written by the holder of that stripe's lock alone (a claim
 * 0 -> stripe by CAS, since two stripes may try).  Pusher and popper pair up
 * like Dekker's flags: the pusher makes the span LISTED, then reads the link;
 * the popper clears the link, then reads the state.  So either the pusher links
 * the span anew or the popper takes it: none is forgotten.
 */
#include "shm/central.h"

#define POP_TRIES	16u	/* stale entries dropped per stripe and call */
#define LOW_WATER	2u	/* spans */

static uint64_t lock_word(struct party p)
{
	return span_word(1, p, 0);
}

static uint64_t link_word(uint32_t next, uint32_t stripe)
{
	return (uint64_t)(stripe + 1) << 32 | next;
}

static uint32_t link_next(uint64_t l)
{
	return (uint32_t)l;
}

static bool link_in(uint64_t l, uint32_t stripe)
{
	return l >> 32 == (uint64_t)stripe + 1;
}

uint32_t central_stripes(const struct seg *sg)
{
	return SPAN_CLASSES * sg->geo.nstripes;
}

struct party central_holder(const struct seg *sg, uint32_t stripe)
{
	uint64_t w = ld_acq(&sg->stripes[stripe].lock);	/* [K2] */

	return w ? span_party(w) : NOBODY;
}

static bool stripe_try(const struct seg *sg, uint32_t k, struct party me)
{
	uint64_t none = 0;

	if (me.slot <= sg->geo.nclients)	/* not the daemon */
		slot_uses(&sg->slots[me.slot],
			  spc_size_class(k / sg->geo.nstripes));
	return cas_acq(&sg->stripes[k].lock, &none, lock_word(me)); /* [K2] */
}

static void stripe_unlock(struct sh_stripe *st)
{
	st_rel(&st->lock, 0);					/* [K2] */
}

/* (s) The list's last span; 0: there is none, or it is not known. */
static uint32_t stripe_tail(const struct seg *sg, uint32_t k)
{
	uint32_t tail = ld_rlx(&sg->stripes[k].tail);		/* [K3] */

	return ld_rlx(&sg->stripes[k].head) &&			/* [K3] */
	       seg_span_ok(sg, (span_id){ tail }) &&
	       ld_sc(&sg->spans[tail].link) == link_word(0, k) ? tail : 0; /* [K1] */
}

/* (s) The span becomes the list's first, or its last. */
static void stripe_link(const struct seg *sg, uint32_t k, span_id id, bool last)
{
	struct sh_stripe *st = &sg->stripes[k];
	uint32_t head = ld_rlx(&st->head);			/* [K3] */
	uint32_t tail = last ? stripe_tail(sg, k) : 0;
	uint64_t none = 0;

	/* [K1] claimed before it can be found; a dead claimer holds the lock. */
	if (!cas_sc(&sg->spans[id.n].link, &none,
		    link_word(tail ? 0 : head, k)))
		return;
	if (tail)
		xchg_sc(&sg->spans[tail].link, link_word(id.n, k)); /* [K1] */
	else
		st_rlx(&st->head, id.n);			/* [K3] */
	if (tail || !head)
		st_rlx(&st->tail, id.n);			/* [K3] */
	st_rlx(&st->count, ld_rlx(&st->count) + 1);		/* [K3] */
}

/* (s) The list's first span, out of the list; 0: none, or the list is broken. */
static span_id stripe_unlink(const struct seg *sg, uint32_t k)
{
	struct sh_stripe *st = &sg->stripes[k];
	span_id id = { ld_rlx(&st->head) };			/* [K3] */
	uint32_t count = ld_rlx(&st->count);			/* [K3] */
	uint64_t link;

	if (!id.n)
		return id;
	link = seg_span_ok(sg, id) ? ld_sc(&sg->spans[id.n].link) : 0; /* [K1] */
	if (!link_in(link, k)) {
		st_rlx(&st->head, 0);				/* [K3] */
		st_rlx(&st->count, 0);				/* [K3] */
		return (span_id){ 0 };
	}
	st_rlx(&st->head, link_next(link));			/* [K3] */
	st_rlx(&st->count, count ? count - 1 : 0);		/* [K3] */
	/* [K1] sc: before the state is read; see the head of this file. */
	xchg_sc(&sg->spans[id.n].link, 0);
	return id;
}

/* An unlinked span: OWNED(me) if it is still LISTED. */
static bool take_listed(const struct seg *sg, struct party me, span_id id,
			struct geom *ret_g)
{
	uint64_t w = span_load(sg, id);

	if (span_state(w) != SPAN_LISTED ||
	    !span_move(sg, id, &w, SPAN_OWNED, me))
		return false;
	return geom_read(sg, id, ret_g);
}

/* Found under one class, but the id has been given to another since. */
static void pass_on(const struct seg *sg, struct party me, const struct geom *g)
{
	if (span_dispose(sg, g, me) == SPAN_LISTED)
		central_push(sg, me, g->spc, g->id);
}

/*
 * Where a search begins.  Runs that are passed on wait in one line, stripe 0; what
 * did not get into it, as it was busy, is taken first, so that the line stays long.
 */
static uint32_t first_to_push(const struct seg *sg, struct party me, uint32_t spc)
{
	return spc_passed_on(spc) ? 0 : me.slot & (sg->geo.nstripes - 1);
}

static uint32_t first_to_pop(const struct seg *sg, struct party me, uint32_t spc)
{
	return spc_passed_on(spc) ? 1 : first_to_push(sg, me, spc);
}

/*
 * Large objects that one process writes and another frees: as long as they lie in
 * the caches of who has read them, writing them anew is slow.  So the oldest
 * comes first, but to who is alone with them, the last.
 */
static bool goes_last(const struct seg *sg, struct party me, uint32_t spc,
		      span_id id)
{
	return spc_passed_on(spc) && !span_was_of(sg, id, me);
}

bool central_push(const struct seg *sg, struct party me, uint32_t spc,
		  span_id id)
{
	uint32_t base = spc * sg->geo.nstripes, s = first_to_push(sg, me, spc);

	if (ld_sc(&sg->spans[id.n].link))			/* [K1] */
		return true;
	for (uint32_t i = 0; i < sg->geo.nstripes; i++) {
		uint32_t k = base + ((s + i) & (sg->geo.nstripes - 1));

		if (!stripe_try(sg, k, me))
			continue;
		stripe_link(sg, k, id, goes_last(sg, me, spc, id));
		stripe_unlock(&sg->stripes[k]);
		return true;
	}
	return false;
}

/* (s) Up to POP_TRIES entries of one stripe. */
static bool pop_locked(const struct seg *sg, struct party me, uint32_t k,
		       struct geom *ret_g)
{
	for (unsigned i = 0; i < POP_TRIES; i++) {
		span_id id = stripe_unlink(sg, k);

		if (!id.n)
			return false;
		if (take_listed(sg, me, id, ret_g))
			return true;
	}
	return false;
}

static bool is_low(uint32_t spc, uint32_t n)
{
	return spc_passed_on(spc) ?
	       (uint64_t)n * sc_size(spc_size_class(spc)) < CENTRAL_RUN_BYTES :
	       n < LOW_WATER;
}

bool central_pop(const struct seg *sg, struct party me, uint32_t spc,
		 struct geom *ret_g, bool *ret_low, unsigned *ret_busy)
{
	uint32_t base = spc * sg->geo.nstripes, s = first_to_pop(sg, me, spc);

	*ret_busy = 0;
	for (uint32_t i = 0; i < sg->geo.nstripes; i++) {
		uint32_t k = base + ((s + i) & (sg->geo.nstripes - 1));
		struct sh_stripe *st = &sg->stripes[k];
		bool got;

		if (!ld_rlx(&st->head)) {			/* [K3] */
			*ret_busy += ld_rlx(&st->lock) != 0;	/* [K2] */
			continue;
		}
		if (!stripe_try(sg, k, me)) {
			++*ret_busy;
			continue;
		}
		got = pop_locked(sg, me, k, ret_g);
		*ret_low = is_low(spc, ld_rlx(&st->count));	/* [K3] */
		stripe_unlock(st);
		if (got && ret_g->spc == spc)
			return true;
		if (got)
			pass_on(sg, me, ret_g);
	}
	*ret_low = true;
	return false;
}

bool central_scan(const struct seg *sg, struct party me, uint32_t spc,
		  _Atomic uint32_t *cursor, uint32_t n, struct geom *ret_g)
{
	uint32_t top = seg_span_top(sg);

	for (; n && top > 1; n--) {
		uint32_t at = ld_rlx(cursor) + 1;	/* [A1] */
		span_id id = { at < top ? at : 1 };

		st_rlx(cursor, id.n);			/* [A1] */
		if (span_state(span_load(sg, id)) != SPAN_LISTED ||
		    !geom_read(sg, id, ret_g) || ret_g->spc != spc ||
		    !take_listed(sg, me, id, ret_g))
			continue;
		if (ret_g->spc == spc)
			return true;
		pass_on(sg, me, ret_g);
	}
	return false;
}

bool central_take_grant(const struct seg *sg, struct party me, span_id id,
			struct geom *ret_g)
{
	uint64_t w;

	if (!seg_span_ok(sg, id))
		return false;
	w = span_load(sg, id);
	if (span_state(w) != SPAN_GRANTED || !party_eq(span_party(w), me) ||
	    !span_move(sg, id, &w, SPAN_OWNED, me))
		return false;
	return geom_read(sg, id, ret_g);
}

uint32_t central_listed(const struct seg *sg, uint32_t spc)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < sg->geo.nstripes; s++)
		n += ld_rlx(&seg_stripe(sg, spc, s)->count);	/* [K3] */
	return n;
}

/* (s) Does the span belong into stripe k's list? */
static bool belongs(const struct seg *sg, uint32_t k, span_id id)
{
	struct geom g;

	return span_state(span_load(sg, id)) == SPAN_LISTED &&
	       geom_read(sg, id, &g) && g.spc == k / sg->geo.nstripes;
}

/* (s) Empties the list, then links what is LISTED and in no other list. */
static void relink(const struct seg *sg, uint32_t k)
{
	struct sh_stripe *st = &sg->stripes[k];
	uint32_t top = seg_span_top(sg);

	st_rlx(&st->head, 0);					/* [K3] */
	st_rlx(&st->count, 0);					/* [K3] */
	for (span_id id = { 1 }; id.n < top; id.n++) {
		uint64_t link = ld_sc(&sg->spans[id.n].link);	/* [K1] */

		if (link && !link_in(link, k))
			continue;
		if (link)
			xchg_sc(&sg->spans[id.n].link, 0);	/* [K1] */
		if (belongs(sg, k, id))
			stripe_link(sg, k, id, false);
	}
}

static void count_down(struct sh_stripe *st)
{
	uint32_t count = ld_rlx(&st->count);			/* [K3] */

	st_rlx(&st->count, count ? count - 1 : 0);		/* [K3] */
}

/* (s) FREE spans leave the list; nobody but the daemon brings one to life. */
static void drop_free(const struct seg *sg, uint32_t k)
{
	struct sh_stripe *st = &sg->stripes[k];
	uint32_t top = seg_span_top(sg), prev = 0;
	span_id id = { ld_rlx(&st->head) };			/* [K3] */

	for (uint32_t n = 0; n < top && seg_span_ok(sg, id); n++) {
		uint64_t link = ld_sc(&sg->spans[id.n].link);	/* [K1] */
		uint32_t next = link_next(link);

		if (!link_in(link, k))
			return;		/* broken: the next popper resets it */
		if (span_state(span_load(sg, id)) != SPAN_FREE) {
			prev = id.n;
		} else {
			if (prev)				/* [K1] */
				xchg_sc(&sg->spans[prev].link,
					link_word(next, k));
			else
				st_rlx(&st->head, next);	/* [K3] */
			if (!next)
				st_rlx(&st->tail, prev);	/* [K3] */
			count_down(st);
			xchg_sc(&sg->spans[id.n].link, 0);	/* [K1] */
		}
		id.n = next;
	}
}

bool central_unlist(const struct seg *sg, struct party me, span_id id)
{
	uint64_t link = ld_sc(&sg->spans[id.n].link);		/* [K1] */
	uint32_t k = (uint32_t)(link >> 32) - 1;

	if (!link)
		return true;
	if (k >= central_stripes(sg))	/* [K1] somebody scribbled */
		return cas_sc(&sg->spans[id.n].link, &link, 0);
	if (!stripe_try(sg, k, me))
		return false;
	drop_free(sg, k);
	link = ld_sc(&sg->spans[id.n].link);			/* [K1] */
	if (link_in(link, k)) {		/* in no list all the same */
		xchg_sc(&sg->spans[id.n].link, 0);		/* [K1] */
		link = 0;
	}
	stripe_unlock(&sg->stripes[k]);
	return !link;	/* else a late pusher has put it into another list */
}

void central_refile(const struct seg *sg, struct party me, const struct geom *g)
{
	uint64_t link = ld_sc(&sg->spans[g->id.n].link);	/* [K1] */
	uint32_t k = (uint32_t)(link >> 32) - 1;

	if (link && k >= central_stripes(sg)) {	/* [K1] somebody scribbled */
		cas_sc(&sg->spans[g->id.n].link, &link, 0);
	} else if (link && k / sg->geo.nstripes != g->spc &&
		   stripe_try(sg, k, me)) {
		relink(sg, k);
		stripe_unlock(&sg->stripes[k]);
	}
	central_push(sg, me, g->spc, g->id);
}

void central_rebuild(const struct seg *sg, uint32_t k, struct party dead,
		     struct party me)
{
	struct sh_stripe *st = &sg->stripes[k];
	uint64_t held = lock_word(dead);

	if (!cas_acq(&st->lock, &held, lock_word(me)))		/* [K2] */
		return;
	relink(sg, k);
	stripe_unlock(st);
}
