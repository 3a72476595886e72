#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Clients come and go: with a goodbye, by SIGKILL, by exec, and away for a while
# with their connection closed, which is no death.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

come_and_go() {
	start --size 256M

	client join alloc=5,3 large=300 write name=x count=clients bye |
		grep -q 'count clients 1' || fail "a client is not counted"
	client hello=2 wait=clients,0 wait=spans,0 >/dev/null ||
		fail "a goodbye gives nothing back"

	# Killed: everything comes back, at once.
	background "$dir/a" join alloc=5,3 large=1000 write hold
	holding "$dir/a"
	client hello=2 wait=clients,1 wait=spans,4 >/dev/null || fail "4 spans expected"
	kill -KILL "$last"
	client hello=2 wait=clients,0 wait=spans,0 count=deaths >/dev/null ||
		fail "a killed client is not reclaimed"

	# Its connection closed, the mapping kept: away, not dead, and served.
	background "$dir/b" join close wait=state,3 alloc=5,2 write hold
	holding "$dir/b"
	client hello=2 wait=clients,1 wait=spans,2 >/dev/null || fail "away is not dead"
	kill -KILL "$last"
	client hello=2 wait=clients,0 wait=spans,0 >/dev/null ||
		fail "an away client that died is not reclaimed"

	# Away and back again.
	client join alloc=5,2 close wait=state,3 resume wait=state,2 alloc=5,1 write \
		bye >/dev/null || fail "a client can't come back"

	# exec: the process lives and has no mapping.
	background "$dir/c" join alloc=5,3 exec
	holding "$dir/c"
	client hello=2 wait=clients,0 wait=spans,0 >/dev/null ||
		fail "a process without the mapping keeps its slot"
	kill -0 "$last" || fail "the process was to go on"
	kill -KILL "$last"

	# Refusals name both sides.
	client version=99 | grep -q 'protocol 99.*protocol 1' || fail "version refusal"
	client abi=99 | grep -q 'ABI 0000000000000063.*ABI' || fail "ABI refusal"

	# Descriptors sent to the daemon are dropped.
	before=$(ls "/proc/$daemon/fd" | wc -l)
	client nofds=200 bye nofds=200 bye nofds=200 bye >/dev/null || fail "nofds"
	until_true 20 sh -c "[ \$(ls /proc/$daemon/fd | wc -l) -le $before ]" ||
		fail "the daemon keeps descriptors"

	# A client that breaks the protocol is closed, and is away until proven dead.
	client join bytes=13 eof wait=state,3 >/dev/null || fail "rubbish is taken"
	client hello=2 wait=clients,0 >/dev/null || fail "its slot stays"

	client destroy >/dev/null || fail "destroy"
	ends "$daemon" 0
}

come_and_go
# The same where the kernel does not give a descriptor of who connected.
wrap="$helpers/forbid peerpidfd"
come_and_go
