"""Listens, and on shutdown closes every client without losing updates."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from typing import Final

from services.ws.connection import Connection
from services.ws.context import ServerContext
from services.ws.keepalive import SLICE
from shared.net.listen import CannotListen, listen_problem

log = logging.getLogger(__name__)

LISTEN_BACKLOG: Final = 1024  # connections: after a restart all clients reconnect at once
SHORTEST_SLEEP_S: Final = 0.01  # with many clients, a sleep for each would cost more than its Close


class WebSocketServer:
    """The listening sockets and their clients."""

    def __init__(self, context: ServerContext) -> None:
        self.context = context
        self._servers: list[asyncio.Server] = []
        self.port = 0

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
                    lambda: Connection(self.context), sock=listener, backlog=LISTEN_BACKLOG
                )
            )
        log.info("ws: listening on ws://%s:%d", f"[{host}]" if ":" in host else host, self.port)

    async def close(self) -> None:
        """Report draining to load balancers, stop listening, send Close 1012 to every client, and
        wait for their disconnects. Until its Close, each client gets every update.
        """
        limits = self.context.limits
        self.context.draining = True
        await asyncio.sleep(limits.notice)
        for server in self._servers:
            server.close()
        await self._drain_clients()
        try:
            async with asyncio.timeout(limits.shutdown_within):
                await self.context.keepalive.wait_empty()
        except TimeoutError:
            log.warning(
                "ws: disconnecting clients that did not close in time: %d",
                len(self.context.keepalive),
            )
        for peer in self.context.keepalive:
            peer.on_deadline()

    async def _drain_clients(self) -> None:
        """Send Close 1012 in random order, one by one: clients of one page reconnect spread out."""
        peers = list(self.context.keepalive)
        random.shuffle(peers)
        limits = self.context.limits
        interval = min(limits.close_interval, limits.close_all_within / max(1, len(peers)))
        log.info(
            "ws: closing clients: %d, over %.1f s",
            len(peers),
            interval * len(peers),
        )
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, peer in enumerate(peers, 1):
            peer.restart()
            late = loop.time() - began - (number - random.random()) * interval
            if late < -SHORTEST_SLEEP_S or number % SLICE == 0:
                await asyncio.sleep(max(0.0, -late))

    def _bind(self, family: int, address: tuple[str, int]) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every client's socket. By default the kernel would buffer megabytes of old
        # frames for a client that does not read, before the server could see that it is slow. And
        # it would take in so many messages of each client that all others wait for seconds while
        # they are read.
        limits = self.context.limits
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.kernel_buffer // 2)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.received_at_once)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            listener.bind(address)
        except OSError as error:
            listener.close()
            raise CannotListen(str(listen_problem(error, *address, "WS_PORT"))) from error
        return listener
