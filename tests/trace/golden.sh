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
diff "$srcdir/golden.txt" "$dir/txt" && diff "$srcdir/golden.json" "$dir/json"
