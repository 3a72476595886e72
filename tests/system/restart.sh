#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon stops, is killed, and comes back: the heap stays, the living are
# adopted, who died meanwhile is reclaimed.  A second daemon is refused.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

start --size 256M
refused 1 "process $daemon serves this heap"
# The same heap by another socket is still the same heap.
"$mheapd" --foreground --name "$name" --socket "$dir/other.sock" 2>"$dir/why"
[ $? = 1 ] || fail "a second daemon at another socket was not refused"
grep -q "process $daemon serves" "$dir/why" || fail "does not say who serves"

# A clean stop; a client stays; another dies meanwhile.
background "$dir/a" join alloc=5,3 write wait=status,2 resume alloc=5,1 \
	write count=epoch hold
until_true 20 grep -q '^write' "$dir/a" || fail "client a"
a=$last
background "$dir/b" join alloc=5,3 write hold
holding "$dir/b"
kill -TERM "$daemon"
ends "$daemon" 0
kill -KILL "$last"
[ -e "$sock" ] || fail "the socket is to stay: somebody may come back"
code=0
client hello 2>"$dir/why" || code=$?
grep -q 'Connection refused' "$dir/why" || fail "no daemon is ECONNREFUSED"
start
holding "$dir/a"
grep -q 'count epoch 2' "$dir/a" || fail "the epoch is not 2"
client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "one adopted"

# SIGKILL, with the client in the middle of its life.
kill -KILL "$daemon"
start --size 256M
client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "not adopted"
client join alloc=5,1 write bye >/dev/null || fail "no service after SIGKILL"
kill -KILL "$a"
client hello=2 wait=clients,0 wait=spans,0 >/dev/null ||
	fail "an adopted client's death was not seen"

# A client that dies while no daemon runs, known by its start time.
background "$dir/c" join alloc=5,3 hold
holding "$dir/c"
kill -KILL "$daemon"
kill -KILL "$last"
start
client hello=2 wait=clients,0 wait=spans,0 >/dev/null || fail "dead not reclaimed"

# Twenty times in a row, each time with an allocation in between.
i=0
while [ $i -lt 20 ]; do
	kill -KILL "$daemon"
	start
	client join alloc=7,2 write bye >/dev/null || fail "round $i"
	i=$((i + 1))
done
client hello=2 wait=spans,0 >/dev/null || fail "spans are left"

client destroy >/dev/null || fail "destroy"
ends "$daemon" 0
for part in heap central arena lock; do
	[ ! -e "$(segment $part)" ] || fail "$part is left"
done
[ ! -e "$sock" ] || fail "the socket is left"
