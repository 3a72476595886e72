#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Processes that start later, that fork, that load the library late and that use an
# upgraded one are seen;
# many of them don't make the end slow; who frees whose objects is told; a stripe
# that a process died in is shown with that process.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
start

# An upgraded library: the old file is removed while it is in use.
cp "$fire" "$dir/old"
mkfifo "$dir/old.in"
"$dir/old" state <"$dir/old.in" >"$dir/old.out" &
old=$!
pids="$pids $old"
exec 6>"$dir/old.in"
echo >&6
until_true 10 test -s "$dir/old.out" || fail "the old one does not answer"
rm "$dir/old"
cp "$fire" "$dir/new"
tracer all hist --json --by-process
echo >&6
until_true 10 has_lines "$dir/old.out" 2 || fail "old"
case $(sed -n 2p "$dir/old.out") in
"semaphores 0 "*) fail "the removed file is not traced" ;;
esac
# A file that comes later is found at the next scan.
mkfifo "$dir/new.in"
"$dir/new" state <"$dir/new.in" >"$dir/new.out" &
pids="$pids $!"
exec 4>"$dir/new.in"
is_set() {
	echo >&4
	tail -n 1 "$dir/new.out" | grep -q 'semaphores [1-9]'
}
until_true 20 is_set || fail "a file that came later is not traced"
"$dir/new" burst 100 || fail "fire burst"
ends_tracer all
exec 4>&- 6>&-
grep -q '"command":"new","count":100,' "$dir/all.out" || {
	grep '"command"' "$dir/all.out"
	fail "hits of a file that came later"
}

# One that comes later with the number of one that had no probe.
cp /bin/sleep "$dir/plain"
"$dir/plain" 1000 &
plain=$!
pids="$pids $plain"
until_true 10 test /proc/$plain/exe -ef "$dir/plain" || fail "no plain"
"$dir/new" state <"$dir/old.in" >/dev/null &
pids="$pids $!"
exec 6>"$dir/old.in"
until_true 10 test "/proc/$!/exe" -ef "$dir/new" || fail "no new"
number=$(stat -c %i "$dir/plain")
tracer again hist
kill $plain
wait $plain
rm "$dir/plain"
i=0
until [ $i = 50 ]; do
	i=$((i + 1))
	cp "$fire" "$dir/again.$i"
	[ "$(stat -c %i "$dir/again.$i")" != "$number" ] || break
done
number_again=", none with the number of another"
[ "$(stat -c %i "$dir/again.$i")" = "$number" ] && {
	number_again=", one with the number of another"
	"$dir/again.$i" state <"$dir/new.in" >"$dir/new.out" &
	pids="$pids $!"
	exec 4>"$dir/new.in"
	until_true 20 is_set || fail "a file with the number of another"
	exec 4>&-
}
ends_tracer again
exec 6>&-
rm "$dir"/again.*

# In another mount name space, by a path that means nothing here.
boxed=
if unshare -m true 2>/dev/null; then
	mkdir "$dir/box"
	mkfifo "$dir/box.in" "$dir/box.go"
	cat >"$dir/inbox" <<-EOF
		mount -t tmpfs box "$dir/box" && cp "$fire" "$dir/box/b" || exit 1
		"$dir/box/b" state <"$dir/box.in" >"$dir/box.said" &
		read -r go <"$dir/box.go"
		exec "$dir/box/b" burst 100
	EOF
	unshare -m sh "$dir/inbox" &
	box=$!
	pids="$pids $box"
	exec 5>"$dir/box.in"
	echo >&5
	until_true 10 test -s "$dir/box.said" || fail "nothing runs in the box"
	tracer box hist --json --by-process
	echo go >"$dir/box.go"
	wait $box || fail "the box"
	ends_tracer box
	exec 5>&-
	grep -q '"command":"b","count":100,' "$dir/box.out" ||
		fail "what is in another mount name space is not traced"
	boxed=", one of them in another mount name space"
fi

# A library that a running process loads; and two tracers at once see the same.
if [ -z "${SANITIZER_CFLAGS-}" ]; then
	lib=$(readlink -f "$builddir/.libs/libmheap.so")
	cp "$lib" "$dir/plug.so"
	mkfifo "$dir/plug.in"
	"$here/plugin" "$dir/plug.so" "$name" <"$dir/plug.in" >"$dir/plug.out" &
	plug=$!
	pids="$pids $plug"
	tracer one top --json --by-process
	tracer two top --json --by-process
	exec 7>"$dir/plug.in"
	echo >&7
	until_true 10 grep -q loaded "$dir/plug.out" || fail "plugin"
	sees() {
		echo >&7
		grep -q '"command":"plugin"' "$dir/one.out" &&
			grep -q '"command":"plugin"' "$dir/two.out"
	}
	until_true 20 sees ||
		fail "a library that was loaded late is not traced by both"
	exec 7>&-
	wait $plug || fail "plugin: $?"
	ends_tracer one
	ends_tracer two
	boxed="$boxed, a plugin"
fi

# 150 processes; the end of the tracer is quick all the same.
i=0
while [ $i -lt 150 ]; do
	"$fire" state <"$dir/old.in" >/dev/null &
	pids="$pids $!"
	i=$((i + 1))
done
exec 6>"$dir/old.in"
tracer quick hist --json
began=$(date +%s%N)
ends_tracer quick
ms=$((($(date +%s%N) - began) / 1000000))
exec 6>&-
[ $ms -lt 1000 ] || fail "it took $ms ms to come off 150 processes"
echo "many.sh: old, new$number_again$boxed; off 150 processes in $ms ms"
