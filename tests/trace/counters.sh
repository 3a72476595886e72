#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What clients count is shown without any privilege: as rates while they live, and
# as totals that nothing is missing from when they are gone.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
start

# A load that was over before it was seen is followed by another.
load=
busy() {
	if [ -z "$load" ] || ! kill -0 "$load" 2>/dev/null; then
		[ -z "$load" ] || wait "$load" || fail "refiller"
		"$refiller" "$name" 2 2 400000 >>"$dir/counted" &
		load=$!
		pids="$pids $load"
	fi
	"$builddir/mheap" top "$name" 0.2 1 --json >"$dir/top" &&
		grep -q '"command":"refiller"' "$dir/top"
}
until_true 20 busy || fail "mheap top shows no refiller: $(cat "$dir/top")"
"$builddir/mheap" top "$name" 0.1 2 >"$dir/plain" || fail "mheap top"
[ "$(grep -c REFILLS/S "$dir/plain")" = 2 ] || fail "not two looks"
wait $load || fail "refiller"

# The sums of the gone are those that they have printed.
"$builddir/mheap" stat "$name" --openmetrics >"$dir/metrics" || fail stat
is_openmetrics "$dir/metrics" || fail "no OpenMetrics"
# sum_of FIELD...: of what the refillers have printed
sum_of() {
	awk -v fields="$*" 'BEGIN { n = split(fields, f, " ") }
		{ for (i = 1; i <= n; i++) sum += $f[i] }
		END { printf "%.0f\n", sum }' "$dir/counted"
}
# total_of METRIC
total_of() {
	awk -v m="^$1_total" '$0 ~ m { sum += $NF } END { printf "%.0f\n", sum }' \
		"$dir/metrics"
}
for pair in "mheap_class_refills:3 4 5" "mheap_class_refills_failed:6" \
	"mheap_class_refill_objects:7" "mheap_class_flushes:8" \
	"mheap_class_flush_objects:9"; do
	# shellcheck disable=SC2086
	want=$(sum_of ${pair#*:}) got=$(total_of "${pair%%:*}")
	[ "$want" = "$got" ] || fail "${pair%%:*}: $got instead of $want"
done

code=0
"$builddir/mheap" top "$name" x 2>"$dir/said" || code=$?
[ $code = 2 ] && grep -q 'x is no number of seconds' "$dir/said" ||
	fail "mheap top NAME x: exit $code, $(cat "$dir/said")"
code=0
"$builddir/mheap" trace replay "$dir/none" 2>"$dir/said" || code=$?
[ -x "$trace" ] && { [ $code = 1 ] || fail "mheap trace: exit $code"; }
echo "counters.sh: $(total_of mheap_class_refills) refills, all told"
