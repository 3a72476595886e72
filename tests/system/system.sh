# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder share: a heap and a folder of their own, a real
# mheapd, and the end of both whatever happens.  Sourced, not run.
set -u

builddir=${top_builddir:-$(pwd)}
mheapd=${MHEAP_DAEMON:-$builddir/mheapd}
helpers=${MHEAP_TEST_HELPERS:-$builddir/tests/system}
dir=$(mktemp -d "${TMPDIR:-/tmp}/mheap-test.XXXXXX") || exit 1
name=test-$$
sock=$dir/$name.sock
log=$dir/log
pids=

unset MHEAP_SOCKET NOTIFY_SOCKET LISTEN_FDS LISTEN_PID JOURNAL_STREAM
export XDG_RUNTIME_DIR="$dir"

finish() {
	status=$?
	trap - EXIT
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	# With nobody left, a new daemon can be told to remove the heap.
	if [ -e "/dev/shm/mheap.$(id -u).$name.heap" ] || [ -e "$dir/$name.keep" ]; then
		"$mheapd" --name "$name" --socket "$sock" 2>>"$log" &&
			client force >/dev/null
	fi
	rm -f "/dev/shm/mheap.$(id -u).$name".*
	[ $status = 0 ] || [ $status = 77 ] || sed 's/^/log: /' "$log" 2>/dev/null
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "FAIL: $*"
	exit 1
}

client() {
	"$helpers/wire_client" "$sock" "$@"
}

# until_true SECONDS COMMAND...: polls; fails when the time is over.
until_true() {
	tries=$(($1 * 50))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.02
	done
}

# start [OPTION...]: a daemon of this heap; its PID is in $daemon.  $wrap is what
# it is to be run by.
wrap=
start() {
	: >"$log.start"
	# shellcheck disable=SC2086
	$wrap "$mheapd" --foreground --name "$name" --socket "$sock" "$@" \
		2>>"$log.start" &
	daemon=$!
	pids="$pids $daemon"
	until grep -q 'serves heap' "$log.start"; do
		if ! kill -0 "$daemon" 2>/dev/null; then
			cat "$log.start" >>"$log"
			! grep -q io_uring "$log.start" || exit 77
			fail "mheapd did not start"
		fi
		sleep 0.02
	done
	cat "$log.start" >>"$log"
}

# ends PID CODE: it has ended, or does within 20 s, with this code.
ends() {
	code=0
	until_true 20 is_gone "$1" || fail "process $1 does not end"
	wait "$1" || code=$?
	[ $code = "$2" ] || fail "process $1 ended with $code, not $2"
}

is_gone() {
	case $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) in
	'' | Z) return 0 ;;
	esac
	return 1
}

# refused CODE TEXT OPTION...: mheapd ends with the code and says the text.
refused() {
	want=$1 text=$2 code=0
	shift 2
	timeout 30 "$mheapd" --foreground --name "$name" --socket "$sock" "$@" \
		2>"$dir/why" || code=$?
	cat "$dir/why" >>"$log"
	[ $code = "$want" ] || fail "mheapd $*: exit $code, not $want"
	grep -qe "$text" "$dir/why" || fail "mheapd $*: does not say '$text'"
}

segment() {
	echo "/dev/shm/mheap.$(id -u).$name.$1"
}

# background FILE WORD...: a client whose output is in FILE; its PID in $last.
background() {
	out=$1
	shift
	: >"$out"	# not what the last one there said
	"$helpers/wire_client" "$sock" "$@" >"$out" 2>&1 &
	last=$!
	pids="$pids $last"
}

# holding FILE: the background client has come to its hold.
holding() {
	until_true 20 grep -q holding "$1" || {
		cat "$1"
		fail "the client in $1 does not hold"
	}
}
