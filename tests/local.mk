# SPDX-License-Identifier: Apache-2.0
# Test programs speak TAP through cmocka, scripts exit with 0, 1 or 77 (skip).
#
# A unit test is tests/unit/test_<module>.c and one line here: it is linked with
# the rigs and all of our libraries, of which the linker takes what it needs.

UNIT_TESTS = \
	%D%/multi/test_held_alone \
	%D%/multi/test_public \
	%D%/multi/test_surroundings \
	%D%/unit/test_agg \
	%D%/unit/test_ahead \
	%D%/unit/test_ahead_long \
	%D%/unit/test_ahead_trim \
	%D%/unit/test_central \
	%D%/unit/test_central_line \
	%D%/unit/test_chan \
	%D%/unit/test_chan_fd \
	%D%/unit/test_chan_late \
	%D%/unit/test_chan_order \
	%D%/unit/test_chan_stale \
	%D%/unit/test_chan_threads \
	%D%/unit/test_chan_wait \
	%D%/unit/test_client \
	%D%/unit/test_confine \
	%D%/unit/test_exact \
	%D%/unit/test_fence \
	%D%/unit/test_forks \
	%D%/unit/test_heap \
	%D%/unit/test_held \
	%D%/unit/test_held_recover \
	%D%/unit/test_held_stale \
	%D%/unit/test_held_threads \
	%D%/unit/test_interrupted \
	%D%/unit/test_kept \
	%D%/unit/test_limits \
	%D%/unit/test_long \
	%D%/unit/test_looks \
	%D%/unit/test_loop \
	%D%/unit/test_loop_accept \
	%D%/unit/test_loop_fallocate \
	%D%/unit/test_loop_faults \
	%D%/unit/test_loop_zero \
	%D%/unit/test_metrics \
	%D%/unit/test_mixed \
	%D%/unit/test_names \
	%D%/unit/test_options \
	%D%/unit/test_pagebits \
	%D%/unit/test_pages \
	%D%/unit/test_pages_model \
	%D%/unit/test_pages_state \
	%D%/unit/test_paths \
	%D%/unit/test_proc \
	%D%/unit/test_recover \
	%D%/unit/test_requests \
	%D%/unit/test_requests_later \
	%D%/unit/test_restart \
	%D%/unit/test_scavenge \
	%D%/unit/test_segment \
	%D%/unit/test_sizeclass \
	%D%/unit/test_slack \
	%D%/unit/test_span \
	%D%/unit/test_sweep \
	%D%/unit/test_threads \
	%D%/unit/test_verify \
	%D%/unit/test_verify_live \
	%D%/unit/test_waits \
	$(NULL)

# The ones that run under the thread sanitizer: many threads, one mapping, no
# fork (it sees no race through two mappings).  `make check-tsan` runs them.
TSAN_TESTS = \
	%D%/unit/test_ahead \
	%D%/unit/test_ahead_long \
	%D%/unit/test_ahead_trim \
	%D%/unit/test_central \
	%D%/unit/test_central_line \
	%D%/unit/test_chan \
	%D%/unit/test_chan_fd \
	%D%/unit/test_chan_late \
	%D%/unit/test_chan_order \
	%D%/unit/test_chan_stale \
	%D%/unit/test_chan_threads \
	%D%/unit/test_chan_wait \
	%D%/unit/test_client \
	%D%/unit/test_exact \
	%D%/unit/test_fence \
	%D%/unit/test_heap \
	%D%/unit/test_held \
	%D%/unit/test_held_recover \
	%D%/unit/test_held_threads \
	%D%/unit/test_interrupted \
	%D%/unit/test_kept \
	%D%/unit/test_limits \
	%D%/unit/test_long \
	%D%/unit/test_looks \
	%D%/unit/test_loop_accept \
	%D%/unit/test_loop_faults \
	%D%/unit/test_mixed \
	%D%/unit/test_names \
	%D%/unit/test_pagebits \
	%D%/unit/test_pages \
	%D%/unit/test_pages_model \
	%D%/unit/test_pages_state \
	%D%/unit/test_recover \
	%D%/unit/test_requests \
	%D%/unit/test_requests_later \
	%D%/unit/test_restart \
	%D%/unit/test_scavenge \
	%D%/unit/test_segment \
	%D%/unit/test_sizeclass \
	%D%/unit/test_slack \
	%D%/unit/test_span \
	%D%/unit/test_sweep \
	%D%/unit/test_threads \
	%D%/unit/test_verify \
	%D%/unit/test_verify_live \
	$(NULL)

