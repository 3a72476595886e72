#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No function longer than 80 lines; no file longer than 500, tests and generated
# tables aside.  What is longer hides a second thing.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

ctags --version 2>/dev/null | grep -q 'Universal Ctags' || {
	echo "needs universal-ctags"
	exit 77
}
set --
for d in include shm daemon libclient tools bpf tests bench; do
	[ ! -d $d ] || set -- "$@" $d
done

functions=$(find "$@" -name '*.[ch]' ! -name '*.skel.h' | sort |
	ctags -L - -x --c-kinds=f --fields=+ne --_xformat='%F %N %n %e' |
	awk '$4 - $3 + 1 > 80 { print $1 ":" $3 ": " $2 "(): " \
		$4 - $3 + 1 " lines" }')
files=$(find "$@" -name '*.[ch]' ! -path 'tests/*' ! -name '*_table.h' \
	! -name '*.skel.h' -exec awk 'END { if (NR > 500) print FILENAME ": " NR " lines" }' {} \;)
printf '%s' "${functions:+$functions
}${files:+$files
}"
[ -z "$functions$files" ]
