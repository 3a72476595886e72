#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/trace/make.sh [BUILD_DIR [PROGRAM...]]
#
# Records what real programs ask of malloc, for the workload trace: cc1, sqlite3
# and python3, or those named, into BUILD_DIR/bench/traces/PROGRAM.  `make bench`
# comes first.  What is there already stays: remove it to record again.
#
#	cc1	compiles a file of 19,000 lines, -O2
#	sqlite3	a database of 100,000 orders: inserts, joins, updates, deletes
#	python3	parses its standard library; each object from malloc
#
# Exit 77: what a program needs isn't installed.
set -euo pipefail
. "$(dirname "$0")/../../script/common.sh"

build=$(cd "${1:-$root/build}" && pwd)
programs=("${@:2}")
[ ${#programs[@]} -gt 0 ] || programs=(cc1 sqlite3 python3)
here=$root/bench/trace
recorder=$build/bench/trace/.libs/libmhrecord.so
traces=$build/bench/traces
scratch=

# The same addresses each time, so the same hashes of them, where it's allowed.
steady=()
! setarch -R true 2>/dev/null || steady=(setarch -R)

# needs PACKAGE FILE: or says which to install.
needs() {
	[ -e "$2" ] && return
	say "$2 is missing: apt-get install $1"
	return 77
}

# record COMMAND...: into $scratch/raw.PID.  What it starts isn't recorded.
record() {
	"${steady[@]}" env LC_ALL=C.UTF-8 MHRECORD_FILE="$scratch/raw" \
		LD_PRELOAD="$recorder" "$@" >"$scratch/out"
}

# Single-file C libraries, with all that they hold.
cc1_source() {
	cat <<'C'
#define STB_IMAGE_IMPLEMENTATION
#define STB_TRUETYPE_IMPLEMENTATION
#define STB_SPRINTF_IMPLEMENTATION
#define STB_DS_IMPLEMENTATION
#include <stb/stb_image.h>
#include <stb/stb_truetype.h>
#include <stb/stb_sprintf.h>
#include <stb/stb_ds.h>
C
}

# The collector's limits, which gcc takes from the size of the machine, fixed.
run_cc1() {
	local cc1

	cc1=$(gcc -print-prog-name=cc1)
	needs gcc "$cc1"
	needs libstb-dev /usr/include/stb/stb_image.h
	cc1_source >"$scratch/big.c"
	gcc -E -w "$scratch/big.c" -o "$scratch/big.i"
	record "$cc1" -quiet -fpreprocessed -w -O2 \
		--param ggc-min-expand=100 --param ggc-min-heapsize=131072 \
		"$scratch/big.i" -o "$scratch/big.s"
}

run_sqlite3() {
	needs sqlite3 /usr/bin/sqlite3
	record /usr/bin/sqlite3 -batch -init /dev/null "$scratch/orders.db" \
		<"$here/orders.sql"
}

run_python3() {
	needs python3 /usr/bin/python3
	PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
		record /usr/bin/python3 -s -S "$here/library.py"
}

# make_trace PROGRAM, in a subshell of its own: its trap, its `set -e`.
make_trace() {
	scratch=$(mktemp -d "$traces/.$1.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	say "recording $1"
	"run_$1"
	"$build/bench/trace/pack" "$scratch"/raw.* "$scratch/trace"
	mv "$scratch/trace" "$traces/$1"
	"$build/bench/trace/show" "$traces/$1"
}

for program in "${programs[@]}"; do
	if ! declare -F "run_$program" >/dev/null; then
		say "nothing is known of $program: cc1, sqlite3, python3"
		exit 2
	fi
done
if [ ! -e "$recorder" ] || [ ! -x "$build/bench/trace/pack" ]; then
	say "no $recorder: make -C $build bench makes it"
	exit 1
fi
mkdir -p "$traces"
status=0
for program in "${programs[@]}"; do
	[ ! -e "$traces/$program" ] || continue
	set +e
	(set -e; make_trace "$program")
	code=$?
	set -e
	[ $code -eq 0 ] || [ $status -eq 1 ] || status=$code
done
[ $status -eq 0 ] || [ $status -eq 77 ] || status=1
exit $status
