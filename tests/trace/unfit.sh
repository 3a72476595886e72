#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What would filter out all is refused, with the reason, before anything is traced.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
[ -x "$trace" ] || cannot "mheap-trace was not built (--enable-bpf)"

# unfit TEXT OPTION...
unfit() {
	text=$1
	shift
	code=0
	"$trace" "$@" --lib "$fire" -d 0.1 >"$dir/said" 2>&1 || code=$?
	[ $code = 2 ] && grep -qF -- "$text" "$dir/said" ||
		fail "mheap-trace $*: exit $code, $(cat "$dir/said")"
}
unfit '-m shows nothing of client_attach' top --probe refill_done,client_attach -m 3
unfit 'hist: this command shows nothing of client_attach: it has no time' \
	hist --probe client_attach
unfit '-c shows nothing of call_done: it has no class' events -c 16 --probe call_done
echo "unfit.sh: refused"
