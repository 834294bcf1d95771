"""What one client of Lanyard's dialect says, and how fast it may say it.

A client that asks for too much is not closed: most of these clients reconnect at once and without
end. It is not read for some seconds instead, which slows it down by TCP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from services.ws.lanyard.protocol import Initialize, Unsubscribe, decode_message
from services.ws.lanyard.session import LanyardSession
from services.ws.peer import Peer

MAX_UNANSWERED_USERS: Final = 2000  # in Initializes that wait for Redis
FRAME_GAP_S: Final = 0.02  # before Hello, and after it
COST_OF_EVERYONE: Final = 100  # users


class HeldPeer(Peer, Protocol):
    """services.ws.connection.Connection."""

    def hold(self) -> None:
        """Read nothing more for now."""

    def resume(self) -> None:
        """Read again."""


Admit = Callable[[Sequence[int], int], bool]
"""Whether the address may ask for these users now; the second number is what it costs."""


class LanyardClient:
    """Passes messages on to the session, in order."""

    __slots__ = ("_admit", "_hello", "_hold_s", "_messages", "_peer", "_timer", "session")

    def __init__(
        self, peer: HeldPeer, session: LanyardSession, admit: Admit, *, hold_s: float
    ) -> None:
        """`hold_s`: how long a client that asks for too much is not read, in seconds."""
        self.session = session
        self._peer = peer
        self._admit = admit
        self._hold_s = hold_s
        self._messages: deque[bytes] = deque()
        self._timer: asyncio.TimerHandle | None = None  # while the client is not read
        self._hello: asyncio.TimerHandle | None = None  # until Hello has been seen

    def greet(self, hello: bytes) -> None:
        """Send Hello as the first frame.

        Not in one segment with the response to the handshake, nor with INIT_STATE: sk-lanyard
        begins to listen for each frame only when it has seen the one before.
        """
        loop = asyncio.get_running_loop()
        self._hello = loop.call_later(FRAME_GAP_S, self._say_hello, hello)

    def receive(self, messages: Iterable[bytes]) -> None:
        self._messages.extend(messages)
        if self._hello is None:
            self._work()

    @property
    def held(self) -> bool:
        """Whether it is not read for some seconds."""
        return self._timer is not None

    def hold(self) -> None:
        """The client sends too much."""
        if self._timer is None:
            self._peer.hold()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._hold_s, self._resume)

    def end(self) -> None:
        """The client has disconnected, or is being closed."""
        self._messages.clear()
        for timer in (self._timer, self._hello):
            if timer is not None:
                timer.cancel()
        self.session.end()

    def _say_hello(self, hello: bytes) -> None:
        self._peer.write(hello)
        loop = asyncio.get_running_loop()
        self._hello = loop.call_later(FRAME_GAP_S, self._begin)

    def _begin(self) -> None:
        self._hello = None
        self._work()

    def _resume(self) -> None:
        self._timer = None
        self._work()
        if self._timer is None:
            self._peer.resume()

    def _work(self) -> None:
        while self._messages and self._timer is None:
            message = decode_message(self._messages[0])
            match message:
                case Initialize() | Unsubscribe() if not self._is_admitted(message):
                    self.hold()
                    return
                case Initialize():
                    self.session.initialize(message)
                case Unsubscribe():
                    self.session.unsubscribe(message)
                case None:
                    pass
                case reason:
                    self._messages.clear()
                    self._peer.close(reason)
                    return
            self._messages.popleft()

    def _is_admitted(self, message: Initialize | Unsubscribe) -> bool:
        if self.session.unanswered_users > MAX_UNANSWERED_USERS:
            return False
        user_ids = message.user_ids[: self.session.max_users]  # further ones cost nothing
        cost = COST_OF_EVERYONE if message.everyone else len(user_ids)
        return self._admit(user_ids if isinstance(message, Initialize) else (), cost)
