# SPDX-License-Identifier: Apache-2.0
# Benchmarks: built by `make bench`, run by script/bench, no part of `make check`.

EXTRA_PROGRAMS += %D%/pair
%C%_pair_LDADD = libmheap.la -ldl

.PHONY: bench
bench: $(EXTRA_PROGRAMS) mheapd
