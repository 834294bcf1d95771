"""How long a resume's replay lasts: what is known until its end was true once, and may not be now.

Redis may be ahead of it, as an earlier process took in, and wrote, some of what is repeated.

RESUMED says that it is over. But one of an earlier resume may be among what is repeated, and
looks the same. So Discord is asked for a member then: dispatches come in order, and nobody had
asked that before, so nothing of the replay can follow the answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

WITHIN: Final = 60.0  # seconds since a connection's first event, as others have what to write
BEHIND: Final = 10.0  # seconds without a connection; then what is known is better than nothing
ANSWERED_WITHIN: Final = 5.0  # seconds: a question may get lost, or none of its guild be told


class ReplayBarrier:
    """From `begin` or `behind` until Discord has answered what it is asked after RESUMED, or has
    begun a new session.
    """

    def __init__(self, is_connected: Callable[[], bool], ask: Callable[[str], bool]) -> None:
        """`ask` asks Discord for a member, with this nonce. False: there is none to ask for."""
        self._is_connected = is_connected
        self._ask = ask
        self._unfinished = False
        self._until = 0.0  # time of the loop
        self._heard = False  # something came by this connection
        self._nonce = ""
        self._then: Callable[[], None] = lambda: None
        self._waiting: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> bool:
        return self._unfinished and _now() < self._until

    def begin(self) -> None:
        self._unfinished = True
        self._until = _now() + WITHIN

    def behind(self) -> None:
        """There is no connection, and another process may have had one, and written since."""
        self._unfinished = True
        self._heard = False
        self._until = max(self._until, _now() + BEHIND)

    def end(self) -> None:
        self.interrupted()
        self._unfinished = False

    def connects(self) -> None:
        """Another connection begins, and brings the rest of the replay."""
        self.interrupted()
        self._heard = False

    def interrupted(self) -> None:
        """Nothing comes of what was asked."""
        self._nonce = ""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def resumed(self, then: Callable[[], None]) -> None:
        """Discord says that it is over. `then` is called when it is."""
        self.interrupted()
        self._then = then
        self._nonce = f"replay-{secrets.token_hex(8)}"
        if self.under_way and self._ask(self._nonce):
            self._waiting = asyncio.get_running_loop().call_later(ANSWERED_WITHIN, self._give_up)
        else:
            self._finish()

    def take(self, name: str, payload: Any) -> None:
        """Take note of an event that has been taken in."""
        if not self._unfinished:
            return
        if not self._heard:
            # It may have taken long to get here, and only now begins what must not be written.
            self._heard = True
            self._until = _now() + WITHIN
        if self._nonce and self._nonce == _nonce(name, payload):
            self._finish()

    def _give_up(self) -> None:
        if self._is_connected():
            self._finish()

    def _finish(self) -> None:
        self.end()
        self._then()


def _nonce(name: str, payload: Any) -> object:
    """Of an answer to a request for members."""
    if name == "RATE_LIMITED" and isinstance(payload, Mapping):
        payload = payload.get("meta")
    elif name != "GUILD_MEMBERS_CHUNK":
        return None
    return payload.get("nonce") if isinstance(payload, Mapping) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
