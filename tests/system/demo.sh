#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job: an index that several processes build while some are killed is
# what tr, sort and uniq say it is, in a heap of either backing; and nothing
# stays, processes least of all.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"

mheap=${MHEAP_TOOL:-$builddir/mheap}
text=$dir/text
licenses=/usr/share/common-licenses
LC_ALL=C MHEAP_DAEMON=$mheapd MHEAP_SOCKET=$sock
export LC_ALL MHEAP_DAEMON MHEAP_SOCKET
[ -x "$mheap" ] || fail "no $mheap: build first"

# Words of many files, a word across each read of 64 KiB, one too long, two that
# differ beyond what counts, an end without a newline, no words, no bytes.
mkdir -p "$text/deep/er" || exit 1
awk -v dir="$text/deep" 'BEGIN {
	srand(7)
	for (f = 0; f < 60; f++) {
		out = sprintf("%s/%d.txt", dir, f)
		for (i = 0; i < 2000; i++) {
			w = ""
			n = int(rand() * rand() * 3000)
			do {
				w = w sprintf("%c", 97 + n % 26)
				n = int(n / 26)
			} while (n)
			printf "%s%s", rand() < .1 ? toupper(w) : w, \
				rand() < .1 ? "\n" : rand() < .1 ? "_9" : " " >out
		}
		close(out)
	}
}'
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "across "; }' >"$text/across"
awk 'BEGIN {
	for (i = 0; i < 63; i++)
		w = w "q"
	print w; print w "a"; print w "b"; print substr(w, 2)
}' >"$text/long"
printf 'last' >"$text/deep/er/last"
printf '\0\377\201 12 \0' >"$text/deep/er/none"
: >"$text/empty"
ln -s last "$text/deep/er/link"

counted() {
	find "$@" -type f | while read -r f; do
		cat "$f"
		echo
	done | tr -cs A-Za-z '\n' | tr A-Z a-z | sed '/^$/d' | cut -c1-63 |
		sort | uniq -c | sort -k1,1nr -k2
}

# What counted() says, in the words of the demo.
expected() {
	awk '{ words += $1 }
	NR <= 10 { top = top sprintf("%s{\"word\":\"%s\",\"count\":%d}",
				     NR > 1 ? "," : "", $2, $1) }
	END { printf "\"words\":%d \"distinct\":%d \"top\":[%s]", words, NR, top }'
}

demo() {
	code=0
	"$mheap" demo --name "$name" "$@" >"$dir/out" 2>"$dir/err" || code=$?
	cat "$dir/out"
	[ $code != 3 ] || ! grep -q io_uring "$dir/err" || exit 77
}

says() {
	grep -qF -e "$1" "$dir/out" || fail "it does not say $1"
}

all_right() {
	[ $code = 0 ] || {
		cat "$dir/err"
		fail "status $code"
	}
	says '"ok":true'
	says '"verify":true'
	for part in $want; do
		says "$part"
	done
}

gone() {
	[ ! -e "$(segment heap)" ] && [ ! -e "$sock" ]
}

[ -d $licenses ] || licenses=
want=$(counted "$text" $licenses | expected)
for backing in shm memfd; do
	demo --json --backing $backing --seed 3 "$text" $licenses
	all_right
	says '"kills":1,'
	grep -q '"reclaimed_bytes":[1-9]' "$dir/out" || fail "nothing reclaimed"
	says '"unreached":0,'
	says '"held_left":0,'
	until_true 20 gone || fail "the $backing heap stays"
done

# More workers than files at times, and one killed again and again.
want=$(counted "$text/long" "$text/deep/er" | expected)
demo --json --workers 6 --kills 12 "$text/deep/er" "$text/long" "$text/long"
all_right
says '"files":3,'
says '"kills":12,'
demo --kills 0 "$text"
[ $code = 0 ] || fail "without kills"
says 'all right'

# Refusals.
demo "$text/nothing"
[ $code = 2 ] || fail "a file that isn't there: $code"
demo --workers 0
[ $code = 2 ] || fail "no workers: $code"
until_true 20 gone || fail "a heap stays"
MHEAP_DAEMON=$dir/nothing demo "$text/long"
[ $code = 3 ] || fail "no daemon: $code"

# Stopped in the middle, with a worker that can't end by itself: all go.
truncate -s 1T "$text/hole" || fail "no sparse files"
"$mheap" demo --name "$name" --kills 0 "$text" >"$dir/out" 2>"$dir/err" &
demo=$!
pids="$pids $demo"
worker=
some_worker() {
	worker=$(grep -alzxe --internal-worker /proc/[0-9]*/cmdline 2>/dev/null |
		xargs -r grep -alzxe "$name" | sed -n '1s/[^0-9]//gp')
	[ "$worker" ]
}
until_true 20 some_worker || fail "no worker"
pids="$pids $worker"
kill -STOP "$worker"
kill -TERM "$demo"
code=0
wait "$demo" || code=$?
[ $code = 143 ] || fail "SIGTERM: $code"
kill -0 "$worker" 2>/dev/null && fail "a worker stays"
until_true 20 gone || fail "the heap of a stopped demo stays"
exit 0
