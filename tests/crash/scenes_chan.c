/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenes_chan.c - channels: held objects are sent and received, channels made and
 * removed, and recovery of who did.  A message that is in its place survives its
 * sender; one that is being taken goes with its receiver.
 */
#include "tests/crash/scene.h"

#include <errno.h>
#include <stdlib.h>

#include "libclient/chan.h"
#include "shm/handle.h"

#define DEAD	(1u << 1)	/* pv's slot: the first that is joined */
#define PLACES	4u

static void chan_setup(struct act *a)
{
	uint32_t i;

	if (chan_open(&a->r->h, "c", PLACES, CHAN_ONLY_NEW, &i))
		abort();
}

static void chan_prepare(struct act *a)
{
	a->cv = mh_chan_open(a->v, "c", 1, 0);
	a->cb = mh_chan_open(a->b, "c", 1, 0);
	NEED(a, a->cv && a->cb);
}

/* As many have been sent and received. */
static void turn(struct act *a, unsigned n)
{
	while (n--) {
		void *p = make(a, a->b);

		NEED(a, !mh_chan_send(a->cb, p, 0));
		NEED(a, mh_chan_recv(a->cb, 0) == p && !mh_drop(a->b, p));
	}
}

static void send_prepare(struct act *a)
{
	chan_prepare(a);
	turn(a, 3);
	set_operand(a, make(a, a->v));
}

/* b holds it as well, and so it is there all the time. */
static void send_shared_prepare(struct act *a)
{
	chan_prepare(a);
	a->p = make(a, a->v);
	NEED(a, !mh_hold(a->b, a->p));
}

static void send_held_twice_prepare(struct act *a)
{
	send_prepare(a);
	NEED(a, !mh_hold(a->v, a->p));
}

static void call_send(struct act *a)
{
	a->q = mh_chan_send(a->cv, a->p, 0) ? NULL : a->p;
}

static bool sent(struct act *a)
{
	return a->q && chan_sum(&a->cv->ch).full == 1;
}

/* The channel is full: he keeps it. */
static void full_prepare(struct act *a)
{
	chan_prepare(a);
	for (unsigned i = 0; i < PLACES; i++)
		NEED(a, !mh_chan_send(a->cb, make(a, a->b), 0));
	a->p = make(a, a->v);
}

static bool refused(struct act *a)
{
	return !a->q && errno == ETIMEDOUT &&
	       chan_sum(&a->cv->ch).full == PLACES;
}

/* Who would be next stands still at his place. */
static void passed_prepare(struct act *a)
{
	struct chan_msg m;

	chan_prepare(a);
	for (unsigned i = 0; i < PLACES; i++)
		NEED(a, !mh_chan_send(a->cb, make(a, a->b), 0));
	NEED(a, chan_next(&a->cb->ch, &m) &&
	     place_claim(&a->cb->ch, m.p, m.seq, a->pb.slot));
	for (unsigned i = 1; i < PLACES; i++)
		NEED(a, mh_chan_recv(a->cb, 0));
	set_operand(a, make(a, a->v));
}

static void batch_prepare(struct act *a)
{
	chan_prepare(a);
	for (unsigned i = 0; i < 3; i++)
		a->o[i] = make(a, a->v);
}

static void call_send_batch(struct act *a)
{
	a->q = mh_chan_send_batch(a->cv, a->o, 3, 0) == 3 ? a : NULL;
}

/* b holds them as well. */
static void batch_shared_prepare(struct act *a)
{
	batch_prepare(a);
	for (unsigned i = 0; i < 3; i++)
		NEED(a, !mh_hold(a->b, a->o[i]));
}

/* There is room for two. */
static void batch_part_prepare(struct act *a)
{
	batch_prepare(a);
	for (unsigned i = 2; i < PLACES; i++)
		NEED(a, !mh_chan_send(a->cb, make(a, a->b), 0));
}

static void call_send_part(struct act *a)
{
	a->q = mh_chan_send_batch(a->cv, a->o, 3, 0) == 2 ? a : NULL;
}

static bool sent_part(struct act *a)
{
	return a->q && errno == ETIMEDOUT &&
	       chan_sum(&a->cv->ch).full == PLACES;
}

static bool sent_three(struct act *a)
{
	return a->q && chan_sum(&a->cv->ch).full == 3;
}

static void recv_prepare(struct act *a)
{
	chan_prepare(a);
	turn(a, 2);
	a->p = make(a, a->b);
	NEED(a, !mh_chan_send(a->cb, a->p, 0));
	set_operand(a, a->p);
	NEED(a, !mh_chan_send(a->cb, make(a, a->b), 0));
}

