#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public call has a page of its name, each option of mheapd and each command
# and option of mheap is in its page, and the pages are sound.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
status=0

bad() {
	echo "$*"
	status=1
}

# An option in mdoc: .Fl Fl size, .Op Fl Fl size, .It Fl n , Fl Fl name.
has_option() {
	grep -qE "Fl Fl $2( |\$)" "$1" || bad "$1: no --$2"
}

calls=$(sed '/^[ \t]*#/d' include/mheap.h | tr '\n' ' ' |
	sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/, ,g' | grep -o 'MH_API[^;]*;' |
	sed -n 's/.*[ *]\(mh_[a-z0-9_]*\) *(.*/\1/p')
[ -n "$calls" ] || bad "no MH_API in include/mheap.h"
for c in $calls; do
	page=man/$c.3
	[ -f "$page" ] || { bad "no $page"; continue; }
	if link=$(sed -n 's/^\.so man3\///p' "$page") && [ -n "$link" ]; then
		page=man/$link
	fi
	grep -qE "^\.Fn $c( |\$)|^\.Fo $c\$" "$page" ||
		bad "$page does not show $c"
	grep -qE "^\.Nm $c( |\$)" "$page" || bad "$page does not name $c"
done

for o in $(sed -n 's/^\t{ "\([a-z-]*\)", KEY_[A-Z]*,.*/\1/p' daemon/options.c |
	grep -vx keeper); do
	has_option man/mheapd.8 "$o"
done
for c in $(sed -n 's/^\t{ "\([a-z]*\)", "[^"]*", .*/\1/p' tools/main.c); do
	grep -qE "^\.It Cm $c( |\$)" man/mheap.1 ||
		bad "man/mheap.1: no command $c"
done
for o in $(sed -n 's/.*ARG_OPTION([0-9]*, "\([a-z-]*\)",.*/\1/p' tools/*.c) json \
	$(sed -n 's/^\t{ "\([a-z-]*\)", OPT_[A-Z]*,.*/\1/p' tools/demo.c); do
	has_option man/mheap.1 "$o"
done

for c in $(sed -n 's/^\t{ "\([a-z]*\)", "[^"]*", .*/\1/p' bpf/main.c); do
	grep -qE "^\.It Cm $c( |\$)" man/mheap-trace.8 ||
		bad "man/mheap-trace.8: no command $c"
done
for o in $(sed -n 's/^\t{ TAKES[A-Z_| ]*, { "\([a-z-]*\)", .*/\1/p' bpf/options.c); do
	has_option man/mheap-trace.8 "$o"
done

# PROBE(side, name, n, "text", arg...), over one line or two
tr '\n' ' ' <shm/probes.def | sed 's/PROBE(/\n&/g' |
	sed -n 's/^PROBE([A-Z]*, \([a-z_]*\), [0-9], "[^"]*", *\([^)]*\)).*/\1 \2/p' |
	tr -d ',' >"${TMPDIR:-/tmp}/probes.$$"
[ -s "${TMPDIR:-/tmp}/probes.$$" ] || bad "no PROBE in shm/probes.def"
while read -r p; do
	grep -qxF ".It Fn $p" man/mheap_probes.7 ||
		bad "man/mheap_probes.7: no probe $p"
done <"${TMPDIR:-/tmp}/probes.$$"
rm -f "${TMPDIR:-/tmp}/probes.$$"

command -v groff >/dev/null || {
	[ $status = 0 ] && echo "no groff: the pages themselves not checked" &&
		exit 77
	exit 1
}
for page in man/*.[1-8]; do
	grep -q '^\.so ' "$page" && continue
	said=$(groff -mandoc -Tutf8 -ww -z "$page" 2>&1)
	[ -z "$said" ] || bad "$said"
	command -v mandoc >/dev/null || continue
	said=$(mandoc -Tlint -Wwarning "$page" 2>&1) || bad "$said"
done
exit $status
