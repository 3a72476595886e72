#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Instructions of the fast paths, counted by callgrind: none may cost 5 % more
# than it did when its row was written.  A row that became cheaper is brought
# down by hand, so that the guard stays tight.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

paths=$builddir/tests/multi/paths
command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "the counts are of x86-64"; exit 77; }
with=$("$paths" compiler)
[ "$with" = gcc-12 ] || { echo "the counts are of gcc 12, this is $with"; exit 77; }
start --size 1G
export MHEAP_NAME=$name MHEAP_SOCKET=$sock

# count FUNCTION CALLS MODE SIZE: hundredths of an instruction per call
count() {
	"$builddir/libtool" --mode=execute valgrind --tool=callgrind \
		--callgrind-out-file=/dev/null --toggle-collect="$1" \
		"$paths" "$3" "$4" 2>"$dir/counted" ||
		fail "paths $3 $4: $(cat "$dir/counted")"
	sed -n 's/.*Collected : //p' "$dir/counted" | sort -n | tail -n 1 |
		awk -v n="$2" '{ printf "%d\n", $1 * 100 / n }'
}

bad=0
while read -r function calls mode size was; do
	now=$(count "$function" "$calls" "$mode" "$size")
	echo "$mode $size $function: $now hundredths, $was before"
	[ -n "$now" ] && [ "$now" -gt 500 ] && [ $((now * 100)) -le $((was * 105)) ] ||
		bad=1
done <<ROWS
mh_alloc 100000 owned 64 1806
mh_free 100000 owned 64 2000
mh_alloc 100000 owned 4096 2305
mh_alloc 100000 owned 65536 2605
mh_alloc_shared 100000 shared 64 2007
mh_free 100000 shared 64 5600
mh_free 100000 mixed 64 11900
frees 200 foreign 64 16407
frees 200 stream 64 17107
ROWS
[ "$bad" = 0 ] || fail "a fast path became longer"
