#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A thousand connections that say nothing, a hundred thousand packets of rubbish:
# the daemon serves on, and nothing of it stays.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

ulimit -n 4096 2>/dev/null || ulimit -n "$(ulimit -H -n)"
start --size 256M
before=$(ls "/proc/$daemon/fd" | wc -l)

background "$dir/silent" silent=1000
until_true 20 grep -q 'connections' "$dir/silent" || fail "1000 connections"
client join alloc=5,1 write bye >/dev/null || fail "no service in the silence"
ends "$last" 0
cat "$dir/silent"

# More than there is room for: the surplus is turned away with a sentence.
start_small() {
	kill -TERM "$daemon"
	ends "$daemon" 0
	client_force
	start --size 16M --clients 2 --names 64 --stripes 1
}
client_force() {
	rm -f "$(segment heap)" "$(segment central)" "$(segment arena)"
}

"$helpers/fuzz_socket" "$sock" "${MHEAP_FUZZ_PACKETS:-100000}" || fail "fuzz"
kill -0 "$daemon" || fail "the daemon died"
client join alloc=5,1 write bye >/dev/null || fail "no service after the rubbish"
client hello=2 wait=clients,0 wait=spans,0 >/dev/null || fail "something stays"
until_true 20 sh -c "[ \$(ls /proc/$daemon/fd | wc -l) -le $before ]" ||
	fail "descriptors stay: $(ls "/proc/$daemon/fd" | wc -l), were $before"
[ "$(wc -l <"$log.start")" -lt 200 ] || fail "the log was flooded"

# The silent are closed after some seconds: a slow machine may miss the moment.
full_house() {
	background "$dir/silent" silent=68
	until_true 20 grep -q 'connections' "$dir/silent" ||
		fail "68 connections"
	client hello >"$dir/why" 2>&1
	ends "$last" 0
	grep -q '68 of 68 connections' "$dir/why"
}
start_small
tries=1
until full_house; do
	tries=$((tries + 1))
	[ $tries -le 5 ] || fail "the 69th was not turned away: $(cat "$dir/why")"
done

# Slots are limited, too.
background "$dir/a" join hold
holding "$dir/a"
a=$last
background "$dir/b" join hold
holding "$dir/b"
code=0
client join >"$dir/why" 2>&1 || code=$?
[ $code = 4 ] && grep -q '2 of 2 client slots' "$dir/why" || fail "third client"
kill -KILL "$a" "$last"
client hello=2 wait=clients,0 >/dev/null || fail "slots stay"

kill -TERM "$daemon"
ends "$daemon" 0
