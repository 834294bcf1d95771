"""GET /users?ids=: what GET /user/:id answers, for many users at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from starlette.types import Message

from services.api import app
from services.api.endpoints.many_users import MAX_USERS, parse_ids
from services.api.middleware.response_cache import ResponseCache
from shared.config import ApiSettings
from shared.http.errors import InvalidUserId
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import etag_of
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis import keys
from shared.redis.connections import Command, PackedConnection
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.api.golden import BOT, GOLDEN, RICH
from tests.api.http_client import ask
from tests.api.replica import serving, warm

STRANGER, OTHER_STRANGER = 1274150219482660898, 1274150219482660899
NUMBERS = range(200_000_000_000_000_000, 200_000_000_000_000_000 + MAX_USERS + 1)


def body(*users: tuple[int, bytes], not_monitored: tuple[int, ...] = ()) -> bytes:
    """The whole answer, from the whole answers of GET /user/:id."""
    shown = b",".join(b'"%d":%b' % (one, user[8:-16]) for one, user in users)
    others = b",".join(b'"%d"' % one for one in not_monitored)
    return b'{"data":{"users":{%b},"not_monitored":[%b]},"success":true}' % (shown, others)


async def test_many_users_at_once(port: int) -> None:
    """In the order of the request, each once, with the bytes of GET /user/:id."""
    rich, bot = (RICH.user_id, RICH.user), (BOT.user_id, BOT.user)
    for query, expected in (
        (f"ids={RICH.user_id},{BOT.user_id}", body(rich, bot)),
        (f"ids={BOT.user_id}&ids={RICH.user_id}", body(bot, rich)),
        (f"ids={BOT.user_id}&x=1&ids={RICH.user_id},{BOT.user_id}", body(bot, rich)),
        (f"ids=,%20{RICH.user_id}%20,,&ids=", body(rich)),
        (
            f"ids={OTHER_STRANGER}%2C{RICH.user_id},{STRANGER}",
            body(rich, not_monitored=(OTHER_STRANGER, STRANGER)),
        ),
        (f"ids={STRANGER}", body(not_monitored=(STRANGER,))),
    ):
        answer = await ask(port, f"/users?{query}")
        assert (answer.status, answer.body) == (200, expected), query
    assert list(msgspec.json.decode(expected)["data"]) == ["users", "not_monitored"]


async def test_the_answer_has_a_tag(port: int) -> None:
    """And the headers of other presence responses; HEAD has them without the body."""
    path = f"/users?ids={RICH.user_id},{STRANGER}"
    answer, user = await ask(port, path), await ask(port, f"/user/{RICH.user_id}")
    etag = etag_of(answer.body).decode()
    varying = ("etag", "content-length")
    assert [one for one in answer.headers if one[0] not in varying] == [
        one for one in user.headers if one[0] not in varying
    ]
    assert answer.header("etag") == etag
    head = await ask(port, path, method="HEAD")
    assert (head.status, head.headers, head.body) == (200, answer.headers, b"")
    same = await ask(port, path, f"If-None-Match: {etag}")
    assert (same.status, same.body, same.header("etag")) == (304, b"", etag)
    other = await ask(port, f"/users?ids={STRANGER}", f"If-None-Match: {etag}")
    assert other.status == 200


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "No user is named. Ask for 1 to 50 users"),
        ("ids=", "No user is named."),
        ("ids=%20,,", "No user is named."),
        ("id=1274150219482660897", "No user is named."),
        ("ids=robin", "Id 1 of 1, 'robin', is no Discord id. This is not an id,"),
        ("ids=1274150219482660897,12", "Id 2 of 2, '12', is no Discord id. This is too short"),
        ("ids=<b>%0A%E2%80%AE%FF\"'", "Id 1 of 1, '?b???"),
        ("ids=" + "9" * 99, f"Id 1 of 1, '{'9' * 24}…', is no Discord id. This is too long"),
        ("ids=" + ",".join(map(str, NUMBERS)), "51 ids are named, but one request may name 50"),
        ("ids=1&" * 101, "The query is too long."),
        ("ids=" + "1" * 9000, "The query is too long."),
    ],
)
async def test_what_is_refused(port: int, query: str, message: str) -> None:
    """With a message that says which id is wrong, and why."""
    answer = await ask(port, f"/users?{query}")
    error = msgspec.json.decode(answer.body)["error"]
    assert (answer.status, error["code"]) == (400, "invalid_user_id")
    assert error["message"].startswith(message)
    assert error["message"].isprintable()


def test_as_many_as_are_allowed() -> None:
    """Each once, also where it is repeated."""
    ids = [str(one) for one in NUMBERS][:MAX_USERS]
    assert parse_ids(f"ids={','.join(ids)}") == list(map(int, ids))
    assert parse_ids(f"ids={','.join(ids[:1] * (MAX_USERS + 1))}") == [int(ids[0])]
    with pytest.raises(InvalidUserId):
        parse_ids(f"ids={','.join(map(str, NUMBERS))}")


async def test_a_change_is_in_the_next_answer(store: Store) -> None:
    """What is in memory is used as long as it is right, and what is not is kept there."""
    cache = ResponseCache()
    path = f"/users?ids={RICH.user_id},{BOT.user_id}"
    async with serving(store, cache=cache) as port:
        await warm(port, cache, f"/user/{RICH.user_id}")
        rich, bot = (RICH.user_id, RICH.user), (BOT.user_id, BOT.user)
        assert (await ask(port, path)).body == body(rich, bot)
        assert cache.get(f"/user/{BOT.user_id}") is not None
        misses = cache.misses
        assert (await ask(port, path)).body == body(rich, bot)
        assert cache.misses == misses
        save = msgspec.structs.replace(BOT.save(), joined=(), left=(492605905305600005,))
        await store.save([save])

        async def is_gone() -> bool:
            return (await ask(port, path)).body == body(rich, not_monitored=(BOT.user_id,))

        await eventually_async(is_gone)


async def test_one_round_trip(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All users that are not in memory are read together."""
    round_trips = 0
    original = PackedConnection.exchange

    async def counted(self: PackedConnection, commands: Sequence[Command]) -> list[Any]:
        nonlocal round_trips
        round_trips += 1
        return await original(self, commands)

    async with serving(store) as port:
        await ask(port, f"/users?ids={RICH.user_id}")
        monkeypatch.setattr(PackedConnection, "exchange", counted)
        known = [golden.user_id for golden in GOLDEN.values()]
        asked = [*known, *NUMBERS][:MAX_USERS]
        answer = await ask(port, f"/users?ids={','.join(map(str, asked))}")
    assert answer.status == 200
    assert round_trips == 1


