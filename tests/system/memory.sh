#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --limit holds, is read again, and a trim gives back what is free.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

start --size 1G --limit 64M
client hello=2 count=limit | grep -q "limit $((64 << 20))" || fail "--limit"
code=0
client join large=12800 >"$dir/a" || code=$?		# 100 MiB
[ $code = 4 ] && grep -q 'error -12 reason 1' "$dir/a" || fail "beyond the limit"
client join large=2560 write bye >/dev/null || fail "20 MiB fit"

# The file beside the socket comes first.
echo 256M >"$dir/$name.limit"
kill -HUP "$daemon"
client hello=2 wait=limit,$((256 << 20)) >/dev/null || fail "SIGHUP"
client join large=12800 write bye >/dev/null || fail "100 MiB fit now"
echo nonsense >"$dir/$name.limit"
kill -HUP "$daemon"
client hello=2 wait=limit,$((64 << 20)) >/dev/null || fail "nonsense is ignored"
until_true 20 grep -q 'does not begin with bytes' "$log.start" || fail "no word"
rm "$dir/$name.limit"

# All that is free goes back, before the answer.
client trim >/dev/null || fail "trim"
client hello=2 count=free | grep -q 'free 0$' || fail "a trim leaves free memory"
blocks=$(stat -c %b "$(segment arena)")
[ "$blocks" = 0 ] || fail "$blocks blocks are left in the arena"

kill -TERM "$daemon"
ends "$daemon" 0
