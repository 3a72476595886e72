/* SPDX-License-Identifier: Apache-2.0 */
/* chan.pml: a held object goes through a 1-cell channel. S sends (hands over), R1 and R2 receive and then drop. S dead/R dead are recovered
 * by a daemon that is itself killable.  bits: 1=S 2=R1 4=R2 8=channel (DESIGN only).
 * -DDESIGN: send = or(chan bit); enqueue; and-not(own bit).  recv = dequeue; or(own bit); and-not(chan bit).
 * default : one word {bits, tag, mover}, changed by one CAS: NO -> SENDING(me) -> QUEUED -> RECV(me) -> NO; last drop: NO -> FREEING(me). */
#define NO 0
#define SENDING 1
#define QUEUED 2
#define RECV 3
#define FREEING 4
#define BIT (1<<me)
byte bits = 1, tag = NO, mover = 9; bit live = 1, cell = 0;
bit killed[3], dead[3], rec[3], believes[3]; byte kills = KILLS, dkills = DKILLS; bit dkill;
byte delivered = 0;
inline freed() { assert(live); assert(cell == 0);
  assert(!(believes[0] && !dead[0])); assert(!(believes[1] && !dead[1])); assert(!(believes[2] && !dead[2])); live = 0 }
inline drop(me) {
#ifdef DESIGN
  d_step { bits = bits & (255 - BIT); w = (bits == 0) }
  if :: w -> d_step { if :: live -> freed() :: else fi } :: else fi
#else
  d_step { w = 0; if :: (tag == NO && bits == BIT) -> tag = FREEING; mover = me; w = 1
           :: else -> bits = bits & (255 - BIT) fi }
  if :: w -> d_step { freed() } :: else fi
#endif
}
proctype S() { bit w;
  {
#ifdef DESIGN
    bits = bits | 8; cell = 1; d_step { believes[0] = 0 } drop(0)
#else
    d_step { assert(tag == NO && (bits & 1)); tag = SENDING; mover = 0 }
    cell = 1;
    believes[0] = 0;
    d_step { w = 0; if :: (tag == SENDING && mover == 0) -> tag = QUEUED; mover = 9; bits = bits & 254 :: else -> w = 1 fi }
    if :: w -> drop(0) :: else fi
#endif
  } unless { killed[0] }
  d_step { dead[0] = 1; believes[0] = 0 }
}
proctype R(byte me) { bit w, ok;
  {
#ifdef DESIGN
    if
    :: d_step { cell -> cell = 0; delivered++ }
       bits = bits | BIT; believes[me] = 1; bits = bits & 247; assert(live);
       believes[me] = 0; drop(me)
    :: timeout
    fi
#else
    if
    :: cell ->
       d_step { if :: tag == SENDING -> tag = QUEUED; mover = 9 :: else fi }      /* help a slow or dead sender */
       d_step { ok = 0; if :: tag == QUEUED -> tag = RECV; mover = me; bits = bits | BIT; ok = 1 :: else fi }
       if
       :: ok -> d_step { ok = 0; if :: cell -> cell = 0; ok = 1; delivered++; believes[me] = 1 :: else fi }   /* dequeue */
          if
          :: ok -> d_step { assert(tag == RECV && mover == me); tag = NO; mover = 9 }
             assert(live && (bits & BIT));
             believes[me] = 0;
             drop(me)
          :: else -> d_step { tag = QUEUED; mover = 9; bits = bits & (255 - BIT) }    /* not this cell any more: undo */
          fi
       :: else -> skip          /* another receiver is at it */
       fi
    :: timeout
    fi
#endif
  } unless { killed[me] }
  d_step { dead[me] = 1; believes[me] = 0 }
}
inline recover(me) {
#ifndef DESIGN
  if :: (tag == SENDING && mover == me) ->
        if :: cell -> d_step { if :: (tag == SENDING && mover == me) -> tag = QUEUED; mover = 9 :: else fi }
           :: else -> d_step { if :: (tag == SENDING && mover == me) -> tag = NO; mover = 9 :: else fi } fi
     :: (tag == RECV && mover == me) ->
        if :: cell -> d_step { tag = QUEUED; mover = 9; bits = bits & (255 - BIT) }   /* never dequeued: the message goes back. ONE CAS: in two steps spin finds a theft */
           :: else -> d_step { tag = NO; mover = 9 } fi
     :: (tag == FREEING && mover == me && live) -> d_step { mover = 5 } d_step { freed() }
     :: else
  fi;
#endif
  d_step { w = 0;
#ifdef DESIGN
    bits = bits & (255 - BIT); w = (bits == 0 && live)
#else
    if :: (tag == NO && (bits & (255 - BIT)) == 0 && live) -> tag = FREEING; mover = 5; w = 1
       :: (tag != FREEING) -> bits = bits & (255 - BIT) :: else fi
#endif
  }
  if :: w -> d_step { if :: live -> freed() :: else fi } :: else fi
  rec[me] = 1
}
proctype daemon() { bit w;
restart:
  { if :: (tag == FREEING && mover == 5 && live) -> d_step { freed() } :: else fi;
    do
    :: dead[0] && killed[0] && !rec[0] -> recover(0)
    :: dead[1] && killed[1] && !rec[1] -> recover(1)
    :: dead[2] && killed[2] && !rec[2] -> recover(2)
    :: timeout -> break
    od;
    if :: (killed[0] && !rec[0]) || (killed[1] && !rec[1]) || (killed[2] && !rec[2]) -> goto restart :: else fi
  } unless { dkill }
  if :: dkill -> d_step { dkill = 0; w = 0 } goto restart :: else fi
}
proctype killer() {
  do
  :: atomic { kills > 0 && !killed[0] -> killed[0] = 1; kills-- }
  :: atomic { kills > 0 && !killed[1] -> killed[1] = 1; kills-- }
  :: atomic { kills > 0 && !killed[2] -> killed[2] = 1; kills-- }
  :: atomic { dkills > 0 && !dkill -> dkill = 1; dkills-- }
  :: break
  od
}
init { atomic { believes[0] = 1; run S(); run R(1); run R(2); run daemon(); run killer() }
  (_nr_pr == 1);
  d_step { assert(delivered <= 1);
    /* exact: still live only if it sits in the cell as QUEUED, or (design) the channel's bit and the cell agree */
#ifdef DESIGN
    assert(!live || (cell && (bits & 8)))
#else
    assert(!live || (cell && tag == QUEUED && bits == 0))
#endif
  }
}
