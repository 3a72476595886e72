#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the library exports is what the header marks MH_API, no more, no less.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
header=include/mheap.h
library=${top_builddir:-.}/.libs/libmheap.so

[ -f $header ] || { echo "no $header"; exit 77; }
[ -f "$library" ] || { echo "no $library: build first"; exit 77; }
want=$(mktemp) && got=$(mktemp) || exit 1
trap 'rm -f "$want" "$got"' EXIT

# One line, no comments, no directives: then the name is the first that a
# parenthesis follows.
sed '/^[ \t]*#/d' $header | tr '\n' ' ' |
	sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/, ,g' | grep -o 'MH_API[^;]*;' |
	awk 'match($0, /mh_[a-z0-9_]+ *\(/) {
		name = substr($0, RSTART, RLENGTH - 1)
		sub(/ *$/, "", name)
		print name
	}' | sort >"$want"
${NM:-nm} -D --defined-only "$library" | awk '$2 != "A" {
	sub(/@.*/, "", $3)
	print $3
}' | sort >"$got"

[ -s "$want" ] || { echo "no MH_API in $header"; exit 1; }
diff -u --label "$header" --label "$library" "$want" "$got"
