"""A Discord that replays more than it must: what the client had already, once more."""

from __future__ import annotations

from simulator.session import Session
from simulator.sessions import Sessions


class ReplayRewinder:
    """Goes back so many dispatches further than each resume asks for: `again`."""

    def __init__(self, sessions: Sessions) -> None:
        self.again = 0
        self._resumable = sessions.resumable
        sessions.resumable = self._further_back  # type: ignore[method-assign]

    def _further_back(self, session_id: str, seq: int) -> Session | None:
        session = self._resumable(session_id, seq)
        if session is not None and self.again:
            further = max(0, seq - self.again)
            while further < seq and not session.rewind(further):
                further += 1
        return session