/* b keeps a hold of it. */
static void recv_shared_prepare(struct act *a)
{
	chan_prepare(a);
	a->p = make(a, a->b);
	NEED(a, !mh_hold(a->b, a->p) && !mh_chan_send(a->cb, a->p, 0));
}

static void recv_own_prepare(struct act *a)
{
	chan_prepare(a);
	a->p = make(a, a->v);
	NEED(a, !mh_chan_send(a->cv, a->p, 0));
	set_operand(a, a->p);
}

static void call_recv(struct act *a)
{
	a->q = mh_chan_recv(a->cv, 0);
}

static bool received(struct act *a)
{
	return a->q == a->p;
}

static void recv_batch_prepare(struct act *a)
{
	chan_prepare(a);
	for (unsigned i = 0; i < 3; i++)
		NEED(a, !mh_chan_send(a->cb, make(a, a->b), 0));
}

static void call_recv_batch(struct act *a)
{
	a->q = mh_chan_recv_batch(a->cv, a->o, 3, 0) == 3 ? a : NULL;
}

static bool received_three(struct act *a)
{
	return a->q && !chan_sum(&a->cv->ch).full;
}

static void call_open(struct act *a)
{
	a->q = mh_chan_open(a->v, "new", 2, MH_EXCL);
}

static void call_remove(struct act *a)
{
	a->q = mh_chan_remove(a->v, "c") ? NULL : a;
}

static bool succeeded(struct act *a)
{
	return a->q != NULL;
}

static void remove_prepare(struct act *a)
{
	chan_prepare(a);
	a->p = make(a, a->b);
	NEED(a, !mh_chan_send(a->cb, a->p, 0));
	set_operand(a, a->p);
}

/* It was removed while he was about to send. */
static void late_prepare(struct act *a)
{
	chan_prepare(a);
	a->p = make(a, a->v);
	NEED(a, !mh_chan_remove(a->b, "c"));
}

static void batch_late_prepare(struct act *a)
{
	batch_prepare(a);
	NEED(a, !mh_chan_remove(a->b, "c"));
}

static bool too_late(struct act *a)
{
	return !a->q && errno == EPIPE;
}

/* ---- the daemon's part ---- */

static struct chan chan_of(struct act *a)
{
	struct chan ch;

	if (!chan_view(&a->r->sg, chan_find(&a->r->sg, "c"), &ch))
		abort();
	return ch;
}

static uint64_t handle(struct act *a, const struct geom *g, uint32_t slot)
{
	return handle_make(&a->r->sg, g, geom_offset(g) + slot * g->elem);
}

/* As it was when `mover` was sending it there, with the bits of who keeps it. */
static void queued(struct act *a, const struct geom *g, uint32_t slot,
		   const struct chan *ch, uint64_t pos, uint32_t mover,
		   struct holders bits)
{
	struct sh_holder *word = &geom_holders(&a->r->sg, g)[slot];
	struct holders w = holders_queued(bits, ch, pos, mover);

	rig_hold(a->r, g, slot, mover == a->pv.slot ? a->pv : a->pb);
	st_rlx(&word->lo, w.lo);
	st_rlx(&word->hi, w.hi);
}

static const struct holders nobody = { 0, 0 };

static uint64_t base_of(const struct chan *ch)
{
	return ld_rlx(&ch->c->tail);
}

static void taking(const struct chan *ch, uint64_t pos, uint32_t who)
{
	struct sh_place *p = chan_place(ch, pos);

	if (!place_claim(ch, p, ld_acq(&p->seq), who))
		abort();
}

/*
 * Of the dead: one in the channel, one that he was about to put there, one that
 * he was taking, of somebody else's, and one that he had taken, or nearly.
 */
static void estate(struct act *a, bool born)
{
	struct geom g = span_with(a, 2, false);
	struct chan ch;
	uint64_t pos;

	chan_setup(a);
	ch = chan_of(a);
	pos = base_of(&ch);
	or_rel(&a->r->sg.slots[a->pv.slot].chans[0], 1);
	queued(a, &g, 2, &ch, pos, a->pb.slot, nobody);
	queued(a, &g, 3, &ch, pos + 1, a->pb.slot, nobody);
	queued(a, &g, 4, &ch, pos + 2, a->pv.slot, nobody);
	for (uint32_t s = 2; s < 5; s++)
		if (!chan_fill(&ch, chan_place(&ch, pos + s - 2),
			       pos + s - 2, handle(a, &g, s),
			       s == 4 ? a->pv.slot : a->pb.slot, 0))
			abort();
	taking(&ch, pos, a->pv.slot);
	taking(&ch, pos + 1, a->pv.slot);
	st_rlx(&geom_holders(&a->r->sg, &g)[3].hi, born ?	/* he has */
	       holders_tagged(nobody, TAG_BORN, a->pv.slot).hi : 0);
	st_rlx(&geom_holders(&a->r->sg, &g)[3].lo, 1ull << a->pv.slot);
	queued(a, &g, 5, &ch, pos + 3, a->pv.slot, nobody);
	queued(a, &g, 6, &ch, pos + 3, a->pv.slot, holder_bit(a->pb.slot));
}

