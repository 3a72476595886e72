#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A tracer ends when it is told to, also under more load than it can tell, and what
# it lost by then is counted; so many intervals are so many outputs.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf

# A load that a line for each hit can't keep up with, until it is told to end.
load_begins() {
	for i in 1 2 3; do
		"$fire" burst 1000000000 &
		eval "load_$i=$!"
		pids="$pids $!"
	done
}
load_ends() {
	for i in 1 2 3; do
		eval "pid=\$load_$i"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
}
# tells_all NAME: each hit became a line, or is counted as lost
tells_all() {
	hits=$(stat_of "$1" hits) events=$(stat_of "$1" events)
	[ "$hits" -gt 0 ] || fail "$1: no hits: the test tests nothing"
	[ "$hits" = $((events + $(stat_of "$1" lost_ring_full))) ] ||
		fail "$1: $hits hits, $events events"
	[ "$(count_lines "$1" '"type":"event"')" = "$events" ] ||
		fail "$1: not all of $events events are told"
}

tracer time events --json --lib "$fire" --ring-size 1M -d 1
load_begins
eval "ends \$tracer_time 0"
load_ends
tells_all time
tracer signal events --json --lib "$fire" --ring-size 1M
load_begins
until_true 20 has_lines "$dir/signal.out" 1000 || fail "no events"
eval "kill -INT \$tracer_signal; ends \$tracer_signal 0"
load_ends
tells_all signal

# Interrupted while nobody reads what it writes: nothing is lost by that, and a second
# signal ends it.
blocked() {
	mkfifo "$dir/$1.out"
	exec 9<>"$dir/$1.out" 8<"$dir/$1.out"
	tracer $1 events --json --lib "$fire"
	exec 9>&-
	"$fire" burst 20000 || fail "fire burst"
	eval "blocked=\$tracer_$1"
	until_true 20 grep -q pipe_write "/proc/$blocked/wchan" ||
		fail "$1: it doesn't wait for who reads"
	kill -INT $blocked
	until_true 10 grep -q '^SigCgt:.*[014589cd]$' "/proc/$blocked/status" ||
		fail "$1: a second signal is caught, too"
}
blocked slow
cat <&8 >"$dir/told" &
reader=$!
ends $blocked 0
exec 8>&-
wait $reader
mv "$dir/told" "$dir/slow.out"
tells_all slow
blocked stuck
kill -INT $blocked
ends $blocked 130
exec 8>&-

# outputs N TEXT COMMAND...: so many outputs that begin with the text
outputs() {
	want=$1 text=$2
	shift 2
	"$trace" "$@" --lib "$fire" >"$dir/out" 2>/dev/null || fail "$*"
	got=$(grep -c "$text" "$dir/out")
	[ "$got" = "$want" ] || fail "$*: $got outputs"
}
outputs 3 '^LOCK' locks 0.1 3
outputs 3 '^nothing was seen' hist 0.1 3
outputs 2 '^nobody freed' frees -i 0.1 -n 2
outputs 3 'objects proven' top --plain 0.1 3
outputs 2 '^LOCK' locks 0.2 -d 0.4
outputs 2 'objects proven' top --plain 0.2 -d 0.4
outputs 1 '^# EOF' export -i 0.1 -n 3
echo "ends.sh: ends when told, $hits hits of the last load told or counted"
