#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The committed size-class table is what its generator prints.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1
generator=${top_builddir:-.}/shm/mksizeclass

[ -x "$generator" ] || { echo "no $generator: run this by make check"; exit 77; }
printed=$(mktemp) || exit 1
trap 'rm -f "$printed"' EXIT
"$generator" >"$printed" || exit 1
diff -u shm/sizeclass_table.h "$printed" || {
	echo "reprint it: shm/mksizeclass > shm/sizeclass_table.h"
	exit 1
}
