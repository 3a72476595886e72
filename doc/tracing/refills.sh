#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# refills.sh [BUILD]: which class refills too often?  See doc/tracing.md.
. "$(dirname "$0")/run.sh"
demo

shown mheap-trace top --plain --by count -r 5 2 1
class=$("$build/mheap-trace" hist --json -d 1 2>/dev/null |
	grep '"refill_done"' | sed 's/.*"lifetime":"\([a-z]*\)","size":\([0-9]*\),[^[]*"count":\([0-9]*\).*/\3 \1:\2/' |
	sort -rn | sed -n '1s/.* //p')
echo "The class that is refilled most: $class"
echo
shown mheap-trace hist -c "$class" -d 1
shown mheap-trace stacks -c "$class" --by count -d 2
shown mheap-trace stacks --by objects -d 2 --svg "${2:-/dev/null}"
