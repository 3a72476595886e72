#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Other users: kept out, let in by --group, and then held to their share.  Other
# PID namespaces: served alike, whichever side can't see the other.  For root.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
command -v setpriv >/dev/null || { echo "needs setpriv"; exit 77; }
unshare -p -f true 2>/dev/null || { echo "needs PID namespaces"; exit 77; }
chmod 0755 "$dir"
cp "$helpers/wire_client" "$dir/wire_client" || exit 1
[ -x "$dir/wire_client" ] && "$dir/wire_client" 2>&1 | grep -q SOCKET || {
	echo "wire_client can't be copied"
	exit 77
}

stranger() {
	setpriv --reuid 65533 --regid 65533 --clear-groups \
		"$dir/wire_client" "$sock" "$@" 2>&1
}

start --size 64M --clients 8 --names 64
stranger hello | grep -q 'Permission denied' || fail "a stranger came in"
kill -TERM "$daemon"
ends "$daemon" 0
start --group 65533
[ "$(stat -c '%a %g' "$sock")" = '660 65533' ] || fail "the socket's mode"
stranger join alloc=5,2 write bye | grep -q '^gone' || fail "the group is out"
stranger hello=2 wait=clients,0 | grep -q '^wait' || fail "not reclaimed"
stranger destroy | grep -q 'only the heap.s owner' || fail "destroyed by a stranger"

# Of 8 slots they get 4, so that the owner still finds one.
for n in 1 2 3 4; do
	setpriv --reuid 65533 --regid 65533 --clear-groups \
		"$dir/wire_client" "$sock" join hold >"$dir/s$n" 2>&1 &
	pids="$pids $!"
	holding "$dir/s$n"
	last=$!
done
stranger join | grep -q 'client slots' || fail "strangers take all slots"
client join bye | grep -q '^gone' || fail "no slot for the owner"
# One whose memory list may be unreadable is away and not taken for gone.
kill -KILL "$last"
client hello=2 wait=clients,3 | grep -q '^wait' || fail "death of a stranger"
for pid in $pids; do
	[ "$pid" = "$daemon" ] || kill -KILL "$pid" 2>/dev/null
done
client hello=2 wait=clients,0 | grep -q '^wait' || fail "deaths of strangers"

# A client in a namespace of its own: we see it, by another PID than its own.
unshare -p -f --kill-child "$dir/wire_client" "$sock" join alloc=5,2 hold \
	>"$dir/in" 2>&1 &
last=$!
pids="$pids $last"
holding "$dir/in"
kill -KILL "$daemon"
start --group 65533
client hello=2 wait=clients,1 wait=spans,2 | grep -q '^wait spans' ||
	fail "a client in a PID namespace is not adopted"
kill -KILL "$last"
client hello=2 wait=clients,0 wait=spans,0 | grep -q '^wait spans' ||
	fail "its death is not seen"
client destroy >/dev/null || fail "destroy"
ends "$daemon" 0

# The daemon in one: it can't see its clients' PIDs, their pidfds do.
wrap="unshare -p -f --mount-proc --kill-child"
start --size 64M
code=0
client hello >"$dir/why" || code=$?
[ $code = 4 ] && grep -q 'PID namespace' "$dir/why" && exit 0	# before 6.5
background "$dir/out" join alloc=5,2 write close wait=state,3 hold
holding "$dir/out"
client hello=2 wait=clients,1 wait=spans,2 | grep -q '^wait spans' ||
	fail "not served from another namespace"
kill -KILL "$last"
client hello=2 wait=clients,0 wait=spans,0 | grep -q '^wait spans' ||
	fail "its death is not seen from another namespace"
client destroy >/dev/null || fail "destroy"
ends "$daemon" 0