async def test_when_a_user_cannot_be_read(store: Store, redis_url: str) -> None:
    """503 as from GET /user/:id: an answer without this user would say that they are not there."""
    async with serving(store) as port, Redis.from_url(redis_url, protocol=2) as redis:
        await redis.delete(keys.presence(BOT.user_id))
        await redis.set(keys.presence(BOT.user_id), "x")
        answer = await ask(port, f"/users?ids={RICH.user_id},{BOT.user_id}")
        assert answer.status == 503
        assert answer == await ask(port, f"/user/{BOT.user_id}")


async def test_without_redis() -> None:
    """503 with the contract's code."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, serving(nowhere) as port:
        answer = await ask(port, f"/users?ids={RICH.user_id},{BOT.user_id}")
        assert answer.status == 503
        assert b'"code":"unavailable"' in answer.body


async def test_each_user_counts_as_a_request(store: Store) -> None:
    """An address may ask for as many users in a minute as by GET /user/:id, and for no more."""
    settings = ApiSettings()
    profiles = ProfileService(None, ProfileCache(store, settings.profile_ttl))
    users = UserReader.of(store, profiles, settings)
    limiter = RateLimitMiddleware(
        MAX_USERS + 3, (), app.build(store, users, settings), count_bytes=True
    )

    async def asked(path: str, query: str = "") -> tuple[int, bytes | None]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("the request body is not read")

        scope = {"type": "http", "method": "GET", "client": ("8.8.8.8", 1), "headers": []}
        addressed = {"path": path, "raw_path": path.encode(), "query_string": query.encode()}
        await limiter({**scope, **addressed}, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]).get(b"retry-after")

    full = "ids=" + ",".join(map(str, NUMBERS[:MAX_USERS]))
    assert (await asked("/users", full))[0] == 200
    assert (await asked(f"/user/{RICH.user_id}"))[0] == 200
    status, retry_after = await asked("/users", f"ids={RICH.user_id},{BOT.user_id},{STRANGER}")
    assert status == 429
    assert retry_after is not None
    assert 1 <= int(retry_after) <= 60
    assert (await asked(f"/user/{RICH.user_id}"))[0] == 429
    await profiles.close()
