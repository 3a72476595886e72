#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A tracer in a PID name space of its own gives PIDs as they are in there.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
unshare -p -f --mount-proc true 2>/dev/null ||
	cannot "no PID name spaces"

cat >"$dir/inside" <<-EOF
	"$trace" hist --json --by-process --lib "$fire" \
		>"$dir/hist.out" 2>"$dir/hist.err" &
	tracer=\$!
	until grep -qs ': tracing ' "$dir/hist.err"; do
		kill -0 \$tracer || exit 1
		sleep 0.02
	done
	"$fire" burst 100 &
	echo \$! >"$dir/pid"
	wait \$! || exit 1
	kill -INT \$tracer
	wait \$tracer
EOF
unshare -p -f --mount-proc --kill-child sh "$dir/inside" || {
	cat "$dir/hist.err"
	fail "inside"
}
pid=$(cat "$dir/pid")
grep -q "\"pid\":$pid,\"command\":\"fire\",\"count\":100," "$dir/hist.out" || {
	cat "$dir/hist.out"
	fail "hits of process $pid"
}
echo "inside.sh: process $pid, as it is called inside"
