#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A few hundred random kills of clients and of the daemon under load; script/soak
# has the full figures.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"
soak=$builddir/tests/multi/soak
relay=$builddir/tests/multi/relay

run() {
	"$soak" "$@" 2>"$log" || {
		cat "$log"
		fail "soak $*"
	}
}

run --kills 200 --seed 1
run --kills 60 --backing memfd --seed 2
run --kills 30 --daemon-kills 15 --workers 6 --seed 3
run --kills 0 --daemon-kills 5 --backing memfd --seed 4
"$relay" --kills 200 --daemon-kills 10 >"$log" 2>&1 || {
	cat "$log"
	fail "relay"
}
cat "$log"
