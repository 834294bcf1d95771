"""ws that ends TLS itself, without a proxy: `python -m bench.baselines.tls_ws`.

It is services.ws with three changes: the listener encrypts with CERTIFICATE of the environment,
frames go through the transport, since what is written past it would not be encrypted, and the
transport may buffer, as uvloop's TLS always does for a moment.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from types import SimpleNamespace
from typing import Any, Final

from services.ws import __main__ as ws
from services.ws import fan_out, server
from services.ws.connection import Connection

BUFFER_BYTES: Final = 1 << 16


class EncryptingLoop:
    """The running loop, as services/ws/server.py uses it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = context

    async def getaddrinfo(self, *arguments: Any, **options: Any) -> Any:
        return await self._loop.getaddrinfo(*arguments, **options)

    async def create_server(self, factory: Any, **options: Any) -> asyncio.Server:
        return await self._loop.create_server(factory, ssl=self._context, **options)


class BufferedConnection(Connection):
    """Is not paused by the first byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport.set_write_buffer_limits(BUFFER_BYTES)


def main() -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERTIFICATE"])
    replaced = {**vars(asyncio), "get_running_loop": lambda: EncryptingLoop(context)}
    patched: dict[Any, dict[str, Any]] = {
        server: {"asyncio": SimpleNamespace(**replaced), "Connection": BufferedConnection},
        fan_out: {"write": lambda fd, frame: 0},
    }
    for module, names in patched.items():
        vars(module).update(names)
    return ws.main()


if __name__ == "__main__":
    sys.exit(main())
