"""When something was broken, and which clients could therefore miss a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from chaos.plan import SOCKETS

MACHINE: Final = "the machine"
"""The target where the machine gave the run no time (chaos/host_stalls.py)."""

_SETTLES: Final = 2.0  # seconds in which `ws` has reconnected, and reloaded every user


class FaultWindow(Struct, frozen=True):
    """From `began` to `ended`, in seconds of time.monotonic(), this target was not itself."""

    target: str
    began: float
    ended: float
    kind: str = ""  # of the fault

    def touches(self, first: float, last: float, settles: float = _SETTLES) -> bool:
        """Whether anything between these two moments may have been missed."""
        return self.began <= last and self.ended + settles >= first


def on_the_way(windows: Sequence[FaultWindow], replica: int) -> list[FaultWindow]:
    """Those between Redis and the clients of one `ws`, by its place in `plan.SOCKETS`."""
    name = SOCKETS[replica]
    way = {"redis", f"{name}>redis", name, f"clients>{name}", MACHINE}
    return [window for window in windows if window.target in way]
