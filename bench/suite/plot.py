# SPDX-License-Identifier: Apache-2.0
"""One picture per workload.  Lines where the variants are steps of one
quantity, else a panel of dots per variant; medians, bars from the smallest to
the largest round.  Beside peers a series is a back end; where mheap is alone, a
figure of it.  The same figures give the same bytes."""
import io
import re
from dataclasses import dataclass
from itertools import cycle

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot       # noqa: E402

from bench.suite import frame           # noqa: E402
from bench.suite.columns import COLUMNS     # noqa: E402
from bench.suite.model import Metric        # noqa: E402
from bench.suite.model import metric as metric_of   # noqa: E402
from bench.suite.plan import BY_NAME        # noqa: E402

# Okabe and Ito's and two of others: told apart by every kind of colour vision.
OURS = {"mheap": "#D55E00", "mheap-shared": "#E69F00",
        "mheap-threads": "#8C2D04"}
COLOURS = {"harness": "#7F7F7F", "private": "#0072B2",
           "private-threads": "#332288", "shared": "#009E73",
           "pool": "#CC79A7"}
NAMES = {"harness": "the harness alone",
         "private": "private malloc, processes",
         "private-threads": "private malloc, threads",
         "shared": "shared-memory allocator", "pool": "pool of fixed sizes"}
OTHER = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#7F7F7F")
MARKERS = "os^Dv<>Ph*"
STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "mheap",
    "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#666666", "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#E3E3E3", "grid.linewidth": .6, "axes.titlesize": 9,
    "axes.titleweight": "bold", "axes.titlelocation": "left",
}
PANEL_WIDTH = 3.6       # inches


@dataclass(frozen=True)
class Series:
    name: str
    colour: str
    main: bool              # drawn to be seen first
    column: str
    metric: Metric


def draw(results, name, path):
    """False if there is nothing to draw."""
    plan = BY_NAME[name]
    metrics = [metric_of(m) for m in plan.metrics if results.columns(name, m)]
    if not metrics:
        return False
    alone = all(COLUMNS[c].group == "ours" for c in results.columns(name))
    with pyplot.rc_context(STYLE):
        if plan.curve:
            series = [s for s in _back_ends(results, name, metrics[0])
                      if s.column != "null"]
            figure = _curves(results, plan, series)
        elif plan.x_label:
            series = (_figures(metrics, "mheap", OTHER) if alone else
                      _in_processes(results, name, metrics[0]))
            figure = _lines(results, plan, series)
        else:
            series = _back_ends(results, name, metrics[0])
            figure = _panels(results, plan, metrics, alone)
        figure.suptitle(plan.title, x=.01, ha="left", fontsize=11)
        if not alone:
            frame.legend(figure, _kinds(series))
        _save(figure, path)
        pyplot.close(figure)
    return True


def _save(figure, path):
    made = io.StringIO()
    figure.savefig(made, format="svg", bbox_inches="tight", pad_inches=.08,
                   facecolor="white", metadata={"Date": None, "Creator": None})
    with open(path, "w", encoding="utf-8") as file:
        file.write(slim(made.getvalue()))


def slim(svg):
    """The same picture in a third of the bytes; other fonts where that one
    isn't there."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", svg)
    svg = re.sub(r"\s+", " ", svg)
    svg = svg.replace("> <", ">\n<").replace("<g>\n<", "<g><")
    return svg.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif") \
        .rstrip() + "\n"


def _back_ends(results, name, metric):
    return [Series(c, OURS.get(c) or COLOURS[COLUMNS[c].group], c in OURS, c,
                   metric) for c in results.columns(name, metric.name)]


def _kinds(series):
    """What a legend says: each of ours, and the groups of the others."""
    found = {}
    for one in series:
        name = one.name if one.main else NAMES[COLUMNS[one.column].group]
        found[name] = (name, one.colour, one.main)
    return list(found.values())


def _in_processes(results, name, metric):
    """Too many lines hide each other, and threads run beside processes."""
    return [s for s in _back_ends(results, name, metric)
            if not COLUMNS[s.column].threads]


def _figures(metrics, column, colours):
    """Of those that share the first one's unit."""
    same = [m for m in metrics if m.unit == metrics[0].unit]
    first = Series(same[0].label, OURS["mheap"], True, column, same[0])
    return [first] + [Series(m.label, colour, False, column, m)
                      for m, colour in zip(same[1:], cycle(colours))]


def _axis_label(metric, several):
    if several:
        return metric.unit
    better = "less" if metric.lower_is_better else "more"
    return f"{metric.label}, {metric.unit} ({better} is better)"


