/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slack.c - what a process holds and does not use: wholly free spans of its span
 * cache, and room in its arrays.  Both follow its peak, the most that its spans
 * took lately, so that a small program is small and one that frees and allocates
 * in turns does not trouble the daemon.
 *
 *	used  <=  owned  <=  peak
 *	  |         |          falls towards `used`, by 1/8192 a flush
 *	  |         spans of the span cache
 *	  owned less the wholly free ones
 *
 * Below the peak wholly free spans stay where they are, up to a share of it.  Who would grow beyond
 * it gives its other classes' back first.
 *
 * All figures are hints that no correctness needs.  Locks: trim_empty runs under
 * the class lock, make_way under none.
 */
#include "libclient/seen.h"

#define SLACK_LEAST	(256u << 10)
#define EMPTY_SHARE	4u		/* of the peak: wholly free spans ... */
#define EMPTY_MOST	(64u << 20)	/* ... of a process, at most */
#define LIMIT_SHARE	64u		/* ... and below this share of the limit */
#define ROOM_SHARE	4u		/* of the peak, for arrays */
#define FIRST_RUNS	(2u << 20)	/* beside it: first runs of arrays */
#define LONG_SHARE	16u		/* of the peak, for long arrays ... */
#define LONG_LEAST	(512u << 10)	/* ... or so much */
#define RETURN_SHARE	16u		/* listed before a sweep is hinted */
#define DECAY_SHIFT	13

static uint64_t least(uint64_t n)
{
	return n < SLACK_LEAST ? SLACK_LEAST : n;
}

void note_owned(mh_heap *h, uint64_t bytes)
{
	uint64_t now = add_rlx(&h->r->owned, bytes) + bytes;	/* [A1] */

	if (now > ld_rlx(&h->r->peak))				/* [A1] */
		st_rlx(&h->r->peak, now);			/* [A1] */
}

/* A trim: what was needed is no measure any more. */
void forget_peak(mh_heap *h)
{
	st_rlx(&h->r->peak, ld_rlx(&h->r->owned));		/* [A1] */
}

/* So many spans of `bytes` each became wholly free, or (less than 0) are not. */
void note_empty(mh_heap *h, struct pclass *c, int spans, uint64_t bytes)
{
	c->nempty += (uint32_t)spans;
	add_rlx(&h->r->empty, (uint64_t)spans * bytes);		/* [A1] */
}

/* More room for an array?  The first of it (must) is never refused. */
bool take_room(mh_heap *h, uint64_t bytes, bool must)
{
	uint64_t most = least(ld_rlx(&h->r->peak) / ROOM_SHARE); /* [A1] */

	if (!must && ld_rlx(&h->r->room) + bytes > most)	/* [A1] */
		return false;
	add_rlx(&h->r->room, bytes);				/* [A1] */
	return true;
}

/*
 * Room for a first run in an array, beside all other: whoever has but one large
 * object, in turns, takes no slow path.
 */
bool take_first_run(mh_heap *h, uint64_t bytes)
{
	if (ld_rlx(&h->r->first_runs) + bytes > FIRST_RUNS)	/* [A1] */
		return false;
	add_rlx(&h->r->first_runs, bytes);			/* [A1] */
	return true;
}

/* Room for long arrays of small objects, beside all other. */
bool take_long(mh_heap *h, uint64_t bytes)
{
	uint64_t most = ld_rlx(&h->r->peak) / LONG_SHARE;	/* [A1] */

	if (most < LONG_LEAST)
		most = LONG_LEAST;
	if (ld_rlx(&h->r->longer) + bytes > most)		/* [A1] */
		return false;
	add_rlx(&h->r->longer, bytes);				/* [A1] */
	return true;
}

void give_long(mh_heap *h, uint64_t bytes)
{
	sub_rlx(&h->r->longer, bytes);				/* [A1] */
}

/* Have so many bytes been listed that the daemon should look for them? */
bool many_returned(mh_heap *h, uint64_t bytes)
{
	uint64_t n = add_rlx(&h->r->returned, bytes) + bytes;	/* [A1] */

	if (n < least(ld_rlx(&h->r->peak) / RETURN_SHARE))	/* [A1] */
		return false;
	st_rlx(&h->r->returned, 0);				/* [A1] */
	return true;
}

static uint64_t empty_most(mh_heap *h)
{
	uint64_t limit = ld_rlx(&h->sg.hdr->count.limit_bytes);	/* [H2] */
	uint64_t n = (limit ? limit : h->sg.geo.reserve_bytes) / LIMIT_SHARE;

	return least(n < EMPTY_MOST ? n : EMPTY_MOST);
}

/* Wholly free spans of the class go back until `bytes` of all classes' are left. */
static void trim(mh_heap *h, struct pclass *c, uint64_t bytes)
{
	struct pspan *ps = c->partial.tail, *prev;

	for (; ps && c->nempty; ps = prev) {
		uint64_t left = ld_rlx(&h->r->empty);		/* [A1] */

		if (left <= bytes)
			return;
		prev = ps->prev;
		if (ps->nfree == ps->g.nslots)
			ps_release(h, c, ps);
	}
}

/*
 * After frees.  The last span of the class may go beyond the measure, so that
 * who has but a large object in turns keeps its span.
 */
void trim_empty(mh_heap *h, struct pclass *c)
{
	struct rights *r = h->r;
	uint64_t owned = ld_rlx(&r->owned), empty = ld_rlx(&r->empty); /* [A1] */
	uint64_t peak = ld_rlx(&r->peak), most = empty_most(h);	/* [A1] */
	uint64_t used = owned > empty ? owned - empty : 0;

	if (peak > used)
		peak -= (peak - used) >> DECAY_SHIFT;
	st_rlx(&r->peak, peak);					/* [A1] */
	if (peak / EMPTY_SHARE < most)
		most = least(peak / EMPTY_SHARE);
	trim(h, c, most + (c->partial.tail ? geom_bytes(&c->partial.tail->g) : 0));
}

/* Would so many bytes more make the process larger, with others unused? */
bool should_make_way(mh_heap *h, uint64_t bytes)
{
	return ld_rlx(&h->r->empty) &&				/* [A1] */
	       ld_rlx(&h->r->owned) + bytes > ld_rlx(&h->r->peak); /* [A1] */
}

/*
 * A span of `bytes` is about to be taken or asked for.  If that makes the process larger
 * than its peak, as much of what it has unused goes back first.  A busy class is
 * passed over.
 */
void make_way(mh_heap *h, struct mcache *mc, uint64_t bytes)
{
	struct rights *r = h->r;
	uint64_t empty;

	if (ld_rlx(&r->owned) + bytes <= ld_rlx(&r->peak))	/* [A1] */
		return;
	for (uint32_t i = SC_FIRST_RUN; i <= OWNED_ARRAYS; i++)
		if (array_n(&mc->a, i))
			flush(h, mc, i, 0);
	empty = ld_rlx(&r->empty);				/* [A1] */
	empty = empty > bytes ? empty - bytes : 0;
	for (uint32_t n = 0; n < SPAN_CLASSES; n++) {
		struct pclass *c;

		if (ld_rlx(&r->empty) <= empty)			/* [A1] */
			return;
		c = &r->cls[add_rlx(&r->trim_at, 1) % SPAN_CLASSES]; /* [A1] */
		if (pthread_mutex_trylock(&c->lock))
			continue;
		trim(h, c, empty);
		class_unlock(c);
	}
}
