"""Requests that were answered late or not at all, though nothing on their way was broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from chaos.fault_window import MACHINE, FaultWindow
from chaos.plan import PROFILES

_SETTLES: Final = 8.0  # seconds in which a process that was just started listens, on a busy machine


class Latency(Struct, frozen=True):
    """For one answer, in seconds of time.monotonic()."""

    asked: float
    ended: float
    failed: str = ""  # why there was no answer at all, as where the connection was refused

    def __str__(self) -> str:
        came = f"did not answer ({self.failed})," if self.failed else "answered"
        return f"{came} after {self.ended - self.asked:.2f} s"


def unexcused(
    name: str, latencies: Sequence[Latency], windows: Sequence[FaultWindow], within: float
) -> list[str]:
    """Of one `api`, by its name: what took longer than `within` seconds, or never came.

    A missing answer is excused only by a fault of the process itself or of the connection to it;
    nothing behind it is an excuse. One that is late may also have waited for Redis or for the
    source of profile facts, for a burst, or for a machine that has no time.
    """
    front = {name, f"clients>{name}"}
    behind = {"redis", f"{name}>redis", PROFILES, "people", MACHINE}
    problems = []
    for wait in latencies:
        if not wait.failed and wait.ended - wait.asked <= within:
            continue
        excuses = front if wait.failed else front | behind
        if not any(
            window.target in excuses and window.touches(wait.asked, wait.ended, _SETTLES)
            for window in windows
        ):
            problems.append(f"{name} {wait}")
    return problems
