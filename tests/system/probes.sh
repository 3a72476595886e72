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
	sed -nE "s/^PROBE\(($1|BOTH), ([a-z_]*), ([0-9]),.*/\2 \3/p" \
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

# build OUT SOURCE COMPILER FLAG...: with our flags, for a shared object
build() {
	out=$1 source=$2
	shift 2
	# shellcheck disable=SC2086
	"$@" -std=gnu11 -fPIC -fvisibility=hidden -pthread $arch \
		-include "${config:-$builddir/config.h}" -I"$srcdir" \
		-I"$srcdir/include" -I"$builddir" -o "$dir/$out" \
		"$source" || { echo "FAIL: $* $source"; exit 1; }
}

# A look at a semaphore is a load, a test and a branch (or what keeps the answer).
check_looks() {
	objdump -d --no-show-raw-insn "$1" | awk -v file="$1" '
		function bad() {
			print "FAIL: " file ": no plain look at a probe: " look
			failed = 1
		}
		/>:$/ { ours = !/tm_clones/ }
		!ours || !/^ +[0-9a-f]+:/ { next }
		# No jump belongs to the look while its load is not yet tested.
		want == "test" && /\ttest|\tcmp/ { want = "branch"; left = 6 }
		want == "branch" && /\t(j|set|cmov|sete|movzb)/ { want = "" }
		want && !left-- { bad(); want = "" }
		/<mheap_[a-z_]*_semaphore>/ {
			n++
			look = $0
			left = 12
			if (/\tmov[a-z]* .*\(%rip\),%/)
				want = "test"
			else if (/\tcmpw +\$0x0/)
				want = "branch"
			else
				bad()
		}
		END {
			if (n < 10) {
				print "FAIL: " file ": only " n + 0 " looks"
				failed = 1
			}
			exit failed
		}' || exit 1
}

# code FILE FUNCTION: what it does, without where
code() {
	objdump -d --no-show-raw-insn "$1" |
		awk -v f="<$2>:" '/>:$/ { on = $2 == f } on && /\t/ { print $2 }'
}

# The fast path is the same with and without probes.
check_fast() {
	sed /MH_PROBES/d "$builddir/config.h" >"$dir/config.h"
	for pair in alloc:mh_alloc alloc:mh_alloc_shared free:mh_free; do
		source=$srcdir/libclient/${pair%:*}.c f=${pair#*:}
		build with.o "$source" "${CC:-cc}" -O2 -fno-plt -c
		config=$dir/config.h build without.o "$source" "${CC:-cc}" -O2 \
			-fno-plt -c
		code "$dir/with.o" "$f" >"$dir/with"
		code "$dir/without.o" "$f" >"$dir/without"
		[ -s "$dir/with" ] && cmp "$dir/with" "$dir/without" ||
			{ echo "FAIL: probes change $f"; exit 1; }
	done
	echo "mh_alloc, mh_alloc_shared, mh_free: the same without probes"
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
arch=
[ "$(uname -m)" != x86_64 ] || arch=-mcx16
check "$builddir/.libs/libmheap.so" LIB
check "$builddir/mheapd" DAEMON
# With a user of each site, as the library has them.
{
	echo '#include "libclient/probes.c"'
	echo 'void use(void); __attribute__((visibility("default"))) void use(void) {'
	sed -nE 's/^PROBE\(LIB, ([a-z_]*), ([0-9]),.*/\1 \2/p' "$srcdir/shm/probes.def" |
	while read -r probe n; do
		echo "	probe_$probe($(seq -s , "$n"));"
	done
	echo '}'
} >"$dir/all.c"
for cc in gcc clang; do
	command -v $cc >/dev/null || { echo "no $cc here"; continue; }
	for flags in -O0 -O2 -O3 -Os "-O2 -flto"; do
		# shellcheck disable=SC2086
		build lib.so "$dir/all.c" $cc $flags -shared
		check "$dir/lib.so" LIB
	done
done
if [ -z "${SANITIZER_CFLAGS-}" ] && [ "$(uname -m)" = x86_64 ]; then
	check_looks "$builddir/.libs/libmheap.so"
	check_fast
fi
