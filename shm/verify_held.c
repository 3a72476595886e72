/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_held.c - what must hold for the holder words of a span: whoever holds
 * an object is alive, somebody does, and only living clients are about to free
 * or to make one.  Names are compared with their bits in verify_list.c.
 * What is in a channel has its place there.  Reads only.
 */
#include "shm/chan.h"
#include "shm/handle.h"
#include "shm/verify_walk.h"

static bool slot_alive(struct verify *v, uint32_t slot)
{
	if (slot == MOVER_DAEMON)
		return !v->quiet;
	return slot >= 1 && slot <= v->sg->geo.nclients &&
	       (ld_acq(&v->sg->clients[slot].word) & 0xff) != CLIENT_FREE; /* [R1] */
}

/* In a channel, at a place that says so too; or a living client is sending it. */
static int check_queued(struct verify *v, const struct geom *g, uint64_t w,
			uint32_t slot, struct holders word)
{
	uint64_t handle = handle_make(v->sg, g, geom_offset(g) + slot * g->elem);

	if (holders_tag(word) == TAG_ALONE && !holders_none(word))
		return v_fault(v, "%s: slot %u is alone in a channel, and held",
			       v_span_text(g->id, w).s, slot);
	if (chan_has(v->sg, word, handle)) {
		v->rep->queued++;
		return 0;
	}
	v->rep->transit++;
	if (v->transit_ok && slot_alive(v, holders_mover(word)))
		return 0;
	return v_fault(v, "%s: slot %u is queued in channel %u, which has not "
		       "got it", v_span_text(g->id, w).s, slot,
		       holders_chan(word));
}

/* BORN or FREEING: legal for a moment. */
static int check_moving(struct verify *v, const struct geom *g, uint64_t w,
			uint32_t slot, struct holders word)
{
	const char *what = holders_tag(word) == TAG_BORN ? "born" : "freed";

	if (!slot_alive(v, holders_mover(word)))
		return v_fault(v, "%s: slot %u is being %s by client slot %u, "
			       "which is free", v_span_text(g->id, w).s, slot,
			       what, holders_mover(word));
	v->rep->transit++;
	return v->transit_ok ? 0 :
	       v_fault(v, "%s: slot %u is being %s by client slot %u, which "
		       "does nothing", v_span_text(g->id, w).s, slot, what,
		       holders_mover(word));
}

static int check_holders(struct verify *v, const struct geom *g, uint64_t w,
			 uint32_t slot, struct holders word)
{
	if (holders_none(word) && holders_tag(word) == TAG_NO)
		return v_fault(v, "%s: nobody holds slot %u, which is an object",
			       v_span_text(g->id, w).s, slot);
	for (uint32_t s = 1; s < SH_HOLDERS; s++)
		if (holders_has(word, holder_bit(s)) && !slot_alive(v, s))
			return v_fault(v, "%s: slot %u is held by client slot "
				       "%u, which is free",
				       v_span_text(g->id, w).s, slot, s);
	v->rep->named += holders_has(word, HOLDER_NAME);
	return 0;
}

static int check_word(struct verify *v, const struct geom *g, uint64_t w,
		      uint32_t slot)
{
	struct holders word = holders_read(&geom_holders(v->sg, g)[slot]);

	switch (holders_tag(word)) {
	case TAG_NO:
		return check_holders(v, g, w, slot, word);
	case TAG_QUEUED:
	case TAG_ALONE:
		return check_queued(v, g, w, slot, word) ||
		       check_holders(v, g, w, slot, word);
	case TAG_BORN:
	case TAG_FREEING:
		return check_moving(v, g, w, slot, word);
	}
	return v_fault(v, "%s: the holder word of slot %u has tag %u",
		       v_span_text(g->id, w).s, slot, holders_tag(word));
}

static int check_place(struct verify *v, const struct chan *ch, uint64_t k)
{
	uint64_t seq = ld_acq(&ch->places[k].seq), pos = place_pos(seq); /* [M1] */
	uint32_t state = place_state(seq);

	/* Of one that was removed they may be raised for another capacity already. */
	if (state > PLACE_TAKING || (chan_phase(ch) != CHAN_NONE &&
				     chan_index(&ch->order, pos) != k))
		return v_fault(v, "place %u of channel %u has the sequence %llx",
			       (uint32_t)k, ch->index, (unsigned long long)seq);
	v->rep->messages += state == PLACE_FULL;
	if (state != PLACE_TAKING)
		return 0;
	v->rep->transit++;
	if (v->transit_ok && slot_alive(v, place_taker(seq)))
		return 0;
	return v_fault(v, "place %u of channel %u is being emptied by client "
		       "slot %u, which does nothing", (uint32_t)k, ch->index,
		       place_taker(seq));
}

/* Each message has its place, by the words; here, each place has a message. */
int v_chans(struct verify *v)
{
	for (uint32_t i = 0; i < seg_chan_top(v->sg); i++) {
		struct chan ch;

		if (!chan_view(v->sg, i, &ch))
			continue;
		if (v->quiet && chan_phase(&ch) == CHAN_REMOVING)
			return v_fault(v, "channel %u is being removed, and "
				       "nobody does it", i);
		for (uint64_t k = 0; k <= ch.order.mask; k++)
			if (check_place(v, &ch, k))
				return 1;
	}
	if (v->quiet && !v->transit_ok && v->rep->messages != v->rep->queued)
		return v_fault(v, "%llu places of channels are full, and %llu "
			       "objects are in one",
			       (unsigned long long)v->rep->messages,
			       (unsigned long long)v->rep->queued);
	return 0;
}

int v_holders(struct verify *v, const struct geom *g, uint64_t w)
{
	if (spc_life(g->spc) != LIFE_HELD || span_state(w) == SPAN_QUARANTINED ||
	    span_state(w) == SPAN_GRANTED)
		return 0;
	for (uint32_t s = 0; s < g->nslots; s++)
		if (held_exists(v->sg, g, s) && check_word(v, g, w, s))
			return 1;
	return 0;
}
