# SPDX-License-Identifier: Apache-2.0
"""What the pictures have in common: scales, ticks, names at lines, the legend.
Knows nothing of measurements."""
from matplotlib import pyplot, ticker

WIDE = 8                # times: beyond it an axis is logarithmic


def scale(axes, which, values):
    """From 0, or logarithmic where one would hide the others; with room at the
    high end, for figures beside what is drawn."""
    low, high = min(values), max(values)
    limits = axes.set_xlim if which == "x" else axes.set_ylim
    room = .3 if which == "x" else .08
    if low > 0 and high > WIDE * low:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        limits(low / (high / low)**.06, high * (high / low)**room)
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: short(v)))
        axis.set_minor_locator(ticker.NullLocator())
    else:
        limits(min(low, 0), high * (1 + room) or 1)


def short(value):
    """Three digits, and k or M: for a place where there is little room."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if value >= 10 * factor or value >= 1e6:
            return f"{value / factor:.3g}{unit}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def legend(figure, entries):
    """[(text, colour, whether it is one of ours)] below everything."""
    dots = [pyplot.Line2D([], [], color=colour, linestyle="",
                          marker="D" if ours else "o")
            for _, colour, ours in entries]
    figure.legend(dots, [text for text, _, _ in entries], loc="upper left",
                  bbox_to_anchor=(0, 0), ncols=3, frameon=False, fontsize=8,
                  handletextpad=.2, columnspacing=1.2)


def _binary(value):
    for unit, factor in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if value >= factor and value % factor == 0:
            return f"{value // factor} {unit}"
    return str(value)


def steps(axes, values):
    axes.set_xscale("log", base=2)
    axes.set_xticks(values, [_binary(v) for v in values])
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def name_ends(axes, ends):
    """Each line's name at the right edge, pushed apart where they would touch;
    in the axes' own height, so that a logarithmic scale is no matter."""
    gap = .042
    place = axes.transData + axes.transAxes.inverted()
    ends = sorted(((*place.transform((x, y)), one) for x, y, one in ends),
                  key=lambda end: end[1])
    at = spread_out([y for _, y, _ in ends], gap)
    for (x, y, one), label_y in zip(ends, at):
        axes.annotate(
            one.name, (x, y), (1.04, label_y), fontsize=8,
            xycoords="axes fraction", textcoords="axes fraction",
            color=one.colour, va="center", annotation_clip=False,
            weight="bold" if one.main else "normal",
            arrowprops={"arrowstyle": "-", "color": one.colour,
                        "linewidth": .5, "shrinkA": 1, "shrinkB": 4,
                        "relpos": (0, .5)})


def spread_out(wanted, gap):
    """Rising positions, at least gap apart and at most 1 where they fit, near
    the rising ones that are wanted."""
    at = []
    for y in wanted:
        at.append(max(y, at[-1] + gap) if at else y)
    top = 1.0
    for i in reversed(range(len(at))):
        at[i] = min(at[i], top)
        top = at[i] - gap
    return at
