#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Under a service manager: the socket is passed and stays, readiness is told, and
# a nameless heap waits in the manager's store while no daemon runs.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

under_manager() {
	: >"$dir/service"
	"$helpers/service" "$dir" "$sock" "$mheapd" --foreground --name "$name" \
		--size 64M "$@" >"$dir/service" 2>>"$log" &
	manager=$!
	pids="$pids $manager"
	ready 1
}
ready() {
	until_true 20 sh -c "[ \$(grep -c ^ready $dir/service) -ge $1 ]" || {
		! grep -q io_uring "$log" || exit 77
		fail "not ready"
	}
	daemon=$(sed -n 's/^ready //p' "$dir/service" | tail -1)
	pids="$pids $daemon"
}

under_manager --backing memfd
[ ! -e "$dir/$name.keep" ] || fail "a keeper beside the manager's store"
for part in heap central arena; do
	until_true 20 grep -q "kept mheap-$part" "$dir/service" ||
		fail "$part is not kept"
done
background "$dir/a" join alloc=5,3 write wait=epoch,2 resume alloc=5,1 write hold
until_true 20 grep -q '^write' "$dir/a" || fail "client"
kill -KILL "$daemon"
ready 2
holding "$dir/a"
client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "not adopted"
[ "$(grep -c kept "$dir/service")" = 3 ] || fail "kept twice"
kill -KILL "$last"
client hello=2 wait=clients,0 wait=spans,0 >/dev/null || fail "not reclaimed"

# A clean stop leaves socket and store to the manager.
kill -TERM "$manager"
ends "$manager" 0
[ -e "$sock" ] || fail "the manager's socket was removed"

under_manager --backing memfd
client destroy >/dev/null || fail "destroy"
ends "$manager" 0
[ "$(grep -c dropped "$dir/service")" = 3 ] || fail "the store was not emptied"
[ -e "$sock" ] || fail "the manager's socket was removed"

# Named segments need no store.
under_manager
grep -q kept "$dir/service" && fail "shm in the store"
client join alloc=5,1 bye >/dev/null || fail "service"
kill -HUP "$manager"
kill -TERM "$manager"
ends "$manager" 0
