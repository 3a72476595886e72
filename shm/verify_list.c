/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_list.c - stripes and names: lists are hints of the state words, so
 * what is in them may be stale, but the links must hold together; names must
 * be found where they are.  Reads only.
 */
#include "shm/central.h"
#include "shm/handle.h"
#include "shm/held.h"
#include "shm/names.h"
#include "shm/verify_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUSY	UINT32_MAX	/* in `seen` of a stripe: was not walked */

/* Where each span was met, and how many in each stripe. */
struct lists {
	uint32_t *in;		/* [id] stripe + 1 */
	uint32_t *seen;		/* [stripe] */
};

static uint32_t link_stripe(uint64_t link)
{
	return (uint32_t)(link >> 32) - 1;
}

static int check_entry(struct verify *v, struct lists *l, uint32_t k,
		       span_id id)
{
	uint64_t link, w;

	if (!seg_span_ok(v->sg, id))
		return v_fault(v, "the list of stripe %u leads to span %u, "
			       "which there is not", k, id.n);
	link = ld_sc(&v->sg->spans[id.n].link);			/* [K1] */
	w = span_load(v->sg, id);
	if (link_stripe(link) != k)
		return v_fault(v, "%s: it is in the list of stripe %u, but its "
			       "link names stripe %d",
			       v_span_text(id, w).s, k,
			       (int)link_stripe(link));
	if (l->in[id.n])
		return v_fault(v, "%s: the list of stripe %u leads to it twice",
			       v_span_text(id, w).s, k);
	l->in[id.n] = k + 1;
	v->rep->stale += span_state(w) != SPAN_LISTED;
	return 0;
}

static int walk_list(struct verify *v, struct lists *l, uint32_t k)
{
	const struct sh_stripe *st = &v->sg->stripes[k];
	uint32_t head = ld_rlx(&st->head), n = 0;		/* [K3] */
	span_id id = { head }, last = { 0 };

	for (; id.n; n++) {
		if (check_entry(v, l, k, id))
			/* A list that moves under the walk proves nothing. */
			return ld_acq(&st->lock) ||		/* [K2] */
			       ld_rlx(&st->head) != head ? 0 : 1; /* [K3] */
		last = id;
		id.n = (uint32_t)ld_sc(&v->sg->spans[id.n].link); /* [K1] */
	}
	l->seen[k] = n;
	if (v->quiet && n && ld_rlx(&st->tail) != last.n)	/* [K3] */
		return v_fault(v, "the list of stripe %u ends with span %u, its "
			       "tail is %u", k, last.n,
			       ld_rlx(&st->tail));		/* [K3] */
	if (v->quiet && ld_rlx(&st->count) != n)		/* [K3] */
		return v_fault(v, "stripe %u counts %u spans, its list has %u",
			       k, ld_rlx(&st->count), n);	/* [K3] */
	return 0;
}

static int check_stripe(struct verify *v, struct lists *l, uint32_t k)
{
	uint64_t lock = ld_acq(&v->sg->stripes[k].lock);	/* [K2] */
	struct party p = span_party(lock);

	l->seen[k] = BUSY;
	if (!lock)
		return walk_list(v, l, k);
	v->rep->busy_stripes++;
	/* Repaired meanwhile?  The registry is changed after the lock. */
	if (v_alive(v, p) ||
	    ld_acq(&v->sg->stripes[k].lock) != lock)		/* [K2] */
		return 0;
	return v_fault(v, "stripe %u is locked by %s, who is not alive", k,
		       v_party_text(p).s);
}

/* From the span's side: does its link lead somewhere? */
static int check_link(struct verify *v, const struct lists *l, span_id id)
{
	uint64_t link = ld_sc(&v->sg->spans[id.n].link);	/* [K1] */
	uint64_t w = span_load(v->sg, id);
	uint32_t k = link_stripe(link);

	if (!link) {
		v->rep->unlinked += span_state(w) == SPAN_LISTED;
		return 0;
	}
	if (k >= central_stripes(v->sg))
		return v_fault(v, "%s: its link names stripe %u, which there "
			       "is not", v_span_text(id, w).s, k);
	if (v->quiet && l->seen[k] != BUSY && l->in[id.n] != k + 1)
		return v_fault(v, "%s: its link names stripe %u, whose list "
			       "does not lead to it", v_span_text(id, w).s, k);
	return 0;
}

int v_stripes(struct verify *v)
{
	uint32_t n = central_stripes(v->sg), top = seg_span_top(v->sg);
	/* All ids that may ever be: more of them may come up under the walk. */
	struct lists l = { .in = calloc(v->sg->geo.nspans, sizeof(*l.in)),
			   .seen = calloc(n, sizeof(*l.seen)) };
	int r = l.in && l.seen ? 0 : -ENOMEM;

	for (uint32_t k = 0; k < n && !r; k++)
		r = check_stripe(v, &l, k);
	for (span_id id = { 1 }; id.n < top && !r; id.n++)
		r = check_link(v, &l, id);
	free(l.in);
	free(l.seen);
	return r;
}

static int check_set_name(struct verify *v, uint32_t i)
{
	struct sh_name *e = &v->sg->names[i], *found;
	uint64_t last = ld_acq(&e->text[7]), handle;		/* [N1] */
	char text[64];

	if (last >> 56)
		return v_fault(v, "the text of name %u has no end", i);
	if (!name_read(v->sg, i, text, &handle))
		return 0;		/* removed meanwhile */
	if (!name_ok(text))
		return v_fault(v, "the text of name %u is empty", i);
	if (ld_acq(&e->hash) != name_hash(text))		/* [N1] */
		return v_fault(v, "name %u, \"%s\", has another's hash", i,
			       text);
	found = name_find(v->sg, text, NULL);
	if (found && found != e)
		return v_fault(v, "\"%s\" is set twice, as name %u and %u",
			       text, (uint32_t)(found - v->sg->names), i);
	if (!found)
		return v_fault(v, "name %u, \"%s\", cannot be found", i, text);
	v->rep->names++;
	return 0;
}

/* Of an entry that is HELD: its object's word says so too. */
static int check_held_name(struct verify *v, uint32_t i)
{
	uint64_t handle = ld_acq(&v->sg->names[i].handle);	/* [N2] */
	struct geom g;
	uint32_t slot;

	if (handle_find(v->sg, handle, &g, &slot) &&
	    spc_life(g.spc) == LIFE_HELD && held_exists(v->sg, &g, slot) &&
	    holders_has(holders_read(&geom_holders(v->sg, &g)[slot]),
			HOLDER_NAME))
		return 0;
	v->rep->transit++;		/* the daemon replaces it */
	return !v->quiet ? 0 :
	       v_fault(v, "name %u says that it holds handle 0x%llx, which no "
		       "name holds", i, (unsigned long long)handle);
}

int v_names(struct verify *v)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < v->sg->geo.nnames; i++) {
		uint32_t phase = name_phase(v->sg, i);

		if (name_is_set(phase) && check_set_name(v, i))
			return 1;
		if (phase == NAME_HELD && check_held_name(v, i))
			return 1;
		held += phase == NAME_HELD;
	}
	if (v->quiet && held != v->rep->named)
		return v_fault(v, "%llu held objects are held by a name, and "
			       "%llu names hold one",
			       (unsigned long long)v->rep->named,
			       (unsigned long long)held);
	return 0;
}
