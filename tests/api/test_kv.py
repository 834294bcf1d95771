"""Writing the key-value store: who may, the limits, what readers see, and servers that are away.

Long because each way to write is refused in as many ways.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.redis import keys, kv_copies
from shared.redis.api_keys import ApiKeys
from shared.redis.durable import DurableKv
from shared.redis.store import Save, Store
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.api.golden import RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving, warm
from tests.api.test_lanyard import SAVE, STRANGER, USER, code_of, data_of

PATH = f"/v1/users/{USER}"


@pytest.fixture
async def key(store: Store, durable: Store) -> str:
    await store.save([SAVE])
    return await ApiKeys(durable).create(USER)


@pytest.fixture
async def port(store: Store, durable: Store) -> AsyncIterator[int]:
    async with serving(store, durable=durable, cache=ResponseCache()) as port:
        yield port


async def write(
    port: int, key: str, path: str, body: str = "", method: str = "PUT", *headers: str
) -> Answer:
    authorization = [f"Authorization: {key}"] if key else []
    return await ask(port, path, *authorization, *headers, method=method, body=body)


async def both_kv(port: int) -> list[dict[str, str]]:
    """What Lanyard's form shows, and Grux's."""
    lanyard = data_of(await ask(port, PATH))["kv"]
    return [lanyard, data_of(await ask(port, f"/user/{USER}"))["profile"]["kv"]]


async def kv_of(port: int) -> dict[str, str]:
    """What both forms show, which is the same while nothing changes."""
    lanyard, grux = await both_kv(port)
    assert lanyard == grux
    return lanyard


async def shows(port: int, kv: dict[str, str]) -> None:
    """Wait until both forms do."""

    async def shown() -> bool:
        return await both_kv(port) == [kv, kv]

    await eventually_async(shown)


async def test_writing(port: int, key: str) -> None:
    """Put, patch and delete; any Content-Type; `@me` and the id; values as they came."""
    assert await kv_of(port) == {}
    answer = await write(port, key, f"{PATH}/kv/city", "Kyōto 🍜", "PUT", "Content-Type: x/y")
    assert (answer.status, answer.body, answer.header("content-type")) == (204, b"", None)
    assert answer.header("access-control-allow-origin") == "*"
    await shows(port, {"city": "Kyōto 🍜"})
    body = json.dumps({"city": "😀", "Quoted_1": '"x"', "empty": ""})
    assert (await write(port, key, "/v1/users/@me/kv", body, "PATCH")).status == 204
    await shows(port, {"city": "😀", "Quoted_1": '"x"', "empty": ""})
    assert (await write(port, key, f"{PATH}/kv/city", method="DELETE")).status == 204
    assert (await write(port, key, f"{PATH}/kv/not_there", method="DELETE")).status == 204
    assert (await write(port, key, "/v1/users/%40me/kv/Quoted_1/", "")).status == 204
    await shows(port, {"Quoted_1": "", "empty": ""})


async def test_the_case_of_keys_is_kept(port: int, key: str) -> None:
    """Other spellings of the path are served, but keys are not respelled."""
    assert (await write(port, key, f"/v1//users/{USER}//kv/Foo/", "1")).status == 204
    assert (await write(port, key, f"/V1/users/{USER}/kv/Bar", "1")).status == 404
    await shows(port, {"Foo": "1"})


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", f"{PATH}/kv/a"), ("PATCH", f"{PATH}/kv"), ("DELETE", f"{PATH}/kv/a")],
)
async def test_only_with_the_users_own_key(
    port: int, key: str, durable: Store, method: str, path: str
) -> None:
    """None, another user's, an ended one, or one with a scheme: 401, and nothing is written."""
    other = await ApiKeys(durable).create(STRANGER)
    new = await ApiKeys(durable).create(USER)
    for wrong in ("", other, key, f"Bearer {new}", "x" * 300, "grux_"):
        answer = await write(port, wrong, path, "{}", method)
        assert (answer.status, code_of(answer)) == (401, "no_permission")
    assert (await DurableKv(durable).load(USER)).revision == 0
    assert (await write(port, new, path, "{}", method)).status == 204


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", f"{PATH}/kv/a", b"1"), ("PATCH", f"{PATH}/kv", b'{"a":"1"}')],
)
async def test_a_key_that_ends_while_the_body_arrives(
    port: int, key: str, durable: Store, method: str, path: str, body: bytes
) -> None:
    """Nothing is written with it: its user may have erased everything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Expect: 100-continue"]
    lines += [f"Authorization: {key}", f"Content-Length: {len(body)}", "", ""]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(PATIENCE):
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        await ApiKeys(durable).delete(USER)
        writer.write(body)
        assert b" 401 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert (await DurableKv(durable).load(USER)).revision == 0


async def test_keys_are_stored_hashed(durable: Store, key: str) -> None:
    """Nothing in Redis has the key in it."""
    found = [name async for name in durable.redis.scan_iter()]
    assert found
    for name in found:
        assert key.encode() not in name + await durable.redis.dump(name)


async def test_limits(port: int, key: str) -> None:
    """Lanyard's codes and messages; what is refused changes nothing."""
    many = json.dumps({f"k{number}": "" for number in range(512)})
    cases = [
        ("PUT", "a" * 256, "", "key must be 255 characters or less"),
        ("PUT", "a-b", "", "key must be alphanumeric (a-zA-Z0-9_)"),
        ("PUT", "a%2Fb", "", "key must be alphanumeric (a-zA-Z0-9_)"),
        ("PUT", "a%0A", "", "key must be alphanumeric (a-zA-Z0-9_)"),
        ("PUT", "a", "x" * 30_001, "value must be 30000 characters or less"),
        ("PUT", "a", "x" * 1_000_000, "value must be 30000 characters or less"),
        ("PATCH", "", json.dumps({"": ""}), "key must be alphanumeric (a-zA-Z0-9_)"),
        (
            "PATCH",
            "",
            json.dumps({"good": "", "not good": ""}),
            "key must be alphanumeric (a-zA-Z0-9_)",
        ),
        ("PATCH", "", json.dumps({"a": "é" * 30_001}), "value must be 30000 characters or less"),
    ]
    for method, name, body, message in cases:
        answer = await write(port, key, f"{PATH}/kv/{name}".rstrip("/"), body, method)
        assert (answer.status, code_of(answer)) == (404, "kv_validation_failed")
        assert msgspec.json.decode(answer.body)["error"]["message"] == message
    assert await kv_of(port) == {}
    assert (await write(port, key, f"{PATH}/kv/emoji", "😀" * 30_000)).status == 204
    too_much = await write(port, key, f"{PATH}/kv/more", "x" * 12_000)
    assert code_of(too_much) == "kv_validation_failed"
    assert b"131072 bytes" in too_much.body
    assert (await write(port, key, f"{PATH}/kv/emoji", method="DELETE")).status == 204
    assert (await write(port, key, f"{PATH}/kv", many, "PATCH")).status == 204
    assert (await write(port, key, f"{PATH}/kv/k0", "new")).status == 204
    answer = await write(port, key, f"{PATH}/kv/one_more", "")
    assert code_of(answer) == "kv_validation_failed"
    assert b"request would exceed key limit (512), please delete keys first" in answer.body


