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
MHEAP_TRACE=$trace
export MHEAP_TRACE
here=$builddir/tests/trace

# Files of this test's own: a probe is traced wherever its file runs, in a test
# beside this one, too.
cp "$here/fire" "$here/refiller" "$dir" || exit 1
fire=$dir/fire
# shellcheck disable=SC2034
refiller=$dir/refiller

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
	: >"$dir/$tracer_name.err"	# not what the last of the name said
	"$trace" "$@" >"$dir/$tracer_name.out" 2>"$dir/$tracer_name.err" &
	eval "tracer_$tracer_name=$!"
	pids="$pids $!"
	until grep -qs ': tracing ' "$dir/$tracer_name.err"; do
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

# is_openmetrics FILE: is it OpenMetrics, as far as we use it?
is_openmetrics() {
	awk '
	function bad(why) { print FILENAME ":" FNR ": " why ": " $0; failed = 1 }
	ended { bad("after the end") }
	/^# EOF$/ { ended = 1; next }
	/^# TYPE [a-z_]+ (counter|gauge|histogram)$/ {
		if ($3 in type)
			bad("a family twice")
		family = $3; type[$3] = $4; next
	}
	/^# (HELP|UNIT) / {
		if ($3 != family)
			bad("not of the family")
		if ($2 == "UNIT" && family !~ ("_" $4 "$"))
			bad("the unit is not in the name")
		next
	}
	/^[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? -?[0-9.e+-]+$/ {
		name = $0; sub(/[{ ].*/, "", name)
		series = $0; sub(/ [^ ]*$/, "", series)
		if (series in seen)
			bad("a series twice")
		seen[series] = 1
		t = type[family]
		rest = substr(name, length(family) + 1)
		if (substr(name, 1, length(family)) != family ||
		    (t == "counter" && rest != "_total") ||
		    (t == "gauge" && rest != "") ||
		    (t == "histogram" && rest !~ /^_(bucket|count|sum)$/))
			bad("not of the family")
		if (rest == "_bucket") {
			if (series ~ /le="\+Inf"/) inf = $NF
			if ($NF + 0 < last + 0 && series !~ first)
				bad("buckets go down")
			last = $NF; first = "le=\"2.56e-07\""
		}
		if (rest == "_count" && $NF != inf)
			bad("the count is not that of +Inf")
		next
	}
	{ bad("what is this") }
	END { exit failed || !ended }' "$1"
}
