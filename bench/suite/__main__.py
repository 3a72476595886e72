# SPDX-License-Identifier: Apache-2.0
"""script/bench calls this when all is built."""
import argparse
import importlib.util
import json
import os
import signal
import sys

from bench.suite import bars, machine, tables, verdict
from bench.suite.columns import COLUMNS
from bench.suite.plan import BY_NAME, PLAN
from bench.suite.results import Results
from bench.suite.runner import Runner, say

ROUNDS, QUICK_ROUNDS = 5, 3


def arguments():
    names = " ".join(BY_NAME)
    parser = argparse.ArgumentParser(
        prog="script/bench", epilog=f"NAMEs: {names} (none: all). Figures are "
        "kept in build/bench/, so that --doc shows the last run of each.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true",
                        help="3 rounds, fewer variants, fewer operations")
    parser.add_argument("--json", action="store_true",
                        help="one object on standard output")
    parser.add_argument("--install-peers", action="store_true",
                        help="first install what mheap is measured beside")
    parser.add_argument("--doc", action="store_true",
                        help="write doc/performance.md and its plots, too")
    parser.add_argument("--runs", type=int, metavar="N",
                        help=f"rounds ({ROUNDS}; --quick: {QUICK_ROUNDS})")
    parser.add_argument("--kept", action="store_true",
                        help="measure nothing: show the figures kept")
    parser.add_argument("--check", action="store_true",
                        help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    args = parser.parse_intermixed_args()
    for name in args.names:
        if name not in BY_NAME:
            parser.error(f"no measurement {name}; there are: {names}")
    if args.runs is not None and args.runs < 1:
        parser.error(f"--runs {args.runs}: 1 or more are wanted")
    args.runs = args.runs or (QUICK_ROUNDS if args.quick else ROUNDS)
    return args


def kept_file(args):
    """Rough figures never stand among the others."""
    return os.path.join(args.build, "bench",
                        "quick.json" if args.quick else "results.json")


def measure(args, kept):
    """Only what this run measured; it is added to what is kept."""
    runner = Runner(args.build, args.runs, args.quick)
    fresh = Results()
    for plan in PLAN:
        if not args.names or plan.name in args.names:
            record = runner.measure(plan)
            fresh.add(plan.name, record)
            kept.add(plan.name, record)
            kept.save(kept_file(args))
    return fresh


def picked(results, names):
    """Results of these names only, in the plan's order."""
    some = Results()
    for plan in PLAN:
        if results.has(plan.name) and (not names or plan.name in names):
            some.add(plan.name, results.record(plan.name))
    return some


def missing_peers(results):
    """Columns that were skipped for want of a package."""
    return [c for c in COLUMNS if any(
        "is not installed" in results.why_skipped(name, c)
        for name in results.data["measurements"])]


def show(results, verdicts):
    print(machine.sentence(machine.describe()) + "; " + machine.date())
    versions = {}
    for record in results.data["measurements"].values():
        versions.update(record["versions"])
    print(", ".join(f"{k} {v}" for k, v in versions.items()
                    if v and not k.endswith("-threads")))
    losing = tables.losing(results)
    if losing.rows:
        print("\nWhere a peer is ahead:\n" + losing.text())
    if verdicts:
        print("\nBars:\n" + tables.bars(verdicts).text())
    for name in results.data["measurements"]:
        slow, runs = results.disturbed(name)
        print(f"\n== {name}: {BY_NAME[name].title} ({slow} of {runs} runs "
              "began on a slowed machine)")
        for table in tables.for_measurement(results, name):
            print(table.text())
        left_out = tables.left_out(results, name)
        if left_out:
            print(left_out)
    missing = missing_peers(results)
    if missing:
        print(f"\nNot installed: {', '.join(missing)}. script/bench "
              "--install-peers installs what they need.")


def as_json(results, verdicts):
    return {
        "machine": machine.describe(), "date": machine.date(),
        "measurements": results.data["measurements"],
        "bars": [{
            "measurement": v.bar.measurement, "bar": v.bar.text,
            "formula": v.bar.formula, "sense": v.bar.sense,
            "limit": v.bar.limit, "verdict": v.word, "where": v.where,
            "figure": v.figure and v.figure._asdict(),
            "goal": v.bar.goal, "goal_text": v.bar.goal_text,
            "goal_figure": v.goal and v.goal._asdict(),
            "goal_met": v.goal_met} for v in verdicts]}


def can_draw(args):
    """--install-peers brings what --doc needs."""
    found = importlib.util.find_spec("matplotlib")
    if args.doc and not found and not (args.check and args.install_peers):
        say("--doc draws with python3-matplotlib, which is missing: "
            "script/bench --install-peers installs it")
        return False
    return True


def main():
    args = arguments()
    if not can_draw(args):
        return 3
    if args.check:      # the command line, before the long part
        return 0
    kept = Results.load(kept_file(args))
    results = picked(kept, args.names) if args.kept else measure(args, kept)
    verdicts = verdict.judge_all(
        [b for b in bars.BARS if results.has(b.measurement)], results)
    if args.json:
        json.dump(as_json(results, verdicts), sys.stdout)
        print()
    else:
        show(results, verdicts)
    if args.doc:
        from bench.suite import doc
        everything = picked(kept, ())
        doc.write(os.getcwd(), everything,
                  verdict.judge_all(bars.BARS, everything))
        say(f"written: {doc.FILE} and {doc.PLOTS}/*.svg")
    return 1 if any(results.failures()) else 0


def stop(*_):
    raise KeyboardInterrupt     # the run that is under way is ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; what was measured before is kept")
        sys.exit(130)