def _summary(results, plan, key, series):
    """(median, low, high) in the metric's unit, or None."""
    s = results.summary(plan.name, key, series.column, series.metric.name)
    return s and tuple(v * series.metric.scale for v in s[:3])


def _lines(results, plan, series):
    figure, axes = pyplot.subplots(figsize=(7.2, 4.6), layout="constrained")
    at = {key: v["x"] for key, v in
          results.record(plan.name)["variants"].items() if v["x"] is not None}
    ends, every = [], []
    for i, one in enumerate(sorted(series, key=lambda s: s.main)):
        found = [(x, _summary(results, plan, key, one))
                 for key, x in at.items()]
        xs = [x for x, s in found if s]
        ys, lows, highs = zip(*(s for _, s in found if s))
        axes.errorbar(
            xs, ys, [[y - low for y, low in zip(ys, lows)],
                     [high - y for y, high in zip(ys, highs)]],
            color=one.colour, capsize=2, elinewidth=.8,
            marker=MARKERS[i % len(MARKERS)], linewidth=2.2 if one.main else 1,
            markersize=6 if one.main else 4, zorder=3 if one.main else 2,
            linestyle="--" if one.column == "null" else "-")
        ends.append((xs[-1], ys[-1], one))
        every += lows + highs
    frame.scale(axes, "y", every)
    frame.steps(axes, sorted(at.values()))
    axes.set_xlabel(plan.x_label)
    several = len({s.metric.name for s in series}) > 1
    axes.set_ylabel(_axis_label(series[0].metric, several))
    figure.canvas.draw()
    frame.name_ends(axes, ends)
    return figure


def _curves(results, plan, series):
    """Space over time, with what was asked for as a line to compare with."""
    figure, axes = pyplot.subplots(figsize=(7.2, 4.6), layout="constrained")
    key = next(iter(results.record(plan.name)["variants"]))
    asked = Series("asked for", "#000000", False, series[0].column,
                   series[0].metric)
    ends = []
    for one in series + [asked]:
        what = "asked" if one is asked else "held"
        mib = [b / 2**20 for b in results.curve(plan.name, key, one.column,
                                                what)]
        axes.plot(mib, color=one.colour, linewidth=2.2 if one.main else 1,
                  linestyle=":" if one is asked else "-",
                  zorder=3 if one.main else 2)
        ends.append((len(mib) - 1, mib[-1], one))
    axes.set_ylim(0)
    axes.set_xlim(0, len(mib) - 1)
    axes.set_xlabel(plan.x_label)
    axes.set_ylabel("space held, MiB (less is better)")
    figure.canvas.draw()
    frame.name_ends(axes, ends)
    return figure


def _panels(results, plan, metrics, alone):
    """A panel for each variant; alone, for each of ours, too."""
    variants = results.record(plan.name)["variants"]
    cases = []
    for key, variant in variants.items():
        if not alone:
            cases.append((key, variant["label"],
                          _back_ends(results, plan.name, metrics[0])))
            continue
        ours = results.columns(plan.name)
        cases += [(key, variant["label"] + (f", {c}" if len(ours) > 1 else ""),
                   _figures(metrics, c, OTHER[:1])) for c in ours]
    across = min(2, len(cases))
    down = -(-len(cases) // across)
    rows = len(cases[0][2])
    figure, panels = pyplot.subplots(
        down, across, squeeze=False, sharey=True, layout="constrained",
        figsize=(1.4 + PANEL_WIDTH * across, .9 + down * (.55 + .2 * rows)))
    for axes in panels.flat[len(cases):]:
        axes.set_visible(False)
    for axes, (key, label, series) in zip(panels.flat, cases):
        _panel(axes, results, plan, key, series)
        axes.set_title(label)
        axes.set_xlabel(_axis_label(metrics[0], alone))
    return figure


def _panel(axes, results, plan, key, series):
    every = []
    for y, one in enumerate(series):
        s = _summary(results, plan, key, one)
        if not s:
            continue
        median, low, high = s
        every += [low, high]
        axes.errorbar(median, y, xerr=[[median - low], [high - median]],
                      fmt="D" if one.main else "o", capsize=2.5,
                      color=one.colour, markersize=7 if one.main else 5)
        axes.annotate(frame.short(median), (high, y), (6, 0), fontsize=8,
                      textcoords="offset points", va="center",
                      color=one.colour)
    axes.set_yticks(range(len(series)), [one.name for one in series])
    for label, one in zip(axes.get_yticklabels(), series):
        label.set_color(one.colour)
        label.set_weight("bold" if one.main else "normal")
    axes.set_ylim(len(series) - .5, -.5)
    axes.grid(axis="y", visible=False)
    frame.scale(axes, "x", every or [1])


