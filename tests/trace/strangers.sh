#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files of others can't have the tracer run their code, can't end it, and are
# named; other tracers are told from it; nothing is attached twice.
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
says 4 '/bad: attached, but not proven' hist -d 0.1 --strict
says 3 'no probe fires' check --lib bad
says 3 'no probe fires' check --lib bad -p $$
[ ! -e ran ] || fail "the tracer ran code of a file that it must not trust"

# Notes without an end, in a file whose name is to be obeyed by terminals.
long=$(printf '\033[1mlong')
cp "$fire" "$long" && "$stranger" long "$long" || fail "stranger long"
maps "$long"
says 0 '/?\[1mlong: left out: its .note.stapsdt is longer than' list
says 2 'File too large' check --lib "$long"

# A file that another tool sits on, without semaphores: at first, and later.
cp "$fire" squat && "$stranger" plain squat || fail "stranger plain"
tracer squat hist --lib squat
cat "$fire" >squat
tracer later hist --json --by-process --strict --lib fire
says 3 "can't attach to squat: another tool is attached" check --lib squat
says 3 "can't attach to squat: another tool is attached" check --lib squat \
	--lib fire
ends_tracer later
tracer later hist --json --by-process --strict
maps squat
until_true 20 grep -q "can't attach to .*/squat: another tool" later.err ||
	fail "what can't be attached to later is not named"
"$fire" burst 100
ends_tracer later 4
sees_fire later
[ "$(stat_of later unattached)" = 1 ] || fail "it is not counted"
tracer first hist --json --by-process
grep -q "can't attach to .*/squat: another tool" first.err || fail "first"
"$fire" burst 100
ends_tracer first
sees_fire first
ends_tracer squat

# Who maps more files than there are descriptors, and removes them.
mkdir crowd
for i in 1 2 3 4 5 6 7 8 9; do
	for j in 1 2 3 4 5 6 7 8 9; do
		cp "$fire" crowd/$i$j
	done
done
holds() {
	[ "$(find "/proc/$tracer_crowded/fd" -lname "$PWD/crowd/*" | wc -l)" "$@" ]
}
ulimit -n 160
tracer crowded export -o figures --strict 1
mkfifo in2
exec 7<>in2
"$stranger" map crowd/* <in2 >crowd.out &
crowd=$!
pids="$pids $crowd"
until_true 20 grep -q 'no descriptor left' crowded.err ||
	fail "too many files are not named"
kill $crowd
rm -r crowd
until_true 20 holds = 0 || fail "removed files are kept"
rm figures
until_true 10 test -s figures || {
	cat crowded.err
	fail "it writes nothing any more"
}
ends_tracer crowded 4

# Canaries of another tracer.
while "$trace" selftest --lib "$fire" >/dev/null 2>&1; do :; done &
other=$!
pids="$pids $other"
for i in 1 2 3 4 5; do
	says 0 '1 of 1 objects fire' check --lib "$fire"
done
kill $other

# waiter PROGRAM: a process that will be 100 hits of it, and its PID.
waiter() {
	mkfifo go
	sh -c 'read -r go && exec "$1" burst 100' - "$1" <go &
	waits=$!
	pids="$pids $waits"
	exec 8>go
	rm go
}

# go NAME: it hits, and the tracer ends, as nothing is left to trace.
go() {
	echo >&8
	exec 8>&-
	wait "$waits" || fail "$1: fire"
	eval "wait \$tracer_$1" || fail "$1: the tracer"
	sees_fire "$1"
}

# A process named twice.
waiter "$fire"
tracer twice hist --json --by-process -p "$waits,$waits" --lib "$fire"
go twice

# One file by two overlays, and whether it is counted once.
overlaid=
mkdir lower none one two
cp "$fire" lower/fire
mkfifo go
cat >inside <<-EOF
	for m in one two; do
		mount -t overlay -o lowerdir=lower:none o \$m || exit 77
	done
	sh -c 'read -r go && exec one/fire burst 100' <go &
	fire=\$!
	exec 8>go
	[ "\$1" != -p ] || set -- -p "\$fire"
	"$trace" hist --json --by-process --strict --lib one/fire --lib two/fire "\$@" \
		>once.out 2>once.err &
	tracer=\$!
	until grep -qs ': tracing ' once.err; do
		kill -0 \$tracer || exit 1
		sleep 0.02
	done
	echo >&8
	wait \$fire
	kill -INT \$tracer
	wait \$tracer
EOF
for p in '' -p; do
	code=0
	unshare -m sh inside $p 2>said || code=$?
	[ $code != 77 ] && ! grep -q unshare: said || continue
	[ $code = 0 ] || {
		cat said once.err
		fail "overlays: $code"
	}
	sees_fire once
	overlaid=", nor one by two overlays"
done

# Files of two subvolumes, which have one number.
if command -v mkfs.btrfs >/dev/null && command -v btrfs >/dev/null; then
	cat >inside <<-EOF
		truncate -s 128M disk && mkfs.btrfs -q disk && mkdir sub &&
			mount -o loop disk sub || exit 77
		btrfs subvolume create sub/a && cp "$fire" sub/a/f && sync &&
			btrfs subvolume snapshot sub/a sub/b || exit 77
		"$stranger" map sub/a/f sub/b/f <in >sub.out &
		until grep -q mapped sub.out; do sleep 0.02; done
		"$trace" list
		kill \$!
		wait
		umount sub
	EOF
	code=0
	unshare -m sh inside >said 2>&1 || code=$?
	[ $code = 77 ] || {
		grep -q 'sub/a/f: ' said && grep -q 'sub/b/f: ' said
	} || {
		cat said
		fail "one of two files with one number is not found"
	}
fi
echo "strangers.sh: nothing was run, ended the tracer, or counted twice$overlaid"
