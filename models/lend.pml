/* SPDX-License-Identifier: Apache-2.0 */
/* lend.pml (beside core_bytes.pml): a freer that does not own the span borrows the slot (parked byte 2 + client) in
 * place of the atomic.  One leased span, N=2 slots, a live WORD per slot (worst case for counting).  P0 is the owner
 * O at the start (NT0 threads), P1 the borrower B, P2 a third; each of them may do everything.  A daemon that is
 * itself killable (recovery, sweep, FREE), a killer, a checker.  A FREE block is used again RECYC times, as the same
 * span with the next gen: whoever stores into it by an entry of the past fails an assertion (HELD).
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * Ghost truth: at[i] 0 free, 1 parked by by[i], 2 an object that anybody may free, 3 an object that by[i] is
 * about to free (lost if by[i] dies).  eg[i] gen in which the slot was handed out.
 * -DM_xxx are wrong orders and dropped checks, each must fail; V_xxx are variants that pass. */
#define N 2
#ifndef T
#define T 1            /* threshold: list a FULL span once this many slots are free */
#endif
#ifndef OPS
#define OPS 4
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
#ifndef RECYC
#define RECYC 1
#endif
#ifndef REBORN
#define REBORN 0       /* so often a client slot that recovery freed is used again */
#endif
#ifndef FROM
#define FROM 0         /* first ... */
#endif
#ifndef TO
#define TO 6           /* ... and last of the starts, see init */
#endif
#define FREE 0
#define OWNED 1
#define FULL 2
#define LISTED 3
#define D 3
#define LENT(p) (2 + (p))

byte st = OWNED, own = 0;               /* the state word (one word: changed in d_steps only) */
bit live[N]; byte parked[N];            /* shared: live words, parked bytes */
byte at[N], by[N], gen = 0, eg[N];      /* ghost */
/* private to a process: index p, or p*N+i */
bit mine[3], pend[3], lk[3], fre[6];    /* page-table entry; given up, not closed; class lock; bitmap */
bit la[8], q[4];                        /* of thread t: t*N+i in its array; at a slow path since the give-up */
byte ops = OPS, kills = KILLS, dkills = DKILLS, recyc = RECYC, reborn = REBORN, extra = 1;
bit killed[3], rec[3], dkill = 0; byte dead[3], nthr[3];

#define HELD(p, i)	(at[i] == 1 && by[i] == p && st != FREE && eg[i] == gen)
#define COUNT		(N - live[0] - live[1])

inline count(c) { c = 1 - live[0]; c = c + 1 - live[1] }

/* span is OWNED(me) and in transit: move it on.  The count goes by live alone. */
inline dispose(me, c, ok) {
  do
  :: count(c);
     if
     :: c >= T -> d_step { assert(st == OWNED && own == me); st = LISTED; own = 0 } break
     :: else ->
        d_step { assert(st == OWNED && own == me); st = FULL; own = 0 }
#ifndef M_NORECHECK
        count(c);
#endif
        if
        :: c >= T -> d_step { ok = 0; if :: st == FULL -> st = OWNED; own = me; ok = 1 :: else fi }
           if :: ok -> skip :: else -> break fi
        :: else -> break
        fi
     fi
  od;
  atomic { c = 0; ok = 0 }
}

/* after live was cleared: FULL and worth listing? */
inline freed(me, c, ok) {
  if
  :: st == FULL ->
     count(c);
     if
     :: c >= T ->
        d_step { ok = 0; if :: st == FULL -> st = OWNED; own = me; ok = 1 :: else fi }
        if :: ok -> dispose(me, c, ok) :: else fi
     :: else
     fi
  :: else
  fi
}

/* harvest, and slot of an adopted span (class lock, OWNED(p)): free is what is not live and not parked.  Live is
 * read first: what is not live can't be parked any more. */
inline take(p, i, ok) {
#ifdef M_READORDER
  ok = !parked[i];
  if :: ok && live[i] -> ok = 0 :: else fi;
#else
  ok = !live[i];
#ifndef M_TAKEPARKED
  if :: ok && parked[i] -> ok = 0 :: else fi;
#endif
#endif
  if
  :: ok ->
     d_step { assert(at[i] == 0 && st == OWNED && own == p); parked[i] = 1; at[i] = 1; by[i] = p; eg[i] = gen }
     d_step { assert(HELD(p, i) && !live[i]); live[i] = 1; fre[p*N+i] = 1 }
  :: else
  fi;
  ok = 0
}

