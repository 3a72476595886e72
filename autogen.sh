#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes ./configure.  What it needs is in CONTRIBUTING.md.
cd "$(dirname "$0")" && exec autoreconf --install --force --warnings=all
