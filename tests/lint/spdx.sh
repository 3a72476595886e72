#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each file of ours names its licence: in the first line, or in the second of a
# file whose first is taken (#!, or what a man page or an editor needs there).
# What runs in the kernel is under a licence that the kernel takes.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

files() {
	for d in include shm daemon libclient tools bpf tests bench man dist; do
		[ ! -d $d ] || find $d -type f ! -name '*.md' ! -name '*.json' \
			! -name '*.o' ! -name '*.lo' ! -name '*.la' \
			! -name '*.pc' ! -name '*.pc.in' ! -name '*.service' \
			! -name '*.log' ! -name '*.trs' ! -name '.*' \
			! -name '*.skel.h' ! -name 'golden.txt' \
			! -path '*/.*/*' ! -path '*/data/*' -print
	done
	for f in script/* .ci/* m4/mh_*.m4 autogen.sh configure.ac \
		Makefile.am .clang-format .editorconfig; do
		[ ! -f "$f" ] || echo "$f"
	done
}

# A build in the tree leaves programs beside sources: text files only.
without=$(files | while read -r f; do
	grep -qI . "$f" || continue
	licence=Apache-2\.0
	[ "$f" = "${f%.bpf.[ch]}" ] || licence='BSD-2-Clause OR GPL-2\.0-only'
	head -n 2 "$f" | grep -q "SPDX-License-Identifier: $licence" ||
		echo "$f"
done)
[ -z "$without" ] || { echo "no SPDX line in:"; echo "$without"; exit 1; }
