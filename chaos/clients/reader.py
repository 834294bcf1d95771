"""A client that reads, and comes again whenever it is sent away: normal, slow or restless."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from typing import Final, Protocol

from msgspec import Struct, field
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from chaos.clients.view import REFUSED, View
from chaos.facts import Seen, Who
from chaos.fault_window import FaultWindow
from chaos.gaps import At
from chaos.history import History
from chaos.plan import SOCKETS
from chaos.rollback_tracker import RollbackTracker

_OPEN_WITHIN: Final = 10.0  # seconds
_MOST_AT_ONCE: Final = 40  # handshakes of the whole crowd
_NARROW: Final = 4096  # bytes


class ClientProfile(Struct, frozen=True):
    """Times are in seconds."""

    name: str
    users: int = 1  # at most
    pause: float = 0.0  # between two reads, at most
    reconnect_after: float = 0.0  # before it comes anew, on average; 0: as long as it may
    small_buffer: bool = False  # next to nothing waits for it on the way: `ws` has to pass it over


Told = dict[str, list[At]]
"""What one connection was told of each user, in order."""


class Connection(Protocol):
    """A client's connection: a WebSocket, or chaos.clients.events.EventConnection."""

    @property
    def close_code(self) -> int | None: ...

    @property
    def transport(self) -> asyncio.WriteTransport: ...

    async def recv(self) -> str | bytes:
        """The next frame. Raises ConnectionClosed."""


class ClientPopulation(Struct):
    """What all clients share."""

    history: History
    ports: list[int]
    narrow_ports: list[int]
    rollbacks: RollbackTracker
    calm_since: float | None = None  # the faults are over: the slow read on, the restless stay
    frames: int = 0
    connections: int = 0
    wrong: list[str] = []
    closes: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Semaphore | None = None


class Reader:
    """`run` until cancelled; `shows` tells what it was shown last."""

    reconnect_pause = 0.2  # in seconds; up to three times as long

    def __init__(
        self,
        crowd: ClientPopulation,
        number: int,
        profile: ClientProfile,
        users: tuple[str, ...],
        seed: int,
    ) -> None:
        self.profile = profile
        self.users = users
        self.number = number
        self.view: View | None = None  # of the newest connection
        self.told: list[Told] = []  # by each connection, the newest one last
        self._crowd = crowd
        self._rng = random.Random(seed * 1_000_003 + number)
        self._connected = False
        self._gone = dict.fromkeys(users, False)

    @property
    def replica(self) -> int:
        """The place of its `ws`."""
        return self.number % len(self._crowd.ports)

    def slow(self) -> list[FaultWindow]:
        """When it read too slowly to be shown everything.

        With a small buffer, always: to read 50 users takes dozens of turns of this run's own loop,
        which a burst makes slow.
        """
        if not self.profile.pause:
            return []
        calm = None if self.profile.small_buffer else self._crowd.calm_since
        return [FaultWindow(str(self), 0.0, calm or float("inf"))]

    def __str__(self) -> str:
        return f"{self.profile.name} client {self.number}"

    def shows(self, user_id: str) -> tuple[Seen | None, Who | None] | None:
        """What the connection shows of the user; None: the user is not monitored.

        A client that was told so reconnects again and again, to see whether the user is back: until
        a new connection says anything, what the last one said holds.
        """
        shown = self.view.users[user_id] if self.view is not None else None
        if shown is None or (shown.presence is None and not shown.refused):
            return None if self._gone[user_id] else (None, None)
        if shown.refused == REFUSED:
            return None
        return (shown.seen, shown.who) if self._connected else (None, None)

    def ought(self, truth: tuple[Seen, Who] | None) -> tuple[Seen, Who] | None:
        """What `shows` has to give where this is true."""
        return truth

    async def run(self) -> None:
        while True:
            try:
                await self._one_connection()
            except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
                self._crowd.closes[type(error).__name__] += 1
            await asyncio.sleep(self.reconnect_pause * (1 + self._rng.random() * 2))

    async def _one_connection(self) -> None:
        crowd = self._crowd
        ports = crowd.narrow_ports if self.profile.small_buffer else crowd.ports
        if crowd.gate is None:
            crowd.gate = asyncio.Semaphore(_MOST_AT_ONCE)
        port = ports[self.replica]
        async with crowd.gate, asyncio.timeout(_OPEN_WITHIN):
            sock = await _narrow(port) if self.profile.small_buffer else None
            connection = await self._open(port, sock)
        crowd.connections += 1
        view = self.view = self._new_view()
        self.told.append(view.told)
        self._connected = True
        try:
            await self._read(connection, view)
        finally:
            self._connected = False
            for user_id, shown in view.users.items():
                if shown.refused or shown.presence is not None:
                    self._gone[user_id] = shown.refused == REFUSED
            crowd.closes[str(connection.close_code)] += 1
            crowd.frames += view.frames
            crowd.wrong += [f"{self}: {words}" for words in view.wrong]
            connection.transport.abort()

    async def _open(self, port: int, sock: socket.socket | None) -> Connection:
        return await connect(
            self._url(port),
            sock=sock,
            proxy=None,
            compression=None,
            open_timeout=None,
            close_timeout=1.0,
            max_queue=4 if self.profile.pause else 64,
        )

    def _url(self, port: int) -> str:
        query = "&".join(f"user_id={user_id}" for user_id in self.users)
        return f"ws://127.0.0.1:{port}/?{query}"

    def _new_view(self) -> View:
        crowd = self._crowd
        return View(
            crowd.history,
            self.users,
            crowd.rollbacks,
            reads_late=self.profile.pause > 0,
            process=SOCKETS[self.replica],
        )

    def _leaves(self) -> float:
        """When it comes anew, in loop time."""
        if not self.profile.reconnect_after:
            return float("inf")
        stays = self.profile.reconnect_after * (0.2 + self._rng.random() * 1.6)
        return asyncio.get_running_loop().time() + stays

    async def _read(self, connection: Connection, view: View) -> None:
        loop = asyncio.get_running_loop()
        leaves = self._leaves()
        while True:
            try:
                async with asyncio.timeout(0.5):
                    message = await connection.recv()
            except TimeoutError:
                if self._misses_somebody(view):
                    return
            except ConnectionClosed:
                return
            else:
                view.take(message)
            if self._crowd.calm_since is not None:
                continue
            if loop.time() > leaves:
                return
            if self.profile.pause:
                await asyncio.sleep(self._rng.random() * self.profile.pause)

    def _misses_somebody(self, view: View) -> bool:
        """A user was refused and is there again: only a new connection shows them."""
        return any(
            shown.refused and self._crowd.history.truth(user_id) is not None
            for user_id, shown in view.users.items()
        )


async def _narrow(port: int) -> socket.socket:
    """A connection of which the kernel keeps little that has not been read."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except BaseException:
        sock.close()
        raise
    return sock
