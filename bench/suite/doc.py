# SPDX-License-Identifier: Apache-2.0
"""doc/performance.md: what stands between <!-- bench:NAME --> and
<!-- /bench:NAME --> is made here, all else there is written by hand."""
import os
import re

from bench.suite import machine, tables
from bench.suite.plan import PLAN

FILE = os.path.join("doc", "performance.md")
PLOTS = os.path.join("doc", "performance")


class NoPlace(Exception):
    """The file has no markers for a part."""


def replace(text, part, new):
    """text with the part between the markers of its name exchanged."""
    pattern = re.compile(
        rf"(<!-- bench:{re.escape(part)} -->\n).*?"
        rf"(<!-- /bench:{re.escape(part)} -->)", re.DOTALL)
    body = new.rstrip("\n") + "\n" if new else ""
    text, found = pattern.subn(lambda m: m[1] + body + m[2], text)
    if found != 1:
        raise NoPlace(f"{FILE}: one <!-- bench:{part} --> and one <!-- /bench:"
                      f"{part} --> after it are wanted, {found} are there")
    return text


def origin(record):
    """One sentence: when, what, how disturbed."""
    quick = " A quick run: rough." if record["quick"] else ""
    commit = f", commit {record['commit']}" if record["commit"] else ""
    return f"{record['date']}{commit}.{quick}"


def machines(results):
    """Each machine once, with the versions of all that ran there."""
    lines, versions = [], {}
    for record in results.data["measurements"].values():
        line = machine.sentence(record["machine"])
        if line not in lines:
            lines.append(line)
        versions.update({k.removesuffix("-threads"): v
                         for k, v in record["versions"].items() if v})
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    return "\n".join(f"* {line}" for line in lines) + \
        (f"\n* {listed}" if listed else "")


def measured(results, name, with_plot):
    record = results.record(name)
    slow, runs = results.disturbed(name)
    parts = [f"{origin(record)} {slow} of {runs} runs began on a slowed "
             "machine."]
    if with_plot:
        parts.append(f"![{name}: what the first table below says]"
                     f"(performance/{name}.svg)")
    parts += [table.markdown() for table in tables.for_measurement(results,
                                                                   name)]
    left_out = tables.left_out(results, name)
    if left_out:
        parts.append(left_out)
    return "\n\n".join(parts)


def write(root, results, verdicts):
    from bench.suite import plot    # matplotlib: not needed for anything else

    path = os.path.join(root, FILE)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = replace(text, "machine", machines(results))
    text = replace(text, "losing", tables.losing(results).markdown())
    text = replace(text, "bars", tables.bars(verdicts).markdown())
    os.makedirs(os.path.join(root, PLOTS), exist_ok=True)
    for name in (m.name for m in PLAN if results.has(m.name)):
        drawn = plot.draw(results, name,
                          os.path.join(root, PLOTS, name + ".svg"))
        text = replace(text, name, measured(results, name, drawn))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
