#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# leak.sh [BUILD]: which process leaks?  A client with a fault works beside the
# demo.  See doc/tracing.md.
. "$(dirname "$0")/run.sh"
demo
"$build/tests/trace/leaker" $name &
pids="$pids $!"
sleep 0.5
live() {
	"$build/mheap" stat $name | grep -E 'LIVE|shared' | sort >"$dir/live$1"
}
live 1
sleep 2
live 2
echo "What lives, now and two seconds later:"
grep -h CLASS "$dir/live1"
diff "$dir/live1" "$dir/live2"
echo
shown mheap-trace top --plain --by objects -c shared:96 2 1
shown mheap-trace frees --by-class -c shared:96 -d 2
shown mheap-trace stacks -c shared:96 --by objects -d 2
