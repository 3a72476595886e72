# SPDX-License-Identifier: Apache-2.0
"""The suite's arithmetic, its data and its file formats; measures nothing.

    python3 -m unittest bench.suite.test_suite
"""
import importlib.util
import os
import signal
import stat
import sys
import tempfile
import unittest
from unittest import mock

from bench.suite import doc, leftovers, stats, tables, verdict
from bench.suite.bars import BARS
from bench.suite.columns import COLUMNS
from bench.suite.model import Bar, Measurement, Variant, metric
from bench.suite.plan import BY_NAME, PLAN
from bench.suite.results import Results
from bench.suite.runner import (Failed, Runner, Skipped, TimedOut, rotated,
                                run)


def results(name="pair", skipped=None, **columns):
    """Figures of one measurement: COLUMN={VARIANT: [one value a round]}, of
    the metric that the plan has first; "_" stands for "-" in names."""
    plan = BY_NAME[name]
    columns = {c.replace("_", "-"): v for c, v in columns.items()}
    keys = [v.key for v in plan.variants
            if any(v.key in figures for figures in columns.values())]
    variants = {}
    for variant in (v for v in plan.variants if v.key in keys):
        rounds = max(len(f.get(variant.key, ())) for f in columns.values())
        variants[variant.key] = {
            "label": variant.label, "x": variant.x, "order": list(columns),
            "skipped": skipped or {},
            "rounds": [{c: {"metrics": {plan.metrics[0]: f[variant.key][i]},
                            "probe": .25}
                        for c, f in columns.items()
                        if i < len(f.get(variant.key, ()))}
                       for i in range(rounds)]}
    made = Results()
    made.add(name, {"date": "2000-01-01", "commit": "abc", "quick": False,
                    "columns": list(columns), "versions": {},
                    "variants": variants})
    return made


class Stats(unittest.TestCase):
    def test_summary(self):
        self.assertEqual(stats.summary([3, None, 1, 2]), (2, 1, 3, 3))
        self.assertEqual(stats.summary([1, 4]), (2.5, 1, 4, 2))
        self.assertIsNone(stats.summary([None]))

    def test_ratio_of_nothing(self):
        self.assertIsNone(stats.ratio(1, 0))
        self.assertIsNone(stats.ratio(None, 1))
        self.assertEqual(stats.ratio(0, 2), 0)

    def test_ratios_are_made_within_a_round(self):
        # The machine was half as fast in the second round: no matter.
        self.assertEqual(stats.ratios([1, 2, 1], [2, 4, 2]), (.5, .5, .5, 3))
        # Of medians it would be 1.
        self.assertEqual(stats.ratios([1, 2, 3], [3, 2, 1]).high, 3)


class Advantage(unittest.TestCase):
    def test_less_time_is_ahead(self):
        r = results(mheap={"64": [2, 4]}, glibc={"64": [4, 8]})
        self.assertEqual(
            r.advantage("pair", "64", "mheap", "glibc", "ns").median, 2)

    def test_more_throughput_is_ahead(self):
        r = results("multi", mheap={"2": [9]}, glibc={"2": [3]})
        self.assertEqual(
            r.advantage("multi", "2", "mheap", "glibc", "mops").median, 3)

    def test_losing_names_the_strongest_peer_worst_case_first(self):
        r = results(mheap={"8": [4], "64": [4]}, glibc={"8": [3], "64": [9]},
                    jemalloc={"8": [3.5], "64": [2]})
        rows = tables.losing(r).rows
        self.assertEqual([(row[1], row[4]) for row in rows],
                         [("64 B", "jemalloc"), ("8 B", "glibc")])

    def test_the_harness_is_no_peer(self):
        r = results(mheap={"8": [4]}, null={"8": [1]}, glibc={"8": [5]})
        self.assertEqual(tables.losing(r).rows, [])


