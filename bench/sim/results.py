# SPDX-License-Identifier: Apache-2.0
"""What bench/sim/run.sh left: files of lines with name=value pairs, and the
closed-form model of doc/scaling.md, for report.py and plot.py."""

import os
from statistics import median


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def pairs(words):
    return {k: number(v) for k, v in (w.split("=", 1) for w in words)}


class Results:
    def __init__(self, folder):
        self.folder = folder
        self.costs = {}
        for line in self.lines("costs.txt"):
            name, value = line.split()[:2]
            self.costs[name] = float(value)
        self.about = dict(l.split(" ", 1) for l in self.lines("about.txt"))
        self.live = self.rows("live.txt")
        self.meta = self.rows("meta.txt")
        self.restart = self.rows("restart.txt")
        self.runs = {}
        for line in self.lines("simulated.txt"):
            name, *rest = line.split()
            self.runs.setdefault(name[:-4], []).append(pairs(rest))

    def lines(self, name):
        path = os.path.join(self.folder, name)
        with open(path, encoding="utf-8") as f:
            return [l.rstrip("\n") for l in f if l.strip()]

    def rows(self, name):
        return [pairs(l.split()) for l in self.lines(name)]

    def some(self, name, **where):
        """Rows of a simulated experiment, in the order of `procs`."""
        found = [r for r in self.runs[name]
                 if all(r[k] == v for k, v in where.items())]
        return sorted(found, key=lambda r: r["procs"])

    def one(self, name, **where):
        found = self.some(name, **where)
        if len(found) != 1:
            raise SystemExit(f"report: {len(found)} rows of {name} with {where}")
        return found[0]


NEAR, FAR, ACROSS = 23, 107, 197        # as run.sh and world.c have them
COMPLEX, SOCKET = 8, 64


def mean_line(cores):
    """ns for a line from a core drawn at random, seen from another."""
    near = min(cores, COMPLEX) - 1
    far = max(0, min(cores, SOCKET) - COMPLEX)
    across = max(0, cores - SOCKET)
    return (near * NEAR + far * FAR + across * ACROSS) / cores


def others(stripes, procs):
    """Share of a stripe's visits that are not its home process's own."""
    return max(0, 1 - stripes / procs)


def held(costs, stripes, procs, cores):
    """ns that a stripe is held for a span in and out: a span that another
    process listed comes with a line from that one's core."""
    return (costs["pop"] + costs["push"] +
            mean_line(cores) * others(stripes, procs))


def busy(costs, cycles, stripes, procs, cores):
    """Chance that another has the stripe: one who runs, or lost its core."""
    load = cycles * held(costs, stripes, procs, cores) / 1e9
    return min(1, load * max(1, procs / cores) * others(stripes, procs) /
               stripes)


def stripes_for(costs, cycles, procs, cores, share=0.01):
    """The smallest power of two that keeps the busy share."""
    stripes = 1
    while busy(costs, cycles, stripes, procs, cores) > share:
        stripes *= 2
    return stripes


def sweep_per_id(costs):
    """ns; most spans of a heap in use belong to somebody or are full."""
    return (costs["sweep_owned"] + costs["sweep_full"]) / 2


def fit_restart(rows, what):
    """(ns per span, ns per page), least squares of the relative error."""
    aa = ab = bb = at = bt = 0.0
    for r in rows:
        w = 1 / r[what] ** 2
        t = r[what] * 1e6
        aa += w * r["spans"] ** 2
        ab += w * r["spans"] * r["pages"]
        bb += w * r["pages"] ** 2
        at += w * r["spans"] * t
        bt += w * r["pages"] * t
    det = aa * bb - ab * ab
    return (at * bb - bt * ab) / det, (bt * aa - at * ab) / det


def middle(rows, key):
    return median(r[key] for r in rows)
