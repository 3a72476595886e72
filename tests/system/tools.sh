#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mheap looks at a heap whose contents are known, in each state that a daemon can
# be in, and removes it: exit statuses, sentences, JSON.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

mheap=${MHEAP_TOOL:-$builddir/mheap}
MHEAP_SOCKET=$sock
export MHEAP_SOCKET
[ -x "$mheap" ] || fail "no $mheap: build first"
[ -x "$helpers/tool_client" ] || fail "no tool_client: build first"

# run CODE WORD...: mheap ends with this code; output in $dir/out, $dir/err.
run() {
	want=$1 code=0
	shift
	timeout 100 "$mheap" "$@" >"$dir/out" 2>"$dir/err" || code=$?
	[ $code = "$want" ] && return
	cat "$dir/out" "$dir/err"
	fail "mheap $*: exit $code, not $want"
}

says() {
	grep -qe "$1" "$dir/out" && return
	cat "$dir/out"
	fail "it does not say: $1"
}

complains() {
	grep -qe "$1" "$dir/err" && return
	cat "$dir/err"
	fail "it does not complain: $1"
}

# json CODE WORD...: one JSON object, if anybody here can tell.
json() {
	run "$@" --json
	[ "$(wc -l <"$dir/out")" = 1 ] || fail "not one line of JSON: $*"
	if command -v jq >/dev/null; then
		jq -e 'type == "object"' <"$dir/out" >/dev/null
	elif command -v python3 >/dev/null; then
		python3 -m json.tool <"$dir/out" >/dev/null
	fi || fail "no JSON: $*"
}

# A client whose input is the FIFO at descriptor 5.
attach() {
	rm -f "$dir/in" "$dir/client"
	mkfifo "$dir/in" || exit 1
	"$helpers/tool_client" "$name" <"$dir/in" >"$dir/client" 2>&1 &
	client=$!
	pids="$pids $client"
	exec 5>"$dir/in"
	until_true 20 grep -q ready "$dir/client" || {
		cat "$dir/client"
		fail "no client"
	}
}

# The address (2) or the handle (3) of what the client calls so.
of() {
	awk -v what="$1" -v n="$2" '$1 == what { print $n }' "$dir/client"
}

daemon_away() {
	kill "-$1" "$daemon"
	until_true 20 is_gone "$daemon" || fail "the daemon does not end"
}

# --- usage ---
run 2
run 2 nonsense
complains '"nonsense" is no command'
run 2 stat
run 2 stat .hidden
complains 'no name of a heap'
run 2 stat "$name" more
run 2 stat --nonsense "$name"
for c in destroy doctor ls names ps stat trim verify who; do
	run 0 $c --help
	says "Usage: mheap $c"
	run 0 $c --version
	[ $c = doctor ] || [ $c = ls ] || run 2 $c
done
run 3 stat "$name"
complains "no heap $name"
run 3 destroy "$name"
complains "no heap $name"

# --- a heap in use ---
start --size 64M --limit 32M
attach
json 0 stat "$name"
says "\"name\":\"$name\""
says "\"daemon_pid\":$daemon"
says '"state":"serving"'
says '"clients":1'
says '"shared_objects":1,"shared_bytes":208'
says '"reserve_bytes":67108864,"limit_bytes":33554432'
says '"class":17,"size":208,"lifetime":"shared","spans":[12],"live":1,'
run 0 stat "$name"
says '^clients  *1$'
json 0 ps "$name"
says "\"slot\":1,\"pid\":$client,\"command\":\"tool_client\",\"state\":\"active\""
run 0 ps "$name"
says "^ *1 *$client tool_client *active"
json 0 names "$name"
says '"name":"root","handle":[0-9]*,"bytes":208,"stale":false'
says '"name":"e\\u001b\[1m","handle":[0-9]*,"bytes":0,"stale":true'
run 0 names "$name"
says ' 208 B root$'
says ' stale e?\[1m$'
json 0 ls
json 0 verify "$name"
says '"ok":true.*"quiet":false'

# --- who ---
for v in $(of shared 2) $(of shared 3); do
	run 0 who "$name" "$v"
	says "^owner    slot 1, process $client (tool_client)"
	says '^object   live'
	says "^handle   $(of shared 3)"
	says "^address  $(of shared 2)"
	says '^name     root$'
