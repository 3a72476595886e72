/* SPDX-License-Identifier: Apache-2.0 */
/* core_bytes.pml (from core.pml): parked BYTES, lease per process and span; shared-at-birth class only.
 * One span, N=2 slots, one live WORD per slot (worst case for counting: nothing is atomic across slots).
 * Processes: P0 (NT0 threads), P1 (1 thread), a daemon that is itself killable, a killer, a checker.
 * Every statement is one machine access to shared memory; d_step = one atomic instruction (+ ghost updates).
 * Stopped (SIGSTOP) processes = the scheduler simply does not run them.
 * Ghost truth: g[i] 0 free, 2 shared object; tok[i] who may free it (ANY, p, LOST when that p died).
 * Mend switches (default = mended design); -DM_xxx builds a mutant = the design as written or a wrong order. */
#define N 2
#ifndef T
#define T 1            /* threshold: list a FULL span once this many slots are free */
#endif
#ifndef OPS
#define OPS 7
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef DKILLS
#define DKILLS 0
#endif
#ifndef NT0
#define NT0 1
#endif
#define FREE 0
#define OWNED 1
#define FULL 2
#define LISTED 3
#define D 3
#define ANY 8
#define NONE 9
#ifdef M_EARLY
#define EARLY 1
#else
#define EARLY 0
#endif
#ifdef E_GHOSTPUSH   /* count the object as freed at the push */
#define PUSHGHOST g[i] = 0; tok[i] = NONE
#else
#define PUSHGHOST skip
#endif
#define LOST 7

byte st = OWNED, own = 0, gen = 0;      /* the state word (one word: changed in d_steps only) and the span's generation */
bit live[N], parked[N];                 /* shared: live words, lease words */
byte g[N], tok[N], ggen[N];    /* ghost */
/* private to a process (shared by its threads): index p*N+i */
bit mine[2];                            /* page-table entry: span is mine, frees of my threads are local */
bit fre[4], inarr[4];                   /* free in the process's bitmap; in some array of a thread of p (a count in the real thing) */
bit pend[2], q[3];                       /* V_EPOCH only */
bit bz[3];                              /* per THREAD: inside a local free (plain stores; the giver looks after a membarrier) */
byte lk[2];
byte ops = OPS, kills = KILLS, dkills = DKILLS, recyc = 2;
bit killed[2], rec[2]; byte dead[2], nthr[2]; bit dkill = 0;

inline count(c) { c = 1 - live[0]; c = c + 1 - live[1] }

/* span is OWNED(me) and in transit: move it on */
inline dispose(me, c, ok) {
  do
  :: count(c);
     if
     :: c == N -> d_step { assert(st == OWNED && own == me);
                  assert(g[0] != 2 && g[1] != 2); st = FREE; own = 0 } break
     :: c < N && c >= T -> d_step { assert(st == OWNED && own == me); st = LISTED; own = 0 } break
     :: c < T ->
#ifdef M_REORDER   /* owner's re-check load passes its own store (plain mov instead of a locked op) */
        count(c);
        d_step { assert(st == OWNED && own == me); st = FULL; own = 0 }
#else
        d_step { assert(st == OWNED && own == me); st = FULL; own = 0 }
#ifndef M_NORECHECK
        count(c);
#endif
#endif
        if
        :: c >= T -> d_step { ok = 0; if :: st == FULL -> st = OWNED; own = me; ok = 1 :: else fi }
           if :: ok -> skip :: else -> break fi
        :: else -> break
        fi
     fi
  od;
  skip
}

