# SPDX-License-Identifier: Apache-2.0
"""The words that plan.py and bars.py are written in."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number of a bench program's line, and how to show it."""
    name: str
    label: str
    unit: str
    lower_is_better: bool = True
    scale: float = 1.0          # shown = value * scale
    compared: bool = True       # a ratio to the peers makes sense

    @property
    def of_space(self):
        """The harness without an allocator has no such figure."""
        return self.unit in ("MiB", "KiB", "%", "")


@dataclass(frozen=True)
class Variant:
    """One set of options of a workload: a row of its table."""
    key: str                    # as formulas call it
    label: str                  # as people do
    args: tuple = ()
    x: float | None = None      # where a plot of lines puts it
    quick: bool = False         # part of --quick
    limits: tuple = ()          # ((column, why it isn't measured here), ...)
    ops: int = 0                # instead of the measurement's
    workload: str = ""          # the program's name of it, if not NAME
    prepare: tuple = ()         # a script of the tree, called with the build
                                # and this argument; it fails: all are skipped


@dataclass(frozen=True)
class Measurement:
    """A workload, who does it and what is looked at."""
    name: str
    title: str
    metrics: tuple              # names; the first is the one that is plotted
    variants: tuple
    columns: tuple
    program: str = "bench"      # or slow, or hand
    ops: int = 0                # per worker; 0: the program's own
    quick_args: tuple = ()
    x_label: str = ""           # set: plotted as lines over it
    curve: bool = False         # --file gets space over time, which is plotted
    slower: tuple = ()          # ((back end, fraction of the ops), ...), where
                                # it isn't the usual one
    limits: tuple = ()          # as a variant's, for all of them

    def picked(self, quick):
        if not quick:
            return self.variants
        return tuple(v for v in self.variants if v.quick) or self.variants


@dataclass(frozen=True)
class Bar:
    """What must hold.  The formula's terms are COLUMN[@VARIANT].METRIC, where
    COLUMN may be a group (private, private-threads, private-any): then it must
    hold beside each of its members, and the hardest is the one shown.  Without
    @VARIANT it must hold for each of the bar's variants."""
    measurement: str
    text: str
    formula: str
    sense: str                  # "<", "<=" or ">="
    limit: float
    variants: tuple = ()        # of terms without one; empty: all
    goal: float | None = None   # to beat in the end
    goal_formula: str = ""      # of the goal, where it isn't the bar's
    goal_text: str = ""         # in words; also of what isn't measured here
    unit: str = " x"            # of the figure and the limit


_KNOWN = (
    Metric("ns", "time per operation", "ns"),
    Metric("mops", "all workers together", "million operations/s", False),
    Metric("mobjs", "objects passed", "million/s", False),
    Metric("alloc_ns", "time per allocation", "ns"),
    Metric("free_ns", "time per free", "ns"),
    Metric("overhead", "space beyond what was asked for", "%", scale=100,
           compared=False),
    Metric("peak_bytes", "space at the peak", "MiB", scale=2**-20),
    Metric("left_bytes", "space kept when all is free", "MiB", scale=2**-20,
           compared=False),
    Metric("left_trim_bytes", "space kept after a trim, too", "MiB",
           scale=2**-20, compared=False),
    Metric("one_pairs_per_s", "attach and detach", "per second", False),
    Metric("space_ratio", "held per byte asked for, at the peak", "",
           compared=False),
    Metric("ratio_request", "request beside futex", "", compared=False),
    Metric("one_cpu_ratio_request", "one cpu request beside futex", "",
           compared=False),
    Metric("over_bar", "reclaim beside bar", "", compared=False),
) + tuple(
    Metric("ratio_" + phase, "held per byte asked for, after " + phase, "",
           compared=False)
    for phase in ("load", "update", "delete", "change", "vacuum", "trim"))
_METRICS_BY_NAME = {m.name: m for m in _KNOWN}
_SUFFIXES = (       # of the many others: the unit is in the name
    ("_ns", "ns", 1), ("_us", "us", 1), ("_ms", "ms", 1),
    ("_bytes", "KiB", 2**-10))


def metric(name):
    if name in _METRICS_BY_NAME:
        return _METRICS_BY_NAME[name]
    for suffix, unit, scale in _SUFFIXES:
        if name.endswith(suffix):
            label = _in_words(name.removesuffix(suffix))
            return Metric(name, label, unit, scale=scale)
    return Metric(name, _in_words(name), "", compared=False)


def _in_words(name):
    return " ".join({"p50": "median", "p99": "99 %", "p999": "99.9 %",
                     "b64": "64 B,", "k64": "64 KiB,"}.get(word, word)
                    for word in name.split("_"))
