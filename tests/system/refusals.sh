#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What mheapd refuses to start with, with which exit code and which words.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

# The command line.
refused 2 'size 10: give bytes from 1M to 1T' --size 10
refused 2 'size 2T' --size 2T
refused 2 'multiple of 8192, such as 1000005632' --size 1000000000
refused 2 'multiple of 8192' --size 1048577
refused 2 'limit x' --limit x
refused 2 'limit 1K: give bytes from 1M' --limit 1K
refused 2 'backing disk: give shm or memfd' --backing disk
refused 2 'base 0x1234: give an address' --base 0x1234
refused 2 'end beyond' --base 0x7fffffe00000 --size 16G
refused 2 'clients 0: give a number from 1 to' --clients 0
refused 2 'stripes 3: give a power of two' --stripes 3
refused 2 'names 3: give a power of two' --names 3
refused 2 'name .x: give 1 to 48' --name .x
refused 2 'name a/b' --name a/b
refused 2 'socket x: give an absolute path' --socket x
refused 2 'there are none' surplus
refused 2 'no such group' --group no-such-group-here
refused 2 'Try .*--help' --no-such-option
[ ! -e "$(segment heap)" ] || fail "a refusal left a heap"
"$mheapd" --version | grep -q '^mheapd (mheap) [0-9]' || fail "--version"
"$mheapd" --help | grep -q -e --backing=shm || fail "--help"

# In the background the parent says the same and ends with the same code.
code=0
"$mheapd" --name "$name" --socket /nonexistent/x.sock 2>"$dir/why" || code=$?
[ $code = 3 ] && grep -q 'lock file' "$dir/why" || fail "background: $code"

# What a heap was made with can't be chosen again.
start --size 64M --clients 8 --stripes 2 --names 64
kill -TERM "$daemon"
ends "$daemon" 0
refused 2 'size 128M: heap .* was made with 64M' --size 128M
refused 2 'backing memfd: heap .* was made with shm' --backing memfd
refused 2 'base 0x200000000000: heap .* was made with 0x55' --base 0x200000000000
refused 2 'clients 9: heap .* was made with 8' --clients 9
start --size 64M --backing shm --clients 8
client join bye >/dev/null || fail "the refusals did harm"
kill -TERM "$daemon"
ends "$daemon" 0

# Another layout stays untouched: one bit of its ABI word.
heap=$(segment heap)
cp --sparse=always "$heap" "$dir/before"
printf '\377' | dd of="$heap" bs=1 seek=8 conv=notrunc 2>/dev/null
cp --sparse=always "$heap" "$dir/other"
refused 3 'another layout (ABI'
cmp -s "$heap" "$dir/other" || fail "a heap of another layout was touched"

# Nor what is no heap at all.
printf 'not a heap at all, but longer than a magic' |
	dd of="$heap" bs=1 conv=notrunc 2>/dev/null
refused 3 'is no heap'
grep -q 'not a heap at all' "$heap" || fail "what is no heap was touched"

# Somebody else's is not trusted.
cp --sparse=always "$dir/before" "$heap"
chmod 0666 "$heap"
refused 3 'not to this user alone'
chmod 0600 "$heap"

# A part is missing.
mv "$(segment central)" "$dir/central"
refused 3 'central segment .* is missing'
mv "$dir/central" "$(segment central)"
truncate -s 1M "$(segment arena)"
refused 3 'arena segment .* shorter'
truncate -s 64M "$(segment arena)"

# One that its maker left by half is made anew.
dd if=/dev/zero of="$heap" bs=8 count=1 conv=notrunc 2>/dev/null
start --size 32M
client join alloc=3,1 write bye >/dev/null || fail "not made anew"
kill -TERM "$daemon"
ends "$daemon" 0

# io_uring is forbidden: why, and what to do.
code=0
"$helpers/forbid" uring "$mheapd" --foreground --name "$name" \
	--socket "$sock" 2>"$dir/why" || code=$?
[ $code = 77 ] || {
	[ $code = 3 ] || fail "io_uring forbidden: exit $code, not 3"
	grep -q 'seccomp profile' "$dir/why" || fail "io_uring: no remedy"
}
