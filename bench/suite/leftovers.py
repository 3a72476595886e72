# SPDX-License-Identifier: Apache-2.0
"""What a run leaves that was ended by force, or whose program died: processes
that had left its session, names in file systems.  Touches nothing of other runs:
who loses its parent in a run becomes a child of ours, and names have a pid."""
import contextlib
import ctypes
import glob
import os
import shutil
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36

# First those that tidy up by themselves may do so: daemons, guards of names.
_STAGES = ((0, 5), (signal.SIGTERM, 5), (signal.SIGKILL, 5))    # seconds
_LOOK_S = .005


def adopt():
    """From now on orphans of our runs come to us, not to init."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def clear(run):
    """All that the run with this pid left is gone afterwards.  The caller has
    waited for the run itself, and has no other children."""
    if not any(_all_ended(sign, seconds) for sign, seconds in _STAGES):
        _reap()
    for path in _names(run):
        _remove(path)


def _all_ended(sign, seconds):
    told = set()
    give_up = time.monotonic() + seconds
    while _reap():
        for pid in _children() - told:
            os.kill(pid, sign)      # it is ours: until we reap it, it is there
            told.add(pid)
        if time.monotonic() > give_up:
            return False
        time.sleep(_LOOK_S)
    return True


def _reap():
    """Whether any are still running."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children():
    found = set()
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            pid, _, rest = file.read().partition(b" (")
            if int(rest.rpartition(b") ")[2].split()[1]) == os.getpid():
                found.add(int(pid))
    return found


def _names(run):
    """Paths that only the run with this pid can have made, if they are ours."""
    tmp = os.environ.get("TMPDIR", "/tmp")
    user = os.geteuid()
    sockets = ("/run/mheap", f"{tmp}/mheap-{user}",
               os.environ.get("XDG_RUNTIME_DIR", tmp) + "/mheap")
    patterns = [f"/dev/shm/mheap-bench-{run}-*", f"/dev/shm/mheap-bench-*-{run}",
                f"{tmp}/mheap-bench-*-{run}"]
    for heap in (f"bench.{run}", f"slow-{run}"):
        patterns.append(f"/dev/shm/mheap.{user}.{heap}.*")
        patterns += [f"{folder}/{heap}.*" for folder in sockets]
    return {path for pattern in patterns for path in glob.glob(pattern)
            if _owner(path) == user}


def _owner(path):
    try:
        return os.lstat(path).st_uid
    except OSError:         # its guard was faster
        return None


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
