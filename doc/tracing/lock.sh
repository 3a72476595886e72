#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lock.sh [BUILD]: who holds the lock?  A client of the demo's heap is made to hold
# all stripes of the class that the demo needs most.  See doc/tracing.md.
. "$(dirname "$0")/run.sh"
demo
class=$("$build/mheap-trace" hist --json -c shared:32 -d 1 2>/dev/null |
	grep '"refill_done"' | sed -n '1s/.*"class":\([0-9]*\).*/\1/p')
"$build/tests/trace/holder" $name "$class" >"$dir/holder" &
holder=$!
pids="$pids $holder"
shown mheap-trace locks -d 2
"$build/mheap-trace" events -d 3 >"$dir/events" 2>/dev/null &
events=$!
sleep 1.5
echo "The holder is killed."
kill -KILL $holder
wait $events
grep -E "TIME|lock_freed|client_dead.*pid=$holder " "$dir/events" | head -n 4
