# SPDX-License-Identifier: Apache-2.0
# Everything but main() is a library, so that unit tests reach it.

noinst_LTLIBRARIES += libdaemon.la
libdaemon_la_SOURCES = \
	%D%/activation.c \
	%D%/activation.h \
	%D%/adopt.c \
	%D%/ahead.c \
	%D%/background.c \
	%D%/background.h \
	%D%/bell.c \
	%D%/bell.h \
	%D%/chans.c \
	%D%/commit.c \
	%D%/fence.c \
	%D%/heap.c \
	%D%/heap.h \
	%D%/held.c \
	%D%/hello.c \
	%D%/keeper.c \
	%D%/keeper.h \
	%D%/keeper_main.c \
	%D%/limit.c \
	%D%/listen.c \
	%D%/lockfile.c \
	%D%/lockfile.h \
	%D%/log.c \
	%D%/log.h \
	%D%/loop.c \
	%D%/loop.h \
	%D%/loop_explain.c \
	%D%/loop_uring.c \
	%D%/loop_watch.h \
	%D%/members.c \
	%D%/names.c \
	%D%/options.c \
	%D%/options.h \
	%D%/pagebits.c \
	%D%/pagebits.h \
	%D%/pagecheck.c \
	%D%/pagefind.c \
	%D%/pages.c \
	%D%/pages.h \
	%D%/pagesum.h \
	%D%/pagetree.h \
	%D%/passfds.c \
	%D%/passfds.h \
	%D%/peer.c \
	%D%/probes.c \
	%D%/proc.c \
	%D%/proc.h \
	%D%/reclaim.c \
	%D%/requests.c \
	%D%/scavenge.c \
	%D%/scavenge.h \
	%D%/segfiles.c \
	%D%/segfiles.h \
	%D%/server.c \
	%D%/server.h \
	%D%/session.c \
	%D%/session.h \
	%D%/spans.c \
	%D%/store.c \
	%D%/store.h \
	%D%/store_io.c \
	%D%/sweep.c \
	%D%/takeover.c \
	%D%/turns.c \
	$(NULL)
libdaemon_la_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)

sbin_PROGRAMS += mheapd
mheapd_SOURCES = %D%/main.c
mheapd_LDADD = libdaemon.la libshm.la $(LIBURING_LIBS)
