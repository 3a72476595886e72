/* SPDX-License-Identifier: Apache-2.0 */
/* held.pml (after holder.pml): held objects in leased spans, names kept by the daemon.  One slot, which is in P0's
 * array at the start (live and parked), P0 the owner of its span; CLOSES times it gives the span up and takes it again,
 * and so does another in between, for all that matters: each moves the span's state word.  P0 allocates the slot, has the object
 * named, and lets go; P1 and P2 get it by the name, and let go; the daemon sets and removes the name, recovers the dead,
 * and is itself killable.  The slot is allocated ALLOCS times: incarnations.
 * The holder word is two words, written by plain stores while the slot is nobody's but P0's, and else by one CAS:
 *   bits (1 << p, NAME)  |  tag, mover
 *   FREEING(old) -> BORN(P0) -> NO ... -> FREEING(last)          only NO can be held
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * Ghost: inc = incarnation, bel[p] = the one that p believes in, nbel = the name's.
 * -DM_xxx are wrong orders and dropped checks, each must fail. */
#ifndef ALLOCS
#define ALLOCS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef DKILLS
#define DKILLS 1
#endif
#ifndef NAMINGS
#define NAMINGS 2
#endif
#ifndef CLOSES
#define CLOSES 0
#endif
#define NO 0
#define BORN 1
#define FREEING 2
#define D 3
#define NAME 8
#define NONE 9

byte bits = 0, tag = FREEING, mover = NONE;
bit live = 1, parked = 1;
bit entry = 0; byte ver = 0, einc = 0;         /* the name: SET?, version; ghost: of which incarnation */
bit asked = 0;                                 /* P0's request to set it */
byte inc = 0, bel[3], nbel = 0;                /* ghost */
byte kills = KILLS, dkills = DKILLS, namings = NAMINGS, closes = CLOSES, moves = 0;
bit killed[3], dead[3], rec[3], dkill;

/* ghost: the object dies at this access */
inline dies() {
  assert(live && !parked);
  assert(bel[0] != inc && bel[1] != inc && bel[2] != inc && nbel != inc)
}
inline hold(b, ok) {
  d_step { ok = 0;
    if
#ifdef M_HOLDALL
    :: true -> bits = bits | (b); ok = 1
#else
    :: tag == NO -> assert(bits); bits = bits | (b); ok = 1
#endif
    :: else
    fi }
}
/* one CAS; last: FREEING, and then `who` frees */
inline letgo(b, who, last) {
  d_step { last = 0;
    assert(tag == NO && (bits & (b)));
    bits = bits & (255 - (b));
    if :: !bits -> tag = FREEING; mover = who; last = 1 :: else fi }
}

proctype P0() { byte n = 0; bit last = 0, mine = 1;
  {
  do
  :: n < ALLOCS && mine ->
     n++; mine = 0;
#ifdef M_UNPARKFIRST
     d_step { parked = 0; inc++ }
#endif
     bits = 1;
#ifdef M_NOBORN
     d_step { tag = NO; mover = NONE }
#else
     d_step { tag = BORN; mover = 0 }
#endif
#ifndef M_UNPARKFIRST
     d_step { parked = 0; inc++; bel[0] = inc }
#endif
     d_step { tag = NO; mover = NONE; bel[0] = inc }
     if
     :: asked = 1;
        if :: !asked :: true fi                 /* gives up waiting, or not */
     :: true
     fi;
     bel[0] = 0;
     letgo(1, 0, last);
     if
     :: last -> d_step { dies(); parked = 1 } mine = 1
     :: else
     fi
  :: n < ALLOCS && !mine && !live ->            /* harvest: read live, then parked */
     if
     :: !parked ->
        d_step { assert(!live && !parked); parked = 1 }
        live = 1; mine = 1
     :: else
     fi
  :: closes && mine ->                          /* what is parked is closed, then the span moves */
     closes--; live = 0; parked = 0; moves++; mine = 0
  :: n == ALLOCS && !(closes && mine) -> break
  :: timeout -> break
  od;
  skip
  } unless { killed[0] }
  d_step { dead[0] = 1; bel[0] = 0; asked = 0 }
}

proctype P(byte me) { bit ok = 0, last = 0; byte v = 0, n = 0, w = 0;
  {
  do
  :: n < 2 && entry -> n++;
     d_step { v = ver; w = einc }                /* w: ghost */
     hold(1 << me, ok);
     if
     :: ok ->
#ifdef M_NORECHECK
        d_step { bel[me] = inc; assert(w == inc && live && !parked) }
#else
        if
        :: d_step { entry && ver == v -> assert(einc == inc && live && !parked); bel[me] = inc }
        :: else
        fi;
#endif
        d_step { assert(!bel[me] || (bel[me] == inc && live && !parked)); bel[me] = 0 }
        letgo(1 << me, me, last);
        if :: last -> d_step { dies(); live = 0 } :: else fi
     :: else
     fi
  :: n == 2 -> break
  :: timeout -> break
  od;
  skip
  } unless { killed[me] }
  d_step { dead[me] = 1; bel[me] = 0 }
}

