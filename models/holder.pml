/* SPDX-License-Identifier: Apache-2.0 */
/* holder.pml: one slot whose object is held; holder set of 3 bits in NW words; name entry; slot is reused (new incarnation).
 * P0 creates (holds), names it, drops. P1 gets by name, drops. P2 removes the name. Daemon drops the bits of the dead.
 * Owner process P3 (never killed) harvests the freed slot and makes a second object there, held by P3 itself.
 * bits: 0,1 = P0,P1; 2 = the name; 3 = P3.   Ghost: inc = incarnation, ref[] = who legitimately holds incarnation inc.
 * -DDESIGN: as written (or / and-not; who finds the set empty clears live).  default: mended (CAS; FREEING(tag); hold only if non-empty; re-check). */
#define TAG 128           /* set word = TAG+who : being freed by who */
byte set = 1;             /* P0 holds at birth */
bit live = 1;
byte inc = 1;
bit named = 1;            /* name entry -> incarnation 1 (the entry's version is 'named' itself) */
bit killed[3], rec[3], dead[3]; byte kills = KILLS; byte dkills = DKILLS; bit dkill;
bit holds[4];             /* ghost: process believes that it holds ... */
byte hinc[4];             /* ... this incarnation */
bit nameholds = 1;

inline freed(who) {       /* ghost check at the moment live is cleared: nobody may believe in this incarnation */
  assert(live == 1);
  assert(!(holds[0] && hinc[0] == inc && !dead[0])); assert(!(holds[1] && hinc[1] == inc && !dead[1]));
  assert(!(holds[3] && hinc[3] == inc)); assert(!(nameholds && inc == 1));
  live = 0
}
#ifdef DESIGN
inline drop(b, who) {
  d_step { old = set; set = set & (255 - (1 << b)) ; new = set }
  if
  :: (new == 0) -> d_step { if :: live -> freed(who) :: else fi }     /* clear live, 'succeeds exactly once' */
  :: else
  fi
}
inline hold(b) { d_step { set = set | (1 << b); ok = 1 } }
#else
inline drop(b, who) {
  d_step { new = 0;
    if
    :: (set < TAG && set == (1 << b)) -> set = TAG + who; new = 1       /* last holder: one CAS */
    :: (set < TAG && set != (1 << b)) -> set = set & (255 - (1 << b))
    :: else
    fi }
  if
  :: new -> d_step { freed(who) }
  :: else
  fi
}
inline hold(b) { d_step { ok = 0; if :: (set != 0 && set < TAG) -> set = set | (1 << b); ok = 1 :: else fi } }
#endif

proctype P0() { byte old, new;
  { d_step { holds[0] = 0 } drop(0, 0) } unless { killed[0] }
  d_step { dead[0] = 1; holds[0] = 0 }
}
proctype P1() { byte old, new; bit ok;
  {
    if :: named -> skip :: else -> goto out fi;       /* read the handle */
    hold(1);
    if
    :: ok ->
#ifndef DESIGN
       if
       :: d_step { named -> holds[1] = 1; hinc[1] = 1 }         /* entry (with its version) is still there: linearised */
       :: else -> drop(1, 1); goto out                 /* phantom: undo as a normal drop */
       fi;
#else
       d_step { holds[1] = 1; hinc[1] = 1; assert(inc == 1 && live) }
#endif
       assert(inc == 1 && live);                       /* what the caller uses */
       d_step { holds[1] = 0 }
       drop(1, 1)
    :: else
    fi;
out: skip
  } unless { killed[1] }
  d_step { dead[1] = 1; holds[1] = 0 }
}
/* name_remove: the entry's owner tag makes the removal repeatable by the daemon: entry word: 1 named -> 0 removed, then drop of the name's bit */
bit removing;
proctype P2() { byte old, new;
  { d_step { named = 0; nameholds = 0; removing = 1 }   /* entry := REMOVING(P2) */
    drop(2, 2);
    removing = 0
  } unless { killed[2] }
  d_step { dead[2] = 1 }
}
proctype P3() { byte n;          /* owner of the span: harvest, second object */
  do
  :: n < 1 && !live && inc == 1 ->
     d_step { assert(!holds[0] || dead[0]); n = 1; inc = 2 }
     d_step { set = 8; holds[3] = 1; hinc[3] = 2 }  /* holder word first ... */
     live = 1                                  /* ... then live */
  :: n == 1 -> break
  :: timeout -> break
  od
}
inline resolve(q) {   /* finish what q was freeing */
  skip;
#ifndef DESIGN
  if
  :: (set == TAG + q && live) ->
     d_step { new = 0; if :: set == TAG + q -> set = TAG + 7; new = 1 :: else fi }   /* claim */
     if :: new -> d_step { if :: live -> freed(7) :: else fi } :: else fi
  :: else
  fi
#endif
}
proctype daemon() { byte old, new;
restart:
  {
   resolve(7);
   do
   :: dead[0] && killed[0] && !rec[0] -> resolve(0); drop(0, 7); rec[0] = 1
   :: dead[1] && killed[1] && !rec[1] -> resolve(1); drop(1, 7); rec[1] = 1
   :: dead[2] && killed[2] && !rec[2] -> resolve(2); if :: removing -> drop(2, 7); removing = 0 :: else fi; rec[2] = 1
   :: timeout -> break
   od;
   if
   :: (killed[0] && !rec[0]) || (killed[1] && !rec[1]) || (killed[2] && !rec[2]) -> goto restart
   :: else
   fi
  } unless { dkill }
  if :: dkill -> d_step { dkill = 0; old = 0; new = 0 } goto restart :: else fi
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
init { pid base; atomic { holds[0] = 1; hinc[0] = 1; set = 5; run P0(); run P1(); run P2(); run P3(); run daemon(); run killer() }
  (_nr_pr == 1);
  d_step {
  assert(!(live && inc == 1 && (set == 0 || set >= TAG)));         /* leak: live, nobody holds */
  assert(!(live && inc == 1 && !named));              /* leak: everyone let go, still live */
  assert(inc == 1 || (live && set == 8)) }                         /* second object: held by P3 only, alive */
}
