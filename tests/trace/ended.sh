#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is left of processes that have ended: their names, rows of their own although a
# PID is used again, and one row of those of a command in tables that would be full.
# In a PID name space, where PIDs are ours to choose.
if [ -z "${MH_ENDED-}" ] && unshare -p -f --mount-proc true 2>/dev/null; then
	MH_ENDED=1 exec unshare -p -f --mount-proc --kill-child sh "$0"
fi
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
[ -n "${MH_ENDED-}" ] || cannot "no PID name spaces"

# looked TRACER...: waits until each has looked for what ended before: in the same go it
# then finds files that have come, and keeps them open.
looks=0
looked() {
	looks=$((looks + 1))
	look=$dir/look$looks
	cp "$fire" "$look"
	mkfifo "$look.in"
	"$look" state <"$look.in" &
	pids="$pids $!"
	exec 5>"$look.in"
	until_true 20 have_open "$look" "$@" || fail "a file is not found"
	exec 5>&-
}
have_open() {
	file=$1
	shift
	for t; do
		eval "t_pid=\$tracer_$t"
		ls -l "/proc/$t_pid/fd" | grep -q -- "$file\$" || return 1
	done
}

# with_pid PID COMMAND...: runs it in the background, so called.  A thread or process of
# a tracer may begin in between: then once more.
with_pid() {
	with_want=$1 with_tries=1
	shift
	until start_next "$@"; do
		wait $!
		with_tries=$((with_tries + 1))
		[ $with_tries -le 50 ] || fail "a PID of $! instead of $with_want"
	done
}
start_next() {
	echo $((with_want - 1)) >/proc/sys/kernel/ns_last_pid ||
		cannot "PIDs can't be chosen"
	sh -c '[ $$ = "$0" ] || exit 0; exec "$@"' "$with_want" "$@" &
	[ "$!" = "$with_want" ]
}

for f in first second; do
	cp "$fire" "$dir/$f"
	mkfifo "$dir/$f.in"
	"$dir/$f" state <"$dir/$f.in" &
	pids="$pids $!"
done
exec 6>"$dir/first.in" 7>"$dir/second.in"
mkfifo "$dir/named.in" "$dir/go"

tracer hist hist --json --by-process
tracer top top --json 0.1
"$dir/first" thread 20 <"$dir/named.in" >"$dir/named.out" &
named=$!
exec 8>"$dir/named.in"
until_true 10 grep -q fired "$dir/named.out" || fail "first thread"
"$dir/first" burst 100 &
one=$!
wait $one || fail "first burst"
looked hist top
exec 8>&-
wait $named

# Its PID is another one's; and before anybody has looked, a second time.
with_pid $one "$dir/second" burst 40
wait $one || fail "second burst"
"$dir/first" burst 30 &
two=$!
wait $two
uptime=$(cut -d' ' -f1 /proc/uptime)	# starts are told in such ticks
until_true 10 sh -c '[ "$(cut -d" " -f1 /proc/uptime)" != "$1" ]' sh "$uptime"
with_pid $two sh -c 'read -r go <"$1" && exec "$2" burst 7' sh "$dir/go" \
	"$dir/second"
