/* SPDX-License-Identifier: Apache-2.0 */
/* core.pml: one span, N=2 slots, one live WORD per slot (worst case for counting: nothing is atomic across slots).
 * Processes: P0 (NT0 threads), P1 (1 thread), a daemon that is itself killable, a killer, a checker.
 * Every statement is one machine access to shared memory; d_step = one atomic instruction (+ ghost updates).
 * Stopped (SIGSTOP) processes = the scheduler simply does not run them.
 * Ghost truth: g[i] 0 free, 1 owned object of ownr[i], 2 shared object; tok[i] who may free it (ANY, p, LOST when that p died).
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
#define LOST 7

byte st = OWNED, own = 0, gen = 0;      /* the state word (one word: changed in d_steps only) and the span's generation */
bit live[N], parked[N];                 /* shared: live words, lease words */
byte g[N], ownr[N], tok[N], ggen[N];    /* ghost */
/* private to a process (shared by its threads) */
bit mine[2], fre[4], known[4], leased[4];   /* index p*N+i; leased: under an open lease of some thread */
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

proctype client(byte p) {
  byte i, c; bit ok; bit lg[N];
  {
  end: do
  :: atomic { ops > 0 -> ops--; ok = 0; c = 0; if :: i = 0 :: i = 1 fi }
     if
     /* open a lease on word i */
     :: atomic { mine[p] && lk[p] == 0 -> lk[p] = 1 }
        if
        :: mine[p] && fre[p*N+i] && !leased[p*N+i] ->
           d_step { fre[p*N+i] = 0; leased[p*N+i] = 1 }
#ifdef M_LEASEORDER
           live[i] = 1; parked[i] = 1;
#else
           parked[i] = 1; live[i] = 1;
#endif
           d_step { known[p*N+i] = 1; lg[i] = 1; lk[p] = 0 }
        :: else -> lk[p] = 0
        fi
     /* hand out from the lease: plain store, no lock */
     :: lg[i] && parked[i] ->
        d_step { parked[i] = 0; assert(g[i] == 0); g[i] = 2; tok[i] = ANY; ggen[i] = gen }
     /* same-thread free into the open lease */
     :: lg[i] && !parked[i] && g[i] == 2 && tok[i] == ANY ->
        d_step { if :: tok[i] == ANY && g[i] == 2 -> tok[i] = p; ok = 1 :: else fi }
        if :: ok -> d_step { assert(live[i]); parked[i] = 1; g[i] = 0; tok[i] = NONE } :: else fi
     /* close the lease */
     :: lg[i] ->
        if
        :: parked[i] ->
#ifdef M_CLOSEORDER   /* slot given back to the process before the record is cleared */
           live[i] = 0;
           atomic { lk[p] == 0 -> lk[p] = 1 }
           d_step { known[p*N+i] = 0; fre[p*N+i] = 1; leased[p*N+i] = 0; lg[i] = 0; lk[p] = 0 }
           parked[i] = 0
#else
           live[i] = 0; parked[i] = 0;
           atomic { lk[p] == 0 -> lk[p] = 1 }
           d_step { known[p*N+i] = 0; fre[p*N+i] = 1; leased[p*N+i] = 0; lg[i] = 0; lk[p] = 0 }
#endif
        :: else -> d_step { leased[p*N+i] = 0; lg[i] = 0 }
        fi
     /* owned alloc / owned free (private; the lock stands for the mcache discipline) */
     :: atomic { mine[p] && lk[p] == 0 && fre[p*N+i] -> fre[p*N+i] = 0; assert(g[i] == 0); g[i] = 1; ownr[i] = p; ggen[i] = gen }
     :: atomic { mine[p] && lk[p] == 0 && g[i] == 1 && ownr[i] == p -> g[i] = 0; fre[p*N+i] = 1 }
     /* mh_share */
     :: atomic { mine[p] && lk[p] == 0 && g[i] == 1 && ownr[i] == p -> lk[p] = 1 }
#ifdef M_KNOWNFIRST
        known[p*N+i] = 1; lk[p] = 0;      /* mirror first, no lock held: harvest by another thread may see it */
        d_step { if :: g[i] == 1 -> live[i] = 1; g[i] = 2; tok[i] = ANY :: else fi }
#else
        d_step { live[i] = 1; g[i] = 2; tok[i] = ANY }
        d_step { known[p*N+i] = 1; lk[p] = 0 }
#endif
     /* free of a shared object by anybody */
     :: g[i] == 2 && tok[i] == ANY ->
        d_step { if :: g[i] == 2 && tok[i] == ANY -> tok[i] = p; ok = 1 :: else fi }
        if
        :: ok ->
           ok = 0;
           d_step { assert(live[i] && gen == ggen[i]);   /* never early, never another generation */
                    live[i] = 0; g[i] = 0; tok[i] = NONE }
#ifdef M_OWNPUSH   /* owner's own thread also puts the slot straight back (as owned frees do) */
           if :: mine[p] && lk[p]==0 -> fre[p*N+i] = 1 :: else fi;
#endif
           if
           :: st == FULL ->
              count(c);
              if
#ifdef M_EQ
              :: c == T ->
#else
              :: c >= T ->
#endif
                 d_step { ok = 0; if :: st == FULL -> st = OWNED; own = p; ok = 1 :: else fi }
                 if
                 :: ok ->
#ifdef M_STALECOUNT   /* trust the count (class, geometry) read before the CAS */
                    d_step { if :: c == N -> assert(g[0] == 0 && g[1] == 0); st = FREE :: else -> st = LISTED fi; own = 0 }
#else
                    dispose(p, c, ok)
#endif
                 :: else
                 fi
              :: else
              fi
           :: else
           fi
        :: else
        fi
     /* harvest */
     :: atomic { mine[p] && lk[p] == 0 -> lk[p] = 1 }
        if
#ifdef M_HARVESTLEASED
        :: known[p*N+i] && !live[i] ->
#else
        :: known[p*N+i] && !leased[p*N+i] && !live[i] ->
#endif
           d_step { known[p*N+i] = 0; fre[p*N+i] = 1 }
        :: else
        fi;
        lk[p] = 0
     /* give up: every slot is free in the private bitmap or known shared, no open lease */
     :: atomic { mine[p] && lk[p] == 0 && (fre[p*N] || known[p*N]) && (fre[p*N+1] || known[p*N+1]) && !leased[p*N] && !leased[p*N+1] ->
                 lk[p] = 1; mine[p] = 0; fre[p*N] = 0; fre[p*N+1] = 0; known[p*N] = 0; known[p*N+1] = 0 }
        dispose(p, c, ok);
        lk[p] = 0
     /* take a listed span; take a fresh one */
     :: atomic { !mine[p] && lk[p] == 0 && (st == LISTED || st == FREE) -> lk[p] = 1 }
        if
        :: st == LISTED -> d_step { ok = 0; if :: st == LISTED -> st = OWNED; own = p; ok = 1 :: else fi }
           if :: ok ->
           d_step { assert(!parked[0]); known[p*N] = live[0]; fre[p*N] = !live[0] }
           d_step { assert(!parked[1]); known[p*N+1] = live[1]; fre[p*N+1] = !live[1] }
           mine[p] = 1
           :: else fi
        :: st == FREE && recyc > 0 -> d_step { ok = 0; if :: st == FREE && recyc > 0 -> ok = 1; recyc--; gen++; assert(g[0] == 0 && g[1] == 0 && !live[0] && !live[1] && !parked[0] && !parked[1]);
             st = OWNED; own = p :: else fi }
           if :: ok -> d_step { fre[p*N] = 1; fre[p*N+1] = 1; known[p*N] = 0; known[p*N+1] = 0; mine[p] = 1 } :: else fi
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
     d_step { if :: g[0] == 1 && ownr[0] == p -> g[0] = 0 :: else fi; if :: g[1] == 1 && ownr[1] == p -> g[1] = 0 :: else fi }
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
  assert(!(st == OWNED && !mine[own]));                       /* nothing stranded in transit */
  assert(!(st == FULL && 2 - live[0] - live[1] >= T));        /* no lost wake */
  i = 0;
  do
  :: i < N ->
     if
     :: st == OWNED -> assert((live[i] && !parked[i]) == (g[i] == 2)); assert(g[i] != 1 || ownr[i] == own)
     :: else -> assert(!parked[i]); assert(live[i] == (g[i] == 2)); assert(g[i] != 1)
     fi;
     i++
  :: else -> break
  od; i = 0 }
}

init {
  atomic {
    nthr[0] = NT0; nthr[1] = 1; mine[0] = 1; fre[0] = 1; fre[1] = 1;
    tok[0] = NONE; tok[1] = NONE;
#ifdef STARTFULL     /* begin with a span that its owner gave up: both slots shared */
    st = FULL; mine[0] = 0; fre[0] = 0; fre[1] = 0; live[0] = 1; live[1] = 1; g[0] = 2; g[1] = 2; tok[0] = ANY; tok[1] = ANY;
#endif
    run client(0);
#if NT0 > 1
    run client(0);
#endif
    run client(1); run daemon(); run killer(); run checker()
  }
}
