# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: where the tree is, what a build needs, and
# how to make one.  Needs bash.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc 2>/dev/null || echo 2)

needed_packages=(autoconf automake libtool pkg-config gcc libc6-dev make
	xz-utils liburing-dev libcmocka-dev libjson-c-dev)
useful_packages=(g++ libmimalloc-dev universal-ctags valgrind) # lints, instruction counts
useful_packages+=(bpftool clang libbpf-dev libdw-dev libelf-dev \
	libmicrohttpd-dev libncurses-dev) # mheap-trace

say() {
	printf '%s\n' "$*" >&2
}

missing_of() {
	local p

	for p; do
		dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null |
			grep -q '^ii' || echo "$p"
	done
}

# Installs what is missing.  Without root it says what to install instead.
install_missing() {
	local missing

	command -v dpkg-query >/dev/null || return 0
	mapfile -t missing < <(missing_of "${needed_packages[@]}" \
		"${useful_packages[@]}")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "missing: ${missing[*]}"
		mapfile -t missing < <(missing_of "${needed_packages[@]}")
		[ ${#missing[@]} -eq 0 ] && return 0
		say "as root: apt-get install ${missing[*]}"
		return 3
	fi
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq &&
		apt-get install -y -qq --no-install-recommends \
			"${missing[@]}" >/dev/null
}

# configure_in DIR ARGUMENT...: a build folder, made once; make keeps it fresh.
configure_in() {
	local dir=$1

	shift
	[ -x "$root/configure" ] || "$root/autogen.sh" || return
	mkdir -p "$dir" || return
	[ -f "$dir/Makefile" ] || (cd "$dir" && "$root/configure" "$@")
}