SCRIPT_TESTS = \
	%D%/lint/abi-symbols.sh \
	%D%/lint/atomics-labelled.sh \
	%D%/lint/function-length.sh \
	%D%/lint/header-cxx.sh \
	%D%/lint/include-direction.sh \
	%D%/lint/man-pages.sh \
	%D%/lint/mutants-apply.sh \
	%D%/lint/no-forbidden-words.sh \
	%D%/lint/sizeclass-fresh.sh \
	%D%/lint/sources-listed.sh \
	%D%/lint/spdx.sh \
	%D%/multi/coredump.sh \
	%D%/multi/full.sh \
	%D%/multi/instructions.sh \
	%D%/multi/soak.sh \
	%D%/system/activation.sh \
	%D%/system/autoremove.sh \
	%D%/system/clients.sh \
	%D%/system/demo.sh \
	%D%/system/examples.sh \
	%D%/system/flood.sh \
	%D%/system/memfd.sh \
	%D%/system/memory.sh \
	%D%/system/probes.sh \
	%D%/system/readme.sh \
	%D%/system/refusals.sh \
	%D%/system/restart.sh \
	%D%/system/strangers.sh \
	%D%/system/tmpfs.sh \
	%D%/system/tools.sh \
	%D%/trace/channels.sh \
	%D%/trace/counters.sh \
	%D%/trace/denied.sh \
	%D%/trace/ended.sh \
	%D%/trace/ends.sh \
	%D%/trace/exact.sh \
	%D%/trace/golden.sh \
	%D%/trace/hits.sh \
	%D%/trace/inside.sh \
	%D%/trace/many.sh \
	%D%/trace/names.sh \
	%D%/trace/options.sh \
	%D%/trace/output.sh \
	%D%/trace/owners.sh \
	%D%/trace/record.sh \
	%D%/trace/stacks.sh \
	%D%/trace/strangers.sh \
	%D%/trace/unfit.sh \
	$(NULL)

# What several of them are built on.
librig_la_SOURCES = \
	%D%/asleep.h \
	%D%/clientrig.c \
	%D%/clientrig.h \
	%D%/heaprig.c \
	%D%/heaprig_client.c \
	%D%/heaprig.h \
	%D%/must.h \
	$(NULL)

# Programs that scripts run.
TEST_HELPERS = \
	%D%/multi/canary \
	%D%/multi/figures \
	%D%/multi/full \
	%D%/multi/paths \
	%D%/multi/relay \
	%D%/multi/soak \
	%D%/system/forbid \
	%D%/system/fuzz_socket \
	%D%/system/service \
	%D%/system/tool_client \
	%D%/system/wire_client \
	%D%/trace/fire \
	%D%/trace/holder \
	%D%/trace/leaker \
	%D%/trace/passer \
	%D%/trace/plugin \
	%D%/trace/refiller \
	%D%/trace/sleeper \
	%D%/trace/stranger \
	$(NULL)

# These are users: the public library alone.
%C%_multi_canary_LDADD = libmheap.la
%C%_multi_full_LDADD = libmheap.la
%C%_multi_paths_LDADD = libmheap.la
%C%_unit_test_agg_SOURCES = bpf/agg.c %D%/unit/test_agg.c
%C%_trace_fire_CFLAGS = $(AM_CFLAGS) -fno-omit-frame-pointer
%C%_trace_leaker_CFLAGS = $(AM_CFLAGS) -fno-omit-frame-pointer
%C%_trace_leaker_LDADD = libmheap.la
%C%_trace_passer_LDADD = libmheap.la
%C%_trace_sleeper_LDADD = libmheap.la
%C%_trace_plugin_LDADD = -ldl

%C%_unit_test_confine_SOURCES = \
	%D%/unit/test_confine.c \
	bpf/confine.c \
	bpf/confine.h \
	$(NULL)

%C%_unit_test_metrics_SOURCES = \
	%D%/unit/test_metrics.c \
	bpf/agg.c \
	bpf/agg.h \
	bpf/metrics.c \
	bpf/metrics.h \
	bpf/names.c \
	bpf/names.h \
	tools/say.c \
	tools/say.h \
	$(NULL)

if BPF
UNIT_TESTS += %D%/unit/test_notes %D%/unit/test_symbols
endif
%C%_unit_test_notes_SOURCES = \
	%D%/unit/test_notes.c \
	bpf/names.c \
	bpf/names.h \
	bpf/notes.c \
	bpf/notes.h \
	tools/say.c \
	tools/say.h \
	$(NULL)
