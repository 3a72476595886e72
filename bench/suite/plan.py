# SPDX-License-Identifier: Apache-2.0
"""What is measured: workloads, their options, who does them.  Data only.  The
bars that the figures are held against are in bars.py."""
from bench.suite.columns import POOLS, PRIVATE, SHARED
from bench.suite.model import Measurement, Variant

PROCESSES = tuple(PRIVATE)
THREADS = tuple(name + "-threads" for name in PRIVATE)
OURS = ("mheap", "mheap-shared")
BOTH = OURS + ("mheap-threads",)

ALONE = OURS + ("null",) + PROCESSES + SHARED + POOLS       # one worker
TOGETHER = BOTH + ("null",) + PROCESSES + THREADS + SHARED + POOLS
# Objects go from worker to worker, which mallocs can do between threads only.
PASSED = BOTH + ("null",) + THREADS + SHARED + POOLS


# The operations are such that a run takes some tenths of a second.  Who is so
# slow that it would take much longer does a part of them: this one, where a
# measurement doesn't say another.
SLOWER = {"boost174": .1, "boost181": .1, "pgdsa": .2, "dpdk-malloc": .01,
          "apr": .001}
QUICK = 1 / 4       # so much of it all, operations and patience, with --quick
QUICK_LONG_S = 5    # a peer's run that took longer isn't repeated then
TIMEOUT_S = {"bench": 120, "slow": 300, "hand": 120}     # of one run, by program

_TOO_SLOW = {
    "apr": "too slow: a call looks through a list of all that lives",
    "dpdk-malloc": "too slow: one lock around lists to look through",
    "boost174": "too slow: each worker is woken for one lock",
    "boost181": "too slow: each worker is woken for one lock",
    "pgdsa": "too slow: each worker is woken for its locks"}


def too_slow(*names):
    return tuple((name, _TOO_SLOW[name]) for name in names)


def size(value, quick=False):
    label = f"{value} B" if value < 1024 else f"{value // 1024} KiB"
    return Variant(str(value), label, ("--size", str(value)), value, quick)


def workers(n, quick=False, **more):
    return Variant(str(n), f"{n} workers" if n > 1 else "1 worker",
                   ("--workers", str(n)), n, quick, **more)


PAIR = Measurement(
    "pair", "Allocate, write a byte, free", ("ns",),
    (size(8), size(16, True), size(64, True), size(256), size(1024, True),
     size(4096), size(32768)),
    ALONE, ops=20_000_000, x_label="object size, bytes",
    slower=(("dpdk-malloc", .1), ("apr", .2)))

CHURN = Measurement(
    "churn", "Replace one of 10,000 objects, chosen at random", ("ns",),
    (Variant("1K", "16..1024 B",
             ("--size", "16", "--size-max", "1024"), quick=True),
     Variant("32K", "8 B..32 KiB",
             ("--size", "8", "--size-max", "32768", "--log"), quick=True)),
    ALONE, ops=8_000_000)

# As many operations by each, whatever the crowd: how a process begins weighs alike.
MULTI = Measurement(
    "multi", "Churn of 16..1024 B by many workers at once", ("mops",),
    (workers(1, ops=16_000_000),
     workers(2, True, ops=4_000_000, limits=too_slow("apr")),
     workers(4, ops=4_000_000, limits=too_slow("apr")),
     workers(16, True, ops=4_000_000, limits=too_slow("apr", "dpdk-malloc")),
     workers(64, ops=4_000_000, limits=too_slow(
         "apr", "dpdk-malloc", "boost174", "boost181", "pgdsa"))),
    TOGETHER, x_label="workers",
    slower=(("boost174", .05), ("boost181", .05), ("pgdsa", .1)))

PASS = Measurement(
    "pass", "One worker allocates and writes, the other reads and frees",
    ("mobjs",),
    (Variant("64", "64 B, one way", ("--size", "64"), quick=True),
     Variant("1K", "1 KiB, one way", ("--size", "1024"), quick=True),
     Variant("64-both", "64 B, both ways", ("--size", "64"), quick=True,
             workload="pass-both"),
     Variant("1K-both", "1 KiB, both ways", ("--size", "1024"),
             workload="pass-both")),
    PASSED, ops=5_000_000, slower=(("dpdk-malloc", .2), ("apr", .01)))

