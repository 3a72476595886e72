#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/sim/run.sh [--quick] [--tib] [--report] [--build DIR]
#
# All of doc/scaling.md's figures: builds, measures costs, compares the simulation
# with the real library, simulates larger machines, restarts full heaps; then
# writes tables and plots into doc/.  Needs 2 CPUs, better idle; a few minutes.
#	--quick   short runs, to see that all works; doc/ stays as it is
#	--tib     restarts a full heap of 1 TiB too (8 GiB in /dev/shm, 5 minutes)
#	--report  tables and plots from the results that are there
#	--build   the folder to build in, results in its bench/sim/out (build)
# Exit status: 1 if a run failed, 2 usage, 3 if something is missing.
set -euo pipefail
. "$(dirname "$0")/../../script/common.sh"

build=$root/build
quick="" tib="" report=""
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 ;;
	--tib) tib=1 ;;
	--report) report=1 ;;
	--build) build=$(realpath "${2:?--build needs a folder}") && shift ;;
	*)
		say "$1: --quick, --tib, --report and --build DIR are known"
		exit 2 ;;
	esac
	shift
done
out=$build/bench/sim/out
sim=$build/bench/sim/sim
python=/usr/bin/python3 # Debian's own, which finds Debian's matplotlib
[ -x $python ] || python=python3

render() {
	export PYTHONDONTWRITEBYTECODE=1
	"$python" "$root/bench/sim/report.py" "$out" "$root/doc/scaling.md"
	"$python" "$root/bench/sim/plot.py" "$out" "$root/doc/scaling"
}

# record FILE COMMAND...: what it prints is kept, after the experiment's name.
record() {
	local file=$1 line

	shift
	if ! line=$("$@" 2>"$out/errors"); then
		cat "$out/errors" >&2
		say "failed: $*"
		return 1
	fi
	printf '%s\n' "$line" >>"$out/$file"
}

compile() {
	mkdir -p "$build" "$out"
	if ! { configure_in "$build" && make -C "$build" -j"$jobs" mheapd \
		bench/sim/sim; } >"$out/build.log" 2>&1; then
		tail -n 30 "$out/build.log" >&2
		say "the build failed; all of it is in $out/build.log"
		return 1
	fi
}

about() {
	date +'date %Y-%m-%d'
	printf 'machine %s, %s cores, Linux %s\n' \
		"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
		"$(nproc)" "$(uname -r)"
	printf 'load %s\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
}

# What the library does and what the simulation says, in turns.
workloads=(
	"remote=0" "remote=0.1" "remote=1" "remote=0.1 size=1024"
	"remote=1 size=1024" "remote=1 size=8192" "wave=32768"
)
# The median of a value in the last lines of the live runs.
last() {
	tail -n "$2" "$out/live.txt" | sed "s/.* $1=\([0-9.]*\).*/\1/" | sort -n |
		sed -n "$((($2 + 1) / 2))p"
}

validate() {
	local n p w stripes=1 runs=$((${#quick} ? 1 : 3))

	while [ $stripes -lt "$(nproc)" ]; do
		stripes=$((stripes * 2))
	done
	for p in 1 2 4 16; do
		for w in "${workloads[@]}"; do
			for ((n = 0; n < runs; n++)); do
				# shellcheck disable=SC2086
				record live.txt "$sim" live procs=$p $w \
					seconds=$live_seconds
			done
			echo "real.txt procs=$p $w cores=$(nproc) complex=64" \
				"near=$(last line $runs) fresh=1" \
				"stripes=$stripes warm_ms=600" \
				"run_ms=$((ms * 10))"
		done
	done
}

# The changes that doc/scaling.md proposes; all: the first five, for P processes.
changes=("paced=4096 hint=4096" "target=P" "own=1" "peek=1" "spread=1" "fifo=1"
	"take=4")
all="paced=4096 hint=4096 target=P own=1 peek=1 spread=1"

# Lines "FILE NAME=VALUE...": simulations to be run.
# Targets of four spans for each process.
on() {
	echo "${2//target=P/target=$((4 * $1))}"
}

experiments() {
	local p w z v s where="cores=128 near=23"
	local brief="$where warm_ms=$ms run_ms=$ms"
	local long="$where warm_ms=$((ms * 5)) run_ms=$((ms * 5))"

	for p in 64 256 1024; do
		for w in remote=0 remote=0.1 remote=1 wave=32768; do
			for z in 0 500; do
				v=$brief
				[ $w$z != wave=32768500 ] || v=$long
				echo "scale.txt procs=$p $w think=$z $v"
				case $w in
				remote=1 | wave=*)
					echo "scale.txt procs=$p $w think=$z" \
						"$v $(on $p "$all")" ;;
				esac
			done
		done
		for s in 1 2 4 8 16 32 64 128; do
			echo "stripes.txt procs=$p stripes=$s $brief" \
				"$(on $p "$all")"
		done
		for v in "" "${changes[@]}" "$all"; do
			v=$(on $p "$v")
			echo "changes.txt procs=$p think=500 wave=32768 $long $v"
			echo "changes.txt procs=$p $brief $v"
		done
	done
	# Own work: 500 ns, or as long as it takes to write and read so much.
	for s in "64 think=500" "1024 think=500" "8192 think=1000" \
		"32768 think=4000"; do
		echo "classes.txt procs=256 size=$s $brief"
		echo "classes.txt procs=256 size=$s take=8 $brief"
		echo "classes.txt procs=256 size=$s remote=0.1 $brief"
	done
	for s in 8 16 32 64 128 256; do
		echo "batches.txt procs=256 batch=$s $brief $(on 256 "$all")"
	done
	long="$where warm_ms=$((ms * 25)) run_ms=$((ms * 25))"
	for s in 0 32768 1048576 8388608 33554432; do
		for v in "" "paced=4096"; do
			echo "ids.txt procs=256 think=500 ids=$s $long own=1 $v"
		done
	done
}

# Runs the lines that come; prints each one's file and results.
simulate() {
	local file rest result

	while read -r file rest; do
		# shellcheck disable=SC2086
		result=$("$sim" run costs="$out/costs.txt" $rest) || return
		printf '%s %s\n' "$file" "$result"
	done
}

simulate_all() {
	local i pids=()

	for ((i = 0; i < jobs; i++)); do
		awk -v n="$jobs" -v i="$i" 'NR % n == i' "$out/todo" |
			simulate >"$out/done.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	# In the order of the asking, which the parts keep.
	cat "$out"/done.* >"$out/simulated.txt"
	rm "$out"/done.*
}

restarts() {
	local g

	record meta.txt "$sim" meta gib=1024
	for g in 1 4 16 $big_restarts; do
		record restart.txt "$sim" restart gib="$g"
		record restart.txt "$sim" restart gib="$g" size=1048576
	done
	[ -z "$tib" ] || record restart.txt "$sim" restart gib=1024
}

if [ -n "$report" ]; then
	render
	exit
fi
ms=40 live_seconds=0.5 big_restarts=64
[ -z "$quick" ] || { ms=4 live_seconds=0.1 big_restarts=""; }
compile || exit
export MHEAP_DAEMON=$build/mheapd
rm -f "$out"/*.txt
about >"$out/about.txt"
say "measuring costs"
"$sim" measure >"$out/costs.txt" 2>"$out/errors" ||
	{ cat "$out/errors" >&2; exit 1; }
say "running the library"
validate >"$out/todo"
say "restarting heaps"
restarts
say "simulating"
experiments >>"$out/todo"
simulate_all
[ -n "$quick" ] || render
say "results are in $out"