class Verdicts(unittest.TestCase):
    bar = Bar("pair", "b", "mheap.ns / private.ns", "<=", .85, ("8", "64"))
    good = {"mheap": {"8": [1, 1], "64": [1, 1]}}

    def judge(self, bar=None, **columns):
        return verdict.judge(bar or self.bar, results(**columns))

    def test_the_hardest_peer_and_variant_count(self):
        v = self.judge(**self.good, glibc={"8": [9, 9], "64": [9, 9]},
                       tcmalloc={"8": [2, 2], "64": [1.25, 1.25]})
        self.assertEqual(v.where, "64 B, beside tcmalloc")
        self.assertAlmostEqual(v.figure.median, .8)

    def test_missed(self):
        v = self.judge(mheap={"8": [9, 9, 1]}, glibc={"8": [10, 10, 10]})
        self.assertEqual((v.word, v.figure.median), ("missed", .9))

    def test_met_needs_every_case(self):
        peers = {p: {"8": [2], "64": [2]}
                 for p in ("glibc", "jemalloc", "tcmalloc", "mimalloc")}
        self.assertEqual(self.judge(**self.good, **peers).word, "met")
        del peers["mimalloc"]
        self.assertEqual(self.judge(**self.good, **peers).word, "met in part")

    def test_not_measured_says_why(self):
        v = verdict.judge(self.bar, results(
            mheap={"8": [1]}, skipped={"jemalloc": "is not there"}))
        self.assertEqual((v.word, v.where),
                         ("not measured", "jemalloc: is not there"))
        v = verdict.judge(self.bar, Results())
        self.assertEqual(v.where, "pair was not run")

    def test_throughput_from_below(self):
        bar = Bar("multi", "b", "mheap.mops / private.mops", ">=", 1.0)
        v = verdict.judge(bar, results(
            "multi", mheap={"1": [4], "2": [6]}, glibc={"1": [2], "2": [8]}))
        self.assertEqual((v.word, v.figure.median, v.where),
                         ("missed", .75, "2 workers, beside glibc"))

    def test_variants_in_the_formula(self):
        bar = Bar("multi", "b", "(mheap@16.mops / mheap@2.mops) / "
                  "(null@16.mops / null@2.mops)", ">=", .95)
        v = verdict.judge(bar, results("multi", mheap={"2": [8], "16": [6]},
                                       null={"2": [100], "16": [60]}))
        self.assertEqual((v.word, v.figure.median), ("met", 1.25))

    def test_strictly_less(self):
        bar = Bar("pair", "b", "mheap.ns / 2 - 1", "<", 1.5, ("8",))
        self.assertEqual(self.judge(bar, mheap={"8": [5]}).word, "missed")
        self.assertEqual(self.judge(bar, mheap={"8": [4.9]}).word, "met")

    def test_goal(self):
        bar = Bar("pair", "b", "mheap.ns / glibc.ns", "<=", 1, ("8",), goal=.5)
        v = self.judge(bar, mheap={"8": [3]}, glibc={"8": [4]})
        self.assertEqual((v.met, v.goal_met), (True, False))
        bar = Bar("pair", "b", "mheap.ns / glibc.ns", "<=", 1, ("8",), goal=.5,
                  goal_formula="mheap@8.ns / apr@8.ns")
        v = self.judge(bar, mheap={"8": [3]}, glibc={"8": [4]}, apr={"8": [9]})
        self.assertEqual((v.met, v.goal_met), (True, True))
        v = self.judge(bar, mheap={"8": [3]}, glibc={"8": [4]})
        self.assertEqual((v.met, v.goal_met), (True, None))