# Slots change hands every 50,000 operations: nobody may do much fewer.
LARSON = Measurement(
    "larson", "Churn of 1,000 slots that change hands", ("mops",),
    (workers(2, True), workers(4)), PASSED, ops=10_000_000,
    slower=(("boost174", .05), ("boost181", .05), ("dpdk-malloc", .04)),
    limits=too_slow("apr"))

XMALLOC = Measurement(
    "xmalloc", "Batches of 120 objects of 8..768 B, allocated by some and "
    "freed by others", ("mops",), (workers(2, True), workers(4)), PASSED,
    ops=6_000_000, slower=(("dpdk-malloc", .2), ("apr", .01)))

THREADTEST = Measurement(
    "threadtest", "5,000 objects of 64 B allocated, then freed, over and over",
    ("mops",), (workers(1), workers(2, True), workers(4)),
    TOGETHER, ops=20_000_000,
    slower=(("boost174", .02), ("boost181", .02), ("pgdsa", .1),
            ("dpdk-malloc", .02)), limits=too_slow("apr"))

# The writes take longer than anybody's calls.
_ALIKE = tuple((name, 1) for name in SLOWER)

SCRATCH = Measurement(
    "scratch", "False sharing that another worker began: 100 writes to an "
    "object of 8 B", ("mops",),
    (workers(2, True, workload="cache-scratch"),), PASSED, ops=500_000,
    slower=_ALIKE)

THRASH = Measurement(
    "thrash", "False sharing between the workers' own objects: 100 writes to "
    "an object of 8 B", ("mops",),
    (workers(2, True, workload="cache-thrash"),), TOGETHER, ops=500_000,
    slower=_ALIKE)


