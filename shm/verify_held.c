/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_held.c - what must hold for the holder words of a span: whoever holds
 * an object is alive, somebody does, and only living clients are about to free
 * or to make one.  Names are compared with their bits in verify_list.c.
 * Reads only.
 */
#include "shm/held.h"
#include "shm/verify_walk.h"

static bool slot_alive(struct verify *v, uint32_t slot)
{
	if (slot == SH_DAEMON_SLOT)
		return !v->quiet;
	return slot >= 1 && slot <= v->sg->geo.nclients &&
	       (ld_acq(&v->sg->clients[slot].word) & 0xff) != CLIENT_FREE; /* [R1] */
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
	if (holders_none(word))
		return v_fault(v, "%s: nobody holds slot %u, which is an object",
			       v_span_text(g->id, w).s, slot);
	for (uint32_t s = 1; s < SH_HOLDERS; s++)
		if (holders_has(word, s) && !slot_alive(v, s))
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
	case TAG_BORN:
	case TAG_FREEING:
		return check_moving(v, g, w, slot, word);
	}
	return v_fault(v, "%s: the holder word of slot %u has tag %u",
		       v_span_text(g->id, w).s, slot, holders_tag(word));
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
