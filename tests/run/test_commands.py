"""`key`, `import-lanyard`, `backup` and `restore`, as an operator types them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.redis import keys
from shared.redis.api_keys import ApiKeys
from shared.redis.durable import DurableKv, StoredKv
from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.process import ROOT
from testing.redis_server import RedisServer

USER, OTHER, THIRD = 1274150219482660897, 172002275412279296, 161092844126208001
NEVER = StoredKv(0, b"{}")
OLD_KEY = "lnyd_" + "0123456789abcdef" * 2
OLDEST_KEY = "abcdefghijklmnopqrstuvwxyzABCDEF"


async def command(
    folder: Path, *arguments: object, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> tuple[int, str, str]:
    """Exit status, standard output, standard error; without any setting but `env`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services", *map(str, arguments)),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(env or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, errors = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), errors.decode()


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def durable(redis: RedisServer) -> AsyncIterator[Store]:
    async with Store.connect(redis.url, timeout=PATIENCE) as store:
        yield store


async def written(durable: Store, user_id: int) -> dict[str, str]:
    found: dict[str, str] = json.loads((await DurableKv(durable).load(user_id)).kv)
    return found


async def test_a_key(tmp_path: Path, redis: RedisServer, durable: Store) -> None:
    """Alone on standard output. A new one ends the old one."""
    for setting in ("REDIS_URL", "DURABLE_REDIS_URL"):
        status, key, said = await command(tmp_path, "key", USER, env={setting: redis.url})
        assert (status, key.count("\n")) == (0, 1)
        assert str(USER) in said
        assert await ApiKeys(durable).owner(key.strip().encode()) == USER
    first = await ApiKeys(durable).create(OTHER)
    second = await ApiKeys(durable).create(OTHER)
    assert await ApiKeys(durable).owner(first.encode()) is None
    assert await ApiKeys(durable).owner(second.encode()) == OTHER
    assert len([name async for name in durable.redis.scan_iter("durable:key:*")]) == 2


@pytest.mark.parametrize("arguments", [(), ("x",), ("1",), (USER, OTHER)])
async def test_a_key_of_nobody(tmp_path: Path, arguments: tuple[object, ...]) -> None:
    status, out, said = await command(tmp_path, "key", *arguments)
    assert (status, out) == (2, "")
    assert "Usage: python -m services key USER_ID" in said


