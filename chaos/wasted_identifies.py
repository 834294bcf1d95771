"""Identifies that were spent although Discord kept a session, which could have been resumed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from chaos.fault_window import MACHINE, FaultWindow
from chaos.plan import FORGETTING, GATEWAYS
from simulator.protocol import Identify
from simulator.session import Session
from simulator.sessions import Sessions

_STORE: Final = {"redis", *(f"{name}>redis" for name in GATEWAYS)}
_WRITERS: Final = {*_STORE, *GATEWAYS, MACHINE}
_WRITTEN_WITHIN: Final = 5.0  # seconds after which Redis knows of a session that was begun
_GREETED_WITHIN: Final = 0.5  # seconds after which READY has told the gateway of its session
_ASKED_WITHIN: Final = 5.0  # seconds: a gateway that starts waits no longer for Redis to tell it


class WastedIdentify(Struct, frozen=True):
    """A session that was never resumed: when it began, and when another one replaced it."""

    shard: int
    began: float  # seconds of time.monotonic()
    replaced_at: float
    left_at: float | None = None  # when its last connection ended


class WastedIdentifyTracker:
    """Notes every session that begins beside one that could have been resumed."""

    def __init__(self, sessions: Sessions) -> None:
        self.spent: list[WastedIdentify] = []
        self._begin = sessions.begin
        sessions.begin = self._noted  # type: ignore[method-assign]
        now = time.monotonic()
        self._newest = {session.shard[0]: (session, now) for session in sessions}
        self._named = {session.id for session in sessions}  # by READY, long ago

    def _noted(self, asked: Identify, url: str) -> Session | None:
        session = self._begin(asked, url)
        if session is not None:
            shard, now = session.shard[0], time.monotonic()
            earlier, began = self._newest.get(shard, (None, now))
            if earlier is not None and not earlier.lost:
                left_at = None if earlier.id in self._named else earlier.detached_at
                self.spent.append(WastedIdentify(shard, began, now, left_at))
            self._newest[shard] = session, now
        return session


def unexcused(spent: Sequence[WastedIdentify], windows: Sequence[FaultWindow]) -> list[str]:
    """Of these, the ones for which there was no reason.

    Reasons: Redis has lost since what it knew of the session. Or it was never told, as it, the
    gateway or the line between them was broken just when the session began. Or it could not
    answer when the next one was begun. Or its connection ended so soon that READY may not have
    named it.
    """
    problems = []
    for one in spent:
        first, last = one.began, one.replaced_at
        is_unnamed = one.left_at is not None and one.left_at < first + _GREETED_WITHIN
        excused = is_unnamed or any(
            (window.kind in FORGETTING and window.touches(first, last))
            or (window.target in _WRITERS and window.touches(first, first + _WRITTEN_WITHIN))
            or (window.target in _STORE and window.touches(last - _ASKED_WITHIN, last))
            for window in windows
        )
        if not excused:
            age = last - first
            problems.append(f"shard {one.shard} began anew; its session of {age:.1f} s was kept")
    return problems
