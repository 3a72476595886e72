#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Without the rights that it needs the tracer says which are missing, and ends with
# 3; with them alone it works.  Wrong usage ends with 2.
. "${top_srcdir:-$(dirname "$0")/../..}/tests/trace/trace.sh"
need_bpf
command -v setpriv >/dev/null || cannot "setpriv is not installed"
[ "$(id -u)" = 0 ] || cannot "it takes root to give rights away"

# A place and files that anybody may read.
chmod 755 "$dir"

# as CAPS COMMAND...: nobody, with these capabilities ("": none)
as() {
	caps=$1
	shift
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all$caps" \
		--ambient-caps "-all$caps" --bounding-set "-all$caps" "$@"
}

# says CODE TEXT CAPS COMMAND...
says() {
	want=$1 text=$2 caps=$3 code=0
	shift 3
	as "$caps" "$trace" "$@" >"$dir/said" 2>&1 || code=$?
	[ $code = "$want" ] || {
		cat "$dir/said"
		fail "with '$caps' $*: exit $code, not $want"
	}
	grep -q -- "$text" "$dir/said" || {
		cat "$dir/said"
		fail "with '$caps' $*: does not say '$text'"
	}
}

as "" true 2>/dev/null || cannot "setpriv can't take capabilities away here"
says 3 'CAP_BPF and CAP_PERFMON are missing' "" check --lib "$dir/fire"
says 3 'CAP_PERFMON is missing' ,+bpf check --lib "$dir/fire"
says 3 'CAP_BPF is missing' ,+perfmon check --lib "$dir/fire"
says 0 'uprobe_multi' ,+bpf,+perfmon check --lib "$dir/fire"
says 3 'CAP_SYS_ADMIN is needed' ,+bpf,+perfmon check --one-by-one \
	--lib "$dir/fire"
says 0 'probe by probe' ,+sys_admin check --one-by-one --lib "$dir/fire"

# What needs no right.
says 0 refill_done "" list
says 0 'in files of --lib' "" list --lib "$dir/fire"

# usage TEXT OPTION...
usage() {
	text=$1 code=0
	shift
	"$trace" "$@" >"$dir/said" 2>&1 || code=$?
	[ $code = 2 ] || fail "$*: exit $code, not 2"
	grep -q -- "$text" "$dir/said" || {
		cat "$dir/said"
		fail "$*: does not say '$text'"
	}
}
usage 'which command' || exit
usage 'no command' tpo
usage 'number of seconds' hist -d x
usage 'from 1 to' hist -p 0
usage 'power of two' events --ring-size 100K
usage 'lifetime is owned, shared or held' hist -c ours:64
usage 'count, time, wait or objects' stacks --by size
usage 'one argument too many' events 1
usage 'it needs a FILE' record
usage 'no probe of mheap' hist --lib /bin/true
usage 'No such file' hist --lib "$dir/none"
usage 'No such file' list --lib "$dir/none"
usage 'no probe of mheap' list --lib /bin/true

code=0
"$trace" hist -d 1 -p $$ >"$dir/said" 2>&1 || code=$?
[ $code = 3 ] && grep -q "maps nothing that has mheap's probes" "$dir/said" || {
	cat "$dir/said"
	fail "a process without probes: exit $code"
}
echo "denied.sh: every refusal says what is missing"
