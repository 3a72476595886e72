#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program in README.md compiles without a warning and does what the text
# says, with the library and the daemon of this build; and the documents name no
# file that isn't there.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/system/system.sh"
srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}

for doc in README.md ARCHITECTURE.md CONTRIBUTING.md; do
	[ -s "$srcdir/$doc" ] || fail "no $doc"
	for link in $(grep -o '](\([^):#]*\))' "$srcdir/$doc" | sed 's/](//; s/)//'); do
		[ -e "$srcdir/$link" ] || fail "$doc: there is no $link"
	done
done

sed -n '/^```c$/,/^```$/p' "$srcdir/README.md" | sed '/^```/d' >"$dir/note.c"
grep -q 'int main' "$dir/note.c" || fail "no program in README.md"

cc=${CC:-cc}
command -v "${cc%% *}" >/dev/null || { echo "no compiler $cc"; exit 77; }
# shellcheck disable=SC2086
$cc -Wall -Wextra -Werror ${SANITIZER_CFLAGS-} -I"$srcdir/include" \
	-o "$dir/note" "$dir/note.c" \
	-L"$builddir/.libs" -Wl,-rpath,"$builddir/.libs" -lmheap ||
	fail "the program in README.md does not compile"

MHEAP_DAEMON=$mheapd MHEAP_NAME=$name MHEAP_SOCKET=$sock
export MHEAP_DAEMON MHEAP_NAME MHEAP_SOCKET
"$dir/note" >"$dir/out" 2>>"$log" ||
	fail "exit $?: $(cat "$dir/out")"
grep -qE '^from [0-9]+, killed since$' "$dir/out" ||
	fail "it says: $(cat "$dir/out")"

gone() {
	[ ! -e "$(segment heap)" ] && [ ! -e "$sock" ]
}
until_true 20 gone || fail "the heap outlives its last client"
