# SPDX-License-Identifier: Apache-2.0
# What script/bench runs: Python, and a probe of the machine's speed.

EXTRA_DIST += \
	%D%/__init__.py \
	%D%/__main__.py \
	%D%/bars.py \
	%D%/columns.py \
	%D%/doc.py \
	%D%/frame.py \
	%D%/leftovers.py \
	%D%/machine.py \
	%D%/model.py \
	%D%/plan.py \
	%D%/plot.py \
	%D%/results.py \
	%D%/runner.py \
	%D%/stats.py \
	%D%/tables.py \
	%D%/test.sh \
	%D%/test_suite.py \
	%D%/verdict.py \
	$(NULL)

TESTS += %D%/test.sh

EXTRA_PROGRAMS += %D%/probe
%C%_probe_SOURCES = %D%/probe.c
