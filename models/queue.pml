/* SPDX-License-Identifier: Apache-2.0 */
/* queue.pml (after chan.pml): held objects go through a channel of CAP cells, many to many; senders and receivers are
 * killed or stand still anywhere, the daemon that recovers them is itself killable.
 *   cell   EMPTY(pos) -> FULL(object, pos, sender) -> TAKING(object, pos + CAP, sender, receiver) -> EMPTY(what it has)
 *   word   {.., me} NO -> {..} QUEUED(pos mod CAP, me) -> {.., receiver} NO     pos: which the cell has, or will have
 *          {me} NO -> {} ALONE(pos mod CAP, me) -> {} BORN(receiver) -> {receiver} BORN -> {receiver} NO    by stores
 * A sender sees EMPTY(pos), writes the word, then CASes the cell: with that the message is there.  A receiver CASes the
 * cell to TAKING, and from then on alone may change the word, and make the cell EMPTY.  Which positions are passed over,
 * and why the order of one sender is kept, is order.pml's matter.
 * Two may hold an object, and send it to one place: the word is the cell's if its mover is the cell's sender, too.
 * A batch (BATCH) writes the words of all first, for places that follow each other, then fills these in their order; if
 * somebody was faster at one, that word and those after it are the sender's own again before he goes on.
 * QUEUED(pos mod CAP) can't be mistaken for another message's: that would lie in the same cell.
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * Ghost: bel[o] = who believes to hold object o (bits), sent[o] = in the channel.
 * -DM_xxx are wrong orders and dropped checks, each must fail. */
#define CAP 2
#ifndef NP
#define NP 3
#endif
#ifndef BATCH
#define NO_ 2
#else
#define NO_ 3                   /* the third is another process's, who may be faster with it */
#endif
#ifndef OPS
#define OPS 3
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef DKILLS
#define DKILLS 1
#endif
#define NOTAG 0
#define QUEUED 1
#define FREEING 2
#define BORN 3
#define ALONE 4
#define SENT(o) (tag[o] == QUEUED || tag[o] == ALONE)
#define D 7
#define NONE 9
#define EMPTY 0
#define FULL 1
#define TAKING 2
#define BIT(p) (1 << (p))
#ifndef M_ANYSENDER
#define SENDER(i, o) (cq[i] == mover[o])
#else
#define SENDER(i, o) 1
#endif

byte bits[NO_], tag[NO_], wpos[NO_], mover[NO_];
bit live[NO_];
byte cs[CAP], cv[CAP], cp[CAP], cr[CAP], cq[CAP];
byte tail = 0, head = 0;
byte bel[NO_];
bit sent[NO_];
byte kills = KILLS, dkills = DKILLS;
bit killed[NP], dead[NP], rec[NP], dkill;

inline dies(o) { assert(live[o] && !bel[o] && !sent[o]); live[o] = 0 }

/* p lets go of o */
inline letgo(o, b, who, last) {
  d_step { last = 0;
    assert(live[o] && tag[o] != FREEING && (bits[o] & (b)));
    bits[o] = bits[o] & (255 - (b));
    if :: !bits[o] && tag[o] == NOTAG -> tag[o] = FREEING; mover[o] = who; last = 1 :: else fi }
}

