# SPDX-License-Identifier: Apache-2.0
# What the tests of mheap-trace share, on top of system.sh: a tracer that is told
# when it is attached, and the skip that says why.  Sourced, not run.
#
# With MHEAP_REQUIRE_BPF=1 a system that can't trace is an error, not a skip.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

# Programs of ours find the heap by it; system.sh has unset it.
MHEAP_SOCKET=$sock
export MHEAP_SOCKET

trace=${MHEAP_TRACE:-$builddir/mheap-trace}
here=$builddir/tests/trace
fire=$here/fire

cannot() {
	echo "SKIP(bpf): $*"
	[ "${MHEAP_REQUIRE_BPF:-0}" = 1 ] && exit 99
	exit 77
}

need_bpf() {
	grep -q 'define MH_PROBES 1' "$builddir/config.h" ||
		cannot "configured with --disable-probes"
	[ -x "$trace" ] || cannot "mheap-trace was not built (--enable-bpf)"
	"$trace" check --lib "$fire" >"$dir/check" 2>&1 ||
		cannot "$(tail -n 1 "$dir/check")"
}

# tracer NAME COMMAND...: runs until `ends_tracer NAME`; its output is NAME.out,
# what it says NAME.err.  Returns when it is attached.
tracer() {
	tracer_name=$1
	shift
	"$trace" "$@" >"$dir/$tracer_name.out" 2>"$dir/$tracer_name.err" &
	eval "tracer_$tracer_name=$!"
	pids="$pids $!"
	until grep -q ': tracing ' "$dir/$tracer_name.err"; do
		kill -0 "$!" 2>/dev/null || {
			cat "$dir/$tracer_name.err"
			fail "mheap-trace $* ended"
		}
		sleep 0.02
	done
}

# ends_tracer NAME [CODE]
ends_tracer() {
	eval "tracer_pid=\$tracer_$1"
	kill -INT "$tracer_pid"
	tracer_code=0
	wait "$tracer_pid" || tracer_code=$?
	[ "$tracer_code" = "${2:-0}" ] || {
		cat "$dir/$1.err"
		fail "mheap-trace $1 ended with $tracer_code"
	}
}

# has_lines FILE N: at least so many
has_lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# count_lines NAME TEXT: of its output, how many match
count_lines() {
	grep -c -- "$2" "$dir/$1.out"
}

# field KEY: of each JSON line of the input the number under the key
field() {
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"
}

# stat_of NAME KEY: of the account that NAME printed at its end, as JSON
stat_of() {
	grep '"type":"stats"' "$dir/$1.out" | field "$2"
}