looked hist top
echo go >"$dir/go"
wait $two || fail "second burst"
looked hist top
ends_tracer top
ends_tracer hist
# row NAME PID COMMAND COUNT
row() {
	grep -q "\"pid\":$2,\"command\":\"$3\",\"count\":$4," "$dir/$1.out" || {
		grep '"probe":"refill_done"' "$dir/$1.out"
		fail "$1: no row of $4 hits of $3, process $2"
	}
}
row hist $one first 100
row hist $one second 40
row hist $two first 30
row hist $two second 7
row hist $named first 20
for sum in first,$one,100 second,$one,40 first,$two,30 second,$two,7; do
	want=${sum##*,} pid=${sum#*,}
	got=$(grep "\"pid\":${pid%,*},\"command\":\"${sum%%,*}\"" "$dir/top.out" |
		field count | awk '{ n += $1 } END { printf "%.0f\n", n }')
	[ "$got" = "$want" ] || fail "top: $sum has $got hits"
done

# Tables of pairs: who ended is one of his command.
tracer locks_lines locks
tracer frees_lines frees --by-class
for t in locks frees; do
	tracer $t $t --json -c owned:16
	tracer ${t}_none $t --json -c shared:16
done
for i in 1 2 3; do
	"$dir/first" owner 1 </dev/null || fail "first owner"
done
# No PID, but what marks those that have ended, or run elsewhere, or is longer.
for i in 2147483648 1073741825 4294967297; do
	"$dir/second" owner $i </dev/null || fail "odd owner"
done
looked locks locks_lines locks_none frees frees_lines frees_none
"$dir/first" owner 1 <"$dir/named.in" >"$dir/last.out" &
last=$!
exec 8>"$dir/named.in"
until_true 10 grep -q fired "$dir/last.out" || fail "last owner"
unshare -p -f "$dir/second" owner 1 </dev/null || fail "second owner"
for t in locks frees; do
	for k in $t ${t}_lines ${t}_none; do
		ends_tracer $k
	done
	grep -q '2147483648' "$dir/$t.out" "$dir/${t}_lines.out" &&
		fail "$t: a number that is no PID"
	grep -q 'first (ended)' "$dir/${t}_lines.out" || {
		cat "$dir/${t}_lines.out"
		fail "$t: nobody has ended"
	}
	grep -qE '"type":"(lock|free)"' "$dir/${t}_none.out" &&
		fail "$t: another class"
done
exec 8>&-
wait $last

# line NAME TEXT...: one line has all of them
line() {
	line_in=$dir/$1.out
	cp "$line_in" "$dir/left"
	shift
	for text; do
		grep -F -- "$text" "$dir/left" >"$dir/left.new"
		mv "$dir/left.new" "$dir/left"
	done
	[ "$(wc -l <"$dir/left")" = 1 ] || {
		cat "$line_in"
		fail "not one line with $*"
	}
}
init=$(cat /proc/1/comm)
gone='"pid_ended":true,"command":"first"'
line locks '"lock":"class' "$gone" '"holder_ended":true' \
	'"holder_command":"first"' '"count":3,'
line locks '"lock":"stripe 1' "$gone" '"holder":1,' \
	"\"holder_command\":\"$init\"" '"count":3,' '"tries":6,'
line locks '"lock":"class' "\"pid\":$last," '"holder":1,' \
	'"holder_command":"first"'
odd='"pid_ended":true,"command":"second"'
line frees "$odd" '"owner":0,' '"objects":12,'
line locks "$odd" '"lock":"stripe 1' '"holder":0,' '"count":3,'
line frees "$gone" '"owner":1,' "\"owner_command\":\"$init\"" '"objects":9,'
line frees "$gone" '"owner":0,' '"objects":3,'
grep '"owner":0,' "$dir/frees.out" | grep -q owner_command &&
	fail "a name of nobody"

# Who runs in another PID name space tells PIDs of that.
for t in locks frees; do
	grep '"command":"second"' "$dir/$t.out" >"$dir/inner" ||
		fail "$t: nothing of another PID name space"
	grep -v '"lock":"class' "$dir/inner" |
		grep -E '"(owner|holder)_command"' && fail "$t: a name of no one here"
done
# Whoever makes up names and locks takes no more room than there is, and what isn't
# kept is counted.
tracer many locks --json
tracer apart hist --json --by-process --probe refill_done
"$dir/first" names 5300 || fail "first names"
looked many apart
for i in 1 2; do
	"$dir/first" locks 40000 || fail "first locks"
	looked many
done
ends_tracer many
ends_tracer apart
sum() {
	awk '{ n += $1 } END { printf "%.0f\n", n }'
}
# commands NAME MOST: of those of the many names so many are told, and others
commands() {
	grep -E '"command":"(n[0-9]+|other)"' "$dir/$1.out" |
		grep -v '"lock":"lock' >"$dir/some"
	got=$(wc -l <"$dir/some") all=$(field count <"$dir/some" | sum)
	[ "$got" -le "$2" ] && [ "$all" = 5300 ] &&
		grep -q '"command":"other"' "$dir/some" ||
		fail "$1: $got rows of $all hits"
}
commands many 1025
commands apart 5121
told=$(grep '"type":"lock"' "$dir/many.out" | field count | sum)
lost=$(stat_of many lost_map_full)
[ "$lost" -gt 10000 ] && [ "$((told + lost))" = "$(stat_of many kept)" ] ||
	fail "many: $told told, $lost lost, not $(stat_of many kept)"
echo "ended.sh: each has a row of its own, and those of a command one"
