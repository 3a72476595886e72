#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who sleeps at a channel is seen: each time once, sender or receiver, what is in the
# channel, and how old; and the channel in `mheap stat` afterwards.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
start

lib=$builddir/.libs/libmheap.so
tracer hist hist --lib "$lib" --json --strict --by-process
tracer events events --lib "$lib" --json --probe chan_wait_start,chan_wait_done
tracer asked events --lib "$mheapd" --json --probe req_done --strict
"$here/sleeper" "$name" 40 25 >"$dir/who" || fail "sleeper"
who=$(cat "$dir/who")
ends_tracer events
ends_tracer hist
ends_tracer asked

# A request for a channel is for no class; one for a span is.
grep -q '"op":7,"client":[0-9]*,"class":65535,' "$dir/asked.out" &&
	! grep '"op":7,' "$dir/asked.out" | grep -qv '"class":65535,' || {
	cat "$dir/asked.out"
	fail "a channel has a class"
}
grep '"op":1,' "$dir/asked.out" | grep -q '"class":65535,' &&
	fail "a span has no class"

# of WAITER: how many times, and how many of them for nothing
of() {
	grep '"probe":"chan_wait_done"' "$dir/hist.out" |
		grep '"channel":0,' | grep "\"waiter\":\"$1\"," |
		grep "\"pid\":$who," | sed 's/.*"count":\([0-9]*\),.*"errors":\([0-9]*\),.*/\1 \2/'
}
[ "$(of receiver)" = "40 40" ] && [ "$(of sender)" = "25 25" ] || {
	cat "$dir/hist.out"
	fail "receivers $(of receiver), senders $(of sender)"
}
grep -q '"class"' "$dir/hist.out" && grep '"probe":"chan_wait' "$dir/hist.out" |
	grep -q '"class"' && fail "a channel has a class"

# event PROBE KIND: how many, with so many messages
event() {
	grep "\"probe\":\"$1\"" "$dir/events.out" |
		grep "\"chan\":0,\"kind\":$2," | grep -c "\"depth\":$3,"
}
for probe in chan_wait_start chan_wait_done; do
	[ "$(event $probe 1 0)" = 40 ] && [ "$(event $probe 0 2)" = 25 ] || {
		head "$dir/events.out"
		fail "$probe: $(event $probe 1 0) and $(event $probe 0 2)"
	}
done
grep '"kind":1,' "$dir/events.out" | grep -qv '"age_ns":0[,}]' &&
	fail "an empty channel has an age"
# 25 sleeps of 60 ms: in the end the messages are older than half of that.
grep '"kind":0,' "$dir/events.out" | field age_ns |
	awk '$1 > old { old = $1 } END { exit old < 750e6 }' ||
	fail "the oldest message is too young"

# The time that one slept is at least what it asked for.
grep '"probe":"chan_wait_done"' "$dir/events.out" | field dur_ns |
	awk '$1 < 30e6 { short++ } END { exit NR != 65 || short }' ||
	fail "short sleeps"

# For Prometheus, and for people who watch: until that is seen.
tracer export export --lib "$lib" -o "$dir/metrics"
"$here/sleeper" "$name" 7 5 other >/dev/null || fail "sleeper, again"
ends_tracer export
is_openmetrics "$dir/metrics" || fail "no OpenMetrics"
for who in receiver,7 sender,5; do
	grep "^mheap_slow_path_seconds_count{.*probe=\"chan_wait_done\"" "$dir/metrics" |
		grep "channel=\"1\",waiter=\"${who%,*}\"" | grep -q " ${who#*,}\$" || {
		grep chan_wait "$dir/metrics"
		fail "$who is not among the metrics"
	}
done
tracer top top --lib "$lib" --plain --by-class 0.1 1000
"$here/sleeper" "$name" 10000 1 third >/dev/null &
pids="$pids $!"
until_true 20 grep -q ' chan_wait_done chan 2 recv ' "$dir/top.out" || {
	cat "$dir/top.out"
	fail "top doesn't tell a channel"
}
ends_tracer top

tool=${MHEAP_TOOL:-$builddir/mheap}
oldest() {
	"$tool" stat "$name" --json >"$dir/stat" &&
		grep -q '"name":"sleeper","index":0,"capacity":2,"messages":2,"taking":0,' \
			"$dir/stat" &&
		[ "$(sed 's/.*"name":"sleeper",[^}]*"oldest_ms":\([0-9]*\).*/\1/' \
			"$dir/stat")" -ge 300 ]
}
until_true 10 oldest || {
	cat "$dir/stat"
	fail "no channel sleeper whose messages get older"
}
"$tool" stat "$name" >"$dir/stat"
grep -qE '^ +0 +2 +2 +0 +[0-9]+\.[0-9]{3} s [a-z]+ +sleeper$' "$dir/stat" || {
	cat "$dir/stat"
	fail "stat for people"
}
echo "channels.sh: 65 sleeps at a channel, each told once"