def _large(value, fifo=False, quick=False):
    unit = f"{value >> 10} KiB" if value < 1 << 20 else f"{value >> 20} MiB"
    return Variant(f"{value >> 10}K" + "-fifo" * fifo,
                   unit + ", 16 alive" * fifo, ("--size", str(value)),
                   quick=quick, workload="large-fifo" if fifo else "large",
                   ops=(1 << 36) // value)


LARGE = Measurement(
    "large", "Allocate, write to each page, free", ("ns",),
    (_large(1 << 16, quick=True), _large(1 << 18), _large(1 << 20, quick=True),
     _large(1 << 16, True), _large(1 << 18, True), _large(1 << 20, True)),
    ALONE, slower=_ALIKE + (("dpdk-malloc", .1),))

FILL = Measurement(
    "fill", "1 GiB of objects of 64 B, never used before; then all are freed",
    ("alloc_ns", "free_ns", "overhead", "peak_bytes", "left_bytes",
     "left_trim_bytes"),
    (Variant("64", "64 B", (), quick=True),), ALONE,
    limits=too_slow("dpdk-malloc"))

FRAG = Measurement(
    "frag", "A database's days: load, update, delete, change, vacuum",
    ("overhead", "peak_bytes", "ratio_load", "ratio_update", "ratio_delete",
     "ratio_change", "ratio_vacuum", "ratio_trim", "left_bytes",
     "left_trim_bytes", "ns"),
    (Variant("rows", "600,000 rows", (), quick=True),), ALONE,
    x_label="step", curve=True, limits=too_slow("dpdk-malloc"))


def _trace(program, n):
    return Variant(f"{program}-{n}", f"{program}, {n} at once",
                   ("--workers", str(n), "--file",
                    "{build}/bench/traces/" + program), quick=n == 1,
                   prepare=("bench/trace/make.sh", program))


TRACE = Measurement(
    "trace", "What a real program asks for, replayed",
    ("ns", "peak_bytes", "space_ratio"),
    tuple(_trace(program, n) for program in ("cc1", "sqlite3", "python3")
          for n in (1, 2, 4)),
    ALONE, limits=too_slow("apr", "dpdk-malloc") + tuple(
        (name, "its objects have one of a few sizes") for name in POOLS))

# What only mheap has.  The program slow repeats by itself.
_ONCE = ("--repeats", "1")
REFILL = Measurement(
    "refill", "An allocation that finds its array empty, by where the slots "
    "come from",
    ("steady_p50_ns", "steady_p99_ns", "steady_p999_ns", "central_p50_ns",
     "own_p50_ns", "harvest_p50_ns", "new_p50_ns", "grant_p50_ns",
     "growth_p50_ns", "fill_p999_ns", "clock_ns"),
    (workers(1, True), workers(16, True)), OURS, program="slow",
    quick_args=_ONCE)

DAEMON = Measurement(
    "daemon", "A question to the daemon and its answer, beside bare ping-pongs",
    ("request_p50_ns", "request_p99_ns", "request_p999_ns", "futex_p50_ns",
     "eventfd_p50_ns", "socket_p50_ns", "large_alloc_p50_ns",
     "large_free_p50_ns", "one_cpu_request_p50_ns", "one_cpu_futex_p50_ns",
     "ratio_request", "one_cpu_ratio_request"),
    (Variant("1", "one at a time", quick=True),), ("mheap",), program="slow")

ATTACH = Measurement(
    "attach", "Attach and detach: one process over and over, and a crowd at "
    "once",
    ("one_pairs_per_s", "one_attach_p50_ns", "one_attach_p99_ns",
     "one_detach_p50_ns", "crowd_attach_ms", "crowd_detach_ms"),
    (Variant("64", "a crowd of 64", ("--workers", "64"), quick=True),),
    ("mheap",), program="slow", quick_args=_ONCE)


def _owned(unit, object_size, owned, quick=False):
    return Variant(f"{unit.replace(' ', '')}-{object_size}",
                   f"{unit}B owned, objects of {object_size} B",
                   ("--size", str(object_size), "--bytes", str(owned)),
                   owned if object_size == 64 else None, quick)


RECOVER = Measurement(
    "recover", "A client is killed: until its slot is free again",
    ("reclaim_us", "spans", "bar_us", "core_us", "exit_us", "over_bar"),
    (_owned("1 Ki", 64, 1 << 10, True), _owned("64 Ki", 64, 1 << 16),
     _owned("1 Mi", 64, 1 << 20, True), _owned("16 Mi", 64, 1 << 24),
     _owned("256 Mi", 64, 1 << 28), _owned("1 Gi", 64, 1 << 30),
     _owned("1 Gi", 32768, 1 << 30)),
    ("mheap",), program="slow", quick_args=_ONCE,
    x_label="bytes owned by the dead client, in objects of 64 B")

IDLE = Measurement(
    "idle", "Clients that do nothing any more, after one object of each of 20 "
    "classes",
    ("before_bytes", "before_max_bytes", "after_bytes", "after_max_bytes",
     "trim_p50_ns"),
    (Variant("64", "64 clients", ("--workers", "64"), quick=True),),
    ("mheap",), program="slow", quick_args=_ONCE)

# Held objects and channels, beside what else hands memory over.
HELD = Measurement(
    "held", "Held objects: a hold and its drop, beside one CAS of 16 bytes",
    ("cas16_ns", "hold_drop_ns", "name_drop_ns", "alloc_drop_ns"),
    (Variant("1", "one process", quick=True),), ("mheap",), program="hand")

CHANNEL = Measurement(
    "channel", "Messages that one process writes and another reads: of 64 B "
    "and of 64 KiB",
    ("b64_channel_ns", "b64_channel_by_32_ns", "b64_channel_4_to_4_ns",
     "b64_socket_pair_ns", "b64_posix_queue_ns", "b64_bare_ring_ns",
     "b64_ring_with_4_cas_ns", "b64_iceoryx_ns", "k64_channel_ns",
     "k64_channel_4_to_4_ns", "k64_socket_pair_ns", "k64_shared_buffer_ns",
     "k64_iceoryx_ns"),
    (Variant("1", "time per message", quick=True),), ("mheap",),
    program="hand")

TRIP = Measurement(
    "trip", "A message there and back, beside a bare futex",
    ("trip_p50_ns", "trip_p99_ns", "futex_p50_ns", "futex_p99_ns"),
    (Variant("1", "two processes", quick=True),), ("mheap",), program="hand")

ASLEEP = Measurement(
    "asleep", "64 receivers of a channel to which nobody sends",
    ("wakeups_per_s", "percent_of_a_core"),
    (Variant("64", "64 processes", quick=True),), ("mheap",), program="hand")

PLAN = (PAIR, CHURN, MULTI, PASS, LARSON, XMALLOC, THREADTEST, SCRATCH, THRASH,
        LARGE, FILL, FRAG, TRACE, REFILL, DAEMON, ATTACH, RECOVER, IDLE,
        HELD, CHANNEL, TRIP, ASLEEP)
BY_NAME = {m.name: m for m in PLAN}
