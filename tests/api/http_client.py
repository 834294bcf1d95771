"""HTTP at the level of bytes: one request per connection, and the response as received."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from testing.eventually import PATIENCE

EXPOSED_HEADERS = "ETag, Retry-After, X-Grux-Stale, X-Grux-Problem, X-Grux-Unusable"
"""Of every response: what the scripts of other origins may read."""


class Answer(Struct, frozen=True):
    status: int
    headers: list[tuple[str, str]]  # in the order received, names in lower case
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that is sent at most once."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


async def ask(
    port: int, path: str = "/", *headers: str, method: str = "GET", body: str = ""
) -> Answer:
    """Send exactly `path`, without encoding it. `headers` are whole lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    content = body.encode()
    if content:
        lines.append(f"Content-Length: {len(content)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return _parsed(answer)


def _parsed(answer: bytes) -> Answer:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = [(name.lower(), value) for name, value in pairs]
    return Answer(int(status.split(" ")[1]), headers, body)
