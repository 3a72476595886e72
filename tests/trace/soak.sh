#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# soak.sh MINUTES: tracers beside processes that come, are killed and end by the
# thousand: nothing is lost that isn't counted, tables don't fill, memory doesn't
# grow without end.  Run by script/soak.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
seconds=$((${1:?MINUTES} * 60))
start

rss() {
	sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

tracer record record --json /dev/null --lib "$refiller"
tracer export export -o "$dir/metrics" --lib "$refiller"
# shellcheck disable=SC2154
early=0 rounds=0 killed=0 began=$(date +%s)
while [ $(($(date +%s) - began)) -lt $seconds ]; do
	"$refiller" "$name" 4 2 3000 >/dev/null 2>&1 &
	load=$!
	pids="$pids $load"
	sleep 0.$((rounds % 8 + 1))
	if [ $((rounds % 3)) = 0 ]; then
		pkill -KILL -n -P $load refiller && killed=$((killed + 1))
	fi
	wait $load
	pids=${pids% "$load"}	# others may get its number
	rounds=$((rounds + 1))
	[ $rounds != 100 ] || early=$(rss "$tracer_export")
done
late=$(rss "$tracer_export")
ends_tracer record
ends_tracer export
kept=$(stat_of record kept) events=$(stat_of record events)
lost=$(stat_of record lost_ring_full)
[ "$kept" = $((events + lost)) ] || fail "$kept hits, $events events, $lost lost"
[ "$(stat_of record lost_map_full)" = 0 ] || fail "a table was full"
[ "$(stat_of record lost_missed)" = 0 ] || fail "hits were not run"
[ "$(grep -c '^mheap_trace_lost_total{.*} 0$' "$dir/metrics")" = 2 ] ||
	fail "the exporter lost some: $(grep lost_total "$dir/metrics")"
[ $rounds -lt 100 ] || [ "$late" -lt $((2 * early)) ] ||
	fail "the exporter grew from $early to $late KiB"
echo "$seconds s, $rounds rounds of 4 processes, $killed of them killed: $kept" \
	"hits, $events events, $lost lost and counted; the exporter has" \
	"${late} KiB, early on ${early} KiB"
