#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each command takes the options that it heeds, lists them, and completes them; it
# refuses all others, and values that can't be.  Needs no right to trace.
srcdir=${top_srcdir:-$(dirname "$0")/../..}
trace=${MHEAP_TRACE:-${top_builddir:-$(pwd)}/mheap-trace}
[ -x "$trace" ] || { echo "mheap-trace was not built (--enable-bpf)"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
status=0

bad() {
	echo "FAIL: $*"
	status=1
}

commands='check events export frees hist list locks record replay selftest stacks top'
slow='events export hist record stacks top'
cat >"$dir/table" <<-EOF
	pid=1		check selftest list frees locks $slow
	lib=x		check selftest list frees locks $slow
	one-by-one	check selftest frees locks $slow
	class=64	frees locks $slow
	duration=1	frees locks $slow
	strict		frees locks $slow
	min=1		locks $slow
	probe=oom	$slow
	ring-size=64K	events record stacks
	interval=1	export frees hist locks top
	count=1		export frees hist locks top
	rows=1		frees locks top
	by=wait		locks stacks top
	by-process	frees hist locks stacks top
	by-class	frees top
	plain		top
	json		events frees hist locks record replay selftest top
	svg=x		stacks
	listen=1	export
	output=x	export
	label-pid	export
	timestamps	events replay
	starts		events record
EOF

# says CODE TEXT ARGUMENT...
says() {
	want=$1 text=$2 code=0
	shift 2
	"$trace" "$@" >"$dir/said" 2>&1 </dev/null || code=$?
	[ $code = "$want" ] && grep -qF -- "$text" "$dir/said" ||
		bad "$*: exit $code, not $want and '$text': $(cat "$dir/said")"
}

for c in $commands; do
	"$trace" "$c" --help >"$dir/help.$c" || bad "$c --help"
	: >"$dir/takes.$c"
done
# What was parsed before --help has been taken.
while read -r option those; do
	name=${option%%=*}
	for c in $commands; do
		case " $those " in
		*" $c "*)
			says 0 Usage: "$c" "--$option" --help
			grep -qE -- "--$name(=| |\$)" "$dir/help.$c" ||
				bad "$c --help: no --$name"
			echo "--$name" >>"$dir/takes.$c"
			;;
		*)
			says 2 "$c does not take --$name; it takes" \
				"$c" "--$option" --help
			! grep -qE -- "--$name(=| |\$)" "$dir/help.$c" ||
				bad "$c --help: --$name"
			;;
		esac
	done
done <"$dir/table"
n=$(sed -n 's/.*--\([a-z-]*\).*/\1/p' "$dir"/help.* | sort -u |
	grep -cvx 'help\|usage\|version')
[ "$n" = "$(wc -l <"$dir/table")" ] || bad "$n options, not those of the table"

if command -v bash >/dev/null; then
	for c in $commands; do
		bash -c 'complete() { :; }; . "$1"; words=(mheap-trace "$2") cur=--
			_mheap_trace_options
			printf "%s\n" "${COMPREPLY[@]}"' - \
			"$srcdir/completion/bash/mheap-trace" "$c" |
			grep -vx -- '--help\|--usage\|--version' |
			sort >"$dir/completes"
		sort "$dir/takes.$c" | diff - "$dir/completes" >"$dir/diff" ||
			bad "completion of $c: $(cat "$dir/diff")"
	done
fi

# Values.
number='it is a number from 1 to'
says 2 "-p \"\": $number 4194304" hist -p ''
says 2 "-p \"\": $number" hist -p 1,,2
says 2 "-p \"4194305\": $number 4194304" hist -p 4194305
says 2 "-c \"\": $number" hist -c ''
says 2 '--probe "": there is none' hist --probe ''
says 2 "--listen: port \"65536\": $number 65535" export --listen 65536
says 2 "port \"70000\": $number 65535" export --listen 127.0.0.1:70000
says 2 "port \"\": $number" export --listen ''
seconds='it is a number of seconds from 0.001 to 100000000'
says 2 "-i \"1e-10\": $seconds" hist -i 1e-10 -n 3
says 2 "-i \"0.0009\": $seconds" top -i 0.0009
says 2 "INTERVAL \"nan\": $seconds" export nan
says 2 "-d \"0\": $seconds" hist -d 0
says 0 Usage: hist -i 0.001 --help
says 2 '-n 3: of which intervals?  -i' hist -n 3
says 2 '--by objects: it is count or wait' locks --by objects
says 2 '--starts and --probe exclude each other' events --starts --probe oom
says 2 'it needs a FILE' record
says 2 '1 is one argument too many' stacks 1
says 2 '3 is one argument too many' hist 1 2 3
[ $status = 0 ] && echo "options.sh: taken is what is heeded"
exit $status
