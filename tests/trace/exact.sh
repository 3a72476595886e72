#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Counts per process, class and level are those that the library itself keeps,
# whatever processes there were before or came later.  (Nobody is killed here: a
# thread that was may have counted one that no probe told.)
# MH_SOAK=1: a million refills in eight processes.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
refills=5000
[ "${MH_SOAK:-0}" = 1 ] && refills=125000
start

tracer hist hist --json --by-process --strict --lib "$refiller"
"$refiller" "$name" 8 2 $refills >"$dir/counted" || fail "refiller"
ends_tracer hist

# Ours: PID CLASS LEVEL COUNT OBJECTS, of refills and of flushes.
awk '{
	for (l = 1; l <= 3; l++)
		if ($(l + 2))
			print "refill", $1, $2, l, $(l + 2)
	if ($8)
		print "flush", $1, $2, $8, $9
	objects[$1 " " $2] = $7
} END {
	for (k in objects)
		if (objects[k])
			print "objects", k, objects[k]
}' "$dir/counted" | sort >"$dir/ours"

# The tracer's.
grep -E '"probe":"(refill|flush)_done"' "$dir/hist.out" | awk '
	function f(key) {
		if (!match($0, "\"" key "\":[0-9]+"))
			return 0
		return substr($0, RSTART + length(key) + 3,
			      RLENGTH - length(key) - 3)
	}
	/refill_done/ {
		if (f("count") > f("errors"))
			print "refill", f("pid"), f("class"), f("level"),
			      f("count") - f("errors")
		objects[f("pid") " " f("class")] += f("objects")
	}
	/flush_done/ { print "flush", f("pid"), f("class"), f("count"),
		       f("objects") }
	END {
		for (k in objects)
			if (objects[k])
				print "objects", k, objects[k]
	}' | sort >"$dir/theirs"
diff "$dir/ours" "$dir/theirs" >"$dir/diff" || {
	head -n 20 "$dir/diff"
	fail "counts differ"
}
total=$(awk '/^refill/ { n += $5 } END { print n }' "$dir/ours")
[ "$total" -ge $((8 * refills)) ] || fail "only $total refills"
[ "$(stat_of hist lost_map_full)" = 0 ] || fail "a table was full"
echo "exact.sh: $total refills of 8 processes, each counted once; $(wc -l \
	<"$dir/ours") figures equal"
