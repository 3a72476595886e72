# SPDX-License-Identifier: Apache-2.0
# What both sides of the protocol share.  The size-class generator is built for
# `make check`, which compares what it prints with the committed table.

noinst_LTLIBRARIES += libshm.la
libshm_la_SOURCES = \
	%D%/atomic.h \
	%D%/bits.h \
	%D%/central.c \
	%D%/central.h \
	%D%/chan.c \
	%D%/chan.h \
	%D%/count.c \
	%D%/count.h \
	%D%/handle.h \
	%D%/held.h \
	%D%/layout.h \
	%D%/names.c \
	%D%/names.h \
	%D%/parked.h \
	%D%/paths.c \
	%D%/paths.h \
	%D%/probe.h \
	%D%/probe_ids.h \
	%D%/probe_site.h \
	%D%/probes.def \
	%D%/ref.h \
	%D%/segment.c \
	%D%/segment.h \
	%D%/sizeclass.c \
	%D%/sizeclass.h \
	%D%/sizeclass_table.h \
	%D%/span.c \
	%D%/span.h \
	%D%/text.h \
	%D%/verify.c \
	%D%/verify.h \
	%D%/verify_held.c \
	%D%/verify_list.c \
	%D%/verify_page.c \
	%D%/verify_span.c \
	%D%/verify_walk.h \
	%D%/wire.h \
	$(NULL)

check_LTLIBRARIES += librule.la
librule_la_SOURCES = %D%/sizeclass_rule.c %D%/sizeclass_rule.h

check_PROGRAMS += %D%/mksizeclass
%C%_mksizeclass_LDADD = librule.la
