/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chans.c - the daemon's part in channels: making one, removing one, and what the
 * dead were taking.  Sending and receiving needs no daemon.
 *
 * A channel's places keep their memory for good, and positions only grow, over
 * removals too: a CAS of somebody who stood still meanwhile fails.  An index is
 * used again once its places are all EMPTY, and raised to positions that none of its
 * past had.  Clients look at a place first, then whether their channel is open, then CAS
 * what they saw: so what they change is theirs.
 *
 *	NONE -> OPEN -> REMOVING -> NONE	(each the last store of its step)
 *
 * A killed daemon leaves REMOVING to the next (chans_mend).
 */
#include "daemon/heap.h"
#include "shm/names.h"

#include <errno.h>
#include <string.h>

static void set_phase(struct sh_chandir *d, uint32_t phase)
{
	st_rel(&d->state, (ld_acq(&d->state) & ~3u) | phase);	/* [M5] */
}

/* Of a region of central that has `each` bytes for a place. */
static int back_places(struct heap *h, uint64_t region, uint32_t i,
		       uint32_t capacity, size_t each)
{
	uint64_t at = region + (uint64_t)i * SH_PLACES_MAX * each;

	return heap_back(h, SEG_CENTRAL, at, at + capacity * each);
}

static uint64_t places_bytes(uint64_t places)
{
	return round_up(places * sizeof(struct sh_place), 4096) +
	       round_up(places * sizeof(uint32_t), 4096);
}

/* Of the first n channels, but for their places. */
static uint64_t entries_bytes(uint32_t n)
{
	return round_up(n * sizeof(struct sh_chandir), 4096) +
	       round_up(n * sizeof(struct sh_chan), 4096);
}

/* What the channel takes beyond what there is. */
static uint64_t more_bytes(const struct heap *h, uint32_t i, uint32_t capacity)
{
	uint32_t top = seg_chan_top(&h->sg);
	uint64_t has = i < top ? ld_acq(&h->sg.chandir[i].backed) : 0; /* [H1] */

	return (i < top ? 0 : entries_bytes(i + 1) - entries_bytes(top)) +
	       (has < capacity ? places_bytes(capacity) - places_bytes(has) : 0);
}

/* Memory of the entry, its words and its places. */
static int back(struct heap *h, uint32_t i, uint32_t capacity)
{
	const struct sh_geometry *g = &h->sg.geo;
	struct sh_chandir *d = &h->sg.chandir[i];
	uint64_t more = more_bytes(h, i, capacity);

	if (more && !commit_fits(h, more))
		return -ENOMEM;
	if (i >= seg_chan_top(&h->sg)) {
		if (heap_back(h, SEG_HEAP, g->chandir_off + i * sizeof(*d),
			      g->chandir_off + (i + 1) * sizeof(*d)) ||
		    heap_back(h, SEG_CENTRAL,
			      g->chans_off + i * sizeof(struct sh_chan),
			      g->chans_off + (i + 1) * sizeof(struct sh_chan)))
			return commit_short(h, more, ENOMEM_BACKING);
		st_rel(&h->sg.whdr->chan_top, i + 1);		/* [H1] */
	}
	if (ld_acq(&d->backed) >= capacity)			/* [H1] */
		return 0;
	if (back_places(h, g->places_off, i, capacity, sizeof(struct sh_place)) ||
	    back_places(h, g->since_off, i, capacity, sizeof(uint32_t)))
		return commit_short(h, more, ENOMEM_BACKING);
	st_rel(&d->backed, capacity);				/* [H1] */
	return 0;
}

uint64_t chans_bytes(const struct heap *h)
{
	uint32_t top = seg_chan_top(&h->sg);
	uint64_t n = entries_bytes(top);

	for (uint32_t i = 0; i < top; i++)
		n += places_bytes(ld_acq(&h->sg.chandir[i].backed)); /* [H1] */
	return top ? n : 0;
}

static struct sh_place *places(const struct heap *h, uint32_t i)
{
	return &h->sg.places[(uint64_t)i * SH_PLACES_MAX];
}

