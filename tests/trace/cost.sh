#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cost.sh: what tracing costs: a hit beside one of a program that does nothing, and
# the share of the demo's CPU time that hits of `hist` come to.  Figures, no test:
# run by script/soak.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
lib=$builddir/.libs/libmheap.so

"$trace" selftest --json --lib "$lib" >"$dir/cost" 2>/dev/null ||
	fail "selftest"
hit=$(field hit_ns <"$dir/cost") empty=$(field empty_ns <"$dir/cost")
echo "a hit: $hit ns, with a program that does nothing $empty ns:" \
	"$((100 * hit / empty)) %"

tracer hist hist --json --lib "$lib"
unset MHEAP_SOCKET
TIMEFORMAT='%U %S'
{ time "$builddir/mheap" demo --kills 0 >/dev/null 2>"$dir/demo"; } \
	2>"$dir/time" || fail "demo: $(cat "$dir/demo")"
ends_tracer hist
hits=$(stat_of hist hits)
awk -v hits="$hits" -v ns="$(stat_of hist hit_ns)" '{
	cpu = $1 + $2
	printf "the demo: %.2f s of CPU, %d hits of %d ns: %.2f %%\n", cpu,
		hits, ns, hits * ns / 1e7 / cpu
}' "$dir/time"