/* open (class lock held, span OWNED(p)): s[] = slots free in one snapshot of live */
inline openslots(p) {
#ifdef M_OPENORDER
   if :: s[0] -> live[0] = 1 :: else fi; if :: s[1] -> live[1] = 1 :: else fi;
   if :: s[0] -> parked[0] = 1 :: else fi; if :: s[1] -> parked[1] = 1 :: else fi;
#else
   if :: s[0] -> parked[0] = 1 :: else fi; if :: s[1] -> parked[1] = 1 :: else fi;
   if :: s[0] -> d_step { assert(!live[0]); live[0] = 1 } :: else fi;
   if :: s[1] -> d_step { assert(!live[1]); live[1] = 1 } :: else fi;
#endif
   d_step { fre[p*N] = s[0]; fre[p*N+1] = s[1]; s[0] = 0; s[1] = 0 }
}
inline closeslots(p) {
#ifdef M_CLOSEORDER
   if :: fre[p*N] -> parked[0] = 0 :: else fi; if :: fre[p*N+1] -> parked[1] = 0 :: else fi;
   if :: fre[p*N] -> live[0] = 0 :: else fi; if :: fre[p*N+1] -> live[1] = 0 :: else fi;
#else
   if :: fre[p*N] -> d_step { assert(live[0] && parked[0]); live[0] = 0 } :: else fi;
   if :: fre[p*N+1] -> d_step { assert(live[1] && parked[1]); live[1] = 0 } :: else fi;
   if :: fre[p*N] -> parked[0] = 0 :: else fi; if :: fre[p*N+1] -> parked[1] = 0 :: else fi;
#endif
   d_step { fre[p*N] = 0; fre[p*N+1] = 0 }
}

