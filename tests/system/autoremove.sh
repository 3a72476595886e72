#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the background: the starter gets 0 once it serves.  A heap with --autoremove
# ends with its last client, however that went; destroy is refused while somebody
# is there, unless forced.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

in_background() {
	"$mheapd" --name "$name" --socket "$sock" --size 64M "$@" 2>>"$log" || {
		code=$?
		! grep -q io_uring "$log" || exit 77
		fail "in the background: $code"
	}
	daemon=$(cat "$dir/$name.lock")
	pids="$pids $daemon"
}
removed() {
	until_true 20 is_gone "$daemon" || fail "the daemon stays"
	for part in heap central arena lock; do
		[ ! -e "$(segment $part)" ] || fail "$part stays"
	done
	[ ! -e "$sock" ] || fail "the socket stays"
	[ ! -e "$dir/$name.lock" ] || fail "the lock file stays"
}

in_background --autoremove
client join alloc=5,1 bye >/dev/null || fail "first client"
removed

in_background --autoremove
background "$dir/a" join alloc=5,1 hold
holding "$dir/a"
client join bye >/dev/null || fail "another client"
sleep 0.5
is_gone "$daemon" && fail "it went while a client was there"
kill -KILL "$last"
removed

# Killed, and started anew by the next one who needs it.
in_background --autoremove
background "$dir/b" join alloc=5,1 hold
holding "$dir/b"
kill -KILL "$daemon"
in_background --autoremove
client hello=2 wait=clients,1 wait=spans,1 >/dev/null || fail "not adopted"
kill -KILL "$last"
removed

in_background
client join bye >/dev/null || fail "client"
background "$dir/c" join alloc=5,1 wait=status,3 hold
until_true 20 grep -q '^alloc' "$dir/c" || fail "client c"
code=0
client destroy >"$dir/why" || code=$?
[ $code = 4 ] && grep -q '1 clients use heap' "$dir/why" || fail "destroy: $code"
client force >/dev/null || fail "forced destroy"
holding "$dir/c"	# it sees that the heap is over
kill -0 "$last" || fail "a client was to live on"
removed
kill -KILL "$last"

# The next one of that name is another heap.
in_background
client hello=2 count=clients count=epoch | grep -q 'epoch 1' || fail "not anew"
client destroy >/dev/null || fail "destroy"
removed
