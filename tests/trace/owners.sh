#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who frees whose objects, who holds the lock that others want, and what becomes of
# it when its holder is killed: each with the right process.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
start

# All objects of one process, freed by the other: each is told once.
tracer frees frees --lib "$builddir/.libs/libmheap.so" --json --strict --by-process
"$here/passer" "$name" 5000 64 >"$dir/who" || fail "passer"
ends_tracer frees
from=$(sed -n 1p "$dir/who") by=$(sed -n 2p "$dir/who")
got=$(grep "\"pid\":$by," "$dir/frees.out" | grep "\"owner\":$from," |
	field objects)
[ "$got" = 5000 ] || {
	cat "$dir/frees.out"
	fail "process $by freed ${got:-none} of the 5000 objects of $from"
}
tracer matrix frees --lib "$builddir/.libs/libmheap.so" --by-process
"$here/passer" "$name" 100 64 >"$dir/who" || fail "passer"
ends_tracer matrix
by=$(sed -n 2p "$dir/who")
grep -q "\[$by\] .* 100\$" "$dir/matrix.out" || {
	cat "$dir/matrix.out"
	fail "no matrix"
}

# Stripes of shared 64-byte objects: the span class is told by `hist`.
tracer class hist --lib "$builddir/.libs/libmheap.so" --json -c shared:64
"$here/passer" "$name" 500 64 >"$dir/who" || fail "passer"
ends_tracer class
spc=$(grep '"probe":"refill_done"' "$dir/class.out" | field class | head -n 1)
"$here/holder" "$name" "$spc" >"$dir/holder" &
holder=$!
pids="$pids $holder"
until_true 10 test -s "$dir/holder" || fail "holder"
tracer locks locks --json --by-process --lib "$builddir/.libs/libmheap.so"
tracer events events --json --lib "$builddir/mheapd"
"$here/passer" "$name" 5000 64 >"$dir/who" || fail "passer beside a holder"
kill -KILL $holder
until_true 10 grep -q '"probe":"client_dead"' "$dir/events.out" ||
	fail "no death was seen"
ends_tracer events
ends_tracer locks
grep '"lock":"stripe [0-9]* of shared 64"' "$dir/locks.out" |
	grep -q "\"holder\":$holder," || {
	cat "$dir/locks.out"
	fail "the holder was not told"
}
grep '"probe":"lock_freed"' "$dir/events.out" |
	grep -q "\"owner\":$holder," || fail "the freeing of its lock was not told"
grep '"probe":"client_dead"' "$dir/events.out" | sed 's/.*"args"//' |
	grep -q "\"pid\":$holder," || fail "the dead was not told"

# Threads that wait for a class of their process.
tracer wait locks --json --lib "$refiller"
"$refiller" "$name" 2 2 20000 4096 >/dev/null || fail "refiller"
ends_tracer wait
if grep -q '"lock":"class ' "$dir/wait.out"; then
	waited="threads waited for each other"
else
	waited="no thread had to wait"
fi
echo "owners.sh: owners are told; $waited"
