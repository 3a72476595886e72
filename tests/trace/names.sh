#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Names that others chose do no harm: of files and folders, commands and functions,
# with what a terminal would obey, what separates fields, and what is no UTF-8.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
command -v objcopy >/dev/null || cannot "objcopy is not installed"
command -v iconv >/dev/null || cannot "iconv is not installed"

# Sequences of ESC and of its form in C1, a newline, no UTF-8, and letters that are
# three bytes; no more than the 15 bytes of a command.
bad=$(printf '\033[1m;\nx\377\302\233\n<&e')
safe='?[1m;?x???<&e'
wide='x€€€€é'
mkdir "$dir/$bad" || fail mkdir
long=$wide$wide$wide$wide$wide$wide$wide$wide
objcopy --redefine-sym middle="$bad" --redefine-sym inner="$long" \
	"$fire" "$dir/$bad/$bad" || fail objcopy
cp "$dir/$bad/$bad" "$dir/$wide" || fail cp

# harmless FILE: whole letters, and of control characters nothing but newlines
harmless() {
	iconv -f UTF-8 -t UTF-16 "$1" >/dev/null || {
		od -c "$1" | tail
		fail "$1: no UTF-8"
	}
	[ "$(LC_ALL=C tr -d '\n\040-\176\200-\377' <"$1" | wc -c)" = 0 ] &&
		! LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$1" || {
		od -c "$1" | tail
		fail "$1: control characters"
	}
}
# said FILE TEXT
said() {
	harmless "$1"
	grep -qF -- "$2" "$1" || {
		cat "$1"
		fail "$1: nothing of $2"
	}
}

"$trace" check --lib "$dir/$bad/$bad" >"$dir/check" || fail check
said "$dir/check" '/?[1m;?x'
mkfifo "$dir/in"
"$dir/$bad/$bad" state <"$dir/in" >"$dir/state" &
pids="$pids $!"
exec 7>"$dir/in"
echo >&7
until_true 10 test -s "$dir/state" || fail "it doesn't run"
"$trace" list >"$dir/list" || fail list
exec 7>&-
said "$dir/list" '/?[1m;'

# Of each command that names processes or functions, for people and for programs.
for c in events 'hist --by-process' frees locks 'top 0.1' export; do
	# shellcheck disable=SC2086
	tracer "${c%% *}" $c --lib "$dir/$bad/$bad" --lib "$dir/$wide"
	[ "$c" = export ] ||
		tracer "json_${c%% *}" $c --json --lib "$dir/$bad/$bad" \
			--lib "$dir/$wide"
done
tracer folded stacks --lib "$dir/$bad/$bad"
tracer picture stacks --svg "$dir/svg" --lib "$dir/$bad/$bad"
"$dir/$bad/$bad" args && "$dir/$wide" args && "$dir/$bad/$bad" chain &&
	"$dir/$bad/$bad" burst 5 || fail fire
for top in top json_top; do
	until_true 10 grep -q refill_done "$dir/$top.out" ||
		fail "top shows nothing"
done
for c in events hist frees locks top export; do
	ends_tracer $c
	harmless "$dir/$c.out"
	harmless "$dir/$c.err"
done
for c in events hist frees locks top; do
	ends_tracer json_$c
	harmless "$dir/json_$c.out"
	if command -v python3 >/dev/null; then
		python3 -c 'import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    json.loads(line)' "$dir/json_$c.out" || fail "$c --json"
	fi
	grep -q 'x€' "$dir/json_$c.out" || fail "$c --json names nobody"
done
is_openmetrics "$dir/export.out" || fail "no OpenMetrics"
ends_tracer folded
ends_tracer picture

# A `;' and a newline are not what separates folded frames and lines.
harmless "$dir/folded.out"
folded=$(echo "$safe" | tr ';' '?')
grep -qF ";main;outer;$folded;$long;refill_done owned 16 from cache 1" \
	"$dir/folded.out" || {
	cat "$dir/folded.out"
	fail "callers whose names are strange"
}
LC_ALL=C awk '!/^\?\[1m[^;]*;.* [0-9]+$/ { exit 1 }' "$dir/folded.out" || {
	cat "$dir/folded.out"
	fail "no folded lines"
}
harmless "$dir/svg"
if command -v python3 >/dev/null; then
	python3 -c 'import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.argv[1])' "$dir/svg" || fail "no sound XML"
fi
echo "names.sh: strange names do no harm"
