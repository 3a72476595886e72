#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each source file is in its folder's local.mk: a test that no Makefile names
# never runs, a header that none names isn't in the tarball.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

status=0
for d in include shm daemon libclient tools bpf tests man; do
	[ -d $d ] || continue
	for f in $(find $d -name '*.[ch]' -o -name '*.sh' \
		-o -path 'man/*.[1-8]' | sort); do
		name=${f#$d/}
		# A program's source is found by the program's name.
		grep -qE "(%D%|$d)/(${name}|${name%.c})([[:space:]]|\$)" \
			*/local.mk || { echo "$f is in no local.mk"; status=1; }
	done
done
exit $status
