#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A recording of an earlier day plays as it did then; needs no right to trace.
srcdir=${top_srcdir:-$(dirname "$0")/../..}/tests/trace
trace=${MHEAP_TRACE:-${top_builddir:-$(pwd)}/mheap-trace}
[ -x "$trace" ] || { echo "mheap-trace was not built (--enable-bpf)"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

"$trace" replay "$srcdir/golden.rec" >"$dir/txt" 2>&1 &&
	"$trace" replay --json "$srcdir/golden.rec" >"$dir/json" || {
	echo "FAIL: it does not play"
	exit 1
}
diff "$srcdir/golden.txt" "$dir/txt" && diff "$srcdir/golden.json" "$dir/json" ||
	exit 1

# With a start that is 1.01 s later: earlier versions wrote recordings in which the
# first events are before it.
cat "$srcdir/golden.rec" >"$dir/rec" &&
	printf '\073\115\003\220' | dd of="$dir/rec" bs=1 seek=16 conv=notrunc \
		2>/dev/null && "$trace" replay "$dir/rec" >"$dir/txt" 2>"$dir/said" || {
	echo "FAIL: it does not play with a later start"
	exit 1
}
times=$(awk 'NR > 1 { print $1 }' "$dir/txt" | tr '\n' ' ')
[ "$times" = "-0.001320 0.005551 0.005561 0.005607 0.005616 " ] || {
	echo "FAIL: with a later start the times are $times"
	exit 1
}
