"""The least that uvicorn can cost: `python -m bench.baselines.asgi PORT FILE`.

FILE is a whole HTTP response of services/api; a bare ASGI application answers every request with
its headers and its body, on uvicorn with the api's own settings.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

ADDED_BY_UVICORN: Final = (b"date", b"server")

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class BareApp:
    """No route, no store, nothing to decide."""

    def __init__(self, response: bytes) -> None:
        head, _, body = response.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = [
            (name, value.strip())
            for name, _, value in (line.partition(b":") for line in lines)
            if name.lower() not in ADDED_BY_UVICORN
        ]
        self._start = {
            "type": "http.response.start",
            "status": int(status.split()[1]),
            "headers": headers,
        }
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Mapping[str, Any], receive: object, send: Send) -> None:
        await send(self._start)
        await send(self._body)


def server(response: bytes) -> uvicorn.Server:
    """As shared/http/uvicorn_server.py sets it up."""
    return uvicorn.Server(
        uvicorn.Config(
            BareApp(response),
            lifespan="off",
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            log_level="error",
        )
    )


def main() -> None:
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    with (
        socket.create_server(("127.0.0.1", port), backlog=2048) as listener,
        asyncio.Runner(loop_factory=auto_loop_factory()) as runner,
    ):
        runner.run(server(file.read_bytes()).serve([listener]))


if __name__ == "__main__":
    main()
