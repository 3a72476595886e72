/* SPDX-License-Identifier: Apache-2.0 */
/* halves.pml: who holds an object says a word of two halves, which a CAS changes at once, but which is read in two loads.
 * Holders A (a bit of the lower half) and B (of the upper) hand the object to and fro, so that it is held all the time: who
 * is to have it takes his bit before the other one lets go.  C wants to hold it.  It may be refused only if at one instant
 * nobody holds it: what the loads say must be what a CAS finds there.  -DM_LOADS believes the loads, -DM_THREE looks at
 * the lower half once more instead: each must fail.  d_step = one access. */
#ifndef TURNS
#define TURNS 3
#endif

bit lo = 1, hi = 0, mine = 0;

active proctype Holders() { byte n = 0;
  do
  :: n < TURNS ->
     d_step { assert(lo || hi); hi = 1 };
     lo = 0;
     d_step { assert(lo || hi); lo = 1 };
     hi = 0;
     n++
  :: else -> break
  od
}

active proctype C() { bit l, h, ok, refused = 0;
  do
  :: l = lo;
     h = hi;
#ifdef M_THREE
     if :: lo != l -> skip :: else -> refused = !l && !h fi;
#endif
     if
     :: refused -> break
     :: !refused && (l || h) ->
        d_step { ok = (lo == l && hi == h); if :: ok -> mine = 1 :: else fi };
        if :: ok -> break :: else fi
     :: else ->
#ifdef M_LOADS
        refused = 1
#else
#ifndef M_THREE
        d_step { refused = (lo == l && hi == h) }
#else
        skip
#endif
#endif
     fi
  od;
  assert(!refused)
}
