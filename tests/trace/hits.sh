#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every hit arrives, with its arguments, or is counted as lost; what is traced
# doesn't notice.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf

# Arguments, the greatest number among them.
tracer args events --json --starts --lib "$fire" --strict
"$fire" args || fail "fire args"
until_true 10 grep -q '"probe":"client_detach"' "$dir/args.out" ||
	fail "the last probe did not arrive"
ends_tracer args
p=0
sed -nE 's/^PROBE\(([A-Z]*), ([a-z_]*), ([0-9]),.*/\1 \2 \3/p' \
	"${top_srcdir:-.}/shm/probes.def" |
while read -r side name n; do
	p=$((p + 1))
	[ "$side" = LIB ] || continue
	line=$(grep "\"probe\":\"$name\"" "$dir/args.out")
	got=$(echo "$line" | sed 's/.*"args":{\([^}]*\)}.*/\1/; s/"[a-z_]*"://g')
	want= i=0
	while [ $i -lt $((n - 1)) ]; do
		want="$want$((p * 1000 + i)),"
		i=$((i + 1))
	done
	[ "$got" = "${want}18446744073709551615" ] ||
		fail "$name: $got instead of ${want}18446744073709551615"
done || exit 1

# Nothing lost without being counted: a reader that is stopped, a small ring.
burst=300000
tracer burst events --json --lib "$fire" --ring-size 64K --strict
eval "kill -STOP \$tracer_burst"
"$fire" burst $burst || fail "fire burst"
eval "kill -CONT \$tracer_burst"
ends_tracer burst 4
hits=$(stat_of burst hits) lost=$(stat_of burst lost_ring_full)
events=$(stat_of burst events)
[ "$hits" = $burst ] || fail "$hits hits of $burst"
[ $((events + lost)) = $burst ] || fail "$events events + $lost lost"
[ "$lost" -gt 0 ] || fail "nothing was lost: the test tests nothing"
[ "$(count_lines burst '"type":"event"')" = "$events" ] ||
	fail "events printed are not those delivered"

# What is filtered out is counted, too.
tracer filter events --json --lib "$fire" -c shared:16 --strict
"$fire" pairs 100 || fail "fire pairs"
ends_tracer filter
[ "$(stat_of filter hits)" = 400 ] || fail "filter: hits"
[ "$(stat_of filter filtered)" = 200 ] ||
	fail "filter: $(stat_of filter filtered) filtered out"
[ "$(count_lines filter '"type":"event"')" = 200 ] || fail "filter: events"

# Registers, flags and the red zone are as without a tracer.
"$fire" preserve || fail "fire preserve is wrong by itself"
tracer still hist --json --lib "$fire"
"$fire" preserve
code=$?
[ $code = 0 ] || [ $code = 77 ] || fail "a hit changes what it must not"
ends_tracer still
[ $code = 77 ] || [ "$(stat_of still hits)" = 1 ] || fail "it was no hit"

# Two tracers see the same; the end of one by SIGKILL leaves nothing behind.
mkfifo "$dir/in" || fail mkfifo
"$fire" state <"$dir/in" >"$dir/state" &
pids="$pids $!"
exec 7>"$dir/in"
state() {
	echo >&7
	until_true 10 has_lines "$dir/state" "$1" ||
		fail "no answer $1"
	sed -n "$1p" "$dir/state"
}
before=$(state 1)
case $before in "semaphores 0 "*) ;; *) fail "before: $before" ;; esac
tracer one hist --json --lib "$fire"
tracer two hist --json --lib "$fire"
during=$(state 2)
case $during in "semaphores 0 "*) fail "no semaphore is set" ;; esac
[ "${during#* * * }" != "${before#* * * }" ] || fail "no breakpoint is set"
"$fire" burst 1000 || fail "fire burst"
eval "kill -KILL \$tracer_one"
"$fire" burst 1000 || fail "fire burst after a tracer's death"
ends_tracer two
[ "$(stat_of two hits)" = 2000 ] || fail "two: $(stat_of two hits) hits"
tracer three hist --json --lib "$fire"
eval "kill -KILL \$tracer_three"
for i in 3 4 5 6 7 8 9 10 11 12; do
	after=$(state $i)
	[ "$after" = "$before" ] && break
	sleep 0.1
done
[ "$after" = "$before" ] || fail "left behind: $after"
echo "hits.sh: all as it must be"
