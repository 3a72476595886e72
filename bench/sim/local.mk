# SPDX-License-Identifier: Apache-2.0
# How mheap scales beyond this machine: costs measured on the library's own
# parts, and a simulation fed with them.  run.sh runs it.

EXTRA_DIST += \
	%D%/plot.py \
	%D%/report.py \
	%D%/results.py \
	%D%/run.sh \
	$(NULL)

EXTRA_PROGRAMS += %D%/sim
%C%_sim_SOURCES = \
	%D%/bigheap.c \
	%D%/cores.c \
	%D%/costs.c \
	%D%/costs.h \
	%D%/daemon.c \
	%D%/lines.c \
	%D%/live.c \
	%D%/live.h \
	%D%/live_look.c \
	%D%/measure.c \
	%D%/measure.h \
	%D%/measure_client.c \
	%D%/measure_daemon.c \
	%D%/measure_live.c \
	%D%/measure_machine.c \
	%D%/measure_shm.c \
	%D%/meta.c \
	%D%/model.h \
	%D%/process.c \
	%D%/queues.c \
	%D%/refill.c \
	%D%/sim.c \
	%D%/sim.h \
	%D%/stripes.c \
	%D%/waves.c \
	%D%/world.c \
	$(NULL)
%C%_sim_LDADD = librig.la libclient.la libdaemon.la libshm.la -lm