@pytest.mark.parametrize(
    "body",
    ["", "x", "[]", '"x"', "1", '{"a":1}', '{"a":null}', '{"a":{}}', '{"a":["x"]}', "[" * 100_000],
)
async def test_a_patch_is_an_object_of_strings(port: int, key: str, body: str) -> None:
    answer = await write(port, key, f"{PATH}/kv", body, "PATCH")
    assert (answer.status, code_of(answer)) == (404, "invalid_kv_value")
    assert b"body must be an object" in answer.body


async def test_bodies_beyond_all_use(port: int, key: str) -> None:
    """They are refused while they arrive, and the server goes on."""
    answer = await write(port, key, f"{PATH}/kv", json.dumps({"a": "x" * 3_000_000}), "PATCH")
    assert (answer.status, code_of(answer)) == (413, "payload_too_large")
    head = (
        f"PUT {PATH}/kv/a HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 2\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + b"\xff\xfe")
    async with asyncio.timeout(PATIENCE):
        raw = await reader.readuntil(b"\r\n\r\n") + await reader.read(500)
    writer.close()
    assert raw.startswith(b"HTTP/1.1 404")
    assert b"invalid_kv_value" in raw
    assert await kv_of(port) == {}


async def test_nothing_to_change_tells_nobody(port: int, key: str, store: Store) -> None:
    """An empty patch, an equal value, and a key that is not there."""
    await write(port, key, f"{PATH}/kv/a", "1")
    before = await store.load(USER)
    assert (await write(port, key, f"{PATH}/kv", "{}", "PATCH")).status == 204
    assert (await write(port, key, f"{PATH}/kv/a", "1")).status == 204
    assert (await write(port, key, f"{PATH}/kv/b", method="DELETE")).status == 204
    assert await store.load(USER) == before


async def test_writes_at_once_lose_nothing(store: Store, durable: Store, key: str) -> None:
    """Thirty patches at two replicas, each of them whole."""
    async with serving(store, durable=durable) as one, serving(store, durable=durable) as two:
        patches = [{f"a{n}": str(n), f"b{n}": str(n)} for n in range(30)]
        answers = await asyncio.gather(
            *(
                write((one, two)[n % 2], key, f"{PATH}/kv", json.dumps(patch), "PATCH")
                for n, patch in enumerate(patches)
            )
        )
        assert {answer.status for answer in answers} == {204}
        await shows(one, {name: value for patch in patches for name, value in patch.items()})


async def test_writes_in_a_minute_are_limited(store: Store, durable: Store, key: str) -> None:
    """Of each user; refused ones as well. Others go on."""
    other = await ApiKeys(durable).create(STRANGER)
    async with serving(store, durable=durable, kv_writes_per_minute=3) as port:
        for _ in range(3):
            assert (await write(port, key, f"{PATH}/kv/a", "1")).status == 204
        answer = await write(port, key, f"{PATH}/kv/a", "2")
        assert (answer.status, code_of(answer)) == (429, "rate_limited")
        assert 1 <= int(answer.header("retry-after") or 0) <= 60
        assert (await write(port, other, "/v1/users/@me/kv/a", "1")).status == 204


async def test_a_user_who_is_not_monitored(port: int, store: Store, key: str) -> None:
    """Their store is kept and written, and shown once they are back."""
    await store.save([Save(USER, left=(1, 2))])
    guilds = [int(one) for one in await store.redis.smembers(keys.guilds(USER))]
    await store.save([Save(USER, left=tuple(guilds))])
    assert (await write(port, key, f"{PATH}/kv/a", "1")).status == 204
    assert (await ask(port, PATH)).status == 404
    assert await store.redis.exists(keys.presence(USER)) == 0
    await store.save([SAVE])
    await shows(port, {"a": "1"})


async def test_the_presence_redis_is_emptied(port: int, store: Store, key: str) -> None:
    """No pair is lost: the first reader after that sees them."""
    await write(port, key, f"{PATH}/kv/a", "1")
    await store.redis.flushall()
    await store.save([SAVE])
    assert data_of(await ask(port, PATH))["kv"] == {"a": "1"}
    assert await kv_of(port) == {"a": "1"}


async def test_the_durable_redis_is_away(
    store: Store, key: str, durable_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes get 503, readers see the copy, and nothing is lost."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", 0.2)
    async with (
        Store.connect(durable_redis.url) as durable,
        serving(store, durable=durable, cache=ResponseCache()) as port,
    ):
        await _check_an_outage(port, store, key, durable_redis)


async def _check_an_outage(port: int, store: Store, key: str, durable_redis: RedisServer) -> None:
    assert (await write(port, key, f"{PATH}/kv/a", "1")).status == 204
    await durable_redis.pause()
    for method, path in (("PUT", "/kv/b"), ("PATCH", "/kv"), ("DELETE", "/kv/a")):
        answer = await write(port, key, f"{PATH}{path}", '{"b":"2"}', method)
        assert (answer.status, code_of(answer)) == (503, "unavailable")
        assert answer.header("retry-after") == "5"
        assert b"nothing was changed" in answer.body
    assert await kv_of(port) == {"a": "1"}
    await store.redis.hdel(keys.presence(USER), "kv")
    assert data_of(await ask(port, PATH))["kv"] == {}
    await durable_redis.resume()
    await shows(port, {"a": "1"})
    assert (await write(port, key, f"{PATH}/kv/b", "2")).status == 204
    await shows(port, {"a": "1", "b": "2"})


async def test_cached_presences_show_a_write(store: Store, durable: Store, key: str) -> None:
    cache = ResponseCache()
    async with serving(store, durable=durable, cache=cache) as port:
        await warm(port, cache, PATH, f"/user/{USER}")
        hits = cache.hits
        await ask(port, PATH)
        assert cache.hits == hits + 1
        await write(port, key, f"{PATH}/kv/a", "1")
        await shows(port, {"a": "1"})


async def test_a_hostile_value_stays_a_value(port: int, key: str) -> None:
    """What ends a JSON string, or looks like a part of the profile, is escaped."""
    value = '"},"x":{"' + "\\" + "\u0000\u2028</script>" + ',"kv":{}'
    assert (await write(port, key, f"{PATH}/kv/kv", value)).status == 204
    await shows(port, {"kv": value})
    assert data_of(await ask(port, f"/user/{USER}"))["profile"]["username"] == "grwx"
    assert RICH.user_id == USER
