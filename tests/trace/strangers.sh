#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files of others can't have the tracer run their code, and are named; other
# tracers are told from it.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
stranger=$here/stranger
cd "$dir" || exit 1

# maps FILE: a process maps its code from now on.
mkfifo in || fail mkfifo
exec 9<>in
maps() {
	"$stranger" map "$1" <in >"$1.out" &
	pids="$pids $!"
	until_true 10 grep -q mapped "$1.out" || fail "nothing maps $1"
}

# says CODE TEXT COMMAND...
says() {
	want=$1 text=$2 code=0
	shift 2
	"$trace" "$@" >said 2>&1 || code=$?
	[ $code = "$want" ] && grep -q -- "$text" said || {
		cat said
		fail "$*: exit $code, not $want, or does not say '$text'"
	}
}

# sees_fire NAME: 100 hits, and no more than once each
sees_fire() {
	grep -q '"command":"fire","count":100,' "$1.out" || {
		cat "$1.err" "$1.out"
		fail "$1: not 100 hits of fire"
	}
}

# A selftest site that makes a file and never returns.
cp "$fire" bad && "$stranger" site bad || fail "stranger site"
maps fire
maps bad
tracer code hist --json --by-process
grep -q '/bad: attached, but not proven' code.err || fail "bad is not named"
"$fire" burst 100
ends_tracer code
sees_fire code
says 3 'no probe fires' check --lib bad
says 3 'no probe fires' check --lib bad -p $$
[ ! -e ran ] || fail "the tracer ran code of a file that it must not trust"

# Notes without an end.
cp "$fire" long && "$stranger" long long || fail "stranger long"
maps long
says 0 '/long: left out: its .note.stapsdt is longer than' list
says 2 'File too large' check --lib long

# Canaries of another tracer.
while "$trace" selftest --lib "$fire" >/dev/null 2>&1; do :; done &
other=$!
pids="$pids $other"
for i in 1 2 3 4 5; do
	says 0 '1 of 1 objects fire' check --lib "$fire"
done
kill $other

echo "strangers.sh: nothing was run"
