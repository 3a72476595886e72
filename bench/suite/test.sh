#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The suite's own tests: what it makes of figures, how it runs programs.
cd "${top_srcdir:-$(dirname "$0")/../..}" || exit 1

# Debian's own first: only that one finds Debian's matplotlib.
python=/usr/bin/python3
[ -x $python ] || python=$(command -v python3) ||
	{ echo "python3 is not installed"; exit 77; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
	{ echo "$python is older than 3.10"; exit 77; }
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
exec "$python" -m unittest bench.suite.test_suite