/* give-up: slot i is in p's bitmap (M_CLOSEALL: or parked by p) */
inline closeslot(p, i, ok) {
#ifdef M_CLOSEALL
  ok = parked[i] == 1 || parked[i] == LENT(p);
#else
  ok = fre[p*N+i];
#endif
  if
  :: ok ->
     d_step { assert(HELD(p, i) && live[i] && (parked[i] == 1 || parked[i] == LENT(p))); live[i] = 0 }
     d_step { assert(HELD(p, i)); parked[i] = 0; at[i] = 0; by[i] = 0; fre[p*N+i] = 0 }
  :: else
  fi;
  ok = 0
}

#ifdef V_GIVE1         /* a slot lent to oneself does not hinder a give-up */
#define HINDERS(p, i) (!fre[p*N+i] && parked[i] == 1)
#else
#define HINDERS(p, i) (!fre[p*N+i] && (parked[i] == 1 || parked[i] == LENT(p)))
#endif

proctype client(byte p; byte t) {
  byte i, c; bit ok;
end_again:
  {
  end: do
  :: atomic { ops > 0 -> ops--; if :: i = 0 :: i = 1 fi;
     if
     /* refill from the bitmap, flush to the bitmap: class lock */
     :: mine[p] && !lk[p] && fre[p*N+i] -> fre[p*N+i] = 0; la[t*N+i] = 1
     :: (mine[p] || pend[p]) && !lk[p] && la[t*N+i] -> la[t*N+i] = 0; fre[p*N+i] = 1
     /* flush of what is not ours.  (Looked up under the class lock, which is not kept.) */
     :: !mine[p] && !pend[p] && !lk[p] && la[t*N+i] -> assert(parked[i] == LENT(p)); goto lendflush
     /* alloc: no lock, no atomic, whoever owns the span */
     :: la[t*N+i] ->
        assert(HELD(p, i) && live[i] && (parked[i] == LENT(p) || (parked[i] == 1 && st == OWNED && own == p)));
        parked[i] = 0; la[t*N+i] = 0; at[i] = 2; by[i] = 0
     /* free by anybody: what the page table says, and then what is done */
     :: at[i] == 2 -> at[i] = 3; by[i] = p;
        if :: mine[p] -> goto push :: !mine[p] -> goto lend :: !mine[p] -> goto foreign fi
     /* harvest */
     :: mine[p] && !lk[p] && !fre[p*N+i] -> lk[p] = 1; goto harvest
     /* give up: forget the entry; close once every thread was at a slow path since, and no array has a slot */
     :: mine[p] && !lk[p] -> mine[p] = 0; pend[p] = 1; q[0] = 0; q[3] = 0; q[t] = 1
     :: pend[p] && !lk[p] && !q[t] -> q[t] = 1
     :: pend[p] && !lk[p] -> pend[p] = 0; mine[p] = 1        /* taken back */
     :: pend[p] && !lk[p] && (nthr[p] == 1 || (q[0] && q[3])) -> lk[p] = 1; goto giveup
     /* take a listed span; a fresh one */
     :: !mine[p] && !pend[p] && !lk[p] && st == LISTED -> lk[p] = 1; goto adopt
     :: !mine[p] && !pend[p] && !lk[p] && st == FREE && recyc > 0 ->
        recyc--; gen++; lk[p] = 1; assert(!live[0] && !live[1] && !parked[0] && !parked[1]);
        st = OWNED; own = p; goto fresh
     :: else
     fi; i = 0 }
     goto end;

push: /* local: plain stores */
     atomic { assert(live[i] && !parked[i] && eg[i] == gen && st == OWNED && own == p);
              parked[i] = 1; at[i] = 1; la[t*N+i] = 1; i = 0 }
     goto end;
lend: /* borrowed: plain stores */
     atomic { assert(live[i] && !parked[i] && eg[i] == gen && st != FREE);
              parked[i] = LENT(p); at[i] = 1; la[t*N+i] = 1; i = 0 }
     goto end;
foreign: /* as before: one atomic */
     atomic { assert(live[i] && !parked[i] && eg[i] == gen && st != FREE); live[i] = 0; at[i] = 0; by[i] = 0; i = 0 }
     freed(p, c, ok);
     goto done;
lendflush:
#ifdef M_UNPARKFIRST
     atomic { assert(HELD(p, i) && live[i]); parked[i] = 0 }
     d_step { assert(HELD(p, i) && live[i]); live[i] = 0; at[i] = 0; by[i] = 0; la[t*N+i] = 0; i = 0 }
#else
     atomic { assert(HELD(p, i) && live[i] && parked[i] == LENT(p)); live[i] = 0 }
     d_step { assert(HELD(p, i) && !live[i] && parked[i] == LENT(p));
              parked[i] = 0; at[i] = 0; by[i] = 0; la[t*N+i] = 0; i = 0 }
#endif
     freed(p, c, ok);
     goto done;
harvest:
     take(p, i, ok);
     d_step { lk[p] = 0; i = 0 }
     goto end;
giveup:
     atomic { i = 0; ok = !HINDERS(p, 0) }
     if :: ok && HINDERS(p, 1) -> ok = 0 :: else fi;
     if
     :: ok ->
        closeslot(p, 0, ok); closeslot(p, 1, ok);
        pend[p] = 0;
        dispose(p, c, ok)
     :: else
     fi;
     lk[p] = 0;
     goto done;
adopt:
     atomic { i = 0; ok = 0; if :: st == LISTED -> st = OWNED; own = p; ok = 1 :: else fi }
     if
     :: ok ->
fresh:  take(p, 0, ok); take(p, 1, ok); mine[p] = 1
     :: else
     fi;
     lk[p] = 0;
done:
     atomic { i = 0; c = 0; ok = 0 }
  od
  } unless { killed[p] }
  d_step { dead[p]++; i = 0; c = 0; ok = 0; la[t*N] = 0; la[t*N+1] = 0; q[t] = 0;
     if :: dead[p] == nthr[p] -> mine[p] = 0; pend[p] = 0; lk[p] = 0; fre[p*N] = 0; fre[p*N+1] = 0 :: else fi }
  endw: atomic { rec[p] && reborn > 0 && nthr[p] == 1 -> reborn--; rec[p] = 0; killed[p] = 0; dead[p] = 0 }
  goto end_again
}

