# SPDX-License-Identifier: Apache-2.0
# Benchmarks: built by `make bench`, run by script/bench, no part of `make check`.

# A workload is compiled once for alloc(size), once for alloc(heap, size).
BENCH_WORKLOADS = \
	%D%/calls.h \
	%D%/frag.h \
	%D%/payload.h \
	%D%/queue.h \
	%D%/ring.h \
	%D%/sizes.h \
	%D%/space.h \
	%D%/w_cache.c \
	%D%/w_churn.c \
	%D%/w_fill.c \
	%D%/w_frag.c \
	%D%/w_large.c \
	%D%/w_larson.c \
	%D%/w_pair.c \
	%D%/w_pass.c \
	%D%/w_threadtest.c \
	%D%/w_trace.c \
	%D%/w_xmalloc.c \
	%D%/wait.h \
	$(NULL)

EXTRA_LTLIBRARIES = \
	%D%/libbenchheap.la \
	%D%/libbenchplain.la \
	%D%/libbenchworker.la \
	$(NULL)

%C%_libbenchheap_la_SOURCES = $(BENCH_WORKLOADS)
%C%_libbenchheap_la_CPPFLAGS = $(AM_CPPFLAGS) -DBENCH_HEAP_FORM=1
%C%_libbenchplain_la_SOURCES = $(BENCH_WORKLOADS)
%C%_libbenchplain_la_CPPFLAGS = $(AM_CPPFLAGS) -DBENCH_HEAP_FORM=0

# All that bench_worker() needs, so that it can be part of a shared object too.
%C%_libbenchworker_la_SOURCES = \
	%D%/barrier.h \
	%D%/bench.h \
	%D%/exits.h \
	%D%/frag.c \
	%D%/frag.h \
	%D%/measure.h \
	%D%/space.c \
	%D%/space.h \
	%D%/worker.c \
	%D%/workloads.c \
	%D%/workloads.h \
	$(NULL)
%C%_libbenchworker_la_LIBADD = \
	%D%/libbenchheap.la \
	%D%/libbenchplain.la \
	%D%/trace/libbenchtrace.la \
	-lm \
	$(NULL)

EXTRA_PROGRAMS += %D%/bench
%C%_bench_SOURCES = \
	%D%/b_malloc.c \
	%D%/b_mheap.c \
	%D%/b_null.c \
	%D%/backends.c \
	%D%/backends.h \
	%D%/crew.c \
	%D%/crew.h \
	%D%/daemon.c \
	%D%/daemon.h \
	%D%/exits.h \
	%D%/main.c \
	%D%/options.c \
	%D%/options.h \
	%D%/page.c \
	%D%/page.h \
	%D%/peerpath.c \
	%D%/peerpath.h \
	%D%/report.c \
	%D%/report.h \
	$(NULL)
%C%_bench_LDADD = %D%/libbenchworker.la libmheap.la -ldl -lm

# Built by peers/build.sh against what is installed.
EXTRA_DIST += \
	%D%/peers/apr.c \
	%D%/peers/boost.cpp \
	%D%/peers/boost.h \
	%D%/peers/boost_table.c \
	%D%/peers/build.sh \
	%D%/peers/dpdk.c \
	%D%/peers/dpdk.h \
	%D%/peers/dpdk_malloc.c \
	%D%/peers/dpdk_mempool.c \
	%D%/peers/iceoryx.c \
	%D%/peers/install.sh \
	%D%/peers/pgdsa.c \
	%D%/peers/pgdsa_backend.c \
	%D%/peers/pgdsa_server.c \
	%D%/peers/pgdsa_server.h \
	%D%/peers/scratch.c \
	%D%/peers/scratch.h \
	$(NULL)

# Held objects and channels.
EXTRA_PROGRAMS += %D%/hand
%C%_hand_SOURCES = \
	%D%/hand.c \
	%D%/hand.h \
	%D%/hand_local.c \
	%D%/hand_sleep.c \
	%D%/hand_stream.c \
	%D%/peerpath.c \
	%D%/peerpath.h \
	$(NULL)
%C%_hand_LDADD = libmheap.la -lrt -ldl

# The slow paths, from inside the library.
EXTRA_PROGRAMS += %D%/slow
%C%_slow_SOURCES = \
	%D%/slow.c \
	%D%/slow.h \
	%D%/slow_attach.c \
	%D%/slow_crew.c \
	%D%/slow_daemon.c \
	%D%/slow_heap.c \
	%D%/slow_idle.c \
	%D%/slow_kinds.c \
	%D%/slow_kinds.h \
	%D%/slow_recover.c \
	%D%/slow_refill.c \
	%D%/slow_report.c \
	$(NULL)
%C%_slow_LDADD = libclient.la libshm.la

# What `make clean` doesn't know: the peers are no programs of this Makefile.
CLEANFILES += $(EXTRA_PROGRAMS) $(EXTRA_LTLIBRARIES)
CLEANFILES += %D%/peer_*.so %D%/pgdsa_backend.so %D%/peers/*.o

.PHONY: bench
bench: all
	$(MAKE) $(AM_MAKEFLAGS) $(EXTRA_PROGRAMS)
