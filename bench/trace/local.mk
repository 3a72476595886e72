# SPDX-License-Identifier: Apache-2.0
# Recording what programs ask of malloc, and reading it again.

EXTRA_DIST += \
	%D%/library.py \
	%D%/make.sh \
	%D%/orders.sql \
	%D%/selftest.sh \
	$(NULL)

EXTRA_LTLIBRARIES += %D%/libbenchtrace.la %D%/libmhrecord.la

# For the workload trace and the programs below.
%C%_libbenchtrace_la_SOURCES = \
	%D%/format.h \
	%D%/load.c \
	%D%/load.h \
	%D%/rollup.c \
	%D%/rollup.h \
	%D%/tally.c \
	%D%/tally.h \
	$(NULL)

%C%_libmhrecord_la_SOURCES = \
	%D%/raw.h \
	%D%/recfile.c \
	%D%/recfile.h \
	%D%/record.c \
	$(NULL)
# It is malloc: gcc may not take its calls for anything that it knows.
%C%_libmhrecord_la_CFLAGS = $(AM_CFLAGS) -fno-builtin
# Where it would be installed; without that libtool makes no shared object.
%C%_libmhrecord_la_LDFLAGS = $(AM_LDFLAGS) $(DEFS_LDFLAGS) \
	-module -avoid-version -shared -rpath $(pkglibdir)

EXTRA_PROGRAMS += %D%/pack %D%/selftest %D%/show
%C%_pack_SOURCES = \
	%D%/addrmap.c \
	%D%/addrmap.h \
	%D%/pack.c \
	%D%/rawread.c \
	%D%/rawread.h \
	$(NULL)
%C%_pack_LDADD = %D%/libbenchtrace.la
# Nothing to pack without it: `make bench` makes programs, and so this too.
EXTRA_%C%_pack_DEPENDENCIES = %D%/libmhrecord.la
# For selftest.sh to record; gcc may not take its calls for useless either.
%C%_selftest_SOURCES = %D%/selftest.c
%C%_selftest_CFLAGS = $(AM_CFLAGS) -fno-builtin
%C%_show_SOURCES = %D%/show.c
%C%_show_LDADD = %D%/libbenchtrace.la
