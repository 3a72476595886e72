#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A /dev/shm that is small, full or filled by others is an error with a remedy,
# and never a SIGBUS.  For root: in a mount namespace with a /dev/shm of its own.
if [ -z "${MHEAP_SMALL_SHM-}" ]; then
	unshare -m true 2>/dev/null || { echo "needs root"; exit 77; }
	MHEAP_SMALL_SHM=1 exec unshare -m "${SHELL:-/bin/sh}" "$0"
fi
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"
mount -t tmpfs -o size=1M tmpfs /dev/shm || exit 77

refused 3 'make /dev/shm larger' --clients 1024 --stripes 64
[ -z "$(ls /dev/shm)" ] || fail "left in /dev/shm: $(ls /dev/shm)"

mount -o remount,size=48M /dev/shm
start --size 1G --clients 8 --stripes 1 --names 64
client hello=2 count=limit | sed -n 's/^count limit //p' >"$dir/limit"
[ "$(cat "$dir/limit")" -le $((48 << 20)) ] || fail "limit beyond /dev/shm"
# Within, then beyond the limit.
client join large=2560 write bye >/dev/null || fail "20 MiB"
code=0
client join large=12800 >"$dir/a" || code=$?
[ $code = 4 ] && grep -q 'error -12 reason 1' "$dir/a" || fail "100 MiB of 48"

# Others fill it behind our back: ENOMEM by the file system, and back again.
client trim >/dev/null || fail "trim"
dd if=/dev/zero of=/dev/shm/fill bs=1M count=40 2>/dev/null
code=0
client join large=2560 >"$dir/a" || code=$?
[ $code = 4 ] && grep -q 'error -12 reason 2' "$dir/a" || {
	cat "$dir/a"
	fail "20 MiB of 8"
}
client join large=256 write alloc=5,20 write bye >/dev/null || fail "2 MiB of 8"
rm /dev/shm/fill
client join large=2560 write bye >/dev/null || fail "20 MiB again"

# A restart counts what the heap has as its own.
client join large=2560 write close >/dev/null
kill -TERM "$daemon"
ends "$daemon" 0
start
client hello=2 count=limit | grep -q "limit $(cat "$dir/limit")" || {
	client hello=2 count=limit
	fail "another limit after a restart"
}
client destroy >/dev/null || fail "destroy"
ends "$daemon" 0

# Nameless memory does not lie in /dev/shm.
dd if=/dev/zero of=/dev/shm/fill bs=1M 2>/dev/null
start --size 1G --backing memfd
client join large=2560 write bye >/dev/null || fail "memfd beside a full /dev/shm"
client destroy >/dev/null || fail "destroy"
ends "$daemon" 0
