"""An address over its limit gets 429, and no other address does."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import LARGE_RESPONSE_BYTES, RawResponse
from shared.net.client_address import PRIVATE_FACTOR, networks
from shared.net.fixed_window import WINDOW_S, FixedWindowCounter


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": ()})
    await send({"type": "http.response.body", "body": b""})


async def ask(limiter: RateLimitMiddleware, peer: str, forwarded: str = "") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        raise AssertionError("the request body is not read")

    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded.split("\n") if line]
    await limiter({"type": "http", "client": (peer, 1), "headers": headers}, receive, send)
    return sent


async def statuses(
    limiter: RateLimitMiddleware, peer: str, times: int, forwarded: str = ""
) -> list[int]:
    return [(await ask(limiter, peer, forwarded))[0]["status"] for _ in range(times)]


async def test_an_address_has_its_share() -> None:
    """Then 429 with the contract's code, a Retry-After, and CORS as everywhere."""
    limiter = RateLimitMiddleware(3, (), app)
    assert await statuses(limiter, "8.8.8.8", 5) == [200, 200, 200, 429, 429]
    assert await statuses(limiter, "9.9.9.9", 1) == [200]
    start, body = await ask(limiter, "8.8.8.8")
    headers = dict(start["headers"])
    assert 1 <= int(headers[b"retry-after"]) <= WINDOW_S
    assert headers[b"access-control-allow-origin"] == b"*"
    answer = msgspec.json.decode(body["body"])
    assert answer["success"] is False
    assert answer["error"]["code"] == "rate_limited"


@pytest.mark.parametrize(
    ("size", "served"), [(LARGE_RESPONSE_BYTES, 12), (LARGE_RESPONSE_BYTES + 1, 6), (1_732_839, 1)]
)
async def test_a_large_response_counts_as_several_requests(size: int, served: int) -> None:
    """One more for each 64 KiB, where that is asked for."""
    large = RawResponse(200, bytes(size), ())
    limiter = RateLimitMiddleware(12, (), large, count_bytes=True)
    assert (await statuses(limiter, "8.8.8.8", 14)).count(200) == served
    limiter = RateLimitMiddleware(12, (), large)
    assert (await statuses(limiter, "8.8.8.8", 14)).count(200) == 12


async def test_the_next_minute_is_another() -> None:
    """No address is refused for longer than a window."""
    now = 1000.0
    limiter = RateLimitMiddleware(1, (), app, counter=FixedWindowCounter(clock=lambda: now))
    assert await statuses(limiter, "8.8.8.8", 2) == [200, 429]
    now += WINDOW_S
    assert await statuses(limiter, "8.8.8.8", 2) == [200, 429]


async def test_clients_of_a_named_proxy_are_told_apart() -> None:
    """Those of one that is not named share a larger budget: it may be all of them."""
    limiter = RateLimitMiddleware(1, networks("10.0.0.1"), app)
    assert await statuses(limiter, "10.0.0.1", 2, "8.8.8.8") == [200, 429]
    assert await statuses(limiter, "10.0.0.1", 1, "9.9.9.9") == [200]
    answers = await statuses(limiter, "10.0.0.2", PRIVATE_FACTOR + 1, "8.8.8.8")
    assert answers == [200] * PRIVATE_FACTOR + [429]


async def test_this_machine_is_not_counted() -> None:
    """Nor is any other address when the limit is 0."""
    assert await statuses(RateLimitMiddleware(1, (), app), "127.0.0.1", 3) == [200] * 3
    assert await statuses(RateLimitMiddleware(0, (), app), "8.8.8.8", 3) == [200] * 3


async def test_a_made_up_header_takes_no_memory() -> None:
    """A proxy that appends passes on what its client wrote, also when the response is 429."""
    limiter = RateLimitMiddleware(2, networks("10.0.0.1"), app)
    await ask(limiter, "10.0.0.1", "8.8.8.8")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(200):
            made_up = f"{number}, " + "9.9.9.9, " * 3_000 + "x" * 1_000
            start, _ = await ask(limiter, "10.0.0.1", f"{made_up}, 8.8.8.8")
            assert start["status"] == (200 if number == 0 else 429)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000  # one header has 28,000 bytes


async def test_the_header_may_have_several_lines() -> None:
    """The last entry of the last line is what the proxy appended."""
    limiter = RateLimitMiddleware(1, networks("10.0.0.1"), app)
    assert await statuses(limiter, "10.0.0.1", 1, "8.8.8.8") == [200]
    assert await statuses(limiter, "10.0.0.1", 1, "9.9.9.9\n8.8.8.8") == [429]


async def test_what_is_taken_back_is_not_counted() -> None:
    """A request that is counted ahead of the application, and comes to it after all."""
    limiter = RateLimitMiddleware(2, (), app)
    for _ in range(5):
        assert limiter.admits("8.8.8.8", ())
        limiter.take_back("8.8.8.8", ())
    assert await statuses(limiter, "8.8.8.8", 3) == [200, 200, 429]
    RateLimitMiddleware(0, (), app).take_back("8.8.8.8", ())
