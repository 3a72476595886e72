#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The programs of examples/ compile without a warning, do what they say, and leave
# no heap behind.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"
srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
cc=${CC:-cc}
command -v "${cc%% *}" >/dev/null || { echo "no compiler $cc"; exit 77; }
MHEAP_DAEMON=$mheapd MHEAP_SOCKET=$sock
export MHEAP_DAEMON MHEAP_SOCKET

gone() {
	[ ! -e "/dev/shm/mheap.$(id -u).example-$1.heap" ] && [ ! -e "$sock" ]
}

# example NAME WHAT-IT-SAYS [ARGUMENT...]
example() {
	what=$1 says=$2
	shift 2
	# shellcheck disable=SC2086
	$cc -std=gnu11 -O2 -Wall -Wextra -Werror ${SANITIZER_CFLAGS-} \
		-I"$srcdir/include" -o "$dir/$what" "$srcdir/examples/$what.c" \
		-L"$builddir/.libs" -Wl,-rpath,"$builddir/.libs" -lmheap ||
		fail "examples/$what.c does not compile"
	timeout 60 "$dir/$what" "$@" >"$dir/out" 2>>"$log" ||
		fail "$what: exit $?: $(cat "$dir/out")"
	grep -qE "$says" "$dir/out" || fail "$what says: $(cat "$dir/out")"
	until_true 20 gone "$what" || fail "the heap of $what is there still"
}

example hello '^hello from process [0-9]+, read by process [0-9]+$'
example workqueue '^2000 jobs done by 3 workers, 5 kills; .*, 0 wrong$' 2000 5
example config '^a reader saw [0-9]+ versions of 300, each of them whole$' 300
example noleak '^killed while it held [0-9]{3,} objects .*; 2 are left'
grep -q ': 0$' "$dir/out" || fail "noleak: $(cat "$dir/out")"

# Two pixels: red and white.
printf 'P6\n2 1\n255\n\377\000\000\377\377\377' >"$dir/a.ppm"
printf 'P6\n1 1\n255\n\000\000\000' >"$dir/b.ppm"
example pipeline 'a.pgm: 2 x 1$' "$dir/a.ppm" "$dir/a.pgm" "$dir/b.ppm" "$dir/b.pgm"
printf 'P5\n2 1\n255\n\114\377' | cmp -s - "$dir/a.pgm" || fail "a.pgm is wrong"
printf 'P5\n1 1\n255\n\000' | cmp -s - "$dir/b.pgm" || fail "b.pgm is wrong"
timeout 60 "$dir/pipeline" "$dir/out" "$dir/c.pgm" 2>"$dir/err" && fail "no image"
grep -q 'not a P6 image' "$dir/err" || fail "$(cat "$dir/err")"
