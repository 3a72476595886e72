#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A recording plays as it was seen, from the first hit on; one that can't begin
# leaves what is in the file.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf

# A recording plays as it was seen.
tracer record record "$dir/rec" --lib "$fire"
"$fire" pairs 50 || fail "fire pairs"
ends_tracer record
"$trace" replay "$dir/rec" --json >"$dir/play" || fail "replay"
[ "$(grep -c '"type":"event"' "$dir/play")" = 200 ] || fail "replay: events"
[ "$(grep '"type":"stats"' "$dir/play" | field hits)" = 200 ] ||
	fail "replay: hits"
head -c 1000 "$dir/rec" >"$dir/cut"
! "$trace" replay "$dir/cut" >/dev/null 2>"$dir/said" ||
	fail "a recording that was cut off plays to the end"
grep -q 'cut off' "$dir/said" || fail "cut off: $(cat "$dir/said")"
! "$trace" replay "$fire" >/dev/null 2>"$dir/said" || fail "plays a program"
grep -q 'no recording' "$dir/said" || fail "no recording: $(cat "$dir/said")"

# What begins a slow path is recorded if asked for.
tracer starts record "$dir/starts" --starts --lib "$fire"
"$fire" args || fail "fire args"
ends_tracer starts
"$trace" replay "$dir/starts" >"$dir/play" || fail "replay"
for probe in refill_start lock_wait_start chan_wait_start refill_done; do
	grep -q " $probe " "$dir/play" || fail "$probe isn't recorded"
done
! "$trace" replay "$dir/rec" | grep -q _start || fail "starts, unasked"

# Hits that come while it is being attached are not before its start.
"$fire" burst 1000000000 &
load=$!
pids="$pids $load"
tracer under record "$dir/under" --lib "$fire"
ends_tracer under
kill -KILL $load
"$trace" replay "$dir/under" >"$dir/play" || fail "replay"
has_lines "$dir/play" 2 || fail "no hits: the test tests nothing"
awk 'NR > 1 && $1 !~ /^[0-9]?[0-9]\.[0-9]+$/ { print; exit 1 }' "$dir/play" ||
	fail "a time that can't be"

# kept CODE OPTION...: fails with the code, and the file is as it was
echo mine >"$dir/mine"
kept() {
	want=$1 code=0
	shift
	"$trace" record "$dir/mine" "$@" >"$dir/said" 2>&1 || code=$?
	[ $code = "$want" ] || {
		cat "$dir/said"
		fail "record $*: exit $code, not $want"
	}
	[ "$(cat "$dir/mine")" = mine ] || fail "record $* emptied the file"
}
kept 2 --lib /bin/true
kept 3 -p $$
code=0
"$trace" record "$dir/none/rec" --lib "$fire" -d 1 2>"$dir/said" || code=$?
[ $code = 1 ] && grep -q "can't write $dir/none/rec: No such file" "$dir/said" ||
	fail "no such folder: exit $code, $(cat "$dir/said")"
code=0
"$trace" record /dev/full --lib "$fire" -d 1 2>"$dir/said" || code=$?
[ $code = 1 ] && grep -q "can't write /dev/full: No space" "$dir/said" ||
	fail "no space: exit $code, $(cat "$dir/said")"
echo "record.sh: plays as it was seen"
