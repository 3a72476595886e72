# SPDX-License-Identifier: Apache-2.0
# What the investigations share: a build, and the demo at work in a heap.  Sourced.
build=$(cd "${1:-build}" && pwd) || exit 2
dir=$(mktemp -d) || exit 1
name=investigated
MHEAP_DAEMON=$build/mheapd MHEAP_SOCKET=$dir/$name.sock
export MHEAP_DAEMON MHEAP_SOCKET
pids=

finish() {
	for p in $pids; do
		kill -KILL "$p" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT

# What the demo indexes: long enough to be looked at.
demo() {
	"$build/mheap" demo --name $name --kills 0 "$@" /usr/include \
		/usr/share /usr/lib >"$dir/demo" 2>&1 &
	demo=$!
	pids="$pids $demo"
	until [ -S "$MHEAP_SOCKET" ]; do
		kill -0 $demo || { cat "$dir/demo"; exit 1; }
		sleep 0.1
	done
	sleep 1
}

# shown COMMAND...: prints it, then runs it
shown() {
	echo "\$ $*"
	PATH=$build:$PATH "$@"
	echo
}
