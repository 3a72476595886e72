# SPDX-License-Identifier: Apache-2.0
"""Figures as tables: rows of text, which text() and markdown() set.  Knows what
a reader looks for; doesn't know where it goes."""
from dataclasses import dataclass, field

from bench.suite.columns import COLUMNS, GROUP_TITLES
from bench.suite.model import metric as metric_of
from bench.suite.plan import BY_NAME


@dataclass
class Table:
    title: str
    head: list
    rows: list = field(default_factory=list)
    words: tuple = (0,)     # columns of text: set to the left

    def text(self):
        lines = [self.head] + self.rows
        widths = [max(len(line[i]) for line in lines)
                  for i in range(len(self.head))]
        out = [self.title] if self.title else []
        for line in lines:
            cells = [c.ljust(w) if i in self.words else c.rjust(w)
                     for i, (c, w) in enumerate(zip(line, widths))]
            out.append("  " + "  ".join(cells).rstrip())
        return "\n".join(out)

    def markdown(self):
        out = [f"{self.title}\n"] if self.title else []
        out.append("| " + " | ".join(self.head) + " |")
        out.append("|" + "".join("---|" if i in self.words else "---:|"
                                 for i in range(len(self.head))))
        for row in self.rows:
            out.append("| " + " | ".join(c.strip() for c in row) + " |")
        return "\n".join(out)


def number(value):
    """Three digits are what these measurements are good for."""
    if value == 0:
        return "0"
    for least, form in ((1000, "{:,.0f}"), (100, "{:.0f}"), (10, "{:.1f}"),
                        (1, "{:.2f}"), (.1, "{:.3f}")):
        if abs(value) >= least:
            return form.format(value)
    return f"{value:.3g}"


def spread(summary, scale=1.0):
    if summary is None:
        return "-"
    median, low, high = (number(v * scale) for v in summary[:3])
    return median if low == high else f"{median} ({low}..{high})"


def _named(metric):
    return metric.label + (f", {metric.unit}" if metric.unit else "")


def _direction(metrics):
    """What to look for, where that is the same for all."""
    if len({m.lower_is_better for m in metrics}) > 1:
        return ""
    return "less is better" if metrics[0].lower_is_better else "more is better"


def for_measurement(results, name):
    """All tables of a measurement."""
    plan = BY_NAME[name]
    columns = results.columns(name)
    metrics = [metric_of(m) for m in plan.metrics if results.columns(name, m)]
    if not metrics:
        return []
    if all(COLUMNS[c].group == "ours" for c in columns):
        return [_alone(results, plan, metrics, columns)]
    return _compared(results, plan, metrics, columns)


def _variants(results, name):
    return results.record(name)["variants"].items()


def _alone(results, plan, metrics, columns):
    """Nobody to compare with: metrics by cases, the longer list downwards."""
    cases = [(key, column, variant["label"] +
              (f", {column}" if len(columns) > 1 else ""))
             for key, variant in _variants(results, plan.name)
             for column in columns]
    lines = [[""] + [label for _, _, label in cases]]
    for m in metrics:
        lines.append([_named(m)] + [
            spread(results.summary(plan.name, key, column, m.name), m.scale)
            for key, column, _ in cases])
    if len(cases) > len(metrics):
        lines = [list(line) for line in zip(*lines)]
    return Table("", lines[0], lines[1:])


def _compared(results, plan, metrics, columns):
    """A table for each kind of peers; ours and the harness in the first."""
    by_group = {group: [c for c in columns if COLUMNS[c].group == group]
                for group in ("ours", "harness", *GROUP_TITLES)}
    ours = by_group.pop("ours")
    shown = ours + by_group.pop("harness")
    about = _named(metrics[0]) + ", " if len(metrics) == 1 else ""
    tables = []
    for group in [g for g in by_group if by_group[g]] or [""]:
        shown = shown + by_group.get(group, [])
        beside = f". Beside {GROUP_TITLES[group]}" if group else ""
        title = about + _direction(metrics) + beside + ":"
        table = Table(title[:1].upper() + title[1:], [""] + shown)
        for metric in metrics:
            for key, variant in _variants(results, plan.name):
                label = _row_label(results, plan, metrics, metric, variant)
                table.rows += _rows(results, plan.name, key, metric, ours,
                                    shown, label)
        tables.append(table)
        shown = []
    return tables