static void estate_taken(struct act *a)
{
	estate(a, false);
}

static void estate_born(struct act *a)
{
	estate(a, true);
}

static void call_reclaim(struct act *a)
{
	reclaim_client(&a->r->h, a->pv.slot);
	NEED(a, client_state(&a->r->h, a->pv.slot) == CLIENT_FREE);
}

/* Two messages, one of which b holds too; one that the dead one was taking. */
static void removal_setup(struct act *a)
{
	struct geom g = span_with(a, 0, false);
	struct chan ch;
	uint64_t pos;

	chan_setup(a);
	ch = chan_of(a);
	pos = base_of(&ch);
	for (uint32_t s = 0; s < 2; s++) {
		queued(a, &g, s, &ch, pos + s, a->pb.slot,
		       s ? holder_bit(a->pb.slot) : nobody);
		if (!chan_fill(&ch, chan_place(&ch, pos + s), pos + s,
			       handle(a, &g, s),
			       a->pb.slot, 0))
			abort();
	}
	a->operand = geom_offset(&g) + 1;
}

static void call_removal(struct act *a)
{
	NEED(a, !chan_remove(&a->r->h, "c"));
}

static void call_make_chan(struct act *a)
{
	uint32_t i;

	NEED(a, !chan_open(&a->r->h, "new", 3, CHAN_ONLY_NEW, &i));
}

#define CHAN(n, z, set, c, d, ...) \
	{ .name = "chan " n, .lives = L_HELD, .sizes = z, .setup = chan_setup, \
	  .prepare = set, .call = c, .done = d, __VA_ARGS__ }
#define DAEMON(n, set, c, ...) \
	{ .name = n, .lives = L_HELD, .sizes = S_1K, .daemon = true, \
	  .setup = set, .call = c, __VA_ARGS__ }

static const struct scene scenes[] = {
	CHAN("send", S_64 | S_1K | S_RUN, send_prepare, call_send, sent,
	     .gain = 1),
	CHAN("send of two", S_1K, send_shared_prepare, call_send, sent,
	     .gain = 0),
	CHAN("send held twice", S_1K, send_held_twice_prepare, call_send, sent,
	     .gain = 1),
	CHAN("send full", S_1K, full_prepare, call_send, refused, .gain = 0),
	CHAN("send past a receiver", S_1K, passed_prepare, call_send, sent,
	     .gain = 1, .dead = 1u << 2),
	CHAN("send batch", S_1K, batch_prepare, call_send_batch, sent_three,
	     .gain = 3),
	CHAN("send batch of two", S_1K, batch_shared_prepare, call_send_batch,
	     sent_three, .gain = 0),
	CHAN("send batch, part", S_1K, batch_part_prepare, call_send_part,
	     sent_part, .gain = 2),
	CHAN("send too late", S_1K, late_prepare, call_send, too_late,
	     .gain = 0),
	CHAN("send batch too late", S_1K, batch_late_prepare, call_send_batch,
	     too_late, .gain = 0),
	CHAN("recv", S_64 | S_1K | S_RUN, recv_prepare, call_recv, received,
	     .gain = -1),
	CHAN("recv of two", S_1K, recv_shared_prepare, call_recv, received,
	     .gain = 0),
	CHAN("recv own", S_1K, recv_own_prepare, call_recv, received,
	     .gain = -1),
	CHAN("recv batch", S_1K, recv_batch_prepare, call_recv_batch,
	     received_three, .gain = -3),
	CHAN("open", S_1K, NULL, call_open, succeeded, .gain = 0),
	CHAN("remove", S_1K, remove_prepare, call_remove, succeeded,
	     .gain = -1),
	DAEMON("daemon makes a channel", chan_setup, call_make_chan,
	       .gain = 0),
	DAEMON("daemon removes a channel", removal_setup, call_removal,
	       .gain = -1),
	DAEMON("recovery of a sender and receiver", estate_taken, call_reclaim,
	       .same = true, .dead = DEAD),
	DAEMON("recovery of a receiver in the middle", estate_born,
	       call_reclaim, .same = true, .dead = DEAD),
};

const struct scene_list chan_scenes = { scenes, N_OF(scenes) };