/* May the index be used (again)?  *ret_base: beyond all positions of the past. */
static bool is_unused(const struct heap *h, uint32_t i, uint64_t *ret_base)
{
	struct sh_chandir *d = &h->sg.chandir[i];
	uint64_t most = 0;

	*ret_base = 0;
	if (i >= seg_chan_top(&h->sg))
		return true;
	if ((ld_acq(&d->state) & 3) != CHAN_NONE)		/* [M5] */
		return false;
	for (uint32_t k = 0; k < ld_acq(&d->backed); k++) {	/* [H1] */
		uint64_t seq = ld_acq(&places(h, i)[k].seq);	/* [M1] */

		if (place_state(seq) != PLACE_EMPTY)
			return false;
		if (place_pos(seq) > most)
			most = place_pos(seq);
	}
	*ret_base = round_up(most + 1, SH_PLACES_MAX);
	return true;
}

/* EMPTY there, and no more than pos?  Then pos, and who looked before comes too late. */
static bool raise_place(struct sh_place *p, uint64_t pos)
{
	uint64_t seq = ld_acq(&p->seq);				/* [M1] */

	return place_state(seq) == PLACE_EMPTY && place_pos(seq) <= pos &&
	       cas_sc(&p->seq, &seq, place_empty(pos));		/* [M1] */
}

/*
 * All places that have memory, those beyond the capacity, too: to positions that none
 * of the past had.  False: somebody who comes late is at one.
 */
static bool raise_places(const struct heap *h, uint32_t i, uint32_t capacity,
			 uint64_t base)
{
	const struct chan_order o = chan_order(capacity);
	uint32_t backed = ld_acq(&h->sg.chandir[i].backed);	/* [H1] */
	bool all = true;

	for (uint32_t k = 0; all && k < capacity; k++)
		all = raise_place(&places(h, i)[chan_index(&o, k)], base + k);
	for (uint32_t k = capacity; all && k < backed; k++)
		all = raise_place(&places(h, i)[k], base + k);
	return all;
}

static void make(struct heap *h, uint32_t i, const char *text,
		 uint32_t capacity, uint64_t base)
{
	struct sh_chandir *d = &h->sg.chandir[i];
	uint64_t words[8] = { 0 };

	st_rlx(&h->sg.chans[i].head, base);			/* [M2] */
	st_rlx(&h->sg.chans[i].tail, base);			/* [M2] */
	memcpy(words, text, strlen(text));
	for (unsigned w = 0; w < 8; w++)
		st_rel(&d->text[w], words[w]);			/* [M5] */
	st_rel(&d->hash, name_hash(text));			/* [M5] */
	st_rel(&d->capacity, capacity);				/* [M5] */
	st_rel(&d->state,					/* [M5] last */
	       ((ld_acq(&d->state) >> 2) + 1) << 2 | CHAN_OPEN);
}

/* One may lack the memory that another one has of its past; the next new one, too. */
static int make_somewhere(struct heap *h, const char *text, uint32_t capacity,
			  uint32_t *ret_index)
{
	uint32_t top = seg_chan_top(&h->sg);
	int r = -ENOSPC;
	uint64_t base;

	for (uint32_t i = 0; i < h->sg.geo.nchans && i <= top; i++) {
		if (!is_unused(h, i, &base))
			continue;
		if (back(h, i, capacity)) {
			r = -ENOMEM;
			continue;
		}
		top = seg_chan_top(&h->sg);
		if (!raise_places(h, i, capacity, base))
			continue;
		make(h, i, text, capacity, base);
		*ret_index = i;
		return 0;
	}
	return r;
}

static uint32_t phase_of(const struct heap *h, uint32_t i)
{
	return ld_acq(&h->sg.chandir[i].state) & 3;		/* [M5] */
}

int chan_open(struct heap *h, const char *text, uint32_t capacity, uint32_t only,
	      uint32_t *ret_index)
{
	uint32_t n = 1, i;

	if (!name_ok(text) || only > CHAN_ONLY_THERE)
		return -EINVAL;
	i = chan_find(&h->sg, text);
	if (i < h->sg.geo.nchans && phase_of(h, i) == CHAN_OPEN) {
		*ret_index = i;
		return only == CHAN_ONLY_NEW ? -EEXIST : 0;
	}
	if (only == CHAN_ONLY_THERE)
		return -ENOENT;
	if (!capacity || capacity > SH_PLACES_MAX)
		return -EINVAL;
	while (n < capacity)
		n *= 2;
	return make_somewhere(h, text, n, ret_index);
}

