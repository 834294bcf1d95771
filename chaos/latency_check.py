"""Requests that were answered late or not at all, though nothing on their way was broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from chaos.fault_window import Spell
from chaos.host_stalls import MACHINE
from chaos.plan import PROFILES

_SETTLES: Final = 8.0  # seconds in which a process that was just started listens, on a busy machine


class Wait(Struct, frozen=True):
    """For one answer, in seconds of time.monotonic()."""

    asked: float
    ended: float
    failed: str = ""  # why there was no answer at all, as where the connection was refused

    def __str__(self) -> str:
        came = f"did not answer ({self.failed})," if self.failed else "answered"
        return f"{came} after {self.ended - self.asked:.2f} s"


def unexcused(
    name: str, waits: Sequence[Wait], spells: Sequence[Spell], within: float
) -> list[str]:
    """Of one `api`, by its name: what took longer than `within` seconds, or never came.

    An answer that is none is the fault of whoever broke the process itself, or the wire to it;
    nothing behind it is an excuse. One that is late may also have waited for Redis or for the
    source of profile facts, for a burst, or for a machine that has no time.
    """
    front = {name, f"clients>{name}"}
    behind = {"redis", f"{name}>redis", PROFILES, "people", MACHINE}
    problems = []
    for wait in waits:
        if not wait.failed and wait.ended - wait.asked <= within:
            continue
        excuses = front if wait.failed else front | behind
        if not any(
            spell.target in excuses and spell.touches(wait.asked, wait.ended, _SETTLES)
            for spell in spells
        ):
            problems.append(f"{name} {wait}")
    return problems
