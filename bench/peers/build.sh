#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/peers/build.sh BUILD_DIR
#
# Compiles each shared-memory peer whose package is there to
# BUILD_DIR/bench/peer_NAME.so, and says of each other why it is skipped.
# install.sh, beside this, brings the packages.  CC and CXX are obeyed.
#
# What CC and pkg-config give is words.
# shellcheck disable=SC2046,SC2206,SC2054
set -euo pipefail
. "$(dirname "$0")/../../script/common.sh"

build=${1:?"usage: build.sh BUILD_DIR"}
src=$root/bench/peers
out=$build/bench
flags=(-O2 -g -fPIC -D_GNU_SOURCE -I"$root" -Wall -Wextra)
cc=(${CC:-gcc} -std=gnu11 -Wundef -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wwrite-strings "${flags[@]}")
cxx=(${CXX:-g++} -std=c++17 "${flags[@]}")
link=(-shared -Wl,-Bsymbolic -Wl,-z,defs)

# fresh NAME: its last build is newer than whatever it may come from.
fresh() {
	local so=$out/peer_$1.so

	[ -f "$so" ] && [ -z "$(find "$root/bench" "$out/.libs" -maxdepth 2 \
		-newer "$so" \( -name '*.[ch]' -o -name '*.cpp' -o \
		-name build.sh -o -name libbenchworker.a \) -print -quit \
		2>/dev/null)" ]
}

# boost NAME FLAG...
boost() {
	local name=$1 o=$out/peers/$1 headers=$out/peers/${1/boost/root}

	shift
	[ -e "$headers/boost/version.hpp" ] ||
		{ why="$headers has no headers of Boost"; return 1; }
	"${cxx[@]}" -isystem "$headers" -DPEER_NAME="\"$name\"" \
		-c "$src/boost.cpp" -o "$o.o" &&
		"${cc[@]}" "$@" -c "$src/boost_table.c" -o "${o}_table.o" &&
		"${cc[@]}" -c "$src/scratch.c" -o "${o}_scratch.o" &&
		"${cxx[@]}" "${link[@]}" "$o.o" "${o}_table.o" \
			"${o}_scratch.o" -lrt -lpthread -o "$out/peer_$name.so"
}

# Its headers are in a folder named after the release; of hand, no back end.
iceoryx() {
	local headers

	headers=$(printf '%s\n' /usr/include/iceoryx/v*/iceoryx_binding_c | head -n 1)
	[ -d "$headers" ] || { why="no libiceoryx-binding-c-dev"; return 1; }
	command -v iox-roudi >/dev/null || { why="no iox-roudi"; return 1; }
	"${cc[@]}" -I"$root/include" -isystem "${headers%/*}" "${link[@]}" \
		"$src/iceoryx.c" -liceoryx_binding_c -o "$out/peer_iceoryx.so"
}

apr() {
	pkg-config --exists apr-1 apr-util-1 ||
		{ why="no libapr1-dev and libaprutil1-dev"; return 1; }
	"${cc[@]}" $(pkg-config --cflags apr-1 apr-util-1) "${link[@]}" \
		"$src/apr.c" $(pkg-config --libs apr-1 apr-util-1) \
		-o "$out/peer_apr.so"
}

# Only these of DPDK's libraries, and that of the rings though nothing names it:
# a constructor in it enters them as what pools are made of.
dpdk() {
	local name=$1

	pkg-config --exists libdpdk || { why="no libdpdk-dev"; return 1; }
	"${cc[@]}" $(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g') \
		"${link[@]}" \
		"$src/${name/-/_}.c" "$src/dpdk.c" "$src/scratch.c" \
		-Wl,--no-as-needed -lrte_mempool_ring -Wl,--as-needed \
		-lrte_mempool -lrte_eal -o "$out/peer_$name.so"
}

# Two: what the server loads, with the workloads in it; what the bench loads.
pgdsa() {
	local worker=$out/.libs/libbenchworker.a
	local bin=/usr/lib/postgresql/15/bin headers

	[ -f "$worker" ] || { why="make bench comes first"; return 1; }
	pkg-config --exists libpq || { why="no libpq-dev"; return 1; }
	[ -x "$bin/initdb" ] || { why="no postgresql-15"; return 1; }
	headers=$("$bin/pg_config" --includedir-server 2>/dev/null)
	[ -e "$headers/fmgr.h" ] ||
		{ why="no postgresql-server-dev-15"; return 1; }
	"${cc[@]}" -isystem "$headers" -shared -Wl,-Bsymbolic \
		"$src/pgdsa_backend.c" "$worker" -lm \
		-o "$out/pgdsa_backend.so" &&
		"${cc[@]}" $(pkg-config --cflags libpq) "${link[@]}" \
			-DPG_BINDIR="\"$bin\"" "$src/pgdsa.c" \
			"$src/pgdsa_server.c" "$src/scratch.c" \
			$(pkg-config --libs libpq) -ldl -o "$out/peer_pgdsa.so"
}

# peer NAME FUNCTION ARGUMENT...
peer() {
	local name=$1 why="it doesn't compile"

	shift
	! fresh "$name" || return 0
	rm -f "$out/peer_$name.so"
	"$@" || say "peer $name skipped: $why"
}

mkdir -p "$out/peers"
peer boost174 boost boost174 -DBOOST_IS_SPARSE
peer boost181 boost boost181
peer apr apr
peer dpdk-malloc dpdk dpdk-malloc
peer dpdk-mempool dpdk dpdk-mempool
peer pgdsa pgdsa
peer iceoryx iceoryx
