"""While the gateway is silent, every answer says for how long."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from shared.http.middleware import StalenessMiddleware


class Felt:
    """A pulse as it was felt last."""

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
        raise AssertionError("nothing is read")

    await StalenessMiddleware(Felt(stale), plain)({"type": "http"}, receive, send)
    return sent


async def test_a_gateway_that_is_heard_is_not_mentioned() -> None:
    """The answer passes as it is."""
    start, body = await answered(None)
    assert start["headers"] == ((b"a", b"b"),)
    assert body["body"] == b"x"


async def test_a_silent_gateway_is_told_of_in_seconds() -> None:
    """Beside the other headers; the body stays."""
    start, body = await answered(42)
    assert start["headers"] == [(b"a", b"b"), (b"x-grux-stale", b"42")]
    assert body["body"] == b"x"
