/* SPDX-License-Identifier: Apache-2.0 */
/* sleep.pml: senders sleep at a channel that is full, and none of them sleeps on when there is room, once whoever took or
 * sent a message has also woken.  (Who stands still with that undone owes a wake: then the turn of two seconds helps; so
 * it does if two receivers stand still between claim and EMPTY, behind whom there is room that was passed over.)  The cells of order.pml, all of them FULL at first, and the futex of those who wait for room:
 *   sleeper   {count up, bit set} -> looks -> sleeps, if the word is as he left it
 *   receiver  cell EMPTY -> bit set? then {count up}, wakes one; if there was none, and the word is as he left it, bit off
 * A wake is for one cell that became EMPTY.  But a cell that was passed over may be EMPTY before it is of use: who is
 * woken for that finds no room, and sleeps again.  Of use it becomes when somebody fills the position before: so who had to
 * wait, and has filled one, looks for room again and passes a wake on; and so does who had to wait, and gives up though
 * there may be room (he fails for another reason).
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * -DM_xxx are dropped steps, each must fail. */
#ifndef CAP
#define CAP 3
#endif
#ifndef NS
#define NS 3
#endif
#ifndef NR
#define NR 2
#endif
#ifndef RECEIVES
#define RECEIVES 3
#endif
#define EMPTY 0
#define FULL 1
#define TAKING 2
#define NONE 255

byte cs[CAP], cp[CAP];
byte tail = CAP, head = 0;
byte stale = 0;                 /* by bits, for whom the word's count is another one since he counted it up */
#define COUNT(p) stale = 255 - (1 << (p))
#define SAME(p) (!(stale & (1 << (p))))
bit sleepy = 0, asleep[NS];
byte receives = RECEIVES, at_work = NR, sending = NS, sleeping = 0;

/* In one step, as the hints are always up to date: those are order.pml's matter. */
inline room_beyond() {
  d_step {
    q = pos + 1; beyond = 0;
    do
    :: q < pos + CAP && cs[q % CAP] == EMPTY && cp[q % CAP] == q -> beyond = 1; break
    :: q < pos + CAP && cs[q % CAP] == FULL && cp[q % CAP] < q -> break
    :: q == pos + CAP -> break
    :: else -> q++
    od;
    q = 0 }
}
/* i: the cell of pos, which may be filled; NONE: no room */
inline look_for_room() {
  do
  :: atomic { i = pos % CAP; st = cs[i]; at = cp[i] }
     if
     :: at > pos -> pos = (at - CAP > pos -> at - CAP : pos) + 1
     :: st == EMPTY && at == pos -> break
     :: st == FULL && at == pos -> pos++
     :: st == FULL && at < pos -> i = NONE; break
     :: st == TAKING && at == pos ->
        room_beyond();
        if
        :: beyond -> d_step { if :: cs[i] == TAKING && cp[i] == pos -> cp[i] = pos + CAP :: else fi }
        :: else -> i = NONE; break
        fi
     :: st != FULL && at < pos -> assert(0)
     fi
  od
}
/* n: how many were asleep */
inline wake_one(p) {
  COUNT(p);
  d_step { ok = 0;
    if :: asleep[0] -> asleep[0] = 0; ok = 1; sleeping--
       :: !ok && NS > 1 && asleep[1 % NS] -> asleep[1 % NS] = 0; ok = 1; sleeping--
       :: !ok && NS > 2 && asleep[2 % NS] -> asleep[2 % NS] = 0; ok = 1; sleeping--
       :: else
    fi }
  if
  :: ok
  :: else -> d_step { if :: SAME(p) && sleepy -> sleepy = 0 :: else fi }
  fi
}
/* one attempt */
inline try() {
  pos = tail;
  do
  :: look_for_room();
     if
     :: i == NONE -> ok = 0; break
     :: else ->
        d_step { ok = 0; if :: cs[i] == EMPTY && cp[i] == pos -> cs[i] = FULL; ok = 1; tail = pos + 1 :: else fi };
        if
        :: ok -> break
        :: else
        fi
     fi
  od;
  skip;
  d_step { pos = 0; i = 0; st = 0; at = 0; beyond = 0; q = 0 }
}
inline pass_on(p) {
  if
  :: sleepy ->
     pos = tail;
     look_for_room();
     if :: i != NONE -> wake_one(p) :: else fi
  :: else
  fi
}
proctype Sender(byte me) { byte pos, i, st, at, q; bit ok, beyond;
  try();
  if
  :: ok
  :: else ->
     do
     :: d_step { COUNT(me); sleepy = 1 };
        if
        :: true -> try()
        :: true -> goto fails                   /* he can't send it any more */
        fi;
        if :: ok -> break :: else fi;
        skip;
        d_step { if :: SAME(me) && sleepy -> asleep[me] = 1; sleeping++ :: else fi };
end:    !asleep[me]
     od;
#ifndef M_NOPASS
     pass_on(me);
#endif
     goto over;
fails:
#ifndef M_NOPASSFAIL
     pass_on(me)
#else
     skip
#endif
  fi;
over:
  sending--
}
proctype Receiver(byte me) { byte pos, i, st, at; bit ok;
  do
  :: d_step { receives -> receives-- };
     pos = head; ok = 0;
     do
     :: atomic { i = pos % CAP; st = cs[i]; at = cp[i] }
        if
        :: at > pos -> pos = (at - pos > 2 * CAP -> at - 2 * CAP : pos) + 1
        :: st == FULL && at == pos ->
           d_step { ok = 0; if :: cs[i] == FULL && cp[i] == pos -> cs[i] = TAKING; cp[i] = pos + CAP; ok = 1 :: else fi };
           if :: ok -> break :: else -> pos = head fi
        :: st == FULL && at < pos -> assert(0)
        :: st != FULL && at <= pos -> break
        fi
     od;
     if
     :: ok ->
        d_step { cs[i] = EMPTY; if :: head <= pos -> head = pos + 1 :: else fi };
        if :: sleepy -> wake_one(me) :: else fi
     :: else
     fi;
     skip;
     d_step { pos = 0; i = 0; st = 0; at = 0; ok = 0 }
  :: break                                      /* receives no more */
  od;
  at_work--
}
/* All that can go on has: nobody sleeps where there is room. */
proctype Last() { byte pos, i, st, at, q; bit beyond;
  !at_work && sending == sleeping;
  if
  :: sleeping ->
     pos = tail;
     look_for_room();
     assert(i == NONE)
  :: else
  fi
}
init {
  byte k = 0;
  d_step { do :: k < CAP -> cp[k] = k; cs[k] = FULL; k++ :: else -> break od; k = 0 }
  atomic {
    do :: k < NS -> run Sender(k); k++ :: else -> break od; k = 0;
    do :: k < NR -> run Receiver(NS + k); k++ :: else -> break od; k = 0;
    run Last()
  }
}
