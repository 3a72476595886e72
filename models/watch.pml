/* SPDX-License-Identifier: Apache-2.0 */
/* watch.pml: a span of held objects, and with it the memory of its holder words, goes back to the page heap and is used
 * for something else, while a reader stands between its look at a source (a name, later a cell of a channel) and its CAS
 * on the holder word.  So the reader says which span it looks at, and then looks at the source again; who retires a span
 * takes it, sees it empty, and then looks whether somebody watches it.
 * R reads the source and holds; Q, who holds the object too, empties the source and lets go; the daemon sweeps, retires,
 * and makes a new span of it, with a new object in the source; R may be killed.
 * Every statement is one access to shared memory; d_step = one access (+ ghost updates).
 * -DM_xxx are wrong orders, each must fail. */
#ifndef LIVES
#define LIVES 3
#endif
#ifndef LOOKS
#define LOOKS 2
#endif
#define SRC 1
#define RBIT 2
#define QBIT 4

byte src = 1;                                   /* which object the source names; 0: none */
byte bits = 5, obj = 1;                         /* the word: SRC and Q hold it; ghost: which object it is of */
byte freeing = 0;                               /* who is: 0 nobody, 1 R, 2 Q */
bit live = 1;
bit span = 1;                                   /* the block is that of a span of held objects */
bit watch = 0;
bit killed = 0, dead = 0, rec = 0;

inline letgo(b, who, last) {
  d_step { last = 0;
    assert(span && !freeing && (bits & (b)));
    bits = bits & (255 - (b));
    if :: !bits -> freeing = who; last = 1 :: else fi }
}
proctype R() { byte v, n = 0; bit ok, last;
  {
  do
  :: n < LOOKS && src -> n++;
     d_step { v = src; if :: !v -> n-- :: else fi }
     if
     :: v ->
#ifdef M_PUBLISHLATE
        if :: src == v -> ok = 1 :: else -> ok = 0 fi;
        watch = 1;
#else
        watch = 1;
#ifdef M_NOREREAD
        ok = 1;
#else
        if :: src == v -> ok = 1 :: else -> ok = 0 fi;
#endif
#endif
        if
        :: ok ->
           d_step { assert(span);               /* or the CAS hits what isn't a holder word */
             ok = 0;
             if :: bits && !freeing -> bits = bits | RBIT; ok = 1 :: else fi }
        :: else
        fi;
        watch = 0;
        if
        :: ok ->
           if :: d_step { src == v -> assert(obj == v && live && span) } :: else fi;
           letgo(RBIT, 1, last);
           if :: last -> d_step { assert(span && live); live = 0 } :: else fi
        :: else
        fi
     :: else
     fi
  :: n == LOOKS -> break
  :: timeout -> break
  od;
  skip
  } unless { killed }
  dead = 1
}
proctype Q() { bit last;
  do
  :: src ->
     src = 0;
     letgo(SRC, 2, last); assert(!last);
     letgo(QBIT, 2, last);
     if :: last -> d_step { assert(span && live); live = 0 } :: else fi
  :: timeout -> break
  od
}
proctype daemon() { bit w, last;
  do
#ifdef M_LOOKFIRST
  :: span -> w = watch; if :: !live && !w -> span = 0 :: else fi
#else
  :: span && !live -> if :: !watch -> span = 0 :: else fi
#endif
  :: !span && obj < LIVES ->
     d_step { bits = SRC + QBIT; obj++; freeing = 0; span = 1 }
     live = 1;
     src = obj
  :: killed && dead && !rec ->
     if
     :: live ->
        d_step { last = 0;
          if
          :: freeing == 1 -> last = 1
          :: !freeing && bits & RBIT ->
             bits = bits & (255 - RBIT);
             if :: !bits -> freeing = 1; last = 1 :: else fi
          :: else
          fi }
        if :: last -> d_step { assert(span && live); live = 0 } :: else fi
     :: else
     fi;
     watch = 0; rec = 1
  :: timeout -> break
  od
}
proctype killer() { if :: killed = 1 :: skip fi }
init { atomic { run R(); run Q(); run daemon(); run killer() }
  (_nr_pr == 1);
  assert(!live && !src)
}
