#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Full memory is NULL with ENOMEM and a reason, and never a SIGBUS: a /dev/shm
# of 32 MiB of its own, a --limit, a small reserve.
if [ -z "${MHEAP_SMALL_SHM-}" ]; then
	unshare -m true 2>/dev/null || { echo "needs root"; exit 77; }
	MHEAP_SMALL_SHM=1 exec unshare -m "${SHELL:-/bin/sh}" "$0"
fi
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"
mount -t tmpfs -o size=32M tmpfs /dev/shm || exit 77
rounds=${MHEAP_FULL_ROUNDS:-1}

fill() {
	what=$1
	shift
	start "$@"
	MHEAP_NAME=$name MHEAP_SOCKET=$sock \
		"$builddir/tests/multi/full" "$reason" "$rounds" ||
		fail "$what: exit $?"
	"$builddir/mheap" verify "$name" >/dev/null || fail "$what: verify"
	client destroy >/dev/null || fail "$what: destroy"
	ends "$daemon" 0
}
export MHEAP_SOCKET="$sock"

reason=1 fill "--limit 16M" --size 1G --limit 16M
reason=3 fill "--size 16M" --size 16M --limit 30M
reason=0 fill "/dev/shm of 32M" --size 1G --limit 1G
dd if=/dev/zero of=/dev/shm/fill bs=1M count=8 2>/dev/null
reason=2 fill "/dev/shm that others fill" --size 1G --limit 1G
