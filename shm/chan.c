/* SPDX-License-Identifier: Apache-2.0 */
/* chan.c - see chan.h.  Loops are bounded by the channel's places, or go on only
 * because somebody else has moved. */
#include "shm/chan.h"
#include "shm/names.h"

#include <string.h>
#include <time.h>

bool chan_view(const struct seg *sg, uint32_t index, struct chan *ret)
{
	struct sh_chandir *d = &sg->chandir[index];
	uint32_t state, n;

	if (index >= seg_chan_top(sg))
		return false;
	state = ld_acq(&d->state);				/* [M5] */
	n = ld_acq(&d->capacity);				/* [M5] */
	if (!n || n > SH_PLACES_MAX || n & (n - 1))
		return false;
	*ret = (struct chan){
		.sg = sg, .index = index, .version = state >> 2, .order = chan_order(n),
		.c = &sg->chans[index], .dir = d,
		.places = &sg->places[(uint64_t)index * SH_PLACES_MAX],
		.since = &sg->since[(uint64_t)index * SH_PLACES_MAX],
	};
	return true;
}

/*
 * Is there an EMPTY place beyond pos, within a round?  Only then is a position passed
 * over: the place isn't filled before the others have come round to it.
 */
static bool room_beyond(const struct chan *ch, uint64_t pos)
{
	for (uint64_t q = pos + 1; q <= pos + ch->order.mask; q++) {
		uint64_t seq = ld_acq(&chan_place(ch, q)->seq);	/* [M1] */

		if (seq == place_empty(q))
			return true;
		if (place_state(seq) == PLACE_FULL && place_pos(seq) < q)
			return false;
	}
	return false;
}

/* One look at the place of *pos, before which all are passed: may it be filled? */
enum look { LOOK_AGAIN, LOOK_ROOM, LOOK_FULL };

static enum look look_for_room(const struct chan *ch, uint64_t *pos)
{
	uint64_t places = ch->order.mask + 1;
	struct sh_place *p = chan_place(ch, *pos);
	uint64_t seq = ld_acq(&p->seq), at = place_pos(seq);	/* [M1] */

	if (at > *pos) {
		/* Who was at `at - places` knew that all before it were passed. */
		*pos = (at - places > *pos ? at - places : *pos) + 1;
	} else if (at < *pos) {
		return LOOK_FULL;
	} else if (place_state(seq) == PLACE_EMPTY) {
		return LOOK_ROOM;
	} else if (place_state(seq) == PLACE_FULL) {
		++*pos;
	} else if (room_beyond(ch, *pos) && chan_is_open(ch)) { /* [M5] after the look */
		cas_sc(&p->seq, &seq, seq + place_empty(places)); /* [M1] passed over */
	} else {
		return LOOK_FULL;
	}
	return LOOK_AGAIN;
}

struct sh_place *chan_room_after(const struct chan *ch, uint64_t *pos)
{
	enum look r;

	do
		r = look_for_room(ch, pos);
	while (r == LOOK_AGAIN);
	return r == LOOK_ROOM ? chan_place(ch, *pos) : NULL;
}

uint32_t chan_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint32_t)((uint64_t)t.tv_sec * 1000 +
			  (uint64_t)t.tv_nsec / 1000000);
}

enum found { FOUND_AGAIN, FOUND_ONE, FOUND_NONE };

/* One look at the place of *pos, before which all are taken. */
static enum found look_for_one(const struct chan *ch, uint64_t *pos,
			       struct chan_msg *ret)
{
	uint64_t places = ch->order.mask + 1;
	struct sh_place *p = chan_place(ch, *pos);
	uint64_t seq = ld_acq(&p->seq), at = place_pos(seq);	/* [M1] */

	if (at > *pos) {
		/* Of two rounds before `at` there is none that isn't taken. */
		*pos = (at - *pos > 2 * places ? at - 2 * places : *pos) + 1;
		return FOUND_AGAIN;
	}
	if (place_state(seq) != PLACE_FULL)
		return FOUND_NONE;	/* and nothing behind it */
	*ret = (struct chan_msg){ p, seq, ld_acq(&p->handle) };	/* [M1] */
	return FOUND_ONE;
}

bool chan_next_after(const struct chan *ch, uint64_t pos, struct chan_msg *ret)
{
	enum found r;

	do
		r = look_for_one(ch, &pos, ret);
	while (r == FOUND_AGAIN);
	return r == FOUND_ONE;
}

bool chan_has(const struct seg *sg, struct holders w, uint64_t handle)
{
	struct sh_place *p;
	struct chan ch;
	uint64_t seq, there;

	if (!chan_view(sg, holders_chan(w), &ch))
		return false;
	p = chan_place(&ch, holders_pos(w));
	do {
		seq = ld_acq(&p->seq);				/* [M1] */
		there = ld_acq(&p->handle);			/* [M1] */
	} while (ld_acq(&p->seq) != seq);			/* [M1] */
	return place_state(seq) != PLACE_EMPTY && there == handle &&
	       holders_at(w, &ch, seq);
}

struct chan_sum chan_sum(const struct chan *ch)
{
	struct chan_sum sum = { 0 };
	uint32_t now = chan_clock();

	for (uint64_t i = 0; i <= ch->order.mask; i++) {
		uint32_t state = place_state(ld_acq(&ch->places[i].seq)); /* [M1] */
		uint32_t age = now - ld_rlx(&ch->since[i]);	/* [M6] after that */

		sum.taking += state == PLACE_TAKING;
		sum.full += state == PLACE_FULL;
		/* Beyond half the round: put after our look at the clock. */
		if (state == PLACE_FULL && age < UINT32_MAX / 2 &&
		    age > sum.oldest_ms)
			sum.oldest_ms = age;
	}
	return sum;
}

bool chan_name(const struct seg *sg, uint32_t index, char *ret_text)
{
	struct sh_chandir *d = &sg->chandir[index];
	uint32_t state = ld_acq(&d->state);			/* [M5] */
	uint64_t words[8];

	for (unsigned w = 0; w < 8; w++)
		words[w] = ld_acq(&d->text[w]);			/* [M5] */
	if ((state & 3) == CHAN_NONE || ld_acq(&d->state) != state) /* [M5] */
		return false;
	memcpy(ret_text, words, sizeof(words));
	ret_text[SH_NAME_MAX] = 0;
	return true;
}

uint32_t chan_find(const struct seg *sg, const char *text)
{
	uint32_t top = seg_chan_top(sg), hash = name_hash(text);
	char name[64];

	for (uint32_t i = 0; i < top; i++)
		if (ld_acq(&sg->chandir[i].hash) == hash &&	/* [M5] */
		    chan_name(sg, i, name) && !strcmp(name, text))
			return i;
	return sg->geo.nchans;
}