proctype client(byte p; byte t) {
  byte i, c; bit ok; bit la[N]; bit s[N];      /* la: this thread's array */
  {
  end: do
  :: atomic { ops > 0 -> ops--; ok = 0; c = 0; if :: i = 0 :: i = 1 fi }
     if
     /* refill from the bitmap, flush to the bitmap: class lock */
     :: atomic { mine[p] && lk[p] == 0 && fre[p*N+i] -> fre[p*N+i] = 0; la[i] = 1; inarr[p*N+i] = 1 }
     :: atomic { la[i] && lk[p] == 0 -> assert(mine[p] || pend[p]); la[i] = 0; inarr[p*N+i] = 0; fre[p*N+i] = 1 }
     /* alloc: no lock, no atomic */
     :: la[i] ->
#ifdef M_POPFIRST      /* pop, then unpark */
        d_step { la[i] = 0; inarr[p*N+i] = 0 }
        d_step { assert(live[i] && parked[i] && st == OWNED && own == p);
                 parked[i] = 0; assert(g[i] == 0); g[i] = 2; tok[i] = ANY; ggen[i] = gen }
#else
        d_step { assert(live[i] && parked[i] && st == OWNED && own == p);
                 parked[i] = 0; assert(g[i] == 0); g[i] = 2; tok[i] = NONE; ggen[i] = gen }
        d_step { la[i] = 0; inarr[p*N+i] = 0; tok[i] = ANY }    /* returned to the caller only now */
#endif
     /* free by anybody */
     :: g[i] == 2 && tok[i] == ANY ->
        d_step { if :: g[i] == 2 && tok[i] == ANY -> tok[i] = p; ok = 1 :: else fi }
        if
        :: ok ->
           ok = 0;
#ifdef V_PUSHLOOK      /* variant without the busy word: look up, push, look up AGAIN, park; else pop and go foreign */
           if
           :: mine[p] ->
              d_step { la[i] = 1; inarr[p*N+i] = 1 }
              if :: mine[p] -> ok = 1
                 :: else -> d_step { la[i] = 0; inarr[p*N+i] = 0 }
              fi
           :: else
           fi;
           if
           :: ok -> ok = 0;
              d_step { assert(live[i] && !parked[i] && gen == ggen[i] && st == OWNED && own == p);
                       parked[i] = 1; g[i] = 0; tok[i] = NONE }
#else
#ifndef M_NOBUSY
           bz[t] = 1;
#endif
           if
           :: mine[p] ->                  /* local: plain stores */
#ifdef M_PUSHFIRST
              d_step { la[i] = 1; inarr[p*N+i] = 1; PUSHGHOST }
              d_step { assert(live[i] && !parked[i] && gen == ggen[i] && st == OWNED && own == p);
                       parked[i] = 1; g[i] = 0; tok[i] = NONE }
#else
              d_step { assert(live[i] && !parked[i] && gen == ggen[i] && st == OWNED && own == p);
                       parked[i] = 1; g[i] = 0; tok[i] = NONE }
              d_step { la[i] = 1; inarr[p*N+i] = 1 }
#endif
#ifndef M_NOBUSY
              bz[t] = 0
#endif
#endif
           :: else ->                     /* foreign */
#ifndef M_NOBUSY
           bz[t] = 0;
#endif
           d_step { assert(live[i] && !parked[i] && gen == ggen[i]);   /* never early, never another generation */
                    live[i] = 0; g[i] = 0; tok[i] = NONE }
           if
           :: st == FULL ->
              count(c);
              if
              :: c >= T ->
                 d_step { ok = 0; if :: st == FULL -> st = OWNED; own = p; ok = 1 :: else fi }
                 if
                 :: ok -> dispose(p, c, ok)
                 :: else
                 fi
              :: else
              fi
           :: else
           fi
           fi
        :: else
        fi
     /* harvest (class lock): not live, not parked, not in my bitmap */
     :: atomic { mine[p] && lk[p] == 0 && !fre[p*N+i] -> lk[p] = 1 }
        if
        :: !live[i] -> 
           assert(!parked[i]);            /* not live but parked = somebody freed a free slot */
#ifdef M_HARVORDER
           live[i] = 1; parked[i] = 1;
#else
           parked[i] = 1; live[i] = 1;
#endif
           fre[p*N+i] = 1
        :: else
        fi;
        lk[p] = 0
     /* give up (class lock): no slot in an array, no thread inside a local free */
#ifdef V_EPOCH         /* variant without the busy word: forget the entry; close once every thread has been at a slow path since, and no array has a slot */
     :: atomic { mine[p] && lk[p] == 0 && !pend[p] -> mine[p] = 0; pend[p] = 1; q[p*2] = 0; if :: p == 0 -> q[1] = 0 :: else fi }
     :: atomic { pend[p] && lk[p] == 0 && !q[t] -> q[t] = 1 }       /* t's next slow path */
     :: atomic { pend[p] && lk[p] == 0 && (EARLY || (q[p*2] && (p == 1 || NT0 == 1 || q[1]))) -> lk[p] = 1 }
        if
        :: inarr[p*N] || inarr[p*N+1] -> ok = 0
        :: else -> ok = 1
        fi;
        if :: ok -> pend[p] = 0 :: else fi;
#else
     :: atomic { mine[p] && lk[p] == 0 -> lk[p] = 1 }
#ifdef M_NOBUSY
        if
        :: inarr[p*N] || inarr[p*N+1] -> ok = 0
        :: else -> ok = 1
        fi;
        if :: ok -> mine[p] = 0 :: else fi;
#else
        mine[p] = 0;                      /* forget the page-table entry; then membarrier */
        if
#ifdef M_ARRFIRST      /* arrays looked at before the threads */
        :: inarr[p*N] || inarr[p*N+1] -> ok = 0
        :: else -> if :: bz[p*2] -> ok = 0 :: else -> ok = 1; if :: p == 0 && bz[1] -> ok = 0 :: else fi fi
#else
        :: bz[p*2] -> ok = 0
        :: else ->
           if
           :: p == 0 && bz[1] -> ok = 0
           :: else ->
#ifdef M_GIVEARR
              ok = 1
#else
              if
              :: inarr[p*N] -> ok = 0
              :: else -> if :: inarr[p*N+1] -> ok = 0 :: else -> ok = 1 fi
              fi
#endif
           fi
#endif
        fi;
#endif
#endif
        if
        :: ok -> closeslots(p); dispose(p, c, ok)
#ifdef V_EPOCH
        :: else
#else
        :: else -> mine[p] = 1            /* try again at a later refill */
#endif
        fi;
        lk[p] = 0
     /* take a listed span; take a fresh one; open it */
     :: atomic { !mine[p] && !pend[p] && lk[p] == 0 && (st == LISTED || st == FREE) -> lk[p] = 1 }
        if
        :: st == LISTED -> d_step { ok = 0; if :: st == LISTED -> st = OWNED; own = p; ok = 1 :: else fi }
           if :: ok ->
           d_step { assert(!parked[0]); s[0] = !live[0] }
           d_step { assert(!parked[1]); s[1] = !live[1] }
           openslots(p);
           mine[p] = 1
           :: else fi
        :: st == FREE && recyc > 0 -> d_step { ok = 0; if :: st == FREE && recyc > 0 -> ok = 1; recyc--; gen++; assert(g[0] == 0 && g[1] == 0 && !live[0] && !live[1] && !parked[0] && !parked[1]);
             st = OWNED; own = p :: else fi }
           if :: ok -> d_step { s[0] = 1; s[1] = 1 } openslots(p); mine[p] = 1 :: else fi
        :: else
        fi;
        lk[p] = 0
     :: else
     fi
  od
  } unless { killed[p] }
  d_step { dead[p]++;
     if :: tok[0] == p -> tok[0] = LOST :: else fi;
     if :: tok[1] == p -> tok[1] = LOST :: else fi }
}

