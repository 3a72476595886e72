#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is printed for programs is what they expect: JSON, OpenMetrics in a file and
# over HTTP.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf

tracer file export -o "$dir/metrics" --label-pid -i 0.1 --lib "$fire"
"$fire" pairs 50 || fail "fire pairs"
ends_tracer file
is_openmetrics "$dir/metrics" || fail "the file is no OpenMetrics"
# A file that can't be written now may be later; at the end it must be.
mkdir "$dir/sub"
tracer file export -o "$dir/sub/metrics" -i 0.1 --lib "$fire"
for i in 1 2; do
	until_true 10 test -e "$dir/sub/metrics" || fail "no file, $i"
	rm -r "$dir/sub"
	until_true 10 sh -c '[ "$(grep -c "write .*/sub/metrics: No such" "$1")" = $2 ]' \
		- "$dir/file.err" $i || fail "not said $i times: $(cat "$dir/file.err")"
	[ $i = 2 ] || mkdir "$dir/sub"
done
ends_tracer file 1
tracer once export --lib "$fire"
"$fire" pairs 50 || fail "fire pairs"
"$fire" owner 1 </dev/null || fail "fire owner"
ends_tracer once
is_openmetrics "$dir/once.out" || fail "no OpenMetrics"
line='mheap_slow_paths_total{probe="refill_done",class="16",lifetime="owned"'
grep -qF "$line,level=\"cache\",command=\"fire\"} 100" "$dir/once.out" || {
	cat "$dir/once.out"
	fail "not 100 refills of 16 bytes"
}
grep -q '^mheap_slow_path_errors_total.*lifetime="shared".* 100$' \
	"$dir/once.out" || fail "not 100 errors"
grep '^mheap_slow_path_errors_total.*lock_wait_done' "$dir/once.out" |
	grep -v ' 0$' && fail "a lock that was passed over is an error"

# Whoever hits a probe with nonsense makes no series twice, and fills no table.
tracer odd export --strict --lib "$fire"
"$fire" odd 70000 || fail "fire odd"
ends_tracer odd
is_openmetrics "$dir/odd.out" || fail "nonsense makes no OpenMetrics"
for series in 'call_done",op="unknown"' \
	'refill_done",class="0",lifetime="unknown",level="cache"' \
	'refill_done",class="0",lifetime="unknown",level="?"'; do
	line="mheap_slow_paths_total{probe=\"$series,command=\"fire\"} 70000"
	grep -qF "$line" "$dir/odd.out" ||
		fail "no $line: $(grep unknown "$dir/odd.out")"
done

port=$((20000 + $$ % 20000))
tracer http export --listen $port --lib "$fire"
bash -c "exec 3<>/dev/tcp/127.0.0.1/$port
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3; cat <&3" >"$dir/answer" ||
	fail "no answer over HTTP"
ends_tracer http
grep -q '^HTTP/1.. 200' "$dir/answer" || fail "$(head -n 1 "$dir/answer")"
sed '1,/^\r*$/d' "$dir/answer" >"$dir/body"
is_openmetrics "$dir/body" || fail "what HTTP answers is no OpenMetrics"

# JSON of each command parses, a line an object.
if command -v python3 >/dev/null; then
	for c in events hist locks frees top selftest; do
		if [ $c = selftest ]; then
			"$trace" $c --json --lib "$fire" >"$dir/json.out" ||
				fail "$c --json"
		else
			tracer json $c --json --lib "$fire"
			"$fire" args
			ends_tracer json
		fi
		python3 -c 'import json, sys
for line in sys.stdin:
    assert isinstance(json.loads(line), dict)' <"$dir/json.out" ||
			fail "$c --json"
		grep -q '"type"' "$dir/json.out" || fail "$c --json says nothing"
	done
fi

# At most so many rows, for people and for programs.
tracer matrix frees -r 1 --lib "$fire"
tracer json frees -r 1 --json --lib "$fire"
tracer top top -r 1 --json 0.1 --lib "$fire"
"$fire" args && "$fire" args || fail "fire args"
until_true 10 grep -q '"type":"top"' "$dir/top.out" || fail "no top"
ends_tracer matrix
ends_tracer json
ends_tracer top
[ "$(wc -l <"$dir/matrix.out")" = 2 ] || fail "frees -r 1: $(cat "$dir/matrix.out")"
[ "$(count_lines json '"type":"free"')" = 1 ] || fail "frees --json -r 1"
[ -z "$(grep '"type":"top"' "$dir/top.out" | field ns | uniq -d)" ] || fail "top --json -r 1: $(cat "$dir/top.out")"
echo "output.sh: well formed"
