#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""plot.py RESULTS FOLDER: the plots of doc/scaling.md, as SVG."""

import os
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "mheap"   # the same file each time
import matplotlib.pyplot as plt

import results as model
from results import Results

PROCS = (64, 256, 1024)
COLORS = {64: "tab:blue", 256: "tab:orange", 1024: "tab:green"}


def new(title, x, y):
    fig, ax = plt.subplots(figsize=(7, 4))
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.grid(True, alpha=0.3)
    return fig, ax


def save(fig, folder, name):
    fig.tight_layout()
    fig.savefig(os.path.join(folder, name + ".svg"), metadata={"Date": None})
    plt.close(fig)


def efficiency(res, folder):
    fig, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
    kinds = (("10 % freed elsewhere", {"remote": 0.1, "wave": 0}, "tab:blue"),
             ("all freed elsewhere", {"remote": 1, "wave": 0}, "tab:orange"),
             ("waves", {"remote": 0, "wave": 32768}, "tab:green"))
    for ax, think in zip(axes, (0, 500)):
        ax.set_title(f"{think} ns of own work per object")
        ax.set_xlabel("processes on 128 cores (simulated)")
        ax.grid(True, alpha=0.3)
        for label, where, color in kinds:
            for paced, style in ((0, "o-"), (4096, "s--")):
                rows = res.some("scale", think=think, paced=paced, **where)
                ax.plot([r["procs"] for r in rows],
                        [100 * r["efficiency"] for r in rows], style,
                        color=color, label=label if not paced else
                        f"{label}, changed" if rows else None)
        ax.set_xscale("log", base=2)
        ax.set_xticks(PROCS, [f"{p:,}" for p in PROCS])
    axes[0].set_ylabel("throughput / ideal, %")
    axes[0].set_ylim(0, 105)
    axes[0].legend()
    save(fig, folder, "efficiency")


def stripes(res, folder):
    fig, ax = new("One class, 128 cores, passing flat out: stripe found busy",
                  "stripes", "share of tries, %")
    for p in PROCS:
        rows = sorted(res.some("stripes", procs=p), key=lambda r: r["stripes"])
        x = [r["stripes"] for r in rows]
        said = [100 * model.busy(res.costs, r["pops"], r["stripes"], p, 128)
                for r in rows]
        ax.plot(x, [100 * r["busy"] for r in rows], "o", color=COLORS[p],
                label=f"{p:,} processes, simulated")
        ax.plot([n for n, y in zip(x, said) if y], [y for y in said if y], "-",
                color=COLORS[p], label=f"{p:,} processes, formula")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_ylim(0.01, 200)
    ax.set_xticks(x, [f"{s:.0f}" for s in x])
    ax.legend()
    save(fig, folder, "stripes")


def sweep(res, folder):
    fig, ax = new("256 processes, 128 cores, passing, 500 ns per object "
                  "(simulated)", "span ids in the heap", "%")
    for paced, label, color in ((0, "a hint sweeps all ids", "tab:blue"),
                                (4096, "a hint sweeps 4,096", "tab:orange")):
        rows = sorted((r for r in res.runs["ids"] if r["paced"] == paced),
                      key=lambda r: r["ids"])
        x = [max(r["ids"], r["spans"]) for r in rows]
        ax.plot(x, [100 * min(1, r["daemon"]) for r in rows], "o-",
                color=color, label=f"daemon busy, {label}")
        ax.plot(x, [100 * r["efficiency"] for r in rows], "s--", color=color,
                label=f"throughput / ideal, {label}")
    ax.set_xscale("log")
    ax.set_ylim(0, 105)
    ax.legend(loc="lower left")
    save(fig, folder, "sweep")


def restart(res, folder):
    fig, ax = new("Taking over a full heap", "span ids", "ms")
    for what, label, color in (("rebuild_ms", "rebuild", "tab:blue"),
                               ("start_ms", "start to first attach",
                                "tab:orange")):
        span, page = model.fit_restart(res.restart, what)
        small = sorted((r for r in res.restart if r["size"] == 64),
                       key=lambda r: r["spans"])
        ax.plot([r["spans"] for r in small], [r[what] for r in small], "o",
                color=color, label=f"{label}, measured, 64 B")
        x = [small[0]["spans"], 1 << 25]
        ax.plot(x, [(span + 4 * page) * n / 1e6 for n in x], "-", color=color,
                label=f"{label}, formula")
    ax.axhline(30000, color="tab:red", linestyle=":",
               label="clients wait so long")
    ax.axvline(1 << 25, color="gray", linestyle=":", label="1 TiB of 64 B")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.legend(loc="lower right")
    save(fig, folder, "restart")


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: plot.py RESULTS FOLDER")
    res = Results(sys.argv[1])
    os.makedirs(sys.argv[2], exist_ok=True)
    for plot in (efficiency, stripes, sweep, restart):
        plot(res, sys.argv[2])


if __name__ == "__main__":
    main()
