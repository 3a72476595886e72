/* SPDX-License-Identifier: Apache-2.0 */
/* order.pml: what each sender put into a channel is taken in his order, and what is there is found, whoever stands still
 * where, and whatever the hints say.  The cells of queue.pml, without words and objects; a message is a sender and a
 * number.
 *   cell   EMPTY(pos) -> FULL(pos, sender) -> TAKING(pos + CAP) -> EMPTY(the position that it has then)
 * A cell's position is the next that it may be filled for, of a FULL one the one that it is filled for.  A position is
 * passed if it was filled, or never will be.  A sender fills a position when he knows that all before it are passed: one
 * whose cell is TAKING, for that position or none, he makes so by raising TAKING(pos) to TAKING(pos + CAP), and only if
 * there is room beyond.  So behind a position that is not passed there is nothing, and a receiver stops there.
 * Hints are stored late, in any order, or never; each was true once, and a position passed stays so.
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * Ghost: next[s] = number of the message of s that is to be taken next, put = messages that are in cells.
 * -DM_xxx are wrong orders and dropped checks, each must fail. */
#ifndef CAP
#define CAP 2
#endif
#ifndef NS
#define NS 2
#endif
#ifndef NR
#define NR 2
#endif
#ifndef NM
#define NM 2
#endif
#define EMPTY 0
#define FULL 1
#define TAKING 2
#define NONE 255
#define MAY_STOP(may) if :: may -> goto stopped :: true fi      /* for good */

byte cs[CAP], cp[CAP], cq[CAP], cn[CAP];
byte tail = 0, head = 0;
byte next[NS], put = 0, sending = NS, taking = NR;

/* Is a cell EMPTY for its position, beyond pos and within a round? */
inline room_beyond() {
  q = pos + 1; beyond = 0;
  do
  :: q < pos + CAP ->
     atomic { st = cs[q % CAP]; at = cp[q % CAP] }
     if
     :: st == EMPTY && at == q -> beyond = 1; break
     :: st == FULL && at < q -> break
     :: else -> q++
     fi
  :: else -> break
  od;
  q = 0
}
/* i: the cell of pos, which may be filled; NONE: no room */
inline look_for_room() {
  do
  :: atomic { i = pos % CAP; st = cs[i]; at = cp[i] }
     if
     :: at > pos ->
#ifndef M_JUMP
        pos = (at - CAP > pos -> at - CAP : pos) + 1    /* who was at at - CAP knew that all before it were passed */
#else
        pos = at
#endif
     :: st == EMPTY && at == pos -> break
     :: st == FULL && at == pos -> pos++
     :: st == FULL && at < pos -> i = NONE; break
     :: st == TAKING && at == pos ->
        room_beyond();
        if
        :: beyond ->
#ifndef M_NOMARK
           d_step { if :: cs[i] == TAKING && cp[i] == pos -> cp[i] = pos + CAP :: else fi };
           MAY_STOP(1)
#else
           pos++
#endif
        :: else -> i = NONE; break
        fi
     :: st != FULL && at < pos -> assert(0)
     fi
  od
}
proctype Sender(byte me) { byte pos, n = 0, i, st, at, q; bit ok, beyond;
  do
  :: n < NM ->
     pos = tail;
     look_for_room();
     if
     :: i != NONE ->
        MAY_STOP(1);
        d_step { ok = 0;
          if
          :: cs[i] == EMPTY && cp[i] == pos -> cs[i] = FULL; cq[i] = me; cn[i] = n; put++; ok = 1
          :: else
          fi }
        if
        :: ok -> n++; if :: tail = pos + 1 :: true fi
        :: else
        fi
     :: else
     fi;
     skip;
     d_step { pos = 0; i = 0; st = 0; at = 0; ok = 0; beyond = 0 }
  :: n == NM -> break
  od;
stopped:
  sending--
}
/* st: the cell of pos is FULL, as seen; NONE: nothing there */
inline look_for_one() {
  do
  :: atomic { i = pos % CAP; st = cs[i]; at = cp[i] }
     if
     :: at > pos -> pos = (at - pos > 2 * CAP -> at - 2 * CAP : pos) + 1
     :: st == FULL && at == pos -> break
     :: st == FULL && at < pos -> assert(0)
#ifndef M_PASSTAKING
     :: st == TAKING && at == pos -> st = NONE; break
#else
     :: st == TAKING && at == pos -> pos++
#endif
     :: st == EMPTY && at == pos -> st = NONE; break
     :: st != FULL && at < pos ->
#ifndef M_PASSTAKING
        assert(0)
#else
        st = NONE; break
#endif
     fi
  od
}
inline receive(stops) {
  pos = head;
  look_for_one();
  if
  :: st != NONE ->
     d_step { ok = 0;
       if
       :: cs[i] == FULL && cp[i] == pos ->
          cs[i] = TAKING; cp[i] = pos + CAP; ok = 1;
          assert(cn[i] == next[cq[i]]);         /* the order */
          next[cq[i]] = next[cq[i]] + 1; put--; cq[i] = 0; cn[i] = 0
       :: else
       fi }
     if
     :: ok ->
        MAY_STOP(stops);
#ifndef M_STORE
        d_step { assert(cs[i] == TAKING); cs[i] = EMPTY };
#else
        d_step { cs[i] = EMPTY; cp[i] = pos + CAP };
#endif
        if :: head = pos + 1 :: true fi
     :: else
     fi
  :: else
  fi
}
proctype Receiver() { byte pos, i, st, at; bit ok;
  do
  :: receive(1); skip; d_step { pos = 0; i = 0; st = 0; at = 0; ok = 0 }
  :: break
  od;
stopped:
  taking--
}
/* What is there when all the others have stopped, wherever, is found. */
proctype Last() { byte pos, i, st = 0, at; bit ok;
  !sending && !taking;
  do
  :: st == NONE -> break
  :: else -> receive(0)
  od;
stopped:
  assert(!put)
}
init {
  byte k = 0;
  d_step { do :: k < CAP -> cp[k] = k; k++ :: else -> break od; k = 0 }
  atomic {
    do :: k < NS -> run Sender(k); k++ :: else -> break od; k = 0;
    do :: k < NR -> run Receiver(); k++ :: else -> break od; k = 0;
    run Last()
  }
}
