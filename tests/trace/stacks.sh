#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stacks have their callers by name, also those of a process that has ended; the
# sum of stacks is that of the hits; the picture is sound; no file says what is opened.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf

tracer chain stacks --strict --lib "$fire"
"$fire" chain || fail "fire chain"
"$fire" burst 10 || fail "fire burst"
ends_tracer chain
grep -q '^fire;.*;main;outer;middle;inner;refill_done owned 16 from cache 1$' \
	"$dir/chain.out" || {
	cat "$dir/chain.out"
	fail "callers of a process that has ended"
}
[ "$(awk '{ n += $NF } END { print n }' "$dir/chain.out")" = 11 ] ||
	fail "the sum of the stacks is not that of the hits"

# The same, built by another compiler.
if command -v clang >/dev/null && [ "$(uname -m)" = x86_64 ]; then
	clang -std=gnu11 -O2 -fno-omit-frame-pointer -mcx16 -pthread \
		-include "$builddir/config.h" -I"$top_srcdir" \
		-I"$top_srcdir/include" -o "$dir/clang-fire" \
		"$top_srcdir/tests/trace/fire.c" \
		"$top_srcdir/libclient/probes.c" || fail "clang"
	tracer clang stacks --strict --lib "$dir/clang-fire"
	"$dir/clang-fire" chain || fail "clang-fire chain"
	ends_tracer clang
	grep -q ';main;outer;middle;inner;refill_done' "$dir/clang.out" || {
		cat "$dir/clang.out"
		fail "callers of what clang built"
	}
fi

# Through the library, as a program is built that keeps frame pointers.

tracer real stacks --by objects --lib "$builddir/.libs/libmheap.so"
env -u MHEAP_SOCKET "$builddir/mheap" demo --workers 2 --kills 0 \
	"${top_srcdir:-.}/man" >/dev/null 2>&1 || fail "the demo"
ends_tracer real
grep -q ';refill;' "$dir/real.out" || {
	cat "$dir/real.out"
	fail "no refill of the demo"
}

tracer svg stacks --by time --svg "$dir/a.svg" --lib "$fire"
"$fire" chain || fail "fire chain"
ends_tracer svg
grep -q '<title>middle (1000 ns, 100.0%)</title>' "$dir/a.svg" ||
	fail "no box of middle"
if command -v xmllint >/dev/null; then
	xmllint --noout "$dir/a.svg" || fail "no sound XML"
elif command -v python3 >/dev/null; then
	python3 -c 'import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$dir/a.svg" || fail "no sound XML"
fi
! grep -q 'href\|<script' "$dir/a.svg" || fail "it needs something else"

# A file whose debugging symbols are said to be where opening it never ends.
if command -v objcopy >/dev/null; then
	cd "$dir" || exit 1
	: >symbols
	cp "$fire" bare
	objcopy --strip-all --add-gnu-debuglink=symbols bare || fail "objcopy"
	rm symbols
	mkfifo symbols
	tracer bare stacks --lib bare
	./bare chain || fail "bare chain"
	kill -INT "$tracer_bare"
	until_true 10 is_gone "$tracer_bare" || {
		kill -KILL "$tracer_bare"
		fail "it follows a .gnu_debuglink"
	}
	ends_tracer bare
	grep -q 'bare;.*refill_done' bare.out || fail "no stack of bare"
fi
echo "stacks.sh: callers are named"
