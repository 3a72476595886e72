#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each atomic access names its row of layout.h's order table, such as [S1], in a
# comment on its line or at most 4 lines above.  That holds for the accessors of
# atomic.h, which itself is exempt, and for the compiler's own operations.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

rows=$(sed -n 's/^ \*  \[\([A-Z][0-9]*\)\].*/\1/p' shm/layout.h)
[ -n "$rows" ] || { echo "shm/layout.h: no order table"; exit 1; }

set --
for d in shm libclient daemon; do
	[ ! -d $d ] || set -- "$@" $d
done
find "$@" -name '*.[ch]' ! -path shm/atomic.h | sort | xargs awk -v rows="$rows" '
	BEGIN {
		n = split(rows, row, "\n")
		for (i = 1; i <= n; i++)
			known[row[i]] = 1
		accessor = "(^|[^A-Za-z0-9_])" \
			"(ld|st|cas|or|andnot|and|xchg|add|sub)" \
			"_(rlx|acq|rel|ar|sc)[ \t]*[(]"
		raw = "(^|[^A-Za-z0-9_])(atomic_(load|store|exchange|" \
			"compare_exchange|fetch|init|thread_fence)|" \
			"__atomic_|__sync_)"
	}
	FNR == 1 { labelled = -9; incomment = 0 }
	{
		# Part the line in code and comment.
		code = comment = ""
		rest = $0
		while (rest != "") {
			mark = incomment ? "*/" : "/*"
			at = index(rest, mark)
			part = at ? substr(rest, 1, at - 1) : rest
			rest = at ? substr(rest, at + 2) : ""
			if (incomment)
				comment = comment " " part
			else
				code = code " " part
			if (at)
				incomment = !incomment
		}
		while (match(comment, /\[[A-Z][0-9]+\]/)) {
			label = substr(comment, RSTART + 1, RLENGTH - 2)
			comment = substr(comment, RSTART + RLENGTH)
			if (label in known)
				labelled = FNR
			else if (FILENAME != "shm/layout.h")
				bad("no row [" label "] in shm/layout.h")
		}
		if ((code ~ accessor || code ~ raw) && FNR - labelled > 4)
			bad("an atomic access without its row")
	}
	function bad(why) {
		print FILENAME ":" FNR ": " why ": " $0
		failed = 1
	}
	END { exit failed }' || exit 1
