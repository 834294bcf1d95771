"""What this machine lets a process have."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from services.doctor.finding import Finding, ok, warning
from shared.net.connection_limiter import RESERVED_FILES

FEW: Final = 4096


def files(hard: int) -> Finding:
    """`hard`: the limit that a process may raise its own to."""
    if hard == resource.RLIM_INFINITY:
        return ok("a ws may hold as many connections as memory allows")
    clients = max(0, hard - RESERVED_FILES)
    what = f"a ws may hold {clients:,} connections (limit of open files: {hard:,})"
    if hard < FEW:
        return warning(
            what,
            "Raise the hard limit of open files: `ulimits: nofile` in a compose file, LimitNOFILE= "
            "in a systemd unit, `ulimit -Hn` in a shell.",
        )
    return ok(what)


def open_files() -> Finding:
    return files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def in_container() -> bool:
    """Whether this machine's own addresses are a container's."""
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