/* recovery of p, one slot: v, what is there */
inline reclaim(p, i, v, owned) {
  v = parked[i];
  if
#ifdef M_RECALL        /* owner's recovery closes whatever is parked */
  :: v == LENT(p) || (v && owned) ->
#else
  :: v == LENT(p) || (v == 1 && owned) ->
#endif
#ifdef M_RECORDER
     d_step { assert(HELD(p, i)); parked[i] = 0 }
     d_step { live[i] = 0; at[i] = 0; by[i] = 0 }
#else
     d_step { assert(HELD(p, i)); live[i] = 0 }
     d_step { assert(HELD(p, i)); parked[i] = 0; at[i] = 0; by[i] = 0 }
#endif
  :: else
  fi;
  v = 0
}

/* OWNED(D): FREE if all is free, else on by its count.  Live is read first, as in take(). */
inline settle(c, ok) {
  ok = 0;
#ifdef M_FREEORDER
  if :: !parked[0] -> if :: !parked[1] -> count(c); ok = c == N :: else fi :: else fi;
#else
  count(c);
#ifdef M_FREEPARKED
  ok = c == N;
#else
  if :: c == N -> if :: !parked[0] -> ok = !parked[1] :: else fi :: else fi;
#endif
#endif
  if
  :: ok -> d_step { assert(st == OWNED && own == D); st = FREE; own = 0; c = 0; ok = 0 }
  :: else -> dispose(D, c, ok)
  fi
}

