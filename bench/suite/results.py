# SPDX-License-Identifier: Apache-2.0
"""What was measured, round by round, and the figures made of it.

The data is what --json prints and build/bench/results.json keeps:

    {"measurements": {NAME: {"date", "commit", "machine", "quick",
        "columns": [COLUMN], "versions": {COLUMN: TEXT},
        "variants": {KEY: {"label", "x", "order": [COLUMN],
            "skipped": {COLUMN: REASON}, "rounds": [{COLUMN:
                {"metrics": {NAME: VALUE}, "probe": NS, "seconds",
                "curve": {"asked": [BYTES], "held": [BYTES]}}
                or {"failed": TEXT}}]
    }}}}}
"""
import json
import os
from statistics import median

from bench.suite.model import metric as metric_of
from bench.suite.stats import ratios, summary

DISTURBED = 1.15        # a probe that much above the run's best


class Results:
    def __init__(self, data=None):
        self.data = data or {"measurements": {}}

    @classmethod
    def load(cls, path):
        if not os.path.exists(path):
            return cls()
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file))

    def save(self, path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=1)
            file.write("\n")
        os.replace(path + ".new", path)

    def add(self, name, record):
        self.data["measurements"][name] = record

    def has(self, name):
        return name in self.data["measurements"]

    def record(self, name):
        return self.data["measurements"][name]

    def label(self, name, variant):
        return self.record(name)["variants"][variant]["label"]

    def rounds(self, name, variant):
        if not self.has(name):
            return []
        return self.record(name)["variants"].get(variant, {}).get("rounds", [])

    def values(self, name, variant, column, metric):
        """One value per round, None where the round has none."""
        return [r.get(column, {}).get("metrics", {}).get(metric)
                for r in self.rounds(name, variant)]

    def summary(self, name, variant, column, metric):
        return summary(self.values(name, variant, column, metric))

    def why_skipped(self, name, column):
        """A reason if the column was skipped in any variant, else ""."""
        for variant in self.record(name)["variants"].values():
            if column in variant["skipped"]:
                return variant["skipped"][column]
        return ""

    def columns(self, name, metric=None):
        """Those with a figure, in the order in which they were asked for."""
        found = {}
        for variant in self.record(name)["variants"].values():
            for one_round in variant["rounds"]:
                for column in variant["order"]:
                    got = one_round.get(column, {}).get("metrics", {})
                    if got and (metric is None or metric in got):
                        found[column] = True
        order = self.record(name)["columns"]
        return sorted(found, key=order.index)

    def advantage(self, name, variant, ours, peer, metric):
        """How many times as good as the peer: above 1 is ahead."""
        mine = self.values(name, variant, ours, metric)
        theirs = self.values(name, variant, peer, metric)
        if metric_of(metric).lower_is_better:
            return ratios(theirs, mine)
        return ratios(mine, theirs)

    def curve(self, name, variant, column, what):
        """Each step's median over the rounds; [] if none has the curve."""
        curves = [r[column]["curve"][what] for r in self.rounds(name, variant)
                  if "curve" in r.get(column, {})]
        return [median(step) for step in zip(*curves)]

    def disturbed(self, name):
        """(runs that began while the machine was slow, all runs)."""
        probes = [run["probe"]
                  for variant in self.record(name)["variants"].values()
                  for one_round in variant["rounds"]
                  for run in one_round.values() if run.get("probe")]
        slow = [p for p in probes if p > DISTURBED * min(probes)]
        return len(slow), len(probes)

    def failures(self):
        """(measurement, variant, column, what it said) of failed runs."""
        for name, record in self.data["measurements"].items():
            for key, variant in record["variants"].items():
                for one_round in variant["rounds"]:
                    for column, run in one_round.items():
                        if "failed" in run:
                            yield name, key, column, run["failed"]