class Data(unittest.TestCase):
    def test_plan(self):
        self.assertEqual(len(BY_NAME), len(PLAN))
        for m in PLAN:
            keys = [v.key for v in m.variants]
            self.assertEqual(len(set(keys)), len(keys), m.name)
            self.assertTrue(set(m.columns) <= set(COLUMNS), m.name)
            self.assertTrue(any(v.quick for v in m.variants), m.name)
            for v in m.variants:
                self.assertTrue(set(dict(m.limits + v.limits)) <
                                set(m.columns), m.name)

    def test_each_bar_can_be_worked_out(self):
        for bar in BARS:
            plan = BY_NAME[bar.measurement]
            keys = {v.key for v in plan.variants}
            self.assertTrue(set(bar.variants) <= keys, bar)
            for formula in filter(None, (bar.formula, bar.goal_formula)):
                self.check_terms(plan, keys, formula)
                self.assertIsInstance(
                    verdict._value(verdict.compiled(formula),
                                   {t: 2 for t in verdict.terms(formula)}),
                    (int, float), formula)

    def check_terms(self, plan, keys, formula):
        group = verdict.group_of(formula)
        for column, key, _ in verdict.terms(formula):
            wanted = (verdict.members(group) if column == group else [column])
            self.assertTrue(set(wanted) <= set(plan.columns), formula)
            self.assertTrue(not key or key in keys, formula)

    def test_unknown_names_in_formulas(self):
        with self.assertRaises(ValueError):
            verdict.group_of("mheap.ns / nobody.ns")
        with self.assertRaises(ValueError):
            verdict.group_of("private.ns / shared.ns")

    def test_metric_units(self):
        self.assertEqual(metric("one_p999_ns").label, "one 99.9 %")
        self.assertEqual(metric("left_bytes").unit, "MiB")
        self.assertEqual(metric("before_max_bytes").unit, "KiB")
        self.assertFalse(metric("mops").lower_is_better)

    def test_numbers(self):
        for value, text in ((0, "0"), (.01234, "0.0123"), (.5, "0.500"),
                            (8.2, "8.20"), (41.7, "41.7"), (126, "126"),
                            (28850.4, "28,850")):
            self.assertEqual(tables.number(value), text)


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = folder.name
        self.script("suite/probe", 'echo \'{"ns_per_add":[0.25,0.5]}\'')

    def script(self, name, text):
        path = os.path.join(self.build, "bench", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, stat.S_IRWXU)
        return path

    def run_script(self, text, timeout=10, stages=leftovers._STAGES):
        with mock.patch.object(leftovers, "_STAGES", stages):
            return run([self.script("once", text)], dict(os.environ), timeout)

    def test_what_a_run_may_say(self):
        self.assertEqual(self.run_script("echo x; echo '{\"a\":1}'"), {"a": 1})
        for text, error in (("echo why >&2; exit 77", Skipped),
                            ("echo why >&2; exit 1", Failed),
                            ("kill -9 $$", Failed), ("echo 7,", Failed),
                            (":", Failed)):
            with self.assertRaises(error):
                self.run_script(text)

    def test_a_library_that_was_not_preloaded(self):
        with self.assertRaises(Failed):
            self.run_script("echo 'x cannot be preloaded' >&2; echo '{}'")

    def test_hangs_end_with_all_that_they_started(self):
        file = os.path.join(self.build, "pid")
        with self.assertRaisesRegex(TimedOut, "after 0.5 s"):
            self.run_script(f"sleep 60 & echo $! >{file}; wait", timeout=.5)
        with open(file, encoding="utf-8") as pid:
            self.assertFalse(os.path.exists("/proc/" + pid.read().strip()))

    def test_nothing_is_left_of_a_run_that_was_killed(self):
        """Neither a daemon in a session of its own nor names."""
        file = os.path.join(self.build, "left")
        with self.assertRaisesRegex(Failed, "exit status -9"):
            self.run_script(
                "page=/dev/shm/mheap-bench-$$-x; tmp=${TMPDIR:-/tmp}\n"
                "mkdir $tmp/mheap-bench-x-$$; >$tmp/mheap-bench-x-$$/y; >$page\n"
                "setsid sleep 60 >/dev/null 2>&1 &\n"
                f"echo /proc/$! $page $tmp/mheap-bench-x-$$ >{file}\n"
                "kill -9 $$", stages=((0, .2), (signal.SIGTERM, 5)))
        with open(file, encoding="utf-8") as left:
            self.assertEqual([p for p in left.read().split()
                              if os.path.exists(p)], [])

    def measure(self, plan, rounds=3, quick=False):
        with open(os.devnull, "w", encoding="utf-8") as quiet:
            stderr, sys.stderr = sys.stderr, quiet
            try:
                return Runner(self.build, rounds, quick).measure(plan)
            finally:
                sys.stderr = stderr

    def test_rounds(self):
        log = os.path.join(self.build, "log")
        self.script("bench", f"""echo "$@" >>{log}
            [ $2 != apr ] || {{ echo gone >&2; exit 77; }}
            [ $2 != pgdsa ] || exit 1
            echo '{{"version":"1","metrics":{{"ns":8}}}}'""")
        plan = Measurement("pair", "t", ("ns",),
                           (Variant("8", "8 B", ("--size", "8")),),
                           ("mheap", "null", "apr", "pgdsa"), ops=100,
                           slower=(("null", .1),))
        record = self.measure(plan)
        eight = record["variants"]["8"]
        self.assertEqual(
            [sorted(c for c in r if "metrics" in r[c])
             for r in eight["rounds"]], [["mheap", "null"]] * 3)
        self.assertEqual(eight["rounds"][0]["mheap"]["probe"], .5)
        self.assertEqual(eight["skipped"]["apr"], "gone")
        self.assertIn("exit status 1", eight["skipped"]["pgdsa"])
        with open(log, encoding="utf-8") as file:
            calls = file.read().splitlines()
        # Who was skipped or failed isn't tried again.
        self.assertEqual(len(calls), 3 + 3 + 1 + 1)
        self.assertIn("pair mheap --size 8 --ops 100", calls)
        self.assertIn("pair null --size 8 --ops 10", calls)

    def test_who_takes_too_long(self):
        self.script("bench", f"""echo "$@" >>{self.build}/log
            [ $2 = null ] || exec sleep 60
            echo '{{"metrics":{{"ns":8}}}}'""")
        plan = Measurement("pair", "t", ("ns",), (Variant("8", "8 B"),),
                           ("null", "apr", "mheap"), ops=100)
        with mock.patch.object(Runner, "timeout", lambda *_: .3):
            record = self.measure(plan)
        eight = record["variants"]["8"]
        self.assertEqual(eight["skipped"], {
            "apr": "timed out after 0.3 s",
            "mheap": "failed: timed out after 0.3 s"})
        self.assertEqual([set(r) for r in eight["rounds"]],
                         [{"null", "mheap"}, {"null"}, {"null"}])
        # Only our own is a failure of the run.
        r = Results()
        r.add("pair", record)
        self.assertEqual([f[2] for f in r.failures()], ["mheap"])

    def test_who_is_not_even_tried(self):
        self.script("bench", "echo '{\"metrics\":{\"ns\":1}}'")
        plan = Measurement("pair", "t", ("ns",), (
            Variant("8", "8 B", limits=(("pgdsa", "too slow"),)),
            Variant("9", "9 B", prepare=("bench/suite/no-such", "x"))),
            ("null", "apr", "pgdsa"), limits=(("apr", "no such size"),))
        with mock.patch.object(Runner, "prepare", lambda *a: " ".join(a[1:])):
            variants = self.measure(plan)["variants"]
        self.assertEqual(variants["8"]["skipped"],
                         {"pgdsa": "too slow", "apr": "no such size"})
        self.assertEqual(set(variants["8"]["rounds"][0]), {"null"})
        self.assertEqual(set(variants["9"]["skipped"].values()),
                         {"bench/suite/no-such x"})
        self.assertEqual(variants["9"]["rounds"], [{}] * 3)

    def test_what_cannot_be_prepared(self):
        script = self.script("make.sh", f"echo $* >>{self.build}/log\n"
                             "echo on its way\necho no $2 here >&2; exit 77")
        runner = Runner(self.build, 1, False)
        with open(os.devnull, "w", encoding="utf-8") as quiet, \
                mock.patch.object(sys, "stderr", quiet):
            for _ in range(2):
                self.assertEqual(runner.prepare(script, "x"),
                                 "not prepared: no x here")
        with open(os.path.join(self.build, "log"), encoding="utf-8") as log:
            self.assertEqual(log.read(), f"{self.build} x\n")

    def test_usual_parts_of_the_operations(self):
        runner = Runner(self.build, 1, False)
        plan = Measurement("pair", "t", ("ns",), (Variant("8", "8 B"),),
                           ("apr", "null"), ops=100_000,
                           slower=(("boost174", .5),))
        self.assertEqual([runner.ops(plan, plan.variants[0], COLUMNS[c])
                          for c in ("null", "boost174", "boost181",
                                    "dpdk-malloc", "apr")],
                         [100_000, 50_000, 10_000, 1000, 100])

    def test_quick_does_less(self):
        plan = Measurement("pair", "t", ("ns",), (
            Variant("8", "8 B"), Variant("9", "9 B", quick=True)), ("null",),
            ops=100)
        self.script("bench", "echo '{\"metrics\":{\"ns\":'$4'}}'")
        variants = self.measure(plan, 1, True)["variants"]
        self.assertEqual(list(variants), ["9"])
        self.assertEqual(variants["9"]["rounds"][0]["null"]["metrics"],
                         {"ns": 25})

    def test_quick_takes_slow_peers_once(self):
        self.script("bench", "echo '{\"metrics\":{\"ns\":1}}'")
        plan = Measurement("pair", "t", ("ns",), (Variant("8", "8 B"),),
                           ("mheap", "apr"))
        for quick, rounds in ((True, 1), (False, 3)):
            with mock.patch("bench.suite.runner.QUICK_LONG_S", -1):
                eight = self.measure(plan, 3, quick)["variants"]["8"]
            got = [c for r in eight["rounds"] for c in r]
            self.assertEqual((got.count("mheap"), got.count("apr")),
                             (3, rounds))

    def test_everybody_begins_a_round(self):
        order = list("abcde")
        rounds = [rotated(order, n) for n in range(5)]
        self.assertTrue(all(sorted(r) == order for r in rounds))
        self.assertEqual(len({tuple(r) for r in rounds}), 5)
        self.assertNotEqual(rounds[0], rounds[1])