inline name_set() {
  if
  :: entry -> skip                              /* EBUSY */
  :: else ->
#ifdef M_ENTRYFIRST
     d_step { entry = 1; ver++; einc = inc; nbel = inc }
     hold(NAME, ok)
#else
     hold(NAME, ok);
     if :: ok -> d_step { entry = 1; ver++; einc = inc; nbel = inc } :: else fi
#endif
  fi;
  asked = 0
}
inline name_remove() {
#ifdef M_BITFIRST
  letgo(NAME, D, last);
  d_step { entry = 0; ver++; nbel = 0 }
#else
  d_step { entry = 0; ver++; nbel = 0 }
  letgo(NAME, D, last);
#endif
  if :: last -> d_step { dies(); live = 0 } :: else fi
}
/* live, not parked, live again, and the span did not move meanwhile: an object, at the second */
inline exists() {
  v = moves; ok = 0;
  if
  :: live ->
     if
     :: !parked ->
#ifndef M_STRADDLE
        if :: live -> if :: moves == v -> ok = 1 :: else fi :: else fi
#else
        ok = 1
#endif
     :: else
     fi
  :: else
  fi
}
/* what the dead p did to the word of a slot that is an object, then the CAS that confirms */
inline recover(p) {
#ifdef M_BLIND
  if :: true ->
#else
  exists();
  if
  :: ok ->
#endif
        d_step { last = 0;
          if
          :: tag == FREEING && mover == p -> mover = D; last = 1
#ifndef M_NOBORNRECOVERY
          :: tag == BORN && mover == p -> tag = FREEING; mover = D; bits = 0; last = 1
#endif
          :: tag == NO && (bits & (1 << p)) ->
             bits = bits & (255 - (1 << p));
             if :: !bits -> tag = FREEING; mover = D; last = 1 :: else fi
          :: else
          fi }
        if :: last -> d_step { dies(); live = 0 } :: else fi
#ifndef M_BLIND
  :: else
#endif
  fi;
  if
  :: p == 0 && parked -> live = 0; parked = 0   /* the lease of the dead owner */
  :: else
  fi;
  rec[p] = 1
}
proctype daemon() { bit ok = 0, last = 0; byte v;
restart:
  {
  /* what a daemon before this one left: the word is read last, for the slot may have been allocated since */
  if
#ifdef M_WORDFIRST
  :: tag == FREEING && mover == D ->
     exists();
     if :: ok -> d_step { dies(); live = 0 } :: else fi
#else
  :: true ->
     exists();
     if
     :: ok -> if :: tag == FREEING && mover == D -> d_step { dies(); live = 0 } :: else fi
     :: else
     fi
#endif
  :: else
  fi;
#ifndef M_NOMEND
  if
  :: tag == NO && (bits & NAME) && !entry ->
     letgo(NAME, D, last);
     if :: last -> d_step { dies(); live = 0 } :: else fi
  :: else
  fi;
#endif
  do
  :: asked && namings -> namings--; name_set()
  :: entry -> name_remove()
  :: dead[0] && killed[0] && !rec[0] -> recover(0)
  :: dead[1] && killed[1] && !rec[1] -> recover(1)
  :: dead[2] && killed[2] && !rec[2] -> recover(2)
  :: timeout -> break
  od;
  if
  :: (killed[0] && !rec[0]) || (killed[1] && !rec[1]) || (killed[2] && !rec[2]) -> goto restart
  :: else
  fi
  } unless { dkill }
  if :: dkill -> d_step { dkill = 0; ok = 0; last = 0 } goto restart :: else fi
}
proctype killer() { byte i;
  do
  :: kills -> select(i : 0 .. 2); d_step { if :: !killed[i] && !dead[i] -> killed[i] = 1; kills-- :: else fi }
  :: dkills -> d_step { dkill = 1; dkills-- }
  :: break
  od
}
init {
  atomic { run P0(); run P(1); run daemon(); run killer();
#ifndef ONEP
    run P(2)
#endif
  }
  (_nr_pr == 1);
  d_step {
    assert(!entry || (live && !parked && tag == NO && bits == NAME));
    assert(entry || !live || parked);           /* nobody holds it: it is free */
    assert(!killed[0] || !parked)               /* the dead owner has no lease */
  }
}