/* one attempt; leaves the object with p if there is no room, or another was faster */
inline send(o, p) {
  pos = tail;
  do
  :: atomic { i = pos % CAP; st = cs[i]; at = cp[i] }
     if
     :: at > pos -> pos = (at - CAP > pos -> at - CAP : pos) + 1        /* a stale hint */
     :: st == EMPTY && at == pos -> break
     :: st == FULL && at == pos -> pos++
     :: st == FULL && at < pos -> i = NONE; break       /* no room */
     :: st == TAKING && at == pos ->            /* somebody may stand there for long: is there room beyond? */
        ok = (cs[(pos + 1) % CAP] == EMPTY && cp[(pos + 1) % CAP] == pos + 1);
        if
        :: ok -> d_step { if :: cs[i] == TAKING && cp[i] == pos -> cp[i] = pos + CAP :: else fi }
        :: else -> i = NONE; break
        fi
     :: st != FULL && at < pos -> assert(0)
     fi
  od;
  if
  :: i != NONE ->
#ifndef M_CELLFIRST
     d_step { ok = 0;
       if
       :: tag[o] == NOTAG -> bits[o] = bits[o] & (255 - BIT(p)); wpos[o] = pos % CAP; mover[o] = p; ok = 1;
          if :: bits[o] -> tag[o] = QUEUED :: else -> tag[o] = ALONE fi
       :: else
       fi }
#else
     ok = 1;
#endif
     if
     :: ok ->
        d_step { ok = 0;
          if
          :: cs[i] == EMPTY && cp[i] == pos ->
             cs[i] = FULL; cv[i] = o; cq[i] = p; ok = 1; sent[o] = 1; bel[o] = bel[o] & (255 - BIT(p))
          :: else
          fi }
        if
        :: ok ->
#ifdef M_CELLFIRST
           d_step { bits[o] = bits[o] & (255 - BIT(p)); tag[o] = ALONE; wpos[o] = pos % CAP; mover[o] = p }
#endif
           if :: tail = pos + 1 :: true fi      /* a hint, written late or never */
        :: else ->
#ifdef M_CELLFIRST
           skip
#else
           d_step { assert(SENT(o) && mover[o] == p); tag[o] = NOTAG; mover[o] = NONE; bits[o] = bits[o] | BIT(p) }
#endif
        fi
     :: else                                    /* EBUSY: it is in the channel by another holder */
     fi
  :: else
  fi
}
inline queues(o, p, at_pos, well_) {
  d_step { well_ = 0;
    if
    :: tag[o] == NOTAG -> bits[o] = bits[o] & (255 - BIT(p)); wpos[o] = (at_pos) % CAP; mover[o] = p; well_ = 1;
       if :: bits[o] -> tag[o] = QUEUED :: else -> tag[o] = ALONE fi
    :: else
    fi }
}
inline fills(o, p, at_pos, well_) {
  d_step { well_ = 0;
    if
    :: cs[(at_pos) % CAP] == EMPTY && cp[(at_pos) % CAP] == at_pos ->
       cs[(at_pos) % CAP] = FULL; cv[(at_pos) % CAP] = o; cq[(at_pos) % CAP] = p; well_ = 1; sent[o] = 1;
       bel[o] = bel[o] & (255 - BIT(p))
    :: else
    fi }
}
inline owns(o, p) {
  d_step { assert(SENT(o) && mover[o] == p && !sent[o]); tag[o] = NOTAG; mover[o] = NONE; bits[o] = bits[o] | BIT(p) }
}
/* both objects, a first; st: how many words are queued */
inline send_both(a, b, p) {
  d_step { pos = tail; st = 0 }
  atomic { i = pos % CAP; ok = cs[i] == EMPTY && cp[i] == pos }
  if :: ok -> queues(a, p, pos, ok); st = ok :: else fi;
  if
  :: st ->
     atomic { i = (pos + 1) % CAP; ok = cs[i] == EMPTY && cp[i] == pos + 1 }
     if :: ok -> queues(b, p, pos + 1, ok); st = st + ok :: else fi;
     fills(a, p, pos, ok);
     if
     :: ok ->
        if :: tail = pos + 1 :: true fi;
        if
        :: st == 2 ->
           fills(b, p, pos + 1, ok);
           if
           :: ok -> if :: tail = pos + 2 :: true fi
           :: else -> owns(b, p)
           fi
        :: else
        fi
     :: else ->
        owns(a, p);
#ifndef M_LEFTQUEUED
        if :: st == 2 -> owns(b, p) :: else fi
#endif
     fi
  :: else
  fi
}
/* anybody may try: by a name, or because it was told */
inline hold(o, p) {
  d_step { v = bits[o]; st = tag[o]; at = wpos[o]; i = mover[o] };
  if
#ifdef M_HOLDALONE
  :: live[o] && (st == NOTAG || st == QUEUED || st == ALONE) ->
#else
  :: live[o] && (st == NOTAG || st == QUEUED) && v ->
#endif
     d_step {
       if
       :: bits[o] == v && tag[o] == st && wpos[o] == at && mover[o] == i ->
          bits[o] = v | BIT(p); bel[o] = bel[o] | BIT(p)
       :: else
       fi }
  :: else
  fi
}
inline receive(p) {
  pos = head; got = NONE;
  do
  :: atomic { i = pos % CAP; st = cs[i]; at = cp[i]; v = cv[i] }
     if
     :: st == FULL && at == pos ->
        d_step { ok = 0;
          if
          :: cs[i] == FULL && cp[i] == pos -> cs[i] = TAKING; cp[i] = pos + CAP; cr[i] = p; ok = 1; sent[v] = 0;
             bel[v] = bel[v] | BIT(p)
          :: else
          fi }
        if :: ok -> got = v; break :: else fi
     :: at > pos -> pos++
     :: st != FULL && at == pos -> break        /* and nothing behind it */
     :: at < pos -> assert(0)
     fi
  od;
  if
  :: got != NONE ->
#ifdef M_EMPTYFIRST
     cs[i] = EMPTY;
#endif
     d_step { st = tag[got]; assert(live[got] && SENT(got) && wpos[got] == pos % CAP) };
     if
     :: st == QUEUED ->
        d_step { assert(live[got] && tag[got] == QUEUED && wpos[got] == pos % CAP);
          tag[got] = NOTAG; mover[got] = NONE; bits[got] = bits[got] | BIT(p) }
     :: else ->
#ifndef M_NOBORN
        d_step { tag[got] = BORN; mover[got] = p };
        d_step { assert(tag[got] == BORN && !bits[got]); bits[got] = BIT(p) };
        d_step { assert(tag[got] == BORN && bits[got] == BIT(p)); tag[got] = NOTAG; mover[got] = NONE }
#else
        d_step { tag[got] = NOTAG; mover[got] = NONE };
        d_step { assert(!bits[got]); bits[got] = BIT(p) }
#endif
     fi;
#ifndef M_EMPTYFIRST
     cs[i] = EMPTY;
#endif
     head = pos + 1
  :: else -> if :: head < pos -> head = pos :: else fi
  fi
}
proctype P(byte me) { byte n = 0, pos = 0, i = 0, st = 0, at = 0, v = 0, got = NONE, o; bit ok = 0, last = 0;
  {
  do
  :: n < OPS -> n++;
     if
     :: bel[0] & BIT(me) -> send(0, me)
     :: bel[1] & BIT(me) -> send(1, me)
     :: receive(me)
#ifdef BATCH
     :: bel[0] & BIT(me) && bel[1] & BIT(me) -> send_both(0, 1, me)
     :: bel[0] & BIT(me) && bel[1] & BIT(me) -> send_both(1, 0, me)
     :: bel[2] & BIT(me) -> send(2, me)
#endif
#ifdef HOLDS
     :: !(bel[0] & BIT(me)) -> hold(0, me)
     :: !(bel[1] & BIT(me)) -> hold(1, me)
#endif
     :: bel[0] & BIT(me) -> bel[0] = bel[0] & (255 - BIT(me)); letgo(0, BIT(me), me, last);
        if :: last -> d_step { dies(0) } :: else fi
     :: bel[1] & BIT(me) -> bel[1] = bel[1] & (255 - BIT(me)); letgo(1, BIT(me), me, last);
        if :: last -> d_step { dies(1) } :: else fi
     fi;
     d_step { pos = 0; i = 0; st = 0; at = 0; v = 0; got = NONE; ok = 0; last = 0 }
  :: n == OPS -> break
  od;
  skip
  } unless { killed[me] }
  d_step { dead[me] = 1;
    if
    :: killed[me] ->
       bel[0] = bel[0] & (255 - BIT(me)); bel[1] = bel[1] & (255 - BIT(me));
#ifdef BATCH
       bel[2] = bel[2] & (255 - BIT(me))
#endif
    :: else
    fi }
}

