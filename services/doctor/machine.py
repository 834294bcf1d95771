"""Checks of the machine that the doctor runs on: its clock, and its limit of open files."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from services.doctor.report import Finding, failure, ok, warning
from shared.net.connection_limiter import RESERVED_FILES

FEW_FILES: Final = 4096
CLOCK_TOLERANCE_S: Final = 3.0  # an HTTP date has whole seconds, and the response took its time
CLOCK_FAILURE_S: Final = 60.0

SET_CLOCK: Final = (
    "Let the network set this machine's clock (`timedatectl set-ntp true`; of a virtual machine, "
    "on its host). A wrong clock makes times wrong; when it is far off, certificates and ids fail."
)


def check_file_limit() -> Finding:
    return connection_capacity(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def connection_capacity(hard_limit: int) -> Finding:
    """`hard_limit`: the number of open files up to which a process may raise its own limit."""
    if hard_limit == resource.RLIM_INFINITY:
        return ok("ws can hold as many connections as memory allows")
    clients = max(0, hard_limit - RESERVED_FILES)
    message = f"ws can hold {clients:,} connections (limit of open files: {hard_limit:,})"
    if hard_limit < FEW_FILES:
        return warning(
            message,
            "Raise the hard limit of open files: `ulimits: nofile` in a compose file, LimitNOFILE= "
            "in a systemd unit, `ulimit -Hn` in a shell.",
        )
    return ok(message)


def check_clock(whose: str, ahead_s: float) -> Finding:
    """Compare with the clock of `whose`, which is `ahead_s` seconds ahead of this machine's."""
    if abs(ahead_s) <= CLOCK_TOLERANCE_S:
        return ok(f"this machine's clock agrees with {whose}")
    side = "behind" if ahead_s > 0 else "ahead of"
    message = f"this machine's clock is {abs(ahead_s):.0f} seconds {side} {whose}"
    far = abs(ahead_s) > CLOCK_FAILURE_S
    return failure(message, SET_CLOCK) if far else warning(message, SET_CLOCK)


def check_clock_by_http(whose: str, date: str, now: float) -> Finding | None:
    """`date`: the Date header of a response (RFC 9110 section 6.6.1). None: it holds no date.

    `now`: when the response came, in seconds since 1970.
    """
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return check_clock(whose, (theirs - datetime.fromtimestamp(now, UTC)).total_seconds())


def in_container() -> bool:
    """Whether this process runs in a container, so that its addresses are the container's."""
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
