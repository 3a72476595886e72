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

from bench.suite import columns, leftovers, machine
from bench.suite.columns import COLUMNS
from bench.suite.plan import QUICK, QUICK_LONG_S, SLOWER, TIMEOUT_S

SKIP = 77


class Skipped(Exception):
    """This back end can't do this here."""


class Failed(Exception):
    """A run that should have worked."""


class TimedOut(Exception):
    """A run that was ended, as nobody would wait any longer."""


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
    leftovers.adopt()
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        end(child)
        raise TimedOut(f"timed out after {timeout:g} s") from None
    except BaseException:
        end(child)
        raise
    finally:
        leftovers.clear(child.pid)
    return parsed(child, out, err)


def parsed(child, out, err):
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


def run_with_curve(args, env, timeout):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "curve")
        with open(path, "wb"):      # for PostgreSQL's user, too
            os.chmod(folder, 0o755)
            os.chmod(path, 0o666)
        return run(args + ["--file", path], env, timeout), read_curve(path)


def read_curve(path):
    """{"asked": [bytes of each step], "held": [...]}"""
    with open(path, encoding="utf-8") as file:
        steps = [line.split() for line in file if not line.startswith("#")]
    return {"asked": [int(step[1]) for step in steps],
            "held": [int(step[2]) for step in steps]}


class Runner:
    def __init__(self, build, rounds, quick):
        self.build, self.rounds, self.quick = build, rounds, quick
        self.prepared = {}      # (script, argument): why it couldn't, or ""
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
        args += [arg.replace("{build}", self.build) for arg in variant.args]
        if self.quick:
            args += measurement.quick_args
        if column.threads:
            args.append("--threads")
        ops = self.ops(measurement, variant, column)
        if ops:
            args += ["--ops", str(ops)]
        return args, env

    def ops(self, measurement, variant, column):
        ops = variant.ops or measurement.ops
        ops *= {**SLOWER, **dict(measurement.slower)}.get(column.backend, 1)
        return int(ops * (QUICK if self.quick else 1))

    def timeout(self, measurement):
        return TIMEOUT_S[measurement.program] * (QUICK if self.quick else 1)

    def probe(self):
        """ns per dependent add, of the slowest CPU."""
        return max(run([self.program("suite/probe")], self.base_env,
                       10)["ns_per_add"])

    def once(self, measurement, variant, column):
        args, env = self.command(measurement, variant, column)
        figures = {"probe": self.probe()}
        start = time.monotonic()
        timeout = self.timeout(measurement)
        if measurement.curve:
            line, figures["curve"] = run_with_curve(args, env, timeout)
        else:
            line = run(args, env, timeout)
        figures["metrics"] = line["metrics"]
        figures["seconds"] = round(time.monotonic() - start, 2)
        return figures, line

    def measure(self, measurement):
        """One measurement's record, as results.py describes it."""
        record = {"date": machine.date(), "commit": machine.commit(),
                  "machine": machine.describe(), "quick": self.quick,
                  "columns": list(measurement.columns), "versions": {},
                  "variants": {}}
        for variant in measurement.picked(self.quick):
            say(f"{measurement.name}: {variant.label}")
            record["variants"][variant.key] = self.measure_variant(
                measurement, variant, record)
        return record

    def prepare(self, script, argument):
        """Makes what a variant needs, once.  Why it couldn't, or ""."""
        if (script, argument) not in self.prepared:
            done = subprocess.run(
                [os.path.join(machine.ROOT, script), self.build, argument],
                env=self.base_env, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False)
            sys.stderr.write(done.stdout)
            said = done.stdout.strip().splitlines()[-1:] or [script]
            self.prepared[script, argument] = done.returncode and (
                f"not prepared: {said[0]}")
        return self.prepared[script, argument]

    def left_out(self, measurement, variant, order):
        """{column: why it isn't even tried}"""
        why = variant.prepare and self.prepare(*variant.prepare)
        if why:
            return dict.fromkeys(order, self.without_paths(why))
        return {**dict(measurement.limits), **dict(variant.limits)}

    def measure_variant(self, measurement, variant, record):
        order = list(measurement.columns)
        result = {"label": variant.label, "x": variant.x, "order": order,
                  "skipped": self.left_out(measurement, variant, order),
                  "rounds": []}
        for number in range(self.rounds):
            one_round = {}
            for name in rotated(order, number):
                if name not in result["skipped"] and not self.enough(
                        result["rounds"], COLUMNS[name]):
                    self.into(one_round, measurement, variant, COLUMNS[name],
                              result["skipped"], record["versions"])
            result["rounds"].append(one_round)
        return result

    def enough(self, rounds, column):
        """With --quick one figure of a slow peer has to do."""
        return self.quick and column.group != "ours" and any(
            r.get(column.name, {}).get("seconds", 0) > QUICK_LONG_S
            for r in rounds)

    def into(self, one_round, measurement, variant, column, skipped, versions):
        try:
            one_round[column.name], line = self.once(measurement, variant,
                                                     column)
            versions[column.name] = (columns.version(column.name) or
                                     line.get("version") or "")
        except Skipped as error:
            skipped[column.name] = self.without_paths(error)
        except (Failed, TimedOut) as error:     # once is enough
            reason = self.without_paths(error)
            say(f"{measurement.name}, {variant.label}, {column.name}: {reason}")
            skipped[column.name] = reason
            if isinstance(error, Failed) or column.group == "ours":
                skipped[column.name] = f"failed: {reason}"
                one_round[column.name] = {"failed": reason}

    def without_paths(self, error):
        """It may go into the documentation."""
        return str(error).replace(self.build, "build")


def rotated(order, number):
    """Another one begins each round, and every other round goes backwards, so
    that nobody always runs after the same one."""
    start = number % len(order)
    turned = order[start:] + order[:start]
    return turned[::-1] if number % 2 else turned
