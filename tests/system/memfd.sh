#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A nameless heap outlives its daemon by a keeper, which ends with the heap, and
# is replaced when it dies.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

keepers() {
	# Those that hold this test's socket and nobody else's.
	for p in /proc/[0-9]*; do
		[ "$(cat "$p/comm" 2>/dev/null)" = mheap-keeper ] || continue
		ls -l "$p/fd" 2>/dev/null | grep -q "mheap\.$name\.heap" &&
			echo "${p#/proc/}"
	done
}
one_keeper() {
	[ "$(keepers | wc -l)" = 1 ]
}

start --size 256M --backing memfd
[ ! -e "$(segment heap)" ] || fail "a memfd heap has a name"
[ ! -e "$(segment lock)" ] || fail "a memfd heap has a named lock"
until_true 20 one_keeper || fail "no keeper"
refused 1 "process $daemon serves"

background "$dir/a" join alloc=5,3 write wait=epoch,2 resume alloc=5,1 \
	write hold
until_true 20 grep -q '^write' "$dir/a" || fail "client a"
kill -KILL "$daemon"
start
grep -q 'of memfd.*as it was left' "$log.start" || fail "not the kept heap"
holding "$dir/a"
client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "not adopted"
one_keeper || fail "another keeper: $(keepers)"

kill -TERM "$daemon"
ends "$daemon" 0
refused 2 'backing shm: heap .* was made with memfd' --backing shm
refused 2 'size 1G: heap .* was made with 256M' --size 1G
one_keeper || fail "a refusal ended the keeper"
start --backing memfd --size 256M

# The keeper dies: another takes over.
keeper=$(keepers)
pids="$pids $keeper"
kill -KILL "$keeper"
until_true 20 sh -c "! kill -0 $keeper" || fail "the keeper does not die"
until_true 20 one_keeper || fail "no new keeper"
kill -KILL "$daemon"
start
client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "lost by a keeper"
kill -KILL "$last"
client hello=2 wait=clients,0 wait=spans,0 >/dev/null || fail "not reclaimed"

keeper=$(keepers)
client destroy >/dev/null || fail "destroy"
ends "$daemon" 0
until_true 20 sh -c "! kill -0 $keeper" || fail "the keeper stays"
[ ! -e "$dir/$name.keep" ] || fail "its socket stays"
