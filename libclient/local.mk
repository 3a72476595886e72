# SPDX-License-Identifier: Apache-2.0
# The library: its objects as libclient.la, where unit tests reach every symbol,
# and linked with the symbol map as libmheap.la, which is installed.

EXTRA_DIST += %D%/libmheap.map
include_HEADERS += include/mheap.h

noinst_LTLIBRARIES += libclient.la
libclient_la_SOURCES = \
	%D%/alloc.c \
	%D%/array.h \
	%D%/attach.c \
	%D%/call.c \
	%D%/chan.h \
	%D%/chanfd.c \
	%D%/chanopen.c \
	%D%/chanrecv.c \
	%D%/chansend.c \
	%D%/chanwait.c \
	%D%/client.h \
	%D%/connect.c \
	%D%/enter.c \
	%D%/error.c \
	%D%/flush.c \
	%D%/free.c \
	%D%/held.c \
	%D%/hold.c \
	%D%/held.h \
	%D%/looked.h \
	%D%/kept.c \
	%D%/kept.h \
	%D%/lend.c \
	%D%/lend.h \
	%D%/harvest.c \
	%D%/info.c \
	%D%/long.c \
	%D%/mapheap.c \
	%D%/mcache.c \
	%D%/naming.c \
	%D%/obtain.c \
	%D%/pageword.h \
	%D%/probes.c \
	%D%/rights.c \
	%D%/run.c \
	%D%/seen.c \
	%D%/seen.h \
	%D%/share.c \
	%D%/slack.c \
	%D%/spancache.c \
	%D%/start.c \
	$(NULL)
# Frame pointers lead a tracer from a slow path to who called; the fast paths call
# nobody, and have none all the same.
libclient_la_CFLAGS = $(AM_CFLAGS) -fno-plt -ftls-model=initial-exec \
	-fno-omit-frame-pointer

# Never unloaded: threads and fork handlers keep pointers into it.
lib_LTLIBRARIES += libmheap.la
libmheap_la_SOURCES =
libmheap_la_LIBADD = libclient.la libshm.la
libmheap_la_LDFLAGS = $(AM_LDFLAGS) $(DEFS_LDFLAGS) \
	-version-info $(LIBMHEAP_VERSION_INFO) -Wl,-z,nodelete \
	-Wl,--version-script=$(srcdir)/%D%/libmheap.map
EXTRA_libmheap_la_DEPENDENCIES = %D%/libmheap.map
