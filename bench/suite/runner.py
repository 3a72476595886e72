# SPDX-License-Identifier: Apache-2.0
"""Runs the bench programs: each back end once a round, in an order that changes
from round to round, a probe of the machine's speed before each run."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from bench.suite import columns, machine
from bench.suite.columns import COLUMNS

SKIP = 77
TIMEOUT_S = 300         # a run that takes longer hangs


class Skipped(Exception):
    """This back end can't do this here."""


class Failed(Exception):
    """A run that should have worked."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def end(child):
    """With all that it has forked; politely first, as it may tidy up."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
            child.communicate(timeout=5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def run(command, env, timeout):
    """A program and all that it forks; its last line of output, parsed."""
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=timeout)
    except BaseException as error:
        end(child)
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"no result after {timeout:.0f} s") from None
        raise
    said = err.strip().splitlines()[-1:] or ["no reason given"]
    if child.returncode == SKIP:
        raise Skipped(said[0])
    if child.returncode != 0:
        raise Failed(f"exit status {child.returncode}: {said[0]}")
    if "cannot be preloaded" in err:
        raise Failed(said[0])
    try:
        return json.loads(out.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        raise Failed(f"no line of JSON, but {out[-200:]!r}") from None


def run_with_curve(args, env):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "curve")
        with open(path, "wb"):      # for PostgreSQL's user, too
            os.chmod(folder, 0o755)
            os.chmod(path, 0o666)
        return run(args + ["--file", path], env, TIMEOUT_S), read_curve(path)


def read_curve(path):
    """{"asked": [bytes of each step], "held": [...]}"""
    with open(path, encoding="utf-8") as file:
        steps = [line.split() for line in file if not line.startswith("#")]
    return {"asked": [int(step[1]) for step in steps],
            "held": [int(step[2]) for step in steps]}


class Runner:
    def __init__(self, build, rounds, quick):
        self.build, self.rounds, self.quick = build, rounds, quick
        self.base_env = {k: v for k, v in os.environ.items()
                         if not k.startswith(("LD_PRELOAD", "MALLOC_",
                                              "MHEAP_"))}
        self.base_env.setdefault("LC_ALL", "C")
        self.base_env["MHEAP_DAEMON"] = os.path.join(build, "mheapd")

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def command(self, measurement, variant, column):
        """(arguments, environment), or Skipped."""
        env = dict(self.base_env)
        if column.preload:
            library = columns.library(column.preload)
            if not library:
                raise Skipped(f"{column.preload} is not installed")
            env["LD_PRELOAD"] = library
        args = [self.program(measurement.program),
                variant.workload or measurement.name, column.backend]
        args += self.variant_args(variant)
        if self.quick:
            args += measurement.quick_args
        if column.threads:
            args.append("--threads")
        ops = self.ops(measurement, variant, column)
        if ops:
            args += ["--ops", str(ops)]
        return args, env

    def variant_args(self, variant):
        args = []
        for arg in variant.args:
            args.append(arg.replace("{build}", self.build))
            if "{build}" in arg and not os.path.exists(args[-1]):
                raise Skipped("what it replays was not recorded")
        return args

    def ops(self, measurement, variant, column):
        ops = variant.ops or measurement.ops
        ops *= dict(measurement.slower).get(column.backend, 1)
        if self.quick:
            ops /= 4
        return int(ops)

    def probe(self):
        """ns per dependent add, of the slowest CPU."""
        return max(run([self.program("suite/probe")], self.base_env,
                       10)["ns_per_add"])

    def once(self, measurement, variant, column):
        args, env = self.command(measurement, variant, column)
        figures = {"probe": self.probe()}
        start = time.monotonic()
        if measurement.curve:
            line, figures["curve"] = run_with_curve(args, env)
        else:
            line = run(args, env, TIMEOUT_S)
        figures["metrics"] = line["metrics"]
        figures["seconds"] = round(time.monotonic() - start, 2)
        return figures, line

    def measure(self, measurement):
        """One measurement's record, as results.py describes it."""
        record = {"date": machine.date(), "commit": machine.commit(),
                  "machine": machine.describe(), "quick": self.quick,
                  "columns": list(measurement.columns), "versions": {},
                  "variants": {}}
        self.prepare(measurement)
        for variant in measurement.picked(self.quick):
            say(f"{measurement.name}: {variant.label}")
            record["variants"][variant.key] = self.measure_variant(
                measurement, variant, record)
        return record

    def prepare(self, measurement):
        """What fails here shows as variants that are skipped."""
        if measurement.prepare:
            script = os.path.join(machine.ROOT, measurement.prepare)
            subprocess.run([script, self.build], env=self.base_env,
                           stdout=sys.stderr, check=False)

    def measure_variant(self, measurement, variant, record):
        order = [c for c in measurement.columns if c not in variant.without]
        result = {"label": variant.label, "x": variant.x, "order": order,
                  "skipped": {}, "rounds": []}
        for number in range(self.rounds):
            one_round = {}
            for name in rotated(order, number):
                if name not in result["skipped"]:
                    self.into(one_round, measurement, variant, COLUMNS[name],
                              result["skipped"], record["versions"])
            result["rounds"].append(one_round)
        return result

    def into(self, one_round, measurement, variant, column, skipped, versions):
        try:
            one_round[column.name], line = self.once(measurement, variant,
                                                     column)
            versions[column.name] = (columns.version(column.name) or
                                     line.get("version") or "")
        except Skipped as error:
            skipped[column.name] = self.without_paths(error)
        except Failed as error:
            reason = self.without_paths(error)
            one_round[column.name] = {"failed": reason}
            skipped[column.name] = f"failed: {reason}"  # once is enough
            say(f"{measurement.name}, {variant.label}, {column.name}: {reason}")

    def without_paths(self, error):
        """It may go into the documentation."""
        return str(error).replace(self.build, "build")


def rotated(order, number):
    """Another one begins each round, and every other round goes backwards, so
    that nobody always runs after the same one."""
    start = number % len(order)
    turned = order[start:] + order[:start]
    return turned[::-1] if number % 2 else turned
