#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The public header alone, included twice, is clean C99 and C++11, and a call
# from C++ has the symbol's C name.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
strict="-Wall -Wextra -Werror -pedantic-errors -Iinclude"
use='#include <mheap.h>
#include <mheap.h>
void *one(mh_heap *h); void *one(mh_heap *h) { return mh_alloc(h, 1); }'

cc=
for c in ${CC:-} cc gcc clang; do
	command -v "$c" >/dev/null && cc=$c && break
done
[ -n "$cc" ] || { echo "SKIPPED: no C compiler"; exit 77; }
# shellcheck disable=SC2086
echo "$use" | $cc -std=c99 $strict -fsyntax-only -x c - || exit 1

command -v g++ >/dev/null || {
	echo "SKIPPED: no g++, so mheap.h was not compiled as C++ (as C it is fine)"
	exit 77
}
# shellcheck disable=SC2086
code=$(echo "$use" | g++ -std=c++11 $strict -x c++ -S -o - -) || exit 1
echo "$code" | grep -qw mh_alloc || {
	echo "C++ calls mh_alloc by another name: no extern \"C\"?"
	exit 1
}
