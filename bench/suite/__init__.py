# SPDX-License-Identifier: Apache-2.0
"""The benchmark suite's runner: what is measured (plan), with whom (columns),
how (runner), what comes out (results, bars) and how it is shown (tables, doc,
plot).  The measuring itself is done by the C programs beside this folder."""