done
run 0 who "$name" $(($(of shared 2) + 7))
says '^slot     [0-9]* of 157, 7 bytes into it'
run 0 who "$name" "$(of held 2)"
says '^class    [0-9]*, 512 bytes, held'
says '^name     kept$'
says '^holder   the name$'
says "^holder   slot 1, process $client (tool_client)"
json 0 who "$name" "$(of held 3)"
says "\"holders\":\[{\"slot\":1,\"pid\":$client}\],\"held_by_name\":true"
run 0 who "$name" "$(of sent 2)"
says '^holder   the channel line$'
json 0 who "$name" "$(of sent 2)"
says '"channel":"line","holders":\[\],"held_by_name":false'
json 0 stat "$name"
says '"held_objects":2,"held_bytes":576'
says '"name":"line","index":0,"capacity":8,"messages":1,"taking":0,"oldest_ms":[0-9]*,"senders_wait":false,"receivers_wait":false'
run 0 stat "$name"
says '^ *0 *8 *1 *0 *[0-9.]* s nobody    line$'
json 0 who "$name" "$(of owned 2)"
says '"lifetime":"owned","owner_slot":1,.*"object":"private"'
run 0 who "$name" "$(of stale 2)"
says '^object   \(parked\|empty\)'
json 1 who --address "$name" $(($(of shared 2) + 60 * 1024 * 1024))
says '"found":false'
stale=$(($(of shared 3) + 3 * (1 << 26)))
run 1 who "$name" $stale
says '^stale'
run 2 who "$name" 17
complains 'no handle'
run 2 who "$name" here
complains 'no number'

# --- trim ---
run 0 verify "$name"
echo trim >&5
until_true 20 sh -c "'$mheap' stat '$name' --json |
	grep -q '\"free_bytes\":0,\"returned_bytes\":[1-9]'" ||
	fail "mh_trim returns nothing"
run 0 trim "$name"
says '^returned '

# --- refusals while it is in use; a daemon that is stopped, ended, killed ---
run 1 destroy "$name"
complains '1 clients use heap'
kill -STOP "$daemon"
run 0 stat "$name"
says 'its daemon is silent'
kill -CONT "$daemon"
daemon_away TERM
run 0 stat "$name"
says 'its daemon is stopped'
run 3 trim "$name"
complains 'no daemon'
run 1 destroy "$name"
complains "in use by 1 client, first process $client (tool_client)"
start
daemon_away KILL
json 0 stat "$name"
says '"state":"dead"'
says '"daemon_pid":0'
run 0 verify "$name"

# --- forced, without a daemon: nothing stays, and the client learns of it ---
run 0 destroy --force "$name"
[ -z "$(ls "$dir/$name".* /dev/shm/mheap."$(id -u)"."$name".* 2>/dev/null)" ] ||
	fail "destroy leaves $(ls "$dir/$name".* /dev/shm/mheap.*."$name".*)"
echo more >&5
until_true 30 grep -q '^refused' "$dir/client" || fail "the client waits"
grep -q '^refused ESHUTDOWN' "$dir/client" || fail "$(tail -n 1 "$dir/client")"
exec 5>&-

# --- a broken heap ---
start --size 64M
attach
daemon_away TERM
kill -KILL "$client"
until_true 20 is_gone "$client" || fail "the client does not die"
"$helpers/tool_client" --break "$name" || fail "can't break it"
json 1 verify "$name"
says '"ok":false,"fault":"span [0-9]* (state 9'
run 1 verify "$name"
says '^BROKEN: span'
run 0 destroy "$name"	# whose only client is dead

# --- not a heap, and one that lost a part ---
for part in heap central arena; do
	echo 'this is no heap at all' >"$(segment $part)"
done
run 3 stat "$name"
complains 'no heap'
run 1 destroy "$name"
complains '--force'
run 0 destroy --force "$name"
start --size 64M
daemon_away TERM
rm "$(segment central)"
run 3 stat "$name"
complains 'has lost its segment'
run 0 destroy "$name" --force

# --- a heap without names: its keeper shows it ---
start --size 64M --backing memfd
attach
daemon_away KILL
json 0 stat "$name"
says '"state":"dead","backing":"memfd"'
says '"shared_objects":1'
run 1 destroy "$name"
kill -KILL "$client"
until_true 20 is_gone "$client" || fail "the client does not die"
run 0 destroy "$name"
[ ! -e "$dir/$name.keep" ] || fail "the keeper's socket stays"
run 3 stat "$name"

# --- ls finds by names and by sockets, where they are by themselves ---
unset MHEAP_SOCKET
run 0 doctor
json 0 doctor
says '"name":"io_uring","level":"ok"'
"$mheapd" --name "$name" --size 64M 2>>"$log" || fail "mheapd"
daemon=$("$mheap" stat "$name" --json | sed 's/.*"daemon_pid":\([0-9]*\).*/\1/')
pids="$pids $daemon"
run 0 ls
says "^$name  *$(id -u)  *64 MiB .* 0 shm  *serving (process $daemon)"
run 0 ls --names
says "^$name\$"
run 0 destroy "$name"
run 0 ls --names
! grep -q "^$name\$" "$dir/out" || fail "destroyed, and listed"

# --- output that can't be written ---
[ ! -e /dev/full ] || {
	code=0
	"$mheap" doctor >/dev/full 2>"$dir/err" || code=$?
	[ $code = 1 ] || fail "a full disk: exit $code"
	complains "can't write the output"
}
exit 0
