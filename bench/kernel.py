"""What the kernel says of a process: its CPU time, its memory, and where it may run."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

IS_LINUX: Final = sys.platform == "linux"  # nothing below works elsewhere
CORES: Final = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVER_CORE: Final = CORES[0]  # what is measured
LOAD_CORE: Final = CORES[-1]  # what it is measured with, Redis and the simulated Discord included


def pin_to(core: int | None) -> None:
    """This process, and what it starts, runs on this core; None: on any of them."""
    os.sched_setaffinity(0, CORES if core is None else {core})


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for one in found:
        for thread in threads(one):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                found += map(int, (thread / "children").read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of all the process's threads, user and kernel, since it started.

    Its CPU clock (clock_getcpuclockid(3)) counts nanoseconds, where /proc/PID/stat has ticks.
    """
    return time.clock_gettime_ns(~pid << 3 | 2) / 1e9


def memory(pid: int) -> int:
    """Bytes of RAM that the process holds now (its resident set)."""
    return int(_status(pid, "VmRSS")) * 1024


def most_memory(pid: int) -> int:
    """Bytes of RAM that the process held at most since `forget_most_memory`."""
    return int(_status(pid, "VmHWM")) * 1024


def forget_most_memory(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def own_memory() -> int:
    """Bytes that the kernel holds for objects of its own, such as sockets, on the whole machine."""
    return int(_field(Path("/proc/meminfo"), "Slab")) * 1024


def files_limit() -> int:
    """How many files, sockets included, a process may open at most."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def threads(pid: int) -> list[Path]:
    """Their folders; none of a process that has ended."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def _status(pid: int, field: str) -> str:
    return _field(Path(f"/proc/{pid}/status"), field)


def _field(file: Path, field: str) -> str:
    for line in file.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.split()[0]
    raise LookupError(field)