/* What stands at a place that is TAKING by us, or by somebody dead. */
static void let_go(struct heap *h, const struct chan *ch, struct sh_place *p,
		   uint64_t seq)
{
	held_unqueue(h, ld_acq(&p->handle), ch, seq);		/* [M1] */
	place_emptied(p);
}

static void drain(struct heap *h, const struct chan *ch)
{
	for (uint64_t k = 0; k <= ch->order.mask; k++) {
		struct sh_place *p = &ch->places[k];
		uint64_t seq = ld_acq(&p->seq);			/* [M1] */

		if (place_state(seq) == PLACE_FULL &&
		    place_claim(ch, p, seq, MOVER_DAEMON))
			let_go(h, ch, p, seq);
		else if (place_state(seq) == PLACE_TAKING &&
			 place_taker(seq) == MOVER_DAEMON)
			let_go(h, ch, p, seq);		/* the last daemon's */
	}
}

static void wake(struct heap *h, _Atomic uint32_t *word)
{
	add_sc(word, 2);					/* [M3] */
	h->io.wake(h->io.arg, word);
}

static void wake_all(struct heap *h, const struct chan *ch)
{
	wake(h, &ch->c->items);
	wake(h, &ch->c->room);
}

/* REMOVING: whoever fills a place from now on finds that, and takes it back. */
static void finish_removal(struct heap *h, const struct chan *ch)
{
	drain(h, ch);
	wake_all(h, ch);
	set_phase(ch->dir, CHAN_NONE);
}

int chan_remove(struct heap *h, const char *text)
{
	uint32_t i = name_ok(text) ? chan_find(&h->sg, text) : h->sg.geo.nchans;
	struct chan ch;

	if (i >= h->sg.geo.nchans || phase_of(h, i) != CHAN_OPEN ||
	    !chan_view(&h->sg, i, &ch))
		return -ENOENT;
	set_phase(ch.dir, CHAN_REMOVING);
	/* [M5] Before the looks at the places: a sender looks here after his. */
	fence_sc();
	finish_removal(h, &ch);
	return 0;
}

static void recover_chan(struct heap *h, const struct chan *ch, uint32_t dead)
{
	for (uint64_t k = 0; k <= ch->order.mask; k++) {
		uint64_t seq = ld_acq(&ch->places[k].seq);	/* [M1] */

		if (place_state(seq) == PLACE_TAKING && place_taker(seq) == dead)
			let_go(h, ch, &ch->places[k], seq);
	}
	/* He may have filled a place after it was drained. */
	if (chan_phase(ch) == CHAN_NONE)
		drain(h, ch);
}

typedef void (*chan_step)(struct heap *h, const struct chan *ch, uint32_t slot);

static void each_chan(struct heap *h, struct party p, chan_step step)
{
	const struct sh_slot *s = &h->sg.slots[p.slot];
	struct chan ch;

	for (uint32_t i = 0; i < SH_CHANS_MAX / 64; i++)	/* [M4] */
		for (uint64_t b = ld_acq(&s->chans[i]); b; b &= b - 1)
			if (chan_view(&h->sg, i * 64 +
				      (uint32_t)__builtin_ctzll(b), &ch))
				step(h, &ch, p.slot);
}

void chans_recover(struct heap *h, struct party dead)
{
	if (dead.slot < SH_HOLDERS)
		each_chan(h, dead, recover_chan);
}

static void wake_step(struct heap *h, const struct chan *ch, uint32_t slot)
{
	(void)slot;
	wake_all(h, ch);
}

/* One that was woken may have died before it received. */
void chans_wake(struct heap *h, struct party dead)
{
	each_chan(h, dead, wake_step);
}

void chans_mend(struct heap *h)
{
	uint32_t top = seg_chan_top(&h->sg);
	struct chan ch;

	for (uint32_t i = 0; i < top; i++)
		if (chan_view(&h->sg, i, &ch) && chan_phase(&ch) != CHAN_OPEN) {
			if (chan_phase(&ch) == CHAN_REMOVING)
				finish_removal(h, &ch);
			else
				drain(h, &ch);
		}
}
