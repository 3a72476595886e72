# SPDX-License-Identifier: Apache-2.0
# The tracer.  What runs in the kernel is compiled by clang and put into a header
# by bpftool; the header is in the tarball, so that only who changes the program
# or builds from the repository needs the two.

if BPF
sbin_PROGRAMS += mheap-trace
BUILT_SOURCES += %D%/mheap.skel.h

mheap_trace_SOURCES = \
	%D%/account.c \
	%D%/agg.c \
	%D%/agg.h \
	%D%/attach.c \
	%D%/canary.c \
	%D%/check.c \
	%D%/confine.c \
	%D%/confine.h \
	%D%/decode.c \
	%D%/decode.h \
	%D%/events.c \
	%D%/explain.c \
	%D%/export.c \
	%D%/find.c \
	%D%/find.h \
	%D%/flame.c \
	%D%/flame.h \
	%D%/frees.c \
	%D%/hist.c \
	%D%/link.c \
	%D%/link.h \
	%D%/locks.c \
	%D%/main.c \
	%D%/mapping.c \
	%D%/mapping.h \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/names.c \
	%D%/names.h \
	%D%/notes.c \
	%D%/notes.h \
	%D%/options.c \
	%D%/record.h \
	%D%/reap.c \
	%D%/recorder.c \
	%D%/recording.h \
	%D%/replay.c \
	%D%/rows.c \
	%D%/rows.h \
	%D%/session.c \
	%D%/session.h \
	%D%/stacks.c \
	%D%/svg.c \
	%D%/symbols.c \
	%D%/symbols.h \
	%D%/top.c \
	%D%/trace.h \
	%D%/wanted.c \
	%D%/watch.c \
	%D%/who.c \
	%D%/who.h \
	tools/commands.h \
	tools/json.c \
	tools/json.h \
	tools/say.c \
	tools/say.h \
	$(NULL)
nodist_mheap_trace_SOURCES = %D%/mheap.skel.h
mheap_trace_CPPFLAGS = $(AM_CPPFLAGS) -DMH_LIBDIR='"$(libdir)"' -I$(builddir)
mheap_trace_CFLAGS = $(AM_CFLAGS) $(BPF_CFLAGS) $(JSONC_CFLAGS)
mheap_trace_LDADD = libshm.la $(BPF_LIBS) $(JSONC_LIBS)
endif

BPF_PROGRAM_CPPFLAGS = -I$(top_srcdir) -I/usr/include/$(BPF_MULTIARCH) \
	-D__TARGET_ARCH_$(BPF_ARCH)

EXTRA_DIST += %D%/mheap.bpf.c %D%/maps.bpf.h %D%/record.h %D%/mheap.skel.h
MAINTAINERCLEANFILES += $(srcdir)/%D%/mheap.skel.h

# In the source folder, where the tarball has it.
$(srcdir)/%D%/mheap.skel.h: %D%/mheap.bpf.c %D%/maps.bpf.h %D%/record.h \
		shm/probes.def
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(CLANG) -g -O2 -Wall -Wextra -Werror -target bpf -mcpu=v3 \
		$(BPF_PROGRAM_CPPFLAGS) -c $(srcdir)/%D%/mheap.bpf.c \
		-o %D%/mheap.bpf.o && \
	{ echo '/* NOLINTBEGIN: what bpftool makes */' && \
	$(BPFTOOL) gen skeleton %D%/mheap.bpf.o name mheap_bpf && \
	echo '/* NOLINTEND */'; } >%D%/mheap.skel.tmp && \
	mv %D%/mheap.skel.tmp $@
CLEANFILES += %D%/mheap.bpf.o