%C%_unit_test_notes_LDADD = $(LDADD) $(BPF_LIBS)
%C%_unit_test_symbols_SOURCES = \
	%D%/unit/test_symbols.c \
	bpf/mapping.c \
	bpf/mapping.h \
	bpf/names.c \
	bpf/names.h \
	bpf/notes.c \
	bpf/notes.h \
	bpf/symbols.h \
	tools/say.c \
	tools/say.h \
	$(NULL)
%C%_unit_test_symbols_LDADD = $(LDADD) $(BPF_LIBS)

%C%_multi_soak_SOURCES = \
	%D%/multi/soak.c \
	%D%/multi/soak.h \
	%D%/multi/soak_worker.c \
	$(NULL)

# Killed and stopped at every instruction, and races of two cores.  A quick
# choice; MH_SOAK=1 is everything.
CRASH_TESTS = \
	%D%/crash/attach \
	%D%/crash/kill \
	%D%/crash/litmus \
	%D%/crash/stop \
	%D%/crash/stop_chan \
	$(NULL)

%C%_crash_attach_SOURCES = \
	%D%/crash/attach.c \
	%D%/crash/step.c \
	%D%/crash/step.h \
	$(NULL)

%C%_crash_kill_SOURCES = \
	%D%/crash/kill.c \
	%D%/crash/oracle.c \
	%D%/crash/oracle.h \
	%D%/crash/scene.c \
	%D%/crash/scene.h \
	%D%/crash/scenes_alloc.c \
	%D%/crash/scenes_client.c \
	%D%/crash/scenes_daemon.c \
	%D%/crash/scenes_free.c \
	%D%/crash/scenes_chan.c \
	%D%/crash/scenes_held.c \
	%D%/crash/scenes_lend.c \
	%D%/crash/scenes_recovery.c \
	%D%/crash/snap.c \
	%D%/crash/snap.h \
	%D%/crash/step.c \
	%D%/crash/step.h \
	%D%/crash/survive.c \
	%D%/crash/survive.h \
	$(NULL)

%C%_crash_stop_SOURCES = \
	%D%/crash/step.c \
	%D%/crash/step.h \
	%D%/crash/stop.c \
	$(NULL)

%C%_crash_stop_chan_SOURCES = \
	%D%/crash/step.c \
	%D%/crash/step.h \
	%D%/crash/stop_chan.c \
	$(NULL)

# What they include or run.
TEST_FILES = \
	%D%/multi/public.h \
	%D%/procs.h \
	%D%/crash/mutants.list \
	%D%/system/system.sh \
	%D%/system/wire_help.h \
	%D%/trace/cost.sh \
	%D%/trace/golden.json \
	%D%/trace/golden.rec \
	%D%/trace/golden.txt \
	%D%/trace/soak.sh \
	%D%/trace/trace.sh \
	%D%/unit/chan_test.h \
	%D%/unit/exact_test.h \
	%D%/unit/loop_test.h \
	%D%/unit/pagebits_test.h \
	%D%/unit/pages_test.h \
	%D%/unit/fates.h \
	%D%/unit/ahead_test.h \
	%D%/unit/held_test.h \
	%D%/unit/central_test.h \
	%D%/unit/rig_test.h \
	%D%/unit/scavenge_test.h \
	%D%/unit/step_in.h \
	$(NULL)

if HAVE_CMOCKA
check_LTLIBRARIES += librig.la
check_PROGRAMS += $(UNIT_TESTS) $(TEST_HELPERS) $(CRASH_TESTS)
TESTS += $(UNIT_TESTS) $(CRASH_TESTS)
endif
TESTS += $(SCRIPT_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS) $(TEST_FILES)

LDADD = librig.la libclient.la libdaemon.la libshm.la librule.la $(CMOCKA_LIBS) $(LIBURING_LIBS)

# A test that hangs fails, with a signal that leaves a core.
TEST_SECONDS = 300
WITH_TIMEOUT = $(TIMEOUT) --kill-after=10 --signal=ABRT $(TEST_SECONDS)

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' CMOCKA_MESSAGE_OUTPUT=TAP \
	$(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_COMPILER = $(WITH_TIMEOUT)
SH_LOG_DRIVER = $(SHELL) $(top_srcdir)/build-aux/test-driver
SH_LOG_COMPILER = $(WITH_TIMEOUT) $(SHELL)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	MHEAP_DAEMON='$(abs_top_builddir)/mheapd'; export MHEAP_DAEMON; \
	UBSAN_OPTIONS=print_stacktrace=1; export UBSAN_OPTIONS; \
	NM='$(NM)'; export NM; CC='$(CC)'; export CC; \
	SANITIZER_CFLAGS='$(SANITIZER_CFLAGS)'; export SANITIZER_CFLAGS;

.PHONY: check-tsan
check-tsan:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(TSAN_TESTS)'
