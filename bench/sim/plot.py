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
    fig, ax = new("128 cores, 500 ns of own work per object (simulated)",
                  "processes", "throughput / ideal, %")
    kinds = (("10 % freed elsewhere", {"remote": 0.1, "wave": 0}, "tab:blue"),
             ("all freed elsewhere", {"remote": 1, "wave": 0}, "tab:orange"),
             ("waves", {"remote": 0, "wave": 32768}, "tab:green"))
    for label, where, color in kinds:
        for paced, style, state in ((0, "o-", "today"), (4096, "s--", "changed")):
            rows = res.some("scale", think=500, paced=paced, **where)
            if rows:
                ax.plot([r["procs"] for r in rows],
                        [100 * r["efficiency"] for r in rows], style,
                        color=color, label=f"{label}, {state}")
    ax.set_xscale("log", base=2)
    ax.set_xticks(PROCS, [f"{p:,}" for p in PROCS])
    ax.set_ylim(0, 105)
    ax.legend()
    save(fig, folder, "efficiency")


def stripes(res, folder):
    fig, ax = new("One class, 128 cores, passing flat out: stripe found busy",
                  "stripes", "share of tries, %")
    for p in PROCS:
        rows = sorted(res.some("stripes", procs=p), key=lambda r: r["stripes"])
        x = [r["stripes"] for r in rows]
        ax.plot(x, [100 * r["busy"] for r in rows], "o", color=COLORS[p],
                label=f"{p:,} processes, simulated")
        ax.plot(x, [100 * model.busy(res.costs, r["pops"], r["stripes"], p, 128)
                    for r in rows], "-", color=COLORS[p],
                label=f"{p:,} processes, formula")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(x, [f"{s:.0f}" for s in x])
    ax.legend()
    save(fig, folder, "stripes")


def sweep(res, folder):
    fig, ax = new("256 processes, 128 cores, passing, 500 ns per object "
                  "(simulated)", "span ids in the heap", "daemon busy, %")
    for paced, label in ((0, "today: a hint sweeps all ids"),
                         (4096, "4,096 ids for a hint")):
        rows = sorted((r for r in res.runs["ids"] if r["paced"] == paced),
                      key=lambda r: r["ids"])
        ax.plot([max(r["ids"], r["spans"]) for r in rows],
                [100 * min(1, r["daemon"]) for r in rows], "o-", label=label)
    ax.set_xscale("log")
    ax.set_ylim(0, 105)
    ax.legend()
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
    ax.legend()
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