inline unpark(i) { if :: parked[i] -> 
#ifdef M_RECORDER
   parked[i] = 0; live[i] = 0
#else
   live[i] = 0; parked[i] = 0
#endif
   :: else fi }

proctype daemon() {
  byte c, p; bit ok;
restart:
  {
  if :: st == OWNED && own == D -> dispose(D, c, ok) :: else fi;    /* what the last daemon had in transit */
  endd: do
  :: killed[0] && dead[0] == nthr[0] && !rec[0] -> p = 0; goto recover
  :: killed[1] && dead[1] == nthr[1] && !rec[1] -> p = 1;
recover: skip;
     if
     :: st == OWNED && own == p ->
        unpark(0); unpark(1);
        d_step { assert(st == OWNED && own == p); own = D }
        dispose(D, c, ok)
     :: else
     fi;
     d_step { rec[p] = 1; p = 0; c = 0; ok = 0 }
#ifndef M_NOSWEEP
  :: st == FULL && (2 - live[0] - live[1]) >= T ->    /* sweep of the span table: FULL and worth listing */
     d_step { ok = 0; if :: st == FULL -> st = OWNED; own = D; ok = 1 :: else fi }
     if :: ok -> dispose(D, c, ok) :: else fi
#endif
  od
  } unless { dkill }
  d_step { dkill = 0; c = 0; p = 0; ok = 0 }
  goto restart
}

proctype killer() {
  endk: do
  :: atomic { kills > 0 && !killed[0] -> killed[0] = 1; kills-- }
  :: atomic { kills > 0 && !killed[1] -> killed[1] = 1; kills-- }
  :: atomic { dkills > 0 && !dkill -> dkill = 1; dkills-- }
  :: kills == 0 && dkills == 0 -> break
  :: break
  od
}

proctype checker() {     /* fires when nobody else can move */
  byte i;
  timeout ->
  d_step {
  assert(!(st == OWNED && own == D));
  assert(!(st == OWNED && killed[own]));
  assert(!(st == OWNED && !mine[own] && !pend[own]));                       /* nothing stranded in transit */
  assert(!(st == FULL && 2 - live[0] - live[1] >= T));        /* no lost wake */
  i = 0;
  do
  :: i < N ->
     if
     :: st == OWNED -> assert((live[i] && !parked[i]) == (g[i] == 2));
        assert(fre[own*N+i] + inarr[own*N+i] + (g[i] == 2) + (!live[i] && !parked[i]) == 1)   /* no slot lost, none twice */
     :: else -> assert(!parked[i]); assert(live[i] == (g[i] == 2))
     fi;
     i++
  :: else -> break
  od; i = 0 }
}

init {
  atomic {
    nthr[0] = NT0; nthr[1] = 1;
    tok[0] = NONE; tok[1] = NONE;
#ifdef STARTFULL     /* given up, both slots shared objects */
    st = FULL; live[0] = 1; live[1] = 1; g[0] = 2; g[1] = 2; tok[0] = ANY; tok[1] = ANY;
#else
#ifdef STARTLISTED
    st = LISTED;
#else
    mine[0] = 1; parked[0] = 1; parked[1] = 1; live[0] = 1; live[1] = 1; fre[0] = 1;
#ifdef STARTOBJ      /* slot 1 is an object */
    parked[1] = 0; g[1] = 2; tok[1] = ANY;
#else
    fre[1] = 1;
#endif
#endif
#endif
    run client(0, 0);
#if NT0 > 1
    run client(0, 1);
#endif
    run client(1, 2); run daemon(); run killer(); run checker()
  }
}
