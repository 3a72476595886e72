# SPDX-License-Identifier: Apache-2.0
# The tool: the public library, and shm/ for looking at a heap from outside.

bin_PROGRAMS += mheap
mheap_SOURCES = \
	%D%/args.c \
	%D%/args.h \
	%D%/ask.c \
	%D%/ask.h \
	%D%/commands.h \
	%D%/demo.c \
	%D%/demo.h \
	%D%/demo_check.c \
	%D%/demo_crew.c \
	%D%/demo_crew.h \
	%D%/demo_files.c \
	%D%/demo_files.h \
	%D%/demo_heap.c \
	%D%/demo_heap.h \
	%D%/demo_index.c \
	%D%/demo_index.h \
	%D%/demo_jobs.c \
	%D%/demo_jobs.h \
	%D%/demo_kill.c \
	%D%/demo_messages.h \
	%D%/demo_plain.c \
	%D%/demo_query.c \
	%D%/demo_report.c \
	%D%/demo_self.c \
	%D%/demo_tally.c \
	%D%/demo_tally.h \
	%D%/demo_walk.c \
	%D%/demo_words.c \
	%D%/demo_words.h \
	%D%/demo_worker.c \
	%D%/destroy.c \
	%D%/doctor.c \
	%D%/doctor.h \
	%D%/doctor_kernel.c \
	%D%/doctor_limits.c \
	%D%/doctor_memory.c \
	%D%/find.c \
	%D%/find.h \
	%D%/json.c \
	%D%/json.h \
	%D%/keep.c \
	%D%/keep.h \
	%D%/lock.c \
	%D%/lock.h \
	%D%/ls.c \
	%D%/main.c \
	%D%/names.c \
	%D%/object.h \
	%D%/process.c \
	%D%/process.h \
	%D%/ps.c \
	%D%/say.c \
	%D%/say.h \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/stat.c \
	%D%/statchan.c \
	%D%/statchan.h \
	%D%/tallies.c \
	%D%/tallies.h \
	%D%/top.c \
	%D%/trace.c \
	%D%/trim.c \
	%D%/verify.c \
	%D%/view.c \
	%D%/view.h \
	%D%/viewinfo.c \
	%D%/who.c \
	$(NULL)
mheap_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) -fno-omit-frame-pointer
mheap_LDADD = libmheap.la libshm.la $(JSONC_LIBS)

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = \
	completion/bash/mheap \
	completion/bash/mheap-trace \
	completion/bash/mheapd \
	$(NULL)
