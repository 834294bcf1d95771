"""Listens, and closes in good order."""

from __future__ import annotations

import asyncio
import logging
import random
import socket

from services.ws.connection import Connection, ServerContext
from services.ws.keepalive import SLICE
from shared.net.listen import CannotListen, listen_problem

log = logging.getLogger(__name__)

BACKLOG = 1024  # connections that the kernel holds for us: after a restart everyone comes at once
TICK = 0.01  # seconds: a sleep for every client of very many would cost more than the Close


class WebSocketServer:
    """The listening sockets and the clients that came through them."""

    def __init__(self, house: ServerContext) -> None:
        self.house = house
        self._servers: list[asyncio.Server] = []
        self.port = 0
        self.draining = False

    async def listen(self, host: str, port: int) -> None:
        """Accept clients from now on. Port 0 takes a free one. Raises CannotListen."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except OSError as error:
            raise CannotListen(str(listen_problem(error, host, port, "WS_PORT"))) from error
        for family, _, _, _, address in dict.fromkeys(found):
            bound = (str(address[0]), self.port or port)
            listener = self._bind(family, bound)
            self.port = listener.getsockname()[1]
            self._servers.append(
                await loop.create_server(
                    lambda: Connection(self.house), sock=listener, backlog=BACKLOG
                )
            )
        log.info("ws: listening on ws://%s:%d", f"[{host}]" if ":" in host else host, self.port)

    async def close(self) -> None:
        """Let load balancers see it, stop listening, send every client Close 1012, and wait until
        what is owed is flushed. Until its Close each client gets every update."""
        limits = self.house.limits
        self.draining = True
        await asyncio.sleep(limits.notice)
        for server in self._servers:
            server.close()
        await self._part()
        try:
            async with asyncio.timeout(limits.shutdown_within):
                await self.house.keepalive.wait_empty()
        except TimeoutError:
            log.warning(
                "ws: clients cut off, as they did not close in time: %d", len(self.house.keepalive)
            )
        for peer in self.house.keepalive:
            peer.on_deadline()

    async def _part(self) -> None:
        """In random order, one after another: those of one page, or one address, not together."""
        peers = list(self.house.keepalive)
        random.shuffle(peers)
        limits = self.house.limits
        every = min(limits.part_every, limits.part_within / max(1, len(peers)))
        log.info(
            "ws: closing; clients told to come again: %d, over %.1f s",
            len(peers),
            every * len(peers),
        )
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, peer in enumerate(peers, 1):
            peer.restart()
            late = loop.time() - began - (number - random.random()) * every
            if late < -TICK or number % SLICE == 0:
                await asyncio.sleep(max(0.0, -late))

    def _bind(self, family: int, address: tuple[str, int]) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every client's socket. Left alone, the kernel would hold megabytes of old
        # presence for a client that does not read, before we could see that it is slow.
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, self.house.limits.kernel_buffer // 2
        )
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            listener.bind(address)
        except OSError as error:
            listener.close()
            raise CannotListen(str(listen_problem(error, *address, "WS_PORT"))) from error
        return listener
