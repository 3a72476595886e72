#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/trace/selftest.sh [BUILD_DIR]
#
# Does the recorder lose nothing, however a program ends, and do pack and show
# refuse what isn't right?  `make bench` comes first.
set -euo pipefail
. "$(dirname "$0")/../../script/common.sh"

build=$(cd "${1:-$root/build}" && pwd)
tools=$build/bench/trace
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
reallocs=80000 # what one run of the program's threads does

fail() {
	say "FAILED: $*"
	status=1
}

# run END [VARIABLE=VALUE]: records it into $dir/END.PID...
run() {
	{ # whose stderr bash too uses, for "Killed"
		env "${@:2}" MHRECORD_FILE="$dir/$1" \
			LD_PRELOAD="$tools/.libs/libmhrecord.so" \
			"$tools/selftest" "$1"
	} 2>"$dir/err" || [ "$1" = kill ] || fail "$1: $(cat "$dir/err")"
}

# expect END RESIZES...: as many files, with as many resizes, in any order.
expect() {
	local file found=()

	for file in "$dir/$1".*; do
		"$tools/pack" "$file" "$dir/trace" || fail "$1: pack $file"
		"$tools/show" "$dir/trace" >"$dir/shown" || fail "$1: show"
		found+=("$(sed -n 's/.* \([0-9]*\) resizes$/\1/p' "$dir/shown")")
	done
	found=("$(printf '%s\n' "${found[@]}" | sort -n | xargs)")
	[ "${found[*]}" = "${*:2}" ] ||
		fail "$1: ${found[*]} resizes, it should be ${*:2}"
	rm -f "$dir/$1".*
}

# refused SENTENCE COMMAND...: it fails, and says so.
refused() {
	local code=0

	"${@:2}" >"$dir/out" 2>"$dir/err" || code=$?
	{ [ $code -eq 1 ] && grep -q "$1" "$dir/err"; } ||
		fail "${*:2}: exit $code, \"$(cat "$dir/err")\", not \"$1\""
}

# patch FILE OFFSET BYTES: a copy of it, $dir/bad, with other bytes there.
patch() {
	cp "$1" "$dir/bad"
	printf '%b' "$3" | dd of="$dir/bad" bs=1 seek="$2" conv=notrunc \
		status=none
}

run exit
expect exit $reallocs
run kill
expect kill $reallocs
run exec
expect exec $reallocs
run exec MHRECORD_CHILDREN=1
expect exec $reallocs $reallocs
run fork
expect fork $((2 * reallocs))
run fork MHRECORD_CHILDREN=1
expect fork $reallocs $((2 * reallocs))

run exit
raw=$(echo "$dir"/exit.*)
"$tools/pack" "$raw" "$dir/good"
refused "No such file" "$tools/pack" "$dir/none" "$dir/t"
head -c 65000 "$raw" >"$dir/bad"
refused "one or more chunks" "$tools/pack" "$dir/bad" "$dir/t"
head -c 131072 "$raw" >"$dir/bad"
refused "cut short" "$tools/pack" "$dir/bad" "$dir/t"
patch "$raw" 0 x
refused "not written by" "$tools/pack" "$dir/bad" "$dir/t"
patch "$raw" 8 '\x63'
refused "version 99" "$tools/pack" "$dir/bad" "$dir/t"
patch "$raw" 16 '\x1c'
refused "No space left" "$tools/pack" "$dir/bad" "$dir/t"
patch "$raw" $((65536 + 16)) '\xff\xff\xff\xff\xff\xff\xff\xff'
refused "a number beyond" "$tools/pack" "$dir/bad" "$dir/t"
refused "can't create" "$tools/pack" "$raw" "$dir/no/t"
refused "can't open the trace" "$tools/show" "$dir/none"
head -c 100 "$dir/good" >"$dir/bad"
refused "a trace's header" "$tools/show" "$dir/bad"
head -c -8 "$dir/good" >"$dir/bad"
refused "its header says" "$tools/show" "$dir/bad"
patch "$dir/good" 0 x
refused "no packed trace" "$tools/show" "$dir/bad"
patch "$dir/good" 8 '\x63'
refused "version 99" "$tools/show" "$dir/bad"
header=$(($(stat -c %s "$dir/good") - 8 * $(od -An -tu8 -j16 -N8 "$dir/good")))
patch "$dir/good" "$header" '\x03'
refused "neither alloc nor free" "$tools/show" "$dir/bad"
patch "$dir/good" "$header" '\x01\x00\x00\x00\x00\x00\x00\x00'
refused "an empty slot" "$tools/show" "$dir/bad"
patch "$dir/good" 56 '\xff'
refused "other figures" "$tools/show" "$dir/bad"

[ $status -ne 0 ] || say "recorder, pack and show: all good"
exit $status
