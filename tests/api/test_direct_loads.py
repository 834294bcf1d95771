"""Responses that are loaded from Redis without ASGI: the same bytes, counts and limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from services.api.middleware import ready_answers
from services.api.middleware.ready_answers import ReadyAnswers
from services.api.middleware.response_cache import ResponseCache
from shared.config import ProfileSettings
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import LARGE_RESPONSE_BYTES, SENT, RawResponse
from shared.model.profile_extras import ProfileExtras
from shared.profiles.cache import Entry, ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.api.golden import BOT, GOLDEN, RICH
from tests.api.replica import serving
from tests.shared.http.http_fixture import App
from tests.shared.http.test_staleness import Liveness

IDS = [golden.user_id for golden in GOLDEN.values()]
UNKNOWN, DAMAGED = 1274150219482660000, 1274150219482660001
ADDRESS = "8.8.8.8"

targets = st.builds(
    "/{}/{}{}".format,
    st.sampled_from(["user", "activity", "user", "activity", "avatar", "USER"]),
    st.sampled_from([*IDS, *IDS, UNKNOWN, DAMAGED, 12, "x", "%31", ""]),
    st.sampled_from([""] * 6 + ["?x", "/", "%20"]),
)
requests = st.builds(
    "{} {} HTTP/1.1\r\nHost: x\r\n{}\r\n".format,
    st.sampled_from(["GET"] * 8 + ["HEAD", "OPTIONS"]),
    targets,
    st.sampled_from(
        [
            *([""] * 4),
            *("If-None-Match: *\r\n", f"If-None-Match: {RICH.user_etag}\r\n"),
            *("Content-Length: 0\r\n", "Expect: 100-continue\r\n"),
        ]
    ),
)
last_requests = st.builds(
    "GET {} HTTP/{}\r\n\r\n".format,
    targets,
    st.sampled_from(["1.0", "1.1\r\nHost: x\r\nConnection: close"]),
)
"""The server closes the connection with the response."""


@pytest.fixture
async def store(store: Store) -> Store:
    """With all that a response needs, but for one user, whose key-value store has no copy."""
    for user_id in IDS:
        entry = msgspec.json.encode(Entry(ProfileExtras(bio="Hello")))
        await store.redis.set(keys.profile(user_id), entry, ex=300)
        if user_id != BOT.user_id:
            await store.redis.hset(keys.presence(user_id), "kv", '{"a":"b"}')
    await store.redis.set(keys.presence(DAMAGED), "no hash")
    return store


@pytest.fixture
async def redis_server() -> AsyncIterator[RedisServer]:
    """That the test may end."""
    async with RedisServer() as server:
        yield server


class Replicas(Struct):
    """One whose connections load, and one that leaves everything to the application."""

    loading: int  # its port
    usual: int
    cache: ResponseCache  # of the first


@pytest.fixture
async def replicas(store: Store) -> AsyncIterator[Replicas]:
    cache = ResponseCache()
    async with serving(store, cache=cache) as loading, serving(store) as usual:
        yield Replicas(loading, usual, cache)


async def received(port: int, pieces: Sequence[str]) -> bytes:
    """All that comes back, without dates."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    async with asyncio.timeout(PATIENCE):
        for piece in pieces:
            writer.write(piece.encode())
            await asyncio.sleep(0)  # the server may read in between
        while read := await reader.read(65_536):
            found += read
        writer.close()
        await writer.wait_closed()
    return re.sub(rb"\r\ndate: [^\r]*", b"", found)


@given(
    sent=st.lists(requests, max_size=5),
    last=last_requests,
    size=st.none() | st.integers(10, 500),
)
async def test_it_is_what_the_application_sends(
    replicas: Replicas, sent: list[str], last: str, size: int | None
) -> None:
    """Every byte, for any requests on one connection, each by itself or in any other pieces."""
    replicas.cache.flushed()
    pieces = [*sent, last]
    if size is not None:
        text = "".join(pieces)
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
    expected = await received(replicas.usual, pieces)
    assert await received(replicas.loading, pieces) == expected


@pytest.mark.parametrize("path", [f"/user/{RICH.user_id}", f"/activity/{BOT.user_id}"])
async def test_it_is_loaded_once(replicas: Replicas, path: str) -> None:
    """And counted once, as read from Redis and as sent."""
    sent, misses = SENT.total(), replicas.cache.misses
    text = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", replicas.loading)
    writer.write(text.encode())
    async with asyncio.timeout(PATIENCE):
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await writer.wait_closed()
    assert (SENT.total() - sent, replicas.cache.misses - misses) == (1, 1)
    assert path in replicas.cache._entries


