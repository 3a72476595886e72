# SPDX-License-Identifier: Apache-2.0
"""Who is measured: each column of the tables is one back end of the bench
program, called one way.  Private mallocs are all the back end `malloc`, with
the library preloaded; with threads they are a column of their own."""
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Column:
    name: str           # as tables and formulas call it
    backend: str        # as the bench program does
    group: str          # ours, harness, private, private-threads, shared, pool
    preload: str = ""   # soname of a malloc
    threads: bool = False


PRIVATE = {
    "glibc": "",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2.0",
}
SHARED = ("boost174", "boost181", "pgdsa", "dpdk-malloc", "apr")
POOLS = ("dpdk-mempool",)       # of fixed sizes: beside, not among the peers


def _all():
    yield Column("mheap", "mheap", "ours")
    yield Column("mheap-shared", "mheap-shared", "ours")
    yield Column("mheap-threads", "mheap", "ours", threads=True)
    yield Column("null", "null", "harness")
    for name, soname in PRIVATE.items():
        yield Column(name, "malloc", "private", soname)
    for name, soname in PRIVATE.items():
        yield Column(name + "-threads", "malloc", "private-threads", soname,
                     True)
    for name in SHARED:
        yield Column(name, name, "shared")
    for name in POOLS:
        yield Column(name, name, "pool")


COLUMNS = {c.name: c for c in _all()}
GROUP_TITLES = {
    "private": "private mallocs, each process with its own",
    "private-threads": "private mallocs, threads of one process",
    "shared": "shared-memory allocators",
    "pool": "pools of fixed sizes (not general)",
}


def members(group):
    """The columns that a formula's group name stands for, or []."""
    if group == "private-any":
        return members("private") + members("private-threads")
    return [c.name for c in COLUMNS.values() if c.group == group]


@lru_cache(maxsize=None)
def _library_folders():
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True,
                             text=True, check=True).stdout
    paths = [line.split(" => ")[1] for line in listing.splitlines()
             if " => " in line]
    own = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    return list(dict.fromkeys(own + [os.path.dirname(p) for p in paths]))


@lru_cache(maxsize=None)
def library(name):
    """Where the loader would find a library; None if it wouldn't."""
    for folder in filter(None, _library_folders()):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


@lru_cache(maxsize=None)
def version(name):
    """Of a private malloc; the other back ends report their own."""
    soname = PRIVATE.get(name.removesuffix("-threads"))
    if soname is None:
        return None
    if not soname:
        return os.confstr("CS_GNU_LIBC_VERSION").split()[-1]
    path = library(soname)
    return path and _package_version(os.path.basename(os.path.realpath(path)))


def _package_version(file):
    """Of the Debian package that has the file; else the file's name says it."""
    try:
        owner = subprocess.run(["dpkg-query", "-S", "*/" + file],
                               capture_output=True, text=True).stdout
        return subprocess.run(
            ["dpkg-query", "-W", "-f=${Version}", owner.split(": ")[0]],
            capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return file
