"""The HTTP server: its listening socket, and uvicorn with our settings and a drain."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from shared.http.connection_handlers import DirectAnswers, Respond, UpgradeHandler
from shared.http.connection_limits import ConnectionLimits, HttpConnectionLimiter
from shared.http.middleware import DrainingMiddleware
from shared.http.responses import Header, RawResponse
from shared.http.uvicorn_protocol import LimitedHttpProtocol
from shared.net.listen import CannotListen, listen_problem

BACKLOG: Final = 2048  # connections that the kernel holds until they are accepted
SHUTDOWN_TIMEOUT_S: Final = 5  # for the responses under way


def listen(host: str, port: int, port_setting: str) -> socket.socket:
    """A socket that clients may connect to from now on; port 0 takes a free one.

    `port_setting` is the name of the port's setting. Raises CannotListen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(str(listen_problem(error, host, port, port_setting))) from None
    # Clients' sockets inherit it. uvloop sets it in any case, asyncio's own loop not for these:
    # there, the body would wait 40 ms for the head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where `listener` listens, such as `http://127.0.0.1:8000`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class UntilDraining:
    """DirectAnswers of a server that does not drain: else each closes its connection."""

    def __init__(self, draining: DrainingMiddleware, answers: DirectAnswers) -> None:
        self._draining = draining
        self._answers = answers

    def find(self, target: bytes, headers: Sequence[Header], peer: str) -> RawResponse | None:
        return None if self._draining.begun else self._answers.find(target, headers, peer)

    def load(self, target: bytes, headers: Sequence[Header], peer: str, respond: Respond) -> bool:
        return not self._draining.begun and self._answers.load(target, headers, peer, respond)


class DrainingServer(uvicorn.Server):
    """uvicorn that lets load balancers notice before it stops listening."""

    def __init__(
        self, config: uvicorn.Config, draining: DrainingMiddleware, seconds: float
    ) -> None:
        """`seconds`: between `drain` and the end of listening."""
        super().__init__(config)
        self._draining = draining
        self._seconds = seconds
        self._listen_until: float | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: shared/startup/bootstrap.py handles them, and calls `drain`."""
        yield

    def drain(self) -> None:
        """Stop listening when the time for load balancers is over; then `serve` returns."""
        self._draining.begin()
        self._listen_until = monotonic() + self._seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second. True: stop listening, finish the responses under way, return."""
        over = self._listen_until is not None and monotonic() >= self._listen_until
        return await super().on_tick(counter) or over


def server(
    app: ASGIApp,
    drain_seconds: float = 0.0,
    *,
    limiter: HttpConnectionLimiter | None = None,
    upgrades: UpgradeHandler | None = None,
    answers: DirectAnswers | None = None,
) -> DrainingServer:
    """A server that logs bugs, and nothing that a client does.

    It stops listening `drain_seconds` after its `drain` was called.
    `limiter`: enforces deadlines while its `run` runs. `upgrades`: gets WebSocket handshakes.
    `answers`: asked before `app`, for responses that are in memory.
    """
    draining = DrainingMiddleware(app)
    connection = partial(
        LimitedHttpProtocol,
        HttpConnectionLimiter(ConnectionLimits()) if limiter is None else limiter,
        upgrades,
        None if answers is None else UntilDraining(draining, answers),
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
            log_level="error",  # it warns once for each malformed request
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        ),
        draining,
        drain_seconds,
    )