class Direct:
    """ReadyAnswers in front of an application that is never asked."""

    def __init__(
        self, store: Store, *, per_minute: int = 0, liveness: Liveness | None = None
    ) -> None:
        settings = ProfileSettings()
        profiles = ProfileService(None, ProfileCache(store, settings.profile_ttl))
        self.cache = ResponseCache()
        self.rates = RateLimitMiddleware(per_minute, (), App(), count_bytes=True)
        users = UserReader.of(store, profiles, settings)
        self.answers = ReadyAnswers(self.cache, users, "", liveness, self.rates)

    async def load(self, target: str) -> RawResponse | bool | None:
        """What is responded; False: it is not loaded."""
        answer: asyncio.Future[RawResponse | None] = asyncio.get_running_loop().create_future()
        if not self.answers.load(target.encode("latin-1"), (), ADDRESS, answer.set_result):
            return False
        return await answer

    def left(self) -> int:
        """How many requests the address may still send: it sends them."""
        return sum(iter(lambda: self.rates.admits(ADDRESS, ()), False))


@pytest.mark.parametrize(
    "target",
    [
        *("/user/{}?x", "/user/{}/", "/user/%31", "http://x/user/{}", "/user/\xff", "/USER/{}"),
        *("/user/12", "/users/{}", "/v1/users/{}", "user/{}", "//user/{}", "/user//{}"),
    ],
)
async def test_only_the_usual_spelling_is_loaded(store: Store, target: str) -> None:
    """The others are not counted here."""
    direct = Direct(store, per_minute=3)
    assert await direct.load(target.format(RICH.user_id)) is False
    assert direct.left() == 3


async def test_an_address_over_its_limit_is_left_to_the_application(store: Store) -> None:
    """Which answers 429."""
    direct = Direct(store, per_minute=2)
    found = [await direct.load(f"/user/{RICH.user_id}") for _ in range(3)]
    assert [isinstance(one, RawResponse) for one in found] == [True, True, False]


async def test_while_the_gateway_is_silent_the_application_answers(store: Store) -> None:
    """It adds a header."""
    assert await Direct(store, liveness=Liveness(42)).load(f"/user/{RICH.user_id}") is False


@pytest.mark.parametrize("lacks", ["copy", "entry", "size"])
async def test_what_redis_does_not_hold_is_left_to_the_application(
    store: Store, lacks: str
) -> None:
    """It counts the request. So it does with a large response, which counts as several."""
    if lacks == "entry":
        await store.redis.delete(keys.profile(RICH.user_id))
    if lacks == "size":
        kv = msgspec.json.encode({"a": "x" * LARGE_RESPONSE_BYTES})
        await store.redis.hset(keys.presence(RICH.user_id), "kv", kv)
    direct = Direct(store, per_minute=3)
    user = BOT if lacks == "copy" else RICH
    assert await direct.load(f"/user/{user.user_id}") is None
    assert isinstance(await direct.load(f"/activity/{user.user_id}"), RawResponse)
    assert direct.left() == 2


async def test_a_large_response_in_memory_is_not_loaded_again(store: Store) -> None:
    """The application has it from there, and counts it."""
    kv = msgspec.json.encode({"a": "x" * LARGE_RESPONSE_BYTES})
    await store.redis.hset(keys.presence(RICH.user_id), "kv", kv)
    direct = Direct(store, per_minute=3)
    direct.cache.confirmed(float("inf"))
    target = f"/user/{RICH.user_id}"
    assert await direct.load(target) is None
    assert direct.answers.find(target.encode(), (), ADDRESS) is None
    assert await direct.load(target) is False
    assert (direct.cache.misses, direct.left()) == (1, 3)


async def test_without_redis_the_response_says_so(redis_server: RedisServer) -> None:
    """While it hangs and while it is down. The application, which would wait again, is not
    asked."""
    async with Store.connect(redis_server.url, timeout=0.5) as store:
        direct = Direct(store)

        async def has_status(status: int) -> bool:
            response = await direct.load(f"/user/{UNKNOWN}")
            assert isinstance(response, RawResponse)
            return response._status == status

        await eventually_async(partial(has_status, 404))
        await redis_server.pause()
        assert await has_status(503)
        await redis_server.resume()
        await eventually_async(partial(has_status, 404))
        await redis_server.kill()
        assert await has_status(503)


async def test_a_failure_that_has_no_response_is_left_to_the_application(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails there as well, and is logged. The load has ended."""
    monkeypatch.setattr(ready_answers, "view_of", lambda _read: 1 / 0)
    direct = Direct(store, per_minute=3)
    direct.cache.confirmed(float("inf"))
    assert await direct.load(f"/user/{RICH.user_id}") is None
    assert direct.cache._loads == {}
