"""While the gateway is silent, every response says for how long."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from shared.http.middleware import StalenessMiddleware


class Liveness:
    """The result of the last look at the gateway."""

    def __init__(self, stale: int | None) -> None:
        self.stale = stale


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": ((b"a", b"b"),)})
    await send({"type": "http.response.body", "body": b"x"})


async def answered(stale: int | None) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        raise AssertionError("the request body is not read")

    await StalenessMiddleware(Liveness(stale), plain)({"type": "http"}, receive, send)
    return sent


async def test_a_live_gateway_adds_no_header() -> None:
    """The response passes unchanged."""
    start, body = await answered(None)
    assert start["headers"] == ((b"a", b"b"),)
    assert body["body"] == b"x"


async def test_a_silent_gateway_adds_its_age_in_seconds() -> None:
    """After the other headers; the body is unchanged."""
    start, body = await answered(42)
    assert start["headers"] == [(b"a", b"b"), (b"x-grux-stale", b"42")]
    assert body["body"] == b"x"
