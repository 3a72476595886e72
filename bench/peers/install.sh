#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/peers/install.sh [BUILD_DIR]
#
# Installs what the benchmark suite measures beside mheap, and the tools it
# draws and counts with: packages of Debian 12.  Nothing else needs them, and
# configure doesn't look for them.  The two releases of Boost exclude each other
# as packages: their headers go to BUILD_DIR/bench/peers/root174 and root181.
# Compiles nothing: build.sh, beside this, does.
#
# Without root it fetches Boost and says what to install.
set -euo pipefail
. "$(dirname "$0")/../../script/common.sh"

build=${1:-$root/build}
boosts=(1.74 1.81)
postgres=15
packages=(g++ pkg-config libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0
	libapr1-dev libaprutil1-dev libdpdk-dev libpq-dev
	"postgresql-server-dev-$postgres"
	gcc libstb-dev python3 sqlite3
	iceoryx libiceoryx-binding-c-dev
	python3-matplotlib valgrind)

install_packages() {
	apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The server's package makes and starts a cluster as it comes in; not on a
# machine where nobody asked for one.  A subshell, for the trap.
install_postgres() (
	conf=/etc/postgresql-common/createcluster.conf
	[ -n "$(missing_of "postgresql-$postgres")" ] || exit 0
	install_packages postgresql-common || exit
	cp -p "$conf" "$conf.before-bench" || exit
	trap 'mv "$conf.before-bench" "$conf"' EXIT
	echo 'create_main_cluster = false' >>"$conf"
	install_packages "postgresql-$postgres"
)

install_all() {
	local missing

	mapfile -t missing < <(missing_of "${packages[@]}" \
		"postgresql-$postgres")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "as root: apt-get install --no-install-recommends" \
			"${missing[*]}"
		return 3
	fi
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq && install_postgres || return
	mapfile -t missing < <(missing_of "${packages[@]}")
	[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# unpack_boost PACKAGE DIR: its headers only.  Needs no root.
unpack_boost() {
	(cd "$2" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" \
		"$1") &&
		dpkg-deb --fsys-tarfile "$2/$1"_*.deb |
		tar -x -C "$2" --strip-components=3 ./usr/include/boost &&
		rm -f "$2/$1"_*.deb && chmod 755 "$2"
}

# fetch_boost VERSION: the headers of one release, in a folder of their own.
fetch_boost() {
	local dir=$build/bench/peers/root${1/./} package=libboost$1-dev tmp

	[ ! -e "$dir/boost/version.hpp" ] || return 0
	say "fetching the headers of Boost $1"
	mkdir -p "${dir%/*}" && tmp=$(mktemp -d "$dir.XXXXXX") || return
	if ! unpack_boost "$package" "$tmp"; then
		rm -rf "$tmp"
		say "boost${1/./}: apt-get download $package failed"
		return 1
	fi
	rm -rf "$dir" && mv "$tmp" "$dir"
}

if ! command -v apt-get >/dev/null; then
	say "the peers are packages of Debian 12, and there is no apt-get here"
	exit 3
fi
status=0
install_all || status=$?
for version in "${boosts[@]}"; do
	fetch_boost "$version" || status=1
done
exit "$status"
