/* remake.pml: a channel is removed and its index becomes another's, while those of the old one stand still anywhere, or
 * are killed.  One place; the words are queue.pml's matter.
 *   daemon    OPEN(v) -> REMOVING -> drained -> NONE -> place EMPTY? raised by a CAS -> OPEN(v + 1)
 *   client    looks at the place, then whether v is open, then CASes what it saw; a sender looks once more whether it is.
 *             What it CASes may be TAKING, to pass over it: by the capacity of its own version.
 * Positions only grow, and each version's are beyond those before: so what a client changes is its own version's, and
 * what a sender puts too late he takes back, or recovery, before the index is anybody's.
 * Every statement is one machine access to shared memory; d_step = one access (+ ghost updates).
 * Ghost: own[o] = who has object o, mver = the version that a message was sent to, pver = that the position is of.
 * -DM_xxx are wrong orders and dropped checks, each must fail. */
#define EMPTY 0
#define FULL 1
#define TAKING 2
#define NONE 0
#define OPEN 1
#define REMOVING 2
#define NS 2
#define DAEMON 9
#define SENDER_HAS 1
#define IN 2
#define RECEIVED 3
#define DROPPED 4
#ifndef VERSIONS
#define VERSIONS 3
#endif
#ifndef KILLS
#define KILLS 1
#endif

byte st = EMPTY, pos = 0, msg, taker, mver, pver = 1;	/* the place */
byte ph = OPEN, ver = 1;
byte own[NS];
bit killed[NS], dead[NS], rec[NS];
byte kills = KILLS, clients = 2 * NS;
bit removed = 0;

inline is_open(v, yes) { d_step { yes = (ph == OPEN && ver == v) } }

proctype Sender(byte me, v) { byte at, seen; bit ok;
  {
  (ph == OPEN && ver == v) || removed;
  d_step { ok = (st == EMPTY); at = pos; seen = pver };
  if
  :: ok ->
#ifdef M_WORDFIRST
     assert(seen == v);                         /* as a batch writes them */
#endif
#ifndef M_NOLOOK
     is_open(v, ok);
#endif
     if
     :: ok ->
        assert(seen == v);                      /* he writes the word: it is a place of this channel that it names */
        d_step { ok = 0;
          if :: st == EMPTY && pos == at -> st = FULL; msg = me; mver = v; own[me] = IN; ok = 1
             :: else
          fi }
        if
        :: ok ->
#ifndef M_NOLOOKAFTER
           is_open(v, ok);
#endif
           if
           :: !ok ->
              d_step {
                if :: st == FULL && pos == at -> assert(msg == me); st = TAKING; pos = at + 1; taker = me; own[me] = SENDER_HAS; ok = 1
                   :: else
                fi }
              if :: ok -> d_step { assert(st == TAKING && taker == me); st = EMPTY } :: else fi
           :: else
           fi
        :: else
        fi
     :: else
     fi
  :: else ->                                    /* it was FULL, or TAKING: is it TAKING? */
     d_step { ok = (st == TAKING); at = pos };
     if
     :: ok ->
#ifndef M_NOLOOKPASS
        is_open(v, ok);
#endif
        if
        :: ok -> d_step { if :: st == TAKING && pos == at -> assert(pver == v); pos = at + 1 :: else fi }
        :: else
        fi
     :: else
     fi
  fi;
  skip
  } unless { killed[me] };
  skip;
  d_step { dead[me] = killed[me]; clients-- }
}
proctype Receiver(byte v) { byte at; bit ok;
  (ph == OPEN && ver == v) || removed;
  d_step { ok = (st == FULL); at = pos };
  if
  :: ok ->
#ifndef M_NOLOOKRECV
     is_open(v, ok);
#endif
     if
     :: ok ->
        d_step { ok = 0;
          if :: st == FULL && pos == at -> assert(mver == v); st = TAKING; pos = at + 1; taker = DAEMON - 1; own[msg] = RECEIVED; ok = 1
             :: else
          fi }
        if :: ok -> d_step { assert(st == TAKING); st = EMPTY } :: else fi
     :: else
     fi
  :: else
  fi;
  skip;
  d_step { clients-- }
}
inline drain() {
  d_step { saw = (st == FULL); at = pos };
  if
  :: saw ->
     d_step { saw = 0;
       if :: st == FULL && pos == at -> st = TAKING; pos = at + 1; taker = DAEMON; own[msg] = DROPPED; saw = 1 :: else fi }
     if :: saw -> st = EMPTY :: else fi
  :: else
  fi
}
inline recover(p) {
  d_step { saw = (st == TAKING && taker == p); at = pos };
  if :: saw -> d_step { assert(st == TAKING && taker == p); own[p] = DROPPED; st = EMPTY } :: else fi;
  if :: ph == NONE -> drain() :: else fi;
  if :: own[p] == SENDER_HAS -> own[p] = DROPPED :: else fi;	/* by its word */
  rec[p] = 1
}
proctype Daemon() { byte at, base, tries = 0; bit saw;
  do
  :: ph == OPEN && ver < VERSIONS ->
     ph = REMOVING;
     drain();
     ph = NONE
  :: ph == NONE && tries < 4 ->
     tries++;
     d_step { saw = (st != EMPTY); base = pos + 1 };
     if
     :: !saw ->
#ifndef M_STORE
        d_step { saw = 1; if :: st == EMPTY && pos <= base -> pos = base; pver = ver + 1; saw = 0 :: else fi };
#else
        d_step { st = EMPTY; pos = base; pver = ver + 1 };
#endif
        if :: !saw -> d_step { ver = ver + 1; ph = OPEN } :: else fi
     :: else
     fi
  :: dead[0] && !rec[0] -> recover(0)
  :: dead[1] && !rec[1] -> recover(1)
  :: ver == VERSIONS || tries == 4 -> break
  od;
  removed = 1;
  do
  :: dead[0] && !rec[0] -> recover(0)
  :: dead[1] && !rec[1] -> recover(1)
  :: !clients && !(dead[0] && !rec[0]) && !(dead[1] && !rec[1]) -> break
  od;
  skip;
  d_step {
    assert(st != TAKING);
    assert(own[0] != IN || (st == FULL && msg == 0 && ph == OPEN && mver == ver));
    assert(own[1] != IN || (st == FULL && msg == 1 && ph == OPEN && mver == ver))
  }
}
proctype killer() { byte k;
  do
  :: kills -> select(k : 0 .. NS - 1); skip; d_step { if :: !dead[k] && !killed[k] -> killed[k] = 1; kills-- :: else fi }
  :: break
  od
}
init {
  d_step { own[0] = SENDER_HAS; own[1] = SENDER_HAS }
  atomic { run Sender(0, 1); run Sender(1, 2); run Receiver(1); run Receiver(2); run Daemon(); run killer() }
}
