#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The probes in the library and in the daemon are those of shm/probes.def: each
# once, with its arguments in the registers of a call, a semaphore, and a nop of
# one byte as its site.
srcdir=${top_srcdir:-$(dirname "$0")/../..}
builddir=${top_builddir:-$(pwd)}

grep -q 'define MH_PROBES 1' "$builddir/config.h" ||
	{ echo "configured with --disable-probes"; exit 77; }
command -v readelf >/dev/null || { echo "readelf is not installed"; exit 77; }
case $(uname -m) in
x86_64) regs="8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9"; nop=90 ;;
aarch64) regs="8@x0 8@x1 8@x2 8@x3 8@x4 8@x5"; nop=1f2003d5 ;;
esac

# wanted SIDE: "name arguments", as probes.def says
wanted() {
	sed -n "s/^PROBE($1, \([a-z_]*\), \([0-9]\),.*/\1 \2/p" \
		"$srcdir/shm/probes.def" |
	while read -r name n; do
		echo "$name $(echo "$regs" | cut -d ' ' -f "1-$n")"
	done | sort
}

# found FILE: the same, from its notes; a semaphore of 0 shows
found() {
	readelf -n "$1" | awk '
		/Provider:/ { mine = $2 == "mheap" }
		/Name:/ { name = $2 }
		/Semaphore:/ { none = $NF ~ /0x0*$/ ? " NO SEMAPHORE" : "" }
		/Arguments:/ {
			sub(/.*Arguments: /, "")
			if (mine)
				print name " " $0 none
		}' | sort
}

# sites FILE: the bytes at each; offsets in the file are those of its text
sites() {
	set -- "$1" $(readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] \.text  *PROGBITS  *\([0-9a-f]*\) \([0-9a-f]*\).*/\1 \2/p')
	readelf -n "$1" | sed -n 's/.*Location: 0x\([0-9a-f]*\),.*/\1/p' |
	while read -r at; do
		od -An -tx1 -j $((0x$at - 0x$2 + 0x$3)) -N $((${#nop} / 2)) "$1" |
			tr -d ' '
	done | sort | uniq -c | sed 's/^ *//'
}

check() {
	wanted "$2" >"$dir/wanted"
	found "$1" >"$dir/found"
	diff "$dir/wanted" "$dir/found" || { echo "FAIL: probes of $1"; exit 1; }
	n=$(wc -l <"$dir/wanted")
	[ "$n" -gt 2 ] && [ "$(sites "$1")" = "$n $nop" ] ||
		{ echo "FAIL: sites of $1: $(sites "$1")"; exit 1; }
	echo "$1: $n probes"
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check "$builddir/.libs/libmheap.so" LIB
check "$builddir/mheapd" DAEMON