/* Is o in the channel where its word says?  One access to the cell that the word names. */
inline in_cell(o, yes) {
  d_step { i = wpos[o] % CAP;
    yes = (cs[i] != EMPTY && cv[i] == o && SENDER(i, o))
  }
}
/* first what p was taking, then what it was sending, held, was freeing */
inline recover(p) {
  c = 0;
  do
  :: c < CAP ->
     if
     :: cs[c] == TAKING && cr[c] == p ->
        d_step { v = cv[c]; last = 0;
          if
          :: live[v] && SENT(v) && wpos[v] == c && SENDER(c, v) ->
             tag[v] = NOTAG; mover[v] = NONE;
             if :: !bits[v] -> tag[v] = FREEING; mover[v] = D; last = 1 :: else fi
          :: live[v] && tag[v] == FREEING && mover[v] == D -> last = 1
          :: else
          fi }
        if :: last -> d_step { dies(v) } :: else fi;
        cs[c] = EMPTY
     :: else
     fi;
     c++
  :: c == CAP -> break
  od;
  o = 0;
  do
  :: o < NO_ ->
     do                                         /* again, if somebody else's CAS came between */
     :: live[o] && SENT(o) && mover[o] == p ->
        d_step { w = bits[o]; u = wpos[o] };    /* the word as it was read */
        in_cell(o, yes);
        if
        :: !yes ->
           d_step { last = 0;
             if
             :: SENT(o) && mover[o] == p && bits[o] == w && wpos[o] == u ->
                tag[o] = NOTAG; mover[o] = NONE;
                if :: !(bits[o] & (255 - BIT(p))) -> bits[o] = 0; tag[o] = FREEING; mover[o] = D; last = 1
                   :: else -> bits[o] = bits[o] & (255 - BIT(p)) fi
             :: else
             fi };
           if :: last -> d_step { dies(o) } :: else -> skip fi
        :: else -> break
        fi
     :: else -> break
     od;
     skip;
     d_step { last = 0;
       if
       :: live[o] && tag[o] == FREEING && mover[o] == p -> mover[o] = D; last = 1
#ifndef M_NOBORNRECOVERY
       :: live[o] && tag[o] == BORN && mover[o] == p -> bits[o] = 0; tag[o] = FREEING; mover[o] = D; last = 1
       :: live[o] && tag[o] == BORN && mover[o] != p -> skip
#endif
       :: live[o] && tag[o] != FREEING && tag[o] != BORN && (bits[o] & BIT(p)) ->
          bits[o] = bits[o] & (255 - BIT(p));
          if :: !bits[o] && tag[o] == NOTAG -> tag[o] = FREEING; mover[o] = D; last = 1 :: else fi
       :: else
       fi }
    if :: last -> d_step { dies(o) } :: else fi;
    o++
  :: o == NO_ -> break
  od;
  skip;
  d_step { rec[p] = 1; o = 0; c = 0; i = 0; w = 0; u = 0; v = 0; last = 0; yes = 0 }
}
proctype daemon() { byte o, c, i, w, u, v; bit last, yes;
restart:
  {
  o = 0;
  do
  :: o < NO_ -> if :: live[o] && tag[o] == FREEING && mover[o] == D -> d_step { dies(o) } :: else fi; o++
  :: o == NO_ -> break
  od;
  do
  :: dead[0] && killed[0] && !rec[0] -> recover(0)
  :: dead[1] && killed[1] && !rec[1] -> recover(1)
#if NP > 2
  :: dead[2] && killed[2] && !rec[2] -> recover(2)
#endif
  :: timeout -> break
  od;
  if
  :: (killed[0] && !rec[0]) || (killed[1] && !rec[1]) -> goto restart
#if NP > 2
  :: killed[2] && !rec[2] -> goto restart
#endif
  :: else
  fi
  } unless { dkill }
  if :: dkill -> d_step { dkill = 0; last = 0 } goto restart :: else fi
}
proctype killer() { byte k;
  do
  :: kills -> select(k : 0 .. NP - 1); skip; d_step { if :: !killed[k] && !dead[k] -> killed[k] = 1; kills-- :: else fi }
  :: dkills -> d_step { dkill = 1; dkills-- }
  :: break
  od
}
inline well(k) {
  assert(!live[k] || (tag[k] == NOTAG && bits[k] && bits[k] == bel[k]) ||
         (SENT(k) && sent[k] && cs[wpos[k] % CAP] == FULL && cv[wpos[k] % CAP] == k && bits[k] == bel[k]));
  assert(live[k] || !sent[k])
}
init {
  d_step {
    cp[1] = 1;
    bits[0] = 1; bel[0] = 1; live[0] = 1; mover[0] = NONE;
    bits[1] = 1; bel[1] = 1; live[1] = 1; mover[1] = NONE
#ifdef BATCH
    bits[2] = BIT(1); bel[2] = BIT(1); live[2] = 1; mover[2] = NONE
#endif
  }
  atomic { run P(0); run P(1);
#if NP > 2
    run P(2);
#endif
    run daemon(); run killer() }
  (_nr_pr == 1);
  d_step {                                      /* what is there is held by the living or lies in the channel */
    well(0); well(1);
#ifdef BATCH
    well(2);
#endif
    assert(cs[0] != TAKING && cs[1] != TAKING)
  }
}
