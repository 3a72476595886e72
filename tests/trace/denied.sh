#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Without the rights that it needs the tracer says which are missing, and ends with
# 3; with them alone it works.  Wrong usage ends with 2.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
command -v setpriv >/dev/null || cannot "setpriv is not installed"
[ "$(id -u)" = 0 ] || cannot "it takes root to give rights away"

# A place and files that anybody may read.
chmod 755 "$dir"

# as CAPS COMMAND...: nobody, with these capabilities ("": none)
as() {
	caps=$1
	shift
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all$caps" \
		--ambient-caps "-all$caps" --bounding-set "-all$caps" "$@"
}

# says CODE TEXT CAPS COMMAND...
says() {
	want=$1 text=$2 caps=$3 code=0
	shift 3
	as "$caps" "$trace" "$@" >"$dir/said" 2>&1 || code=$?
	[ $code = "$want" ] || {
		cat "$dir/said"
		fail "with '$caps' $*: exit $code, not $want"
	}
	grep -q -- "$text" "$dir/said" || {
		cat "$dir/said"
		fail "with '$caps' $*: does not say '$text'"
	}
}

as "" true 2>/dev/null || cannot "setpriv can't take capabilities away here"
says 3 'CAP_BPF and CAP_PERFMON are missing' "" check --lib "$dir/fire"
says 3 'CAP_PERFMON is missing' ,+bpf check --lib "$dir/fire"
says 3 'CAP_BPF is missing' ,+perfmon check --lib "$dir/fire"
says 0 'uprobe_multi' ,+bpf,+perfmon check --lib "$dir/fire"
says 3 'CAP_SYS_ADMIN is needed' ,+bpf,+perfmon check --one-by-one \
	--lib "$dir/fire"
says 0 'probe by probe' ,+sys_admin check --one-by-one --lib "$dir/fire"

# Without the right to look at all files it says so, and looks again: at one that
# its user may not read, and that he then may.
mkfifo "$dir/in"
exec 9<>"$dir/in"
cp "$fire" "$dir/secret"
chmod 700 "$dir/secret"
state() {
	"$dir/$1" state <"$dir/in" >"$dir/$1.state" &
	pids="$pids $!"
	until_true 10 test "/proc/$!/exe" -ef "$dir/$1" || fail "no $1"
}
state fire
state secret
# shellcheck disable=SC2016
as ,+bpf,+perfmon,+sys_ptrace sh -c 'echo $$ && exec "$@"' - "$trace" hist \
	>"$dir/look.out" 2>"$dir/look.err" &
until_true 10 test -s "$dir/look.out" || fail "nothing runs with few rights"
look=$(head -n 1 "$dir/look.out")
pids="$pids $look"
until_true 10 grep -q ': tracing ' "$dir/look.err" || {
	cat "$dir/look.err"
	fail "it does not trace what it may"
}
grep -q 'not permitted to look at.*cap_checkpoint_restore' "$dir/look.err" ||
	fail "it does not say that it can't look at all"
is_set() {
	echo >&9
	grep -q 'semaphores [1-9]' "$dir/$1.state"
}
until_true 10 is_set fire || fail "fire is not traced"
! grep -q 'semaphores [1-9]' "$dir/secret.state" || fail "secret is traced"
chmod 755 "$dir/secret"
until_true 20 is_set secret || fail "what may be read later is not traced"
exec 9>&-

# What needs no right.
says 0 refill_done "" list
says 0 'in files of --lib' "" list --lib "$dir/fire"

# A path that means another thing to who has mapped it is not opened for that.
if unshare -m true 2>/dev/null; then
	mkdir "$dir/there"
	mkfifo -m 666 "$dir/there/f" "$dir/there.in"
	cat >"$dir/inside" <<-EOF
		mount -t tmpfs one "$dir/there" && cp "$fire" "$dir/there/f" || exit 1
		"$dir/there/f" state <"$dir/there.in" >"$dir/there.state" &
		until [ -s "$dir/there.state" ]; do sleep 0.02; done
		mount -t tmpfs two "$dir/there" && : >"$dir/two"
		wait
	EOF
	unshare -m sh "$dir/inside" &
	pids="$pids $!"
	exec 9<>"$dir/there.in"
	one_answers() {
		echo >&9
		test -e "$dir/two" && test -s "$dir/there.state"
	}
	until_true 10 one_answers || fail "nothing runs in the other name space"
	sh -c ': >"$1"; : >"$2"' - "$dir/there/f" "$dir/opened" &
	pids="$pids $!"
	says 0 'not permitted to look at' ,+sys_ptrace list
	says 0 'not permitted to look at' ,+sys_ptrace list
	[ ! -e "$dir/opened" ] || fail "it opens a FIFO by a path of another's"
	exec 9>&-
fi

# usage TEXT OPTION...
usage() {
	text=$1 code=0
	shift
	"$trace" "$@" >"$dir/said" 2>&1 || code=$?
	[ $code = 2 ] || fail "$*: exit $code, not 2"
	grep -q -- "$text" "$dir/said" || {
		cat "$dir/said"
		fail "$*: does not say '$text'"
	}
}
usage 'which command' || exit
usage 'no command' tpo
usage 'number of seconds' hist -d x
usage 'from 1 to' hist -p 0
usage 'power of two' events --ring-size 100K
usage 'lifetime is owned, shared or held' hist -c ours:64
usage 'count, time, wait or objects' stacks --by size
usage 'one argument too many' events 1
usage 'it needs a FILE' record
usage 'no probe of mheap' hist --lib /bin/true
usage 'No such file' hist --lib "$dir/none"
usage 'No such file' list --lib "$dir/none"
usage 'no probe of mheap' list --lib /bin/true

# Processes that aren't there, and threads.
sh -c 'echo $$' >"$dir/gone"
usage 'there is no such process' hist -p "$(cat "$dir/gone")"
mkfifo "$dir/go"
exec 9<>"$dir/go"
"$here/stranger" exec /bin/true <"$dir/go" &
threads=$!
pids="$pids $threads"
has_threads() {
	[ "$(find /proc/$threads/task -mindepth 1 -maxdepth 1 | wc -l)" = 2 ]
}
until_true 10 has_threads || fail "no second thread"
for thread in /proc/$threads/task/*; do
	thread=${thread##*/}
	[ "$thread" = $threads ] ||
		usage "it is a thread of process $threads" hist -p "$thread"
done

code=0
"$trace" hist -d 1 -p $$ >"$dir/said" 2>&1 || code=$?
[ $code = 3 ] && grep -q "maps nothing that has mheap's probes" "$dir/said" || {
	cat "$dir/said"
	fail "a process without probes: exit $code"
}
echo "denied.sh: every refusal says what is missing"
