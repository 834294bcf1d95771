"""The HTTP server around the application: its port and uvicorn's settings."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from time import monotonic
from types import FrameType
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from shared.config import ApiSettings
from shared.http.connection_limiter import ConnectionLimiter, ConnectionLimits
from shared.http.draining import Draining
from shared.http.uvicorn_protocol import LimitedHttpProtocol

BACKLOG: Final = 2048  # connections that wait to be accepted
LEAVE_WITHIN: Final = 5  # seconds for the answers under way


class CannotListen(Exception):
    """Raised when the address cannot be had; the text names the setting to change."""


def listen(settings: ApiSettings) -> socket.socket:
    """A socket that clients may connect to from now on. Raises CannotListen."""
    host, port = settings.api_host, settings.api_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(_in_plain_words(error, host, port)) from None
    # Clients' sockets inherit it. uvloop sets it in any case, asyncio's own loop not for these:
    # there, the body would wait 40 ms for the head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class DrainingServer(uvicorn.Server):
    """uvicorn, which tells load balancers before it ends."""

    def __init__(self, config: uvicorn.Config, draining: Draining, seconds: float) -> None:
        """`seconds`: between a signal and the end of listening."""
        super().__init__(config)
        self._draining = draining
        self._seconds = seconds
        self._listen_until: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come; the second one ends the process at once."""
        if self._listen_until is not None:
            os._exit(1)
        self._draining.begin()
        self._listen_until = monotonic() + self._seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second. True: stop listening, finish the answers under way, end."""
        over = self._listen_until is not None and monotonic() >= self._listen_until
        return await super().on_tick(counter) or over


def server(
    app: ASGIApp,
    drain_seconds: float = 0.0,
    on_drain: Callable[[], None] = lambda: None,
    *,
    door: ConnectionLimiter | None = None,
) -> DrainingServer:
    """Quiet: nothing a client does is worth a line, but for what breaks here.

    `on_drain` is called when a signal has come; `drain_seconds` later it stops listening.
    `door`: who may come in. It sweeps while its `run` runs.
    """
    draining = Draining(app, on_drain)
    connection = partial(
        LimitedHttpProtocol, ConnectionLimiter(ConnectionLimits()) if door is None else door
    )
    return DrainingServer(
        uvicorn.Config(
            draining,
            http=cast("type[LimitedHttpProtocol]", connection),
            interface="asgi3",
            lifespan="off",
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            log_config=None,
            log_level="error",  # a warning is one line for each client that talks nonsense
            timeout_graceful_shutdown=LEAVE_WITHIN,
        ),
        draining,
        drain_seconds,
    )


def _in_plain_words(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"API_PORT {port} is taken by another program: stop that one, or set API_PORT to "
            "a free port"
        )
    if error.errno == errno.EACCES:
        return f"API_PORT {port} is not allowed for this account: set API_PORT to 1024 or more"
    return f"API_HOST {host!r} is no address of this machine: {error.strerror}"