class Documents(unittest.TestCase):
    def test_only_what_is_between_markers_changes(self):
        text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n"
        new = doc.replace(text, "x", "new")
        self.assertEqual(new, text.replace("old", "new"))
        self.assertEqual(doc.replace(new, "x", ""), text.replace("old\n", ""))

    def test_markers_must_be_there_once(self):
        with self.assertRaises(doc.NoPlace):
            doc.replace("nothing", "x", "new")

    def test_tables(self):
        table = tables.Table("t", ["", "b"], [["x", "10.0"], ["yy", "1"]])
        self.assertEqual(table.text(), "t\n         b\n  x   10.0\n  yy     1")
        self.assertIn("|---|---:|\n| x | 10.0 |", table.markdown())

    def test_disturbed_runs(self):
        r = results(mheap={"8": [1, 1]}, null={"8": [1, 1]})
        r.record("pair")["variants"]["8"]["rounds"][1]["null"]["probe"] = .4
        self.assertEqual(r.disturbed("pair"), (1, 4))

    def test_results_survive_a_file(self):
        r = results(mheap={"8": [1, 2]})
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "new", "r.json")
            r.save(path)
            self.assertEqual(Results.load(path).data, r.data)
            self.assertEqual(Results.load(path + "x").data,
                             {"measurements": {}})


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib")
class Pictures(unittest.TestCase):
    def drawn(self, made, name):
        from bench.suite import plot
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.svg")
            self.assertTrue(plot.draw(made, name, path))
            with open(path, encoding="utf-8") as file:
                return file.read()

    def test_the_same_figures_give_the_same_bytes(self):
        for name, made in (
                ("pair", results(mheap={"8": [1, 2], "64": [2, 3]},
                                 glibc={"8": [9, 8], "64": [7, 60]})),
                ("pass", results("pass", mheap_shared={"64": [5]},
                                 glibc_threads={"64": [4]})),
                ("daemon", results("daemon", mheap={"1": [5, 6]}))):
            one = self.drawn(made, name)
            self.assertEqual(one, self.drawn(made, name))
            self.assertIn(BY_NAME[name].title, one)
            self.assertNotIn("<metadata>", one)

    def test_names_do_not_touch(self):
        from bench.suite.frame import spread_out
        self.assertEqual(spread_out([.1, .5], .1), [.1, .5])
        at = spread_out([.2, .2, .2, .95, .99], .1)
        self.assertTrue(all(b - a > .0999 for a, b in zip(at, at[1:])), at)
        self.assertLessEqual(at[-1], 1)


if __name__ == "__main__":
    unittest.main()
