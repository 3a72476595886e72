# SPDX-License-Identifier: Apache-2.0
"""What must hold, and what is to be beaten in the end.  Data only: verdict.py
works it out.  Ratios are of figures of one round of one run."""
from bench.suite.model import Bar

_SMALL = ("8", "16", "64", "256", "1024")
_TIMES = "mheap.ns / private.ns"
_SHARED_TIMES = "mheap-shared.ns / private.ns"

BARS = (
    Bar("pair", "8..1024 B, owned: time beside the best private malloc",
        _TIMES, "<=", .85, _SMALL, goal_text="0.9 x snmalloc (no package)"),
    Bar("pair", "8..1024 B, shared at birth", _SHARED_TIMES, "<=", 1.3, _SMALL,
        goal=1.0),
    Bar("churn", "owned: time beside the best private malloc", _TIMES, "<=",
        1.0, goal=.9),
    Bar("churn", "shared at birth", _SHARED_TIMES, "<=", 1.3, goal=1.1),

    Bar("multi", "1..64 processes, owned: throughput beside the best private "
        "malloc in processes", "mheap.mops / private.mops", ">=", 1.0),
    Bar("multi", "2 processes, beside Boost 1.74",
        "mheap@2.mops / boost174@2.mops", ">=", 100),
    Bar("multi", "2 processes, beside Boost 1.81",
        "mheap@2.mops / boost181@2.mops", ">=", 100),
    Bar("multi", "2 processes, beside PostgreSQL DSA",
        "mheap@2.mops / pgdsa@2.mops", ">=", 25),
    Bar("multi", "64 processes to 2, beside the same of the null harness",
        "(mheap@64.mops / mheap@2.mops) / (null@64.mops / null@2.mops)", ">=",
        .95),

    Bar("pass", "64 B one way, shared at birth: objects beside the best "
        "private malloc between threads",
        "mheap-shared.mobjs / private-threads.mobjs", ">=", 1.5, ("64",),
        goal=50 / 22, goal_text="50 M/s where mimalloc does 22",
        goal_formula="mheap-shared@64.mobjs / mimalloc-threads@64.mobjs"),
    Bar("pass", "64 B one way, beside Boost 1.74",
        "mheap-shared.mobjs / boost174.mobjs", ">=", 20, ("64",)),
    Bar("pass", "64 B one way, beside Boost 1.81",
        "mheap-shared.mobjs / boost181.mobjs", ">=", 20, ("64",)),
    Bar("pass", "64 B one way, beside DPDK's mempool",
        "mheap-shared.mobjs / dpdk-mempool.mobjs", ">=", 1.5, ("64",)),
    Bar("pass", "1 KiB one way, and both ways",
        "mheap-shared.mobjs / private-threads.mobjs", ">=", .95,
        ("1K", "64-both", "1K-both"), goal=1.0,
        goal_text="DPDK's mempool, 64 B both ways",
        goal_formula="mheap-shared@64-both.mobjs / "
        "dpdk-mempool@64-both.mobjs"),

    Bar("larson", "owned: throughput beside the best private malloc",
        "mheap-threads.mops / private-threads.mops", ">=", 1.0),
    Bar("larson", "shared at birth",
        "mheap-shared.mops / private-threads.mops", ">=", .9, goal=1.0),
    Bar("threadtest", "owned: throughput beside the best private malloc",
        "mheap.mops / private-any.mops", ">=", 1.0),
    Bar("xmalloc", "shared at birth: throughput beside the best private malloc",
        "mheap-shared.mops / private-threads.mops", ">=", 1.5, goal=2.5),
    Bar("large", "64 KiB..1 MiB: time beside the best private malloc", _TIMES,
        "<=", 1.0),
    Bar("large", "no question to the daemon in steady state",
        "mheap.daemon_calls", "<=", 0, unit=""),

    Bar("fill", "time to allocate, beside the best private malloc",
        "mheap.alloc_ns / private.alloc_ns", "<=", .6, goal=.4),
    Bar("fill", "time to free, beside mimalloc",
        "mheap.free_ns / mimalloc.free_ns", "<=", 1.3),
    Bar("fill", "space beyond what was asked for", "100 * mheap.overhead", "<",
        1.5, unit=" %"),
    Bar("fill", "given back after trim", "100 - 100 * mheap.left_trim_bytes "
        "/ mheap.peak_bytes", ">=", 98, unit=" %"),

    Bar("trace", "time beside the best private malloc", _TIMES, "<=", 1.0),
    Bar("trace", "space at the peak, beside jemalloc",
        "mheap.peak_bytes / jemalloc.peak_bytes", "<=", 1.1),

    Bar("refill", "median, from mcentral, spans populated before",
        "mheap-shared.central_p50_ns", "<", 300, ("1",), unit=" ns"),
    Bar("refill", "99.9 % of all in the steady state, 16 processes",
        "mheap.steady_p999_ns / 1000", "<", 100, ("16",), unit=" us"),
    Bar("daemon", "a round trip beside a bare futex's", "mheap.ratio_request",
        "<=", 1.5),
    Bar("recover", "beside 20 us and 1 us per span owned", "mheap.over_bar",
        "<=", 1.0),
    Bar("idle", "the spans of the client that has most, before mh_trim",
        "mheap.before_max_bytes / 1048576", "<", 2, unit=" MiB"),
    Bar("idle", "the same after mh_trim", "mheap.after_max_bytes / 1024", "<",
        64, unit=" KiB"),
)
