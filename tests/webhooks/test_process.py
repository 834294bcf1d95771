"""`python -m services.webhooks` as an operator sees it, with its own permissions in Redis."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from shared.redis import gateway_liveness, keys
from testing.eventually import eventually, eventually_async
from testing.free_port import free_port
from testing.process import Process
from tests.api.http_client import ask
from tests.deploy.test_rights_to_erase import FILES, guarded, stores
from tests.e2e.redis_calls import granted, monitored
from tests.generation import mark_complete
from tests.webhooks.receiver import SECRET, Receiver, answer
from tests.webhooks.webhooks_fixture import Source
from tests.ws.ws_fixture import ANNA, BERT

UNUSED = {
    *("cluster|slots", "cluster|info", "asking", "command"),
    *("ssubscribe", "sunsubscribe"),  # in a cluster
    "unsubscribe",  # not where a user is followed again before it is sent, as the guild set changes
    *("role", "select", "eval"),  # with Sentinels, another database; where Redis forgot a script
}
"""Permissions that the test does not use."""

NO_RIGHT = r"(?i)no permissions|can.t (run this|access at least)|ACL failure"

UNUSED_BY_REDIS_6 = {"client|id", "client|tracking"}
"""MONITOR tells of no CLIENT there."""


def webhooks(*receivers: Receiver, **changes: object) -> str:
    found = [{"url": one.url, "secret": SECRET, "private": True, **changes} for one in receivers]
    return msgspec.json.encode(found).decode()


async def start(**settings: str) -> Process:
    return await Process.start_module("services.webhooks", env=settings)


@pytest.mark.parametrize("file", FILES)
async def test_from_start_to_end(tmp_path: Path, file: str, receiver: Receiver) -> None:
    """Everything that it does, with the permissions of its own user of Redis. All are used."""
    metrics = free_port()
    async with (
        guarded(tmp_path, file) as server,
        stores(server, "webhooks") as (admin, _),
        Redis.from_url(server.url) as redis,
        monitored(redis, server.port) as calls,
    ):
        source = Source(server.url, admin)
        own = server.url.replace("admin:secret", "webhooks:change-this-webhooks")
        settings = {
            "REDIS_URL": await calls.through_relay(own, "webhooks"),
            "WEBHOOKS": webhooks(receiver),
            "METRICS_PORT": str(metrics),
        }
        await gateway_liveness.heartbeat(admin, 1, [0])
        await source.show(ANNA, 1)
        first = await start(**settings)
        await eventually(lambda: receiver.shown == [(ANNA, 1)])
        await source.show(BERT, 1)
        await eventually(lambda: receiver.shown[1:] == [(BERT, 1)])
        await source.remove(BERT)
        await eventually(lambda: receiver.shown[2:] == [(BERT, None)])
        await eventually_async(lambda: reports(metrics, pending=0))
        shown = json.loads((await ask(metrics, "/health")).body)
        assert (shown["ready"], shown["delivers"], shown["failing"]) == (True, True, [])
        assert (shown["users"], shown["disabled"]) == (1, [])

        second = await start(**{**settings, "METRICS_PORT": "0"})
        await second.line_with("ready after")
        assert await first.stop(signal.SIGTERM) == 0
        await second.line_with("this process delivers")
        assert await second.stop(signal.SIGTERM) == 0
        await source.remove(ANNA)
        await mark_complete(admin)
        third = await start(**{**settings, "METRICS_PORT": "0"})
        await eventually(lambda: receiver.shown[3:] == [(ANNA, None)])
        receiver.answers = [answer("410 Gone")]
        await source.show(ANNA, 3)
        await third.line_with("is gone (status 410)")
        [endpoint] = [key async for key in redis.scan_iter("webhook:*")] or [b""]
        await eventually_async(lambda: is_missing(redis, endpoint))
        spare = UNUSED | (UNUSED_BY_REDIS_6 if "6" in file else set())
        given = granted((tmp_path / file).read_text(), "webhooks") - spare
        with suppress(TimeoutError):
            await eventually(lambda: given <= calls.of("webhooks"))
        assert given - calls.of("webhooks") == set()
        assert await third.stop(signal.SIGTERM) == 0
        assert not await redis.exists(keys.WEBHOOK_LEASE)
        for process in (first, second, third):
            said = "\n".join(process.lines)
            assert "Traceback" not in said
            assert SECRET not in said
            assert "hunter2" not in said
            assert "NOPERM" not in said
        assert f"endpoints: 127.0.0.1:{receiver.port}" in "\n".join(first.lines)
        assert await redis.acl_log() == []


async def reports(port: int, *, pending: int) -> bool:
    return bool(json.loads((await ask(port, "/health")).body)["pending"] == pending)


async def is_missing(redis: Redis, key: bytes) -> bool:
    return not await redis.exists(key)


@pytest.mark.parametrize("file", FILES)
async def test_it_cannot_do_anything_else(tmp_path: Path, file: str) -> None:
    """It can neither write what is shown of somebody, nor read what they have not published."""
    presence = keys.presence(ANNA)
    refused: Sequence[Any] = (
        *[("KEYS", "*"), ("SCAN", 0), ("FLUSHALL",), ("MONITOR",), ("CONFIG", "GET", "*")],
        *[("PUBLISH", keys.CONTROL_CHANNEL, "x"), ("PUBLISH", presence, "x")],
        *[("HGETALL", presence), ("GET", keys.profile(ANNA)), ("SADD", keys.USERS, 1)],
        *[("HMGET", keys.durable_settings(ANNA), "settings"), ("GET", keys.SECRET_KEY)],
        *[("SUBSCRIBE", keys.SETTINGS_CHANNEL), ("SET", "foreign", "x")],
        *[("HDEL", presence, "presence"), ("DEL", presence), ("HSET", presence, "a", "b")],
    )
    if "6" in file:  # that version has one list of keys for all commands
        refused = [one for one in refused if one[0] not in ("HDEL", "DEL", "HSET")]
    async with guarded(tmp_path, file) as server, stores(server, "webhooks") as (_, own):
        for command in refused:
            with pytest.raises(Exception, match=NO_RIGHT):
                await own.redis.execute_command(*command)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "WEBHOOKS must be set to start this service"),
        ({"WEBHOOKS": "https://example.org/?hunter2"}, "WEBHOOKS must be a JSON list"),
        (
            {"WEBHOOKS": f'[{{"url": "https://10.0.0.1/hunter2", "secret": "{SECRET}"}}]'},
            "WEBHOOKS: endpoint 1 of 1: 10.0.0.1 is an address of a private network",
        ),
    ],
)
async def test_a_bad_setting_is_named(settings: dict[str, str], expected: str) -> None:
    """Exit status 2, and one line without a secret."""
    process = await start(**settings)
    assert await process.ended() == 2
    [line] = process.lines
    assert line.startswith(f"webhooks: {expected}")
    assert "hunter2" not in line
    assert SECRET not in line


async def test_without_redis_it_is_not_ready(receiver: Receiver) -> None:
    """It starts, and waits for it."""
    metrics, nowhere = free_port(), free_port()
    process = await start(
        WEBHOOKS=webhooks(receiver),
        METRICS_PORT=str(metrics),
        REDIS_URL=f"redis://127.0.0.1:{nowhere}/0",
    )
    await process.line_with("endpoints: ")
    assert (await ask(metrics, "/ready")).status == 503
    assert (await ask(metrics, "/health")).status == 200
    assert await process.stop() == 0
