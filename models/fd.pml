/* SPDX-License-Identifier: Apache-2.0 */
/* fd.pml: a channel's descriptor.  A thread of the library makes it readable when there is a message, threads that receive
 * and find nothing make it unreadable; other processes receive, too.
 *   watch    UNSET, and a message seen -> SETTING -> writes -> SET, or, if that is UNSET by now, empties it
 *   clear    SETTING or SET, as seen: empties it -> UNSET, or again if it isn't that any more
 * The word has a turn beside the state, which each SETTING counts up: what is changed to UNSET is what was seen, and emptied.
 * When all have stopped: it is readable if there is a message; if there is none, one more receive makes it unreadable.
 * Every statement is one access; d_step = one access.  -DM_xxx are wrong orders, each must fail. */
#define UNSET 0
#define SETTING 1
#define SET 2
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef CLEARS
#define CLEARS 2
#endif
#define THREADS 2

byte state = UNSET, turn = 0, messages = 0, working = THREADS + 2;
bit readable = 0, resting = 1;

active proctype Watch() { bit ok;
end:
  do
  :: d_step { state == UNSET && messages -> resting = 0 };
#ifndef M_SETFIRST
     d_step { ok = 0; if :: state == UNSET -> state = SETTING; turn++; ok = 1 :: else fi };
     if
     :: ok ->
        readable = 1;
        d_step { ok = 0; if :: state == SETTING -> state = SET; ok = 1 :: else fi };
#ifndef M_NOEMPTY
        if :: !ok -> readable = 0 :: else fi
#endif
     :: else
     fi;
#else
     d_step { ok = 0; if :: state == UNSET -> state = SET; ok = 1 :: else fi };
     if :: ok -> readable = 1 :: else fi;
#endif
     resting = 1
  od
}
#ifndef M_NOTURN
#define SAME_TURN turn == t
#else
#define SAME_TURN 1
#endif
inline clear() {
  do
  :: atomic { was = state; t = turn };
     if
     :: was == UNSET -> break
     :: else
     fi;
#ifndef M_EMPTYLAST
     readable = 0;
#endif
#ifndef M_ANY
     d_step { ok = 0; if :: state == was && SAME_TURN -> state = UNSET; ok = 1 :: else fi };
#else
     d_step { state = UNSET; ok = 1 };
#endif
#ifdef M_EMPTYLAST
     readable = 0;
#endif
#ifndef M_ONCE
     if :: ok -> break :: else fi
#else
     break
#endif
  od
}
/* One attempt */
inline receive() {
  d_step { ok = 0; if :: messages -> messages--; ok = 1 :: else fi };
  if :: !ok -> skip; clear() :: else fi
}
active [THREADS] proctype Thread() { byte n = 0, was, t; bit ok;
  do
  :: n < CLEARS -> n++; receive(); skip; d_step { was = 0; t = 0; ok = 0 }
  :: break
  od;
  working--
}
active proctype Sender() { byte n = 0;
  do
  :: n < MESSAGES -> n++; messages++
  :: n == MESSAGES -> break
  od;
  working--
}
active proctype Other() {
  do
  :: d_step { messages -> messages-- }
  :: break
  od;
  working--
}
#define QUIET (resting && !(state == UNSET && messages))
active proctype Last() { byte was, t; bit ok;
  d_step { !working && QUIET -> assert(!messages || readable) };
  do
  :: messages -> messages--
  :: else -> break
  od;
  QUIET;
  receive();
  QUIET;
  assert(!readable)
}
