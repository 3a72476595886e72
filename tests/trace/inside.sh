#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A tracer in a PID name space of its own gives PIDs as they are in there, marks those of
# processes that have none in there, and keeps to the process of -p in one below it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
unshare -p -f --mount-proc true 2>/dev/null ||
	cannot "no PID name spaces"

mkfifo "$dir/ready" "$dir/go" "$dir/below.go"
cat >"$dir/inside" <<-EOF
	# traced NAME OPTION...
	traced() {
		name=\$1
		shift
		"$trace" hist --json --by-process --lib "$fire" "\$@" \
			>"$dir/\$name.out" 2>"$dir/\$name.err" &
		tracer=\$!
		until grep -qs ': tracing ' "$dir/\$name.err"; do
			kill -0 \$tracer || exit 1
			sleep 0.02
		done
	}
	traced hist
	"$fire" burst 100 &
	echo \$! >"$dir/pid"
	wait \$! || exit 1
	echo ready >"$dir/ready"
	read -r go <"$dir/go"
	kill -INT \$tracer
	wait \$tracer || exit 1

	unshare -p -f sh -c 'read -r go <"$dir/below.go"; exec "$fire" burst 70' &
	box=\$!
	until below=\$(cat /proc/\$box/task/\$box/children) && [ -n "\$below" ]; do
		kill -0 \$box || exit 1
		sleep 0.02
	done
	echo \$below >"$dir/below"
	traced one -p \$below
	echo go >"$dir/below.go"
	wait \$box || exit 1
	kill -INT \$tracer 2>/dev/null
	wait \$tracer
EOF
unshare -p -f --mount-proc --kill-child sh "$dir/inside" &
inside=$!
pids="$pids $inside"
read -r go <"$dir/ready" && [ "$go" = ready ] || fail "inside"
"$fire" burst 50 &
out=$!
wait $out || fail "fire burst"
echo go >"$dir/go"
wait $inside || {
	cat "$dir"/*.err
	fail "inside"
}

# row NAME TEXT COUNT
row() {
	grep -q "$2,\"command\":\"fire\",\"count\":$3," "$dir/$1.out" || {
		cat "$dir/$1.out"
		fail "$1: hits of $2"
	}
}
pid=$(cat "$dir/pid") below=$(cat "$dir/below")
row hist "\"pid\":$pid" 100
row hist "\"pid_elsewhere\":true,\"pid\":[0-9]*" 50
row one "\"pid\":${below% }" 70
echo "inside.sh: process $pid, as it is called inside, and $below below it"
