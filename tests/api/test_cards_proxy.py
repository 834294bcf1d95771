"""/card/ and /badge/ on the api's port: forwarded to cards, whose answer is not changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.api.endpoints import cards_proxy
from shared.http.connection_limits import ConnectionLimits
from shared.redis.store import Store
from testing.eventually import eventually
from testing.free_port import free_port
from tests.api.golden import RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving
from tests.cards.cards_fixture import serving_cards

STRANGER = "161092844126208999"


class Upstream:
    """In place of cards: keeps the heads of the requests, and answers with given bytes."""

    def __init__(self, answer: bytes, closes: bool) -> None:
        self.heads: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._answer = answer
        self._closes = closes  # after the first answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                await self.may_answer.wait()
                writer.write(self._answer)
                await writer.drain()
                if self._closes:
                    break
        writer.close()


@asynccontextmanager
async def upstream(answer: bytes, *, closes: bool = False) -> AsyncIterator[tuple[Upstream, str]]:
    """Gives it and its URL."""
    cards = Upstream(answer, closes)
    server = await asyncio.start_server(cards.serve, "127.0.0.1", 0)
    try:
        yield cards, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        cards.may_answer.set()
        server.close()


def comparable(answer: Answer) -> Answer:
    """Without the time of day."""
    headers = [(name, value) for name, value in answer.headers if name != "date"]
    return Answer(answer.status, headers, answer.body)


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "x"\r\n\r\nok'


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        f"/card/{RICH.user_id}.svg?hideActivity=true&theme=pink",
        f"/card/{RICH.user_id}.png?hideActivity=true",
        f"/card/{STRANGER}.svg",
        "/card/%3Cscript%3E.svg?idleMessage=%F0%9F%94%A5",
        f"/badge/{RICH.user_id}.json",
        f"/badge/{RICH.user_id}.svg",
        f"/badge/{STRANGER}.json",
        f"/now-playing/{RICH.user_id}.svg?theme=pink",
        f"/now-playing/{RICH.user_id}.png",
        "/now-playing/x.svg",
        "/badge/x.json",
        "/card/",
        "/card/x",
        "/card/a/b.svg",
        "/card",
        "/cards/x.svg",
    ],
)
async def test_the_answer_is_that_of_cards(store: Store, path: str, method: str) -> None:
    """Status, headers in their order, and body, errors included."""
    async with (
        serving_cards(store) as cards,
        serving(store, cards_url=f"http://127.0.0.1:{cards}") as api,
    ):
        direct = await ask(cards, path, method=method)
        forwarded = await ask(api, path, method=method)
    assert comparable(forwarded) == comparable(direct)


async def test_the_rest_of_now_playing_is_the_apis_own(store: Store) -> None:
    """Only the pictures are forwarded."""
    async with upstream(OK) as (cards, url), serving(store, cards_url=url) as api:
        for path in ("", ".txt", ".json", "/x.svg"):
            assert (await ask(api, f"/now-playing/{RICH.user_id}{path}")).body != b"ok"
        assert cards.heads == []
        assert (await ask(api, f"/now-playing/{RICH.user_id}.svg")).body == b"ok"


async def test_conditional_requests(store: Store) -> None:
    """A matching If-None-Match gets 304."""
    async with (
        serving_cards(store) as cards,
        serving(store, cards_url=f"http://127.0.0.1:{cards}") as api,
    ):
        path = f"/badge/{RICH.user_id}.svg"
        etag = (await ask(api, path)).header("etag")
        again = await ask(api, path, 'If-None-Match: "other"', f"If-None-Match: {etag}")
    assert (again.status, again.body) == (304, b"")
    assert again.header("etag") == etag


async def test_what_cards_is_told(store: Store) -> None:
    """The target as the client wrote it, its address, and no other header of its request."""
    async with upstream(OK) as (cards, url), serving(store, cards_url=url) as api:
        target = "/card/a%2Fb%zz.svg?x=%22&y=1+2&z=<b>"
        answer = await ask(
            api,
            target,
            'If-None-Match: "a"',
            "X-Forwarded-For: 203.0.113.7",
            "Cookie: secret=1",
            "Authorization: Bearer x",
        )
    assert (answer.status, answer.body, answer.header("etag")) == (200, b"ok", '"x"')
    [head] = cards.heads
    request, *headers = head.split("\r\n")
    assert request == f"GET {target} HTTP/1.1"
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in headers)}
    assert sent["if-none-match"] == '"a"'
    assert sent["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert sent.keys().isdisjoint({"cookie", "authorization"})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000),
    ],
)
async def test_a_broken_answer_is_a_503(store: Store, answer: bytes) -> None:
    """Never half of one. It may be tried again soon."""
    async with upstream(answer, closes=True) as (_, url), serving(store, cards_url=url) as api:
        failed = await ask(api, "/card/1.svg")
    check_unavailable(failed)


async def test_headers_of_one_connection_are_not_forwarded(store: Store) -> None:
    """Nor those that the api adds itself."""
    headers = b"Connection: keep-alive, x\r\nKeep-Alive: timeout=5\r\nX-Grux-Stale: 9\r\nDate: x"
    response = OK.replace(b"ETag", headers + b"\r\nETag")
    async with upstream(response) as (_, url), serving(store, cards_url=url) as api:
        answer = await ask(api, "/card/1.svg")
    assert answer.header("keep-alive") is None
    assert answer.header("x-grux-stale") is None
    assert answer.header("connection") == "close"  # of the api's own connection
    assert answer.header("date") != "x"


async def test_cards_does_not_listen(store: Store) -> None:
    """The api's other routes go on."""
    async with serving(store, cards_url=f"http://127.0.0.1:{free_port()}") as api:
        check_unavailable(await ask(api, "/card/1.svg"))
        assert (await ask(api, f"/user/{RICH.user_id}")).status == 200


async def test_without_cards_url_there_are_no_such_routes(store: Store) -> None:
    """The front proxy routes these paths to cards then."""
    async with serving(store) as api:
        answer = await ask(api, "/card/1.svg")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "not_found")


async def test_a_silent_cards_service_holds_a_bounded_number_of_requests(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further ones are answered at once, and so is /user."""
    monkeypatch.setattr(cards_proxy, "MAX_FORWARDED_REQUESTS", 3)
    async with upstream(OK) as (cards, url), serving(store, cards_url=url) as api:
        cards.may_answer.clear()
        waiting = [asyncio.create_task(ask(api, f"/card/{n}.svg")) for n in range(3)]
        await eventually(lambda: len(cards.heads) == 3)
        check_unavailable(await ask(api, "/card/3.svg"))
        assert (await ask(api, f"/user/{RICH.user_id}")).status == 200
        assert not any(task.done() for task in waiting)
        cards.may_answer.set()
        assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}


def test_a_hanging_cards_service_is_given_up_in_time() -> None:
    """Before the api closes a connection whose response takes too long. aiohttp rounds a timeout
    of some seconds up to the next full one."""
    assert ConnectionLimits().response_timeout_s > cards_proxy.TIMEOUT_S + 1


def check_unavailable(answer: Answer) -> None:
    assert answer.status == 503
    assert json.loads(answer.body)["error"]["code"] == "unavailable"
    assert answer.header("retry-after") == "5"
    assert answer.header("access-control-allow-origin") == "*"
