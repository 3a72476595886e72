#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom.  shm/ is the protocol and knows nobody; daemon/ and
# libclient/ are two programs around it that don't know each other.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

# folder: quoted includes of ours, angled ones of others that it may not have
rules='
include    ^$                                  liburing|json-c|mheap|bpf
shm        ^shm/                               liburing|json-c|mheap|bpf
libclient  ^(include|shm|libclient)/           liburing|json-c|bpf
daemon     ^(shm|daemon)/|^bpf/(events\.h|.*\.skel\.h)$  json-c|mheap
tools      ^(include|shm|tools)/               liburing
bpf        ^(bpf|shm|tools)/                   liburing|json-c|mheap
'
ours='include|shm|libclient|daemon|tools|bpf|tests'

check() { # folder allowed forbidden
	find "$1" -name '*.[ch]' ! -name '*.skel.h' | sort | xargs -r awk -v folder="$1" \
		-v allowed="$2" -v forbidden="^($3)([./]|$)" \
		-v ours="^($ours)/" '
		function bad(why) {
			print FILENAME ":" FNR ": " folder "/ " why ": " $0
			failed = 1
		}
		/^[ \t]*#[ \t]*include[ \t]*"/ {
			split($0, part, "\"")
			if (part[2] !~ /\//)
				bad("names a header without its folder")
			else if (part[2] !~ allowed)
				bad("may not include")
		}
		/^[ \t]*#[ \t]*include[ \t]*</ {
			name = $0
			sub(/^[^<]*</, "", name)
			sub(/>.*/, "", name)
			if (name ~ /^bpf\/(bpf|libbpf)[a-z_]*\.h$/)
				next	# of libbpf
			if (name ~ ours)
				bad("quotes a header of ours with <>")
			else if (name ~ forbidden)
				bad("may not include")
		}
		END { exit failed }'
}

status=0
while read -r folder allowed forbidden; do
	[ -d "$folder" ] || continue
	check "$folder" "$allowed" "$forbidden" || status=1
done <<EOF
$(echo "$rules" | sed '/^$/d')
EOF
exit $status