proctype daemon() {
  byte c, p, v; bit ok;
end_restart:
  {
  if
  :: st == OWNED && own == D ->           /* what the last daemon had in transit: closed already */
#ifdef M_TRANSITCLOSE
     if :: parked[0] -> live[0] = 0; parked[0] = 0 :: else fi;
     if :: parked[1] -> live[1] = 0; parked[1] = 0 :: else fi;
#endif
     settle(c, ok)
  :: else
  fi;
  endd: do
  :: atomic { killed[0] && dead[0] == nthr[0] && !rec[0] -> p = 0 } goto recover
  :: atomic { killed[1] && dead[1] == nthr[1] && !rec[1] -> p = 1 } goto recover
  :: atomic { killed[2] && dead[2] == nthr[2] && !rec[2] -> p = 2 }
recover:
#ifdef M_SLOTFIRST
     rec[p] = 1;
#endif
     if
     :: st == OWNED && own == p ->
        reclaim(p, 0, v, 1); reclaim(p, 1, v, 1);
        d_step { assert(st == OWNED && own == p); own = D }
        settle(c, ok)
#ifndef M_SKIPLENT
     :: st != FREE && !(st == OWNED && own == p) ->
        reclaim(p, 0, v, 0); reclaim(p, 1, v, 0);
        freed(D, c, ok)
#endif
     :: else
     fi;
     d_step { rec[p] = 1; p = 0; c = 0; ok = 0 }         /* the client slot is free from here on */
  /* sweep of the span table: FULL and worth listing; LISTED and empty */
#ifndef M_NOSWEEP
  :: st == FULL && COUNT >= T ->
     d_step { ok = 0; if :: st == FULL -> st = OWNED; own = D; ok = 1 :: else fi }
     if :: ok -> settle(c, ok) :: else fi
#endif
  :: atomic { st == LISTED && COUNT == N && ((!parked[0] && !parked[1]) || extra > 0) ->
              if :: parked[0] || parked[1] -> extra-- :: else fi }    /* in vain: once, or the model would not end */
     d_step { ok = 0; if :: st == LISTED -> st = OWNED; own = D; ok = 1 :: else fi }
     if :: ok -> settle(c, ok) :: else fi
  od
  } unless { dkill }
  d_step { dkill = 0; c = 0; p = 0; v = 0; ok = 0 }
  goto end_restart
}

proctype killer() {
  endk: do
  :: atomic { kills > 0 && !killed[0] -> killed[0] = 1; kills-- }
  :: atomic { kills > 0 && !killed[1] -> killed[1] = 1; kills-- }
  :: atomic { kills > 0 && !killed[2] -> killed[2] = 1; kills-- }
  :: atomic { dkills > 0 && !dkill -> dkill = 1; dkills-- }
  od
}

/* so many places of the living process p have slot i */
#define HAS(p, i) (fre[(p)*N+i] + la[(p)*N+i] + ((p) == 0 && la[3*N+i]))

proctype checker() {     /* fires when nobody else can move */
  byte i;
  timeout ->
  d_step {
  assert(!(st == OWNED && (own == D || killed[own] || !(mine[own] || pend[own]))));  /* nothing stranded in transit */
  assert(!(st == FULL && COUNT >= T));                                                 /* no lost wake */
  i = 0;
  do
  :: i < N ->
     assert((at[i] == 0) == (!live[i] && !parked[i]));
     assert((at[i] == 1) == (parked[i] != 0));
     assert(at[i] != 1 || (live[i] && !killed[by[i]]));                 /* nothing of the dead: no slot lost */
     assert(at[i] != 1 || parked[i] == LENT(by[i]) || (parked[i] == 1 && st == OWNED && own == by[i]));
     assert(HAS(0, i) + HAS(1, i) + HAS(2, i) == (at[i] == 1));         /* none twice */
     assert(at[i] != 1 || HAS(by[i], i) == 1);
     assert(at[i] != 3 || killed[by[i]] || REBORN);
     i++
  :: else -> break
  od; i = 0 }
}

#define OBJECT(i)  live[i] = 1; at[i] = 2
#define BITMAP(p, i) live[i] = 1; parked[i] = 1; at[i] = 1; by[i] = p; fre[(p)*N+i] = 1
#define BORROWED(p, i) live[i] = 1; parked[i] = LENT(p); at[i] = 1; by[i] = p; la[(p)*N+i] = 1

init {
  byte s;
  atomic {
    nthr[0] = NT0; nthr[1] = 1; nthr[2] = 1;
    s = FROM;
    do :: s < TO -> s++ :: break od;
    if
    :: s == 0 -> mine[0] = 1; BITMAP(0, 0); OBJECT(1)
    :: s == 1 -> mine[0] = 1; BITMAP(0, 0); BORROWED(1, 1)
    :: s == 2 -> mine[0] = 1; OBJECT(0); BORROWED(1, 1)
    :: s == 3 -> st = FULL; OBJECT(0); BORROWED(1, 1)
    :: s == 4 -> st = FULL; BORROWED(2, 0); BORROWED(1, 1)
    :: s == 5 -> st = LISTED; BORROWED(1, 1)
    :: s == 6 -> own = 1; mine[1] = 1; OBJECT(0); BORROWED(1, 1)      /* taken by who borrows in it */
    fi;
    s = 0;
    run client(0, 0);
#if NT0 > 1
    run client(0, 3);
#endif
    run client(1, 1); run client(2, 2); run daemon(); run killer(); run checker()
  }
}
