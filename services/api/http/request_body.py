"""The body of a request, read up to a bound of size and time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from shared.http.errors import RequestBodyTimeout, RequestBodyTooLarge

BODY_TIMEOUT_S: Final = 10.0
DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""How much of a body that is too large is read. A client that still sends when the connection is
closed gets a reset, and may never see the response."""


async def read_body(request: Request, max_bytes: int, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Raises RequestBodyTooLarge, RequestBodyTimeout. Holds `max_bytes` at most."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                size += len(part)
                if size <= max_bytes:
                    parts.append(part)
                elif size > max_bytes + DISCARDED_BYTES:
                    break
    except (TimeoutError, ClientDisconnect):  # the client reads no answer
        raise RequestBodyTimeout from None
    if size > max_bytes:
        raise RequestBodyTooLarge
    return b"".join(parts)
