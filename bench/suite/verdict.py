# SPDX-License-Identifier: Apache-2.0
"""Whether a bar holds: its formula, worked out in each round from that round's
figures only, then the median over the rounds."""
import operator
import re
from dataclasses import dataclass

from bench.suite.columns import COLUMNS, members
from bench.suite.model import Bar
from bench.suite.plan import BY_NAME
from bench.suite.stats import Summary, summary

_TERM = re.compile(r"([a-z][a-z0-9-]*)(?:@([^\s.()]+))?\.([a-z][a-z0-9_]*)")
_SENSES = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Verdict:
    bar: Bar
    figure: Summary | None      # of the hardest case
    where: str                  # which case that is; or why there is no figure
    met: bool | None            # None: not measured
    goal: Summary | None        # the figure beside the goal
    goal_met: bool | None
    in_part: bool = False       # some cases of the bar have no figure

    @property
    def word(self):
        if self.met is None:
            return "not measured"
        if not self.met:
            return "missed"
        return "met in part" if self.in_part else "met"


def terms(formula):
    """[(column or group, variant or "", metric), ...]"""
    return [match.groups(default="") for match in _TERM.finditer(formula)]


def group_of(formula):
    """The one group among the terms; "" if all are columns."""
    groups = {column for column, _, _ in terms(formula)
              if column not in COLUMNS}
    if len(groups) > 1:
        raise ValueError(f"more than one group in {formula!r}: {groups}")
    group = groups.pop() if groups else ""
    if group and not members(group):
        raise ValueError(f"neither a column nor a group in {formula!r}: "
                         f"{group}")
    return group


def compiled(formula):
    return compile(_TERM.sub(
        lambda m: "v({!r}, {!r}, {!r})".format(*m.groups(default="")),
        formula), formula, "eval")


def per_round(results, measurement, formula, variant, peer):
    """The formula's value in each round; None where a figure is missing."""
    columns = {column: column if column in COLUMNS else peer
               for column, _, _ in terms(formula)}
    code = compiled(formula)
    lists = {}
    for column, key, metric in terms(formula):
        lists[column, key, metric] = results.values(
            measurement, key or variant, columns[column], metric)
    values = []
    for i in range(min(map(len, lists.values()))):
        found = {term: series[i] for term, series in lists.items()}
        values.append(_value(code, found))
    return values


def _value(code, found):
    if None in found.values():
        return None
    try:
        return eval(code, {"__builtins__": {}, "v": lambda *t: found[t]})
    except ZeroDivisionError:
        return None


def cases(results, bar, formula):
    """{(variant, peer): Summary or None}: all in which the formula must hold.
    Variants and peers are "" where the formula names its own."""
    variants = bar.variants or tuple(
        v.key for v in BY_NAME[bar.measurement].variants)
    if all(key for _, key, _ in terms(formula)):
        variants = ("",)
    group = group_of(formula)
    return {(variant, peer): summary(per_round(
                results, bar.measurement, formula, variant, peer))
            for variant in variants
            for peer in (members(group) if group else ("",))}


def hardest(found, sense):
    """The (variant, peer) that is nearest to missing; None without a figure."""
    pick = min if sense == ">=" else max
    measured = [case for case, figure in found.items() if figure]
    return pick(measured, key=lambda case: found[case].median, default=None)


def judge(bar, results):
    found = cases(results, bar, bar.formula)
    case = hardest(found, bar.sense)
    if not case:
        return Verdict(bar, None, _missing(bar, results), None, None, None)
    figure = found[case]
    goal = None if bar.goal is None else figure
    if bar.goal_formula:
        beside = cases(results, bar, bar.goal_formula)
        goal = beside.get(hardest(beside, bar.sense))
    holds = _SENSES[bar.sense]
    return Verdict(bar, figure, _where(bar, results, case),
                   holds(figure.median, bar.limit), goal,
                   holds(goal.median, bar.goal) if goal else None,
                   None in found.values())


def _where(bar, results, case):
    variant, peer = case
    label = variant and results.label(bar.measurement, variant)
    return ", ".join(filter(None, (label, peer and f"beside {peer}")))


def _missing(bar, results):
    """Why there is no figure: the first column that was skipped says it."""
    if not results.has(bar.measurement):
        return f"{bar.measurement} was not run"
    for column, _, _ in terms(bar.formula):
        for name in [column] if column in COLUMNS else members(column):
            reason = results.why_skipped(bar.measurement, name)
            if reason:
                return f"{name}: {reason}"
    return "this run had no such variant or figure"


def judge_all(bars, results):
    return [judge(bar, results) for bar in bars]