async def test_a_key_without_a_redis(tmp_path: Path) -> None:
    env = {"DURABLE_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
    status, out, said = await command(tmp_path, "key", USER, env=env)
    assert (status, out) == (1, "")
    assert "127.0.0.1:1" in said
    assert "hunter2" not in said


async def test_import_of_a_lanyard(tmp_path: Path, redis: RedisServer, durable: Store) -> None:
    """Pairs and keys; what is not valid is skipped, and a key that a user has here stays."""
    source = redis.url.replace("/0", "/1")
    async with Store.connect(source, timeout=PATIENCE) as lanyard:
        pairs: dict[Any, Any] = {
            "city": "Kyoto",
            "bad key": "x",
            "": "x",
            "mood": b"\xff",
            "big": "😀" * 30_000,
        }
        await lanyard.redis.hset(f"lanyard_kv:{USER}", mapping=pairs)
        await lanyard.redis.hset("lanyard_kv:nobody", "a", "b")
        await lanyard.redis.set(f"api_key:{OLD_KEY}", USER)
        await lanyard.redis.set(f"user_api_key:{USER}", OLD_KEY)
        await lanyard.redis.set("api_key:ended", USER)
        await lanyard.redis.set(f"api_key:{OLDEST_KEY}", OTHER)
        await lanyard.redis.set("api_key:x", THIRD)
    own = await ApiKeys(durable).create(THIRD)
    await DurableKv(durable).replace(USER, NEVER, b'{"city":"Nara","own":"1"}')
    for _ in range(2):
        env = {"REDIS_URL": redis.url}
        status, said, _ = await command(tmp_path, "import-lanyard", source, env=env)
        assert status == 0
        assert "2 pairs of 1 users, 2 keys" in said
        assert "3 pairs that are not valid" in said
        assert "the keys of 1 users" in said
        found = await written(durable, USER)
        assert found == {"big": "😀" * 30_000, "city": "Kyoto", "own": "1"}
    api_keys = ApiKeys(durable)
    assert await api_keys.owner(OLD_KEY.encode()) == USER
    assert await api_keys.owner(OLDEST_KEY.encode()) == OTHER
    assert await api_keys.owner(b"ended") is None
    assert await api_keys.owner(own.encode()) == THIRD
    assert await DurableKv(durable).noted(0, 10) == [(USER, 0)]  # readers get a copy at once


async def test_the_address_of_a_lanyard_need_not_be_an_argument(
    tmp_path: Path, redis: RedisServer
) -> None:
    """Other users of the machine can read the arguments."""
    source = redis.url.replace("/0", "/1")
    env = {"REDIS_URL": redis.url, "LANYARD_REDIS_URL": source}
    status, said, _ = await command(tmp_path, "import-lanyard", env=env)
    assert (status, "0 pairs of 0 users" in said) == (0, True)
    status, _, said = await command(tmp_path, "import-lanyard", env={"REDIS_URL": redis.url})
    assert (status, "LANYARD_REDIS_URL" in said) == (2, True)


@pytest.mark.parametrize("url", ["", "x", "http://localhost", "redis://:hunter2@127.0.0.1:1/0"])
async def test_import_from_nowhere(tmp_path: Path, redis: RedisServer, url: str) -> None:
    env = {"REDIS_URL": redis.url}
    status, out, said = await command(tmp_path, "import-lanyard", url, env=env)
    assert " REDIS_URL" not in said  # which is not what was mistyped
    assert status in (1, 2)
    assert out == ""
    assert "Traceback" not in said
    assert "hunter2" not in said


async def test_backup_and_restore(tmp_path: Path, redis: RedisServer, durable: Store) -> None:
    """What was written since is gone, and copies become those of the backup."""
    env = {"DURABLE_REDIS_URL": redis.url}
    kv, api_keys = DurableKv(durable), ApiKeys(durable)
    first = await kv.replace(USER, NEVER, '{"a":"é\\u0000"}'.encode())
    assert first is not None
    key = await api_keys.create(USER)
    for name, args in {"set": ("sadd", "x", "y"), "list": ("rpush", "x", "x")}.items():
        await durable.redis.execute_command(args[0], f"durable:{{1}}:{name}", *args[1:])
    await durable.redis.zadd("durable:{1}:zset", {b"\xff": 1.5})
    await durable.redis.set("durable:{1}:gone", "x", px=100_000)
    await durable.redis.set("presence:{1}", "not durable")
    status, backup, said = await command(tmp_path, "backup", env=env)
    assert status == 0, said
    assert key not in backup
    assert "not durable" not in backup

    await kv.replace(USER, first, b'{"a":"2"}')
    newer = await kv.load(USER)
    await kv.replace(OTHER, NEVER, b'{"b":"1"}')
    newest = await api_keys.create(USER)
    await durable.redis.delete("durable:{1}:zset")
    status, out, said = await command(tmp_path, "restore", env=env, stdin=backup.encode())
    assert (status, out) == (0, ""), said
    assert await written(durable, USER) == {"a": "é\x00"}
    assert await written(durable, OTHER) == {}
    assert (await kv.load(USER)).revision > newer.revision
    assert {user for user, _ in await kv.noted(0, 10)} == {USER, OTHER}
    assert await api_keys.owner(key.encode()) == USER
    assert await api_keys.owner(newest.encode()) is None
    assert await durable.redis.zscore("durable:{1}:zset", b"\xff") == 1.5
    assert 0 < await durable.redis.pttl("durable:{1}:gone") <= 100_000
    assert await durable.redis.lrange("durable:{1}:list", 0, -1) == [b"x", b"x"]
    assert await durable.redis.get("presence:{1}") == b"not durable"


END = '{"entries":1}\n'  # as an earlier version has written it
DAMAGED = (
    '{"name":"cHJlc2VuY2U6ezF9","kind":"string","value":["eA=="]}\n',  # presence:{1}
    '{"name":"ZHVyYWJsZTp7MX06eA==","kind":"string","value":[]}\n',  # durable:{1}:x
    '{"name":"ZHVyYWJsZTp7MX06eA==","kind":"hash","value":["eA=="]}\n',
    '{"name":"ZHVyYWJsZTp7MX06eA==","kind":"zset","value":["eA==","eA=="]}\n',
)


async def test_a_backup_of_an_earlier_version(
    tmp_path: Path, redis: RedisServer, durable: Store
) -> None:
    """It has no checksum."""
    env = {"REDIS_URL": redis.url}
    await DurableKv(durable).replace(USER, NEVER, b'{"a":"1"}')
    _, backup, _ = await command(tmp_path, "backup", env=env)
    head, *lines, _ = backup.splitlines(keepends=True)
    old = "".join([head, *lines, f'{{"entries":{len(lines)}}}\n'])
    await durable.redis.delete(keys.durable_kv(USER))
    assert (await command(tmp_path, "restore", env=env, stdin=old.encode()))[0] == 0
    assert await written(durable, USER) == {"a": "1"}


async def test_a_file_that_is_no_whole_backup_changes_nothing(
    tmp_path: Path, redis: RedisServer, durable: Store
) -> None:
    env = {"REDIS_URL": redis.url}
    await DurableKv(durable).replace(USER, NEVER, b'{"a":"1"}')
    _, backup, _ = await command(tmp_path, "backup", env=env)
    lines = backup.splitlines(keepends=True)
    await durable.redis.delete(keys.durable_kv(USER))
    newer = backup.replace('{"grux_backup":1', '{"grux_backup":2', 1)
    changed = backup.replace('"kind":"hash"', '"kind":"list"', 1)
    nothing = lines[0] + '{"entries":0}\n'
    others = (newer, changed, nothing, *(lines[0] + one + END for one in DAMAGED))
    for bad in ("", "{}", "".join(lines[:-1]), lines[0] + lines[-1], lines[0] + "x\n", *others):
        status, _, said = await command(tmp_path, "restore", env=env, stdin=bad.encode())
        assert status == 2
        assert "Nothing was changed." in said
        assert "Traceback" not in said
    assert await written(durable, USER) == {}
    assert (await command(tmp_path, "restore", env=env, stdin=backup.encode()))[0] == 0
    assert await written(durable, USER) == {"a": "1"}
