#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""report.py RESULTS DOCUMENT: writes the tables of doc/scaling.md anew, each
between its markers <!-- begin NAME --> and <!-- end NAME -->."""

import re
import sys

import results as model
from results import Results, middle

CORES = 128


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"]
    lines += ["| " + " | ".join(str(c) for c in r) + " |" for r in rows]
    return "\n".join(lines)


def percent(x, digits=1):
    return f"{100 * x:.{digits}f} %"


def short(x):
    """A number for people: three digits."""
    if x == 0:
        return "0"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def span_time(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{short(ns / size)} {unit}"
    return f"{short(ns)} ns"


def bytes_text(n):
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n >= size:
            return f"{short(n / size)} {unit}"
    return f"{n:.0f} B"


def workload(r):
    if r["wave"]:
        return "waves"
    return {0: "exchange, none freed elsewhere", 1: "pass, all freed elsewhere"
            }.get(r["remote"], f"exchange, {percent(r['remote'], 0)} freed "
                  "elsewhere")


# --- measured ---

def about(res):
    a = res.about
    return (f"Measured on {a['date']}: {a['machine']}; load average at the "
            f"start {a['load']}. Simulated from these costs, except the times "
            f"a line takes on the assumed machine.")


def costs(res):
    texts = {}
    for line in res.lines("costs.txt"):
        name, value, text = line.split(None, 2)
        texts[name] = (float(value), text)
    rows = []
    for name, (value, text) in texts.items():
        if "." not in name:
            rows.append((f"`{name}`", short(value), text))
    return table(("cost", "ns", "what"), rows)


def class_costs(res):
    sizes = ("64", "1024", "8192", "32768")
    names = dict.fromkeys(n.split(".")[0] for n in res.costs if "." in n)
    rows = [(f"`{n}`", *(short(res.costs[f"{n}.{s}"]) for s in sizes))
            for n in names]
    return table(("ns, by size of object", "64 B", "1 KiB", "8 KiB", "32 KiB"),
                 rows)


def per_cpu(sim):
    """Objects per second and CPU of the workers."""
    cpus = min(sim["procs"], sim["cores"])
    if sim["procs"] >= sim["cores"]:
        cpus -= sim["daemon"]
    return sim["ops"] / cpus


def validation_rows(res):
    for sim in res.runs["real"]:
        live = [l for l in res.live if all(
            l[k] == sim[k] for k in ("procs", "remote", "size", "wave"))]
        for l in live:
            l["per_cpu"] = l["ops"] / l["cpu"]
            l["per_refill"] = 1e3 * l["refills"] / l["ops"]
            l["per_move"] = 1e3 * l["moves"] / l["ops"]
        yield sim, live


def error(sim, live):
    return per_cpu(sim) / middle(live, "per_cpu") - 1


def validation(res):
    rows = []
    for sim, live in sorted(validation_rows(res), key=lambda p: (
            p[0]["wave"], p[0]["remote"], p[0]["size"], p[0]["procs"])):
        rows.append((
            f"{workload(sim)}, {sim['size']:.0f} B", f"{sim['procs']:.0f}",
            short(middle(live, "per_cpu") / 1e6), short(per_cpu(sim) / 1e6),
            f"{100 * error(sim, live):+.0f} %",
            f"{short(middle(live, 'per_refill'))} / "
            f"{short(1e3 * sim['refills'] / sim['ops'])}",
            f"{short(middle(live, 'per_move'))} / "
            f"{short(1e3 * sim['moves'] / sim['ops'])}"))
    everything = list(validation_rows(res))
    small = [p for p in everything if p[0]["size"] == 64]

    def spread(some):
        e = sorted(abs(error(*p)) for p in some)
        return (f"median {percent(e[len(e) // 2], 0)}, largest "
                f"{percent(e[-1], 0)}")

    return table(("workload", "processes", "measured, M/s per CPU",
                  "simulated", "error", "refills per 1,000 objects",
                  "moves of spans per 1,000"), rows) + (
        f"\n\nError of the throughput: {spread(everything)}; of 64 B alone: "
        f"{spread(small)}.")


# --- larger machines ---

def scale_cell(r):
    return (f"{short(r['ops'] / 1e6)} ({percent(r['efficiency'], 0)}); "
            f"{percent(r['shared_time'])}; {percent(r['daemon'], 0)}; "
            f"{span_time(r['p99'])}")


def scale(res):
    rows = []
    for think in (0, 500):
        for remote, wave in ((0, 0), (0.1, 0), (1, 0), (0, 32768)):
            both = res.some("scale", think=think, remote=remote, wave=wave)
            for changed in (0, 4096):
                some = [r for r in both if r["paced"] == changed]
                if some:
                    rows.append((workload(some[0]), f"{think} ns",
                                 "changed" if changed else "today",
                                 *map(scale_cell, some)))
    return table(("workload", "own work per object", "mheap", "64 processes",
                  "256 processes", "1,024 processes"), rows)


def stripes(res):
    rows = []
    for s in (1, 2, 4, 8, 16, 32, 64, 128):
        cells = []
        for r in res.some("stripes", stripes=s):
            m = model.busy(res.costs, r["pops"], s, r["procs"], CORES)
            cells.append(f"{percent(r['busy'])} / {percent(m)}")
            cells.append(percent(r["efficiency"], 0))
        rows.append((s, *cells))
    return table(("stripes", "64 processes: busy, simulated / formula",
                  "of ideal", "256: busy", "of ideal", "1,024: busy",
                  "of ideal"), rows)


def stripe_count(res):
    rows = []
    for cores in (2, 8, 16, 32, 64, 128, 256):
        made = 1
        while made < 64 and made < cores:
            made *= 2
        cells = []
        for ns in (50, 500, 5000):
            cycles = cores * 1e9 / ns / 256
            cells += [model.stripes_for(res.costs, cycles, p, cores)
                      for p in (cores, 8 * cores)]
        rows.append((cores, made, *cells))
    return table(("cores", "mheapd makes", "50 ns per object",
                  "... 8 processes a core", "500 ns", "... 8", "5 us",
                  "... 8"), rows)


def classes(res):
    rows = []
    for size in (64, 1024, 8192, 32768):
        tenth = res.one("classes", size=size, remote=0.1)
        one = res.one("classes", size=size, remote=1, take=1)
        many = res.one("classes", size=size, remote=1, take=8)
        rows.append((f"{size:,} B", f"{one['batch']:.0f}",
                     f"{one['slots']:.0f}", f"{one['think']:,.0f} ns",
                     percent(tenth["shared_allocs"], 2),
                     percent(one["shared_allocs"], 2),
                     percent(one["shared_time"]),
                     percent(one["efficiency"], 0),
                     percent(many["shared_allocs"], 2),
                     percent(many["shared_time"]),
                     percent(many["efficiency"], 0)))
    return table(("class", "batch", "slots of a span", "own work",
                  "10 % elsewhere: allocs", "all: allocs", "time", "of ideal",
                  "8 spans a visit: allocs", "time", "of ideal"), rows)


def batches(res):
    rows = []
    for r in sorted(res.runs["batches"], key=lambda r: r["batch"]):
        rows.append((f"{r['batch']:.0f}",
                     short(1e3 * r["refills"] / r["ops"]),
                     percent(r["shared_allocs"], 2),
                     percent(r["shared_time"]), short(r["ops"] / 1e6),
                     span_time(r["p99"])))
    return table(("batch", "refills per 1,000 objects", "shared: allocs",
                  "shared: time", "M objects/s", "refill p99"), rows)


def ids(res):
    rows = []
    for n in (0, 32768, 1 << 20, 1 << 23, 1 << 25):
        today = res.one("ids", ids=n, paced=0)
        paced = res.one("ids", ids=n, paced=4096)
        ns = max(n, today["spans"]) * model.sweep_per_id(res.costs)
        rows.append((f"{n:,}" if n else "this class's alone",
                     bytes_text(n * 32768) if n else "-", span_time(ns),
                     percent(min(1, today["daemon"]), 0),
                     short(today["ops"] / 1e6),
                     percent(min(1, paced["daemon"]), 0),
                     short(paced["ops"] / 1e6)))
    return table(("span ids", "heap", "one sweep (formula)", "daemon busy",
                  "M objects/s", "in pieces: daemon busy", "M objects/s"),
                 rows)


KINDS = (("want", "the line of the want bits"), ("bell", "the bells' line"),
         ("stripe", "stripes"), ("words", "span words, four spans to a line"),
         ("live", "live words and parked bytes"))


def lines(res):
    columns = [(64, 500), (256, 500), (1024, 500), (64, 0), (256, 0), (1024, 0)]
    rows = []
    for name, text in KINDS:
        cells = [res.one("scale", procs=p, think=t, remote=1, wave=0, paced=0)
                 for p, t in columns]
        rows.append((text, *(percent(c[name], 2) for c in cells)))
    return table(("share of the processes' time, waiting for", "500 ns, 64",
                  "256", "1,024", "0 ns, 64", "256", "1,024"), rows)


NAMES = (("paced", "sweeps: 4,096 ids for each 4,096th span listed"),
         ("target", "targets of four spans for each process"),
         ("own", "the daemon has a core of its own"),
         ("peek", "a want bit that is set is not set again"),
         ("spread", "the daemon pushes to all stripes in turn"),
         ("fifo", "lists first in, first out"),
         ("take", "4 spans a visit"))
USUAL = {"paced": 0, "target": 0, "own": 0, "peek": 0, "spread": 0, "fifo": 0,
         "take": 1}


def change_of(r):
    on = [text for name, text in NAMES if r[name] != USUAL[name]]
    return "today" if not on else on[0] if len(on) == 1 else "the first five"


def changes(res):
    cells = {}
    for r in res.runs["changes"]:
        key = (r["procs"], bool(r["wave"]))
        cells.setdefault(change_of(r), {})[key] = percent(r["efficiency"], 1)
    columns = [(p, w) for w in (False, True) for p in (64, 256, 1024)]
    rows = [(name, *(c[k] for k in columns)) for name, c in cells.items()]
    return table(("change, alone", "pass, 64", "256", "1,024", "waves, 64",
                  "256", "1,024"), rows)


# --- 1 TiB ---

PARTS = (("header", "header"), ("registry", "registry of 1,024 clients"),
         ("names", "65,536 names"), ("page_map", "page map, 4 B a page"),
         ("commit_bits", "commit bits"),
         ("geometry", "geometry entries, 32 B an id"),
         ("stripes", "stripes, 64 to a span class"),
         ("client_slots", "client slots"),
         ("span_words", "span words, 16 B an id"), ("blocks", "blocks"),
         ("daemon_pages", "daemon: table of pages"),
         ("daemon_granules", "daemon: table of granules"),
         ("daemon_ids", "daemon: stack of ids"),
         ("client_page_words", "each client: page words"),
         ("kernel_page_table", "each client: the kernel's page table, 4 KiB"))


def meta_parts(res):
    rows = {r["part"]: r for r in res.meta if "part" in r}
    return table(("part", "address range", "of 1 TiB"),
                 [(text, bytes_text(rows[n]["bytes"]),
                   f"{rows[n]['percent']:.4f} %") for n, text in PARTS])


def meta_classes(res):
    rows = []
    for r in res.meta:
        if "class" in r:
            rows.append((f"{r['class']:,.0f} B, {r['life']}",
                         f"{r['spans']:,.0f}", bytes_text(r["page_bytes"]),
                         bytes_text(r["id_bytes"]),
                         bytes_text(r["block_bytes"]),
                         bytes_text(r["meta_bytes"]), f"{r['percent']:.2f} %",
                         percent(r["fit"], 0)))
    return table(("filled with", "spans", "page map, bits", "ids", "blocks",
                  "all", "of what it holds", "of 1 TiB that fits"), rows)


def restart(res):
    span, page = model.fit_restart(res.restart, "rebuild_ms")
    s_span, s_page = model.fit_restart(res.restart, "start_ms")
    rows = []
    for r in res.restart:
        said = (span * r["spans"] + page * r["pages"]) / 1e6
        rows.append((f"{r['gib']:.0f} GiB of {bytes_text(r['size'])}",
                     f"{r['spans']:,.0f}", f"{r['pages']:,.0f}",
                     bytes_text(r["meta"]), span_time(r["rebuild_ms"] * 1e6),
                     f"{100 * (said / r['rebuild_ms'] - 1):+.0f} %",
                     span_time(r["start_ms"] * 1e6),
                     span_time(r["attach_ms"] * 1e6)))
    text = table(("heap", "spans", "pages", "metadata", "rebuild",
                  "formula", "start to first attach", "attach alone"), rows)
    pages = 1 << 27
    said = []
    for what, n in (("64 B objects", pages // 4), ("8 KiB objects", pages // 16),
                    ("1 MiB objects", pages // 128)):
        said.append(
            f"{what}: rebuild {span_time(span * n + page * pages)}, start "
            f"{span_time(s_span * n + s_page * pages)}")
    return text + (
        f"\n\nRebuild = {short(span)} ns x spans + {short(page)} ns x pages; "
        f"start = {short(s_span)} ns x spans + {short(s_page)} ns x pages. "
        f"So, extrapolated, 1 TiB full of " + "; of ".join(said) + ".")


def growth(res):
    c = res.costs
    rate = 4096 / c["commit_page"]
    dead = (1 << 25) * c["reclaim_id"]
    return (
        f"- Growth: one file, one `fallocate` at a time, "
        f"{short(c['commit_page'])} ns for 4 KiB: {short(rate)} GB/s, "
        f"{short(rate * 1e3 / 64)} M objects of 64 B per second, whoever asks "
        f"and however many cores there are.\n"
        f"- Requests: {short(c['turn'] / 1e3)} us of CPU time each in a turn "
        f"of its own, so {short(1e6 / c['turn'])} thousand per second; "
        f"{short(c['serve.64'] / 1e3)} us of that is the span.\n"
        f"- Provisioning: {short(c['provision.64'] / 1e3)} us a span: "
        f"{short(1e3 / c['provision.64'])} M spans/s.\n"
        f"- A span's first visit to a process: {short(8 * c['map_page'] / 1e3)} "
        f"us for one of 32 KiB, once for each process and span.\n"
        f"- A dead client: {short(c['reclaim_id'])} ns for each id of the heap "
        f"and {short(c['reclaim_span'])} ns for each span of its own. A table "
        f"of 33.5 M ids takes {span_time(dead)} to look through, and 1,024 "
        f"clients that die together {span_time(1024 * dead)}.\n"
        f"- The timer's look at 1,024 client slots: "
        f"{span_time(1024 * c['tick_slot'])} each 100 ms. Its paced sweep of "
        f"4,096 ids goes through 33.5 M ids in "
        f"{(1 << 25) / 4096 / 10 / 60:.0f} minutes.")


def headline(res):
    """The sentences of the beginning that have figures in them."""
    c = res.costs
    span, page = model.fit_restart(res.restart, "start_ms")
    start = span * (1 << 25) + page * (1 << 27)
    full = (1 << 25) * model.sweep_per_id(c)
    worst = {r["procs"]: r["efficiency"] for r in res.some(
        "scale", think=500, wave=32768, paced=0)}
    best = {r["procs"]: r["efficiency"] for r in res.some(
        "scale", think=500, wave=32768, paced=4096)}
    passing = {r["procs"]: r["efficiency"] for r in res.some(
        "scale", think=500, wave=0, remote=1, paced=0)}
    tib = [r for r in res.meta if r.get("class") == 64]
    return (
        f"- A start of the daemon over a full 1 TiB of 64 B objects takes "
        f"{span_time(start)} (extrapolated); clients wait 30 s.\n"
        f"- A sweep of its 33.5 M ids takes {span_time(full)} and holds up "
        f"every request meanwhile; today a hint for one comes with every 64 "
        f"spans that a process lists.\n"
        f"- Waves of allocs and frees beyond what processes keep, 500 ns of "
        f"own work per object, 128 cores: "
        + ", ".join(f"{percent(e, 0)} of ideal with {p:,.0f} processes"
                    for p, e in worst.items())
        + "; with the changes below "
        + ", ".join(percent(e, 0) for e in best.values()) + ".\n"
        f"- Passing every object to another process, the same: "
        + ", ".join(f"{percent(e, 0)}" for e in passing.values())
        + " of ideal.\n"
        f"- Objects that die where they were born, or 90 % of them: nothing "
        f"is shared at any number of processes.\n"
        f"- Metadata of 1 TiB of 64 B objects: "
        + ", ".join(f"{r['percent']:.2f} % {r['life']}" for r in tib) + ".")


PARTS_OF_DOCUMENT = (about, costs, class_costs, validation, scale, lines, stripes,
                     stripe_count, classes, batches, ids, changes, meta_parts,
                     meta_classes, restart, growth, headline)


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: report.py RESULTS DOCUMENT")
    res = Results(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as f:
        text = f.read()
    for part in PARTS_OF_DOCUMENT:
        name = part.__name__
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise SystemExit(f"report: {sys.argv[2]} has no place for {name}")
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        new = f"{begin}\n{part(res)}\n{end}"
        text = re.sub(pattern, lambda m, n=new: n, text, flags=re.S)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