def _row_label(results, plan, metrics, metric, variant):
    """Only what differs from row to row."""
    parts = []
    if len(_variants(results, plan.name)) > 1 or len(metrics) == 1:
        parts.append(variant["label"])
    if len(metrics) > 1:
        parts.append(_named(metric))
    return ": ".join(parts)


def _rows(results, name, key, metric, ours, shown, label):
    """The figures, and for each of ours how many times as good it is."""
    row = [label]
    for column in shown:
        has_none = column == "null" and metric.of_space
        row.append("-" if has_none else spread(
            results.summary(name, key, column, metric.name), metric.scale))
    rows = [row]
    for mine in ours if metric.compared else []:
        row = [f"  {mine} is"]
        for column in shown:
            times = None
            if COLUMNS[column].group in GROUP_TITLES:
                times = results.advantage(name, key, mine, column, metric.name)
            row.append(number(times.median) + " x" if times else "")
        if any(row[1:]):
            rows.append(row)
    return rows


def losing(results):
    """Where somebody is ahead of us: the strongest peer of each figure."""
    table = Table("", ["workload", "variant", "figure", "ours",
                       "strongest peer", "ours has", "it has", "ours is"],
                  words=(0, 1, 2, 3, 4))
    cases = []
    for name, record in results.data["measurements"].items():
        for metric in map(metric_of, BY_NAME[name].metrics):
            if metric.compared:
                cases += _losses(results, name, record, metric)
    cases.sort(key=lambda case: case[0].median)
    for times, name, label, metric, key, mine, peer in cases:
        table.rows.append([
            name, label, _named(metric), mine, peer,
            number(results.summary(name, key, mine, metric.name).median *
                   metric.scale),
            number(results.summary(name, key, peer, metric.name).median *
                   metric.scale),
            spread(times) + " x"])
    return table


def _losses(results, name, record, metric):
    columns = results.columns(name, metric.name)
    for key, variant in record["variants"].items():
        for mine in (c for c in columns if COLUMNS[c].group == "ours"):
            times = []
            for peer in columns:
                if COLUMNS[peer].group in GROUP_TITLES:
                    one = results.advantage(name, key, mine, peer, metric.name)
                    if one:
                        times.append((one.median, peer, one))
            if times and min(times)[0] < 1:
                _, peer, one = min(times)
                yield (one, name, variant["label"], metric, key, mine, peer)


def bars(verdicts):
    """Missed ones first, then those that couldn't be measured."""
    table = Table("", ["workload", "bar", "at", "figure", "hardest case",
                       "verdict", "in the end"], words=(0, 1, 4, 5, 6))
    order = {False: 0, None: 1, True: 2}
    for v in sorted(verdicts, key=lambda v: order[v.met]):
        table.rows.append([
            v.bar.measurement, v.bar.text,
            f"{v.bar.sense} {v.bar.limit:.3g}{v.bar.unit}",
            spread(v.figure) + v.bar.unit if v.figure else "-",
            v.where, v.word, _goal(v)])
    return table


def _goal(v):
    if v.bar.goal is None:
        return v.bar.goal_text
    text = f"{v.bar.sense} {v.bar.goal:.3g}{v.bar.unit}"
    if v.bar.goal_text:
        text = f"{v.bar.goal_text} ({text})"
    if v.goal_met is None:
        return text + ": not measured"
    return (f"{text}: {'met' if v.goal_met else 'missed'}, "
            f"{number(v.goal.median)}{v.bar.unit}")


def left_out(results, name):
    """Who isn't in the tables and why, in one paragraph; or ""."""
    where = {}      # (column, reason): labels of variants
    for variant in results.record(name)["variants"].values():
        for column, reason in variant["skipped"].items():
            where.setdefault((column, reason), []).append(variant["label"])
    whole = len(results.record(name)["variants"])
    who = {}        # (reason, which variants): columns
    for (column, reason), labels in where.items():
        at = "" if len(labels) == whole else " at " + ", ".join(labels)
        who.setdefault((reason, at), []).append(column)
    said = [f"{', '.join(columns)}{at} ({reason})"
            for (reason, at), columns in who.items()]
    return f"Left out: {'; '.join(said)}." if said else ""
