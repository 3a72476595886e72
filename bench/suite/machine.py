# SPDX-License-Identifier: Apache-2.0
"""Where and when: what has to stand beside a figure."""
import datetime
import os
import platform
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))    # of the tree


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("model name", "CPU part")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib():
    return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) / 2**30


def caches():
    """{"L1d": "32K", ...} of the first CPU."""
    found = {}
    base = "/sys/devices/system/cpu/cpu0/cache"
    for index in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        try:
            level, kind, size = (_read(f"{base}/{index}/{item}")
                                 for item in ("level", "type", "size"))
        except OSError:
            continue
        found["L" + level + {"Data": "d", "Instruction": "i"}.get(kind, "")] \
            = size
    return found


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def describe():
    return {"cpu": cpu_model(), "cpus": len(os.sched_getaffinity(0)),
            "caches": caches(), "memory_gib": round(memory_gib(), 1),
            "kernel": platform.release(), "arch": platform.machine()}


def sentence(machine):
    caches_text = ", ".join(f"{k} {v}" for k, v in machine["caches"].items())
    return (f"{machine['cpu']}, {machine['cpus']} CPUs ({caches_text}), "
            f"{machine['memory_gib']} GiB, Linux {machine['kernel']}, "
            f"{machine['arch']}")


def date():
    return datetime.date.today().isoformat()


def commit():
    """The tree's; a "+" says that it was changed since."""
    try:
        return subprocess.run(
            ["git", "-C", ROOT, "describe", "--always", "--dirty=+",
             "--exclude=*"], capture_output=True, text=True,
            check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
