#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A client's core dump has its own memory, but nothing of the arena.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

case $(cat /proc/sys/kernel/core_pattern) in
"|"*) echo "core dumps go to a program here"; exit 77 ;;
/*) echo "core dumps go to a fixed place here"; exit 77 ;;
esac
start --size 1G
cd "$dir" || exit 1
ulimit -c unlimited 2>/dev/null || { echo "core dumps are limited"; exit 77; }
ASAN_OPTIONS=disable_coredump=0:abort_on_error=1:detect_leaks=0 \
	MHEAP_NAME=$name MHEAP_SOCKET=$sock "$builddir/tests/multi/canary" 2>/dev/null
core=$(find "$dir" -maxdepth 1 -name 'core*' | head -n 1)
[ -n "$core" ] || fail "no core dump was written"
grep -q "CANARY-private-12345678" "$core" || fail "the dump lacks private memory"
! grep -q "CANARY-arena-12345678" "$core" || fail "the dump has arena contents"
[ "$(stat -c %b "$core")" -lt 10240 ] || fail "the dump has $(stat -c %b "$core") blocks"
