"""A session with Discord that outlives its connection, and the process that began it.

hikari resumes by itself as long as its process lives. This is its shard with three things
changed: it can be given a session to go on with, it leaves one behind that can be resumed, and
somebody else says when it may connect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from services.gateway.discord.hikari_shard import InstrumentedShard

RESUMED_WITHIN: Final = 300.0  # seconds: Discord keeps a session for some minutes, not for more


class Session(Struct, frozen=True):
    """What a resume needs. Discord docs: Gateway, Resuming."""

    id: str
    url: str  # resume_gateway_url
    seq: int  # of the last event that was taken in


class ResumableShard(InstrumentedShard):
    """hikari's shard; `parts` are its own parameters."""

    def __init__(
        self, session: Session | None, may_connect: Callable[[], Awaitable[None]], **parts: Any
    ) -> None:
        """`may_connect` is waited for before each connection, the first and every other."""
        super().__init__(**parts)
        self._may_connect = may_connect
        self._away_since: float | None = None
        if session is not None:
            self._session_id, self._resume_gateway_url = session.id, session.url
            self._seq = session.seq

    @property
    def session(self) -> Session | None:
        """Where it stands; None when the next connection has to identify."""
        seq = self._seq
        if not self._session_id or not self._resume_gateway_url or not isinstance(seq, int):
            return None
        return Session(self._session_id, self._resume_gateway_url, seq)

    async def start(self) -> None:
        """Begin to connect. hikari's own waits for the first connection, and cannot be ended
        while it does: its task is not known to `close` before."""
        self._handshake_event = asyncio.Event()
        self._keep_alive_task = asyncio.create_task(self._keep_alive())

    async def _connect(self) -> Any:
        self._give_up_what_is_old()
        await self._may_connect()
        tasks = await super()._connect()
        self._away_since = None
        return tasks

    def _give_up_what_is_old(self) -> None:
        """The address to resume at may be gone with the session, and nobody there to say so."""
        now = asyncio.get_running_loop().time()
        if self._away_since is None:
            self._away_since = now
        elif now - self._away_since > RESUMED_WITHIN:
            self._session_id = self._resume_gateway_url = self._seq = None

    @property
    def _is_closing(self) -> bool:
        """hikari asks this when it hangs up: a shard that is closing says 1001, and with that
        Discord ends the session. Any other code leaves it to be resumed."""
        return False

    @_is_closing.setter
    def _is_closing(self, closing: bool) -> None:
        pass
