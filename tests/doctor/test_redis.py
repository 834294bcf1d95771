"""A real Redis with each mistake that a setup can have."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from services.doctor import redis_server
from shared.config import Settings
from shared.redis import gateway_liveness, keys
from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.free_port import free_port
from testing.redis_cluster import RedisCluster
from testing.redis_sentinels import RedisSentinels
from testing.redis_server import RedisServer
from tests.doctor.examination import Examination, examined

QUIET = {"DISCORD_TOKEN": "", "API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}


async def ask(url: str) -> Examination:
    return await examined({**QUIET, "REDIS_URL": url})


async def test_a_well_configured_redis_passes() -> None:
    """It is persistent and has a memory limit, and a gateway is connected."""
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:
        await store.redis.config_set("appendonly", "yes")
        await store.redis.config_set("maxmemory", "64mb")
        await store.redis.config_set("maxmemory-policy", "volatile-ttl")
        await gateway_liveness.heartbeat(store, 1, [0])
        said = await ask(server.url)
    redis = said.printed.partition("Redis\n")[2].partition("\nAddresses")[0]
    assert "warning" not in redis
    assert "failure" not in redis
    for words in (
        "Redis answers, version",
        "survives a restart",
        "of 64 MB, maxmemory-policy volatile-ttl",
        "allows every command that Grux needs",
        "clock agrees with that of Redis",
        "a gateway is connected to Discord; monitored users: 0",
    ):
        assert said.level(words) == "ok"


async def test_a_redis_with_its_defaults_gets_warnings() -> None:
    """The defaults work, but may cause trouble later."""
    async with RedisServer() as server:
        said = await ask(server.url)
    assert said.level("no append-only file") == "warning"
    assert said.level("may take all memory") == "warning"
    assert said.level("no gateway has been connected") == "warning"


async def test_a_gateway_that_is_still_connecting_is_waited_for() -> None:
    """In containers: `make up` returns when the gateway runs, which is before it is connected."""
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:

        async def connect_later() -> None:
            await asyncio.sleep(2 * redis_server.CONNECT_POLL_S)
            await gateway_liveness.heartbeat(store, 1, [0])

        found, _ = await asyncio.gather(
            redis_server.check(Settings(redis_url=server.url), chosen=True, in_compose=True),
            connect_later(),
        )
    assert found[-1].message.startswith("a gateway is connected to Discord")


async def test_evicting_presences_is_a_failure() -> None:
    """A policy of allkeys removes presences when Redis is full."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        said = await ask(server.url)
    assert said.status == 1
    assert said.level("maxmemory-policy allkeys-lru") == "failure"
    assert "volatile-ttl" in said.advice("allkeys-lru")


async def test_a_nearly_full_redis_is_a_warning() -> None:
    """When Redis is full, it refuses the gateway's writes."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        used = (await redis.info("memory"))["used_memory"]
        await redis.config_set("maxmemory", used + 4096)
        assert (await ask(server.url)).level("maxmemory-policy noeviction") == "warning"


async def test_a_replica_is_a_failure() -> None:
    """A replica refuses the gateway's writes."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        await redis.replicaof("127.0.0.1", str(free_port()))
        assert (await ask(server.url)).level("is a replica") == "failure"


async def test_a_wrong_password_is_a_failure() -> None:
    """The report names the cause, and prints neither the right password nor the wrong one."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        await redis.config_set("requirepass", "right-secret")
        said = await ask(server.url.replace("//", "//:wrong-secret@"))
        assert said.level("rejects the user name or the password") == "failure"
        assert "secret" not in said.printed
        good = await ask(server.url.replace("//", "//:right-secret@"))
        assert good.level("Redis answers") == "ok"


async def test_a_database_that_does_not_exist_is_a_failure() -> None:
    """The report says which part of the URL is meant."""
    async with RedisServer() as server:
        said = await ask(f"{server.url.rpartition('/')[0]}/99")
    assert said.level("does not have the database that REDIS_URL names") == "failure"


@pytest.mark.parametrize("password", ["hunter2/etpw", "12345/etpw", "pa?etpw", "pa#etpw", "[etpw"])
async def test_a_password_that_is_not_encoded_is_not_printed(password: str) -> None:
    """The setting is invalid, and the report says what to write."""
    said = await ask(f"redis://user:{password}@host/0")
    assert said.level("REDIS_URL cannot be used") == "failure"
    assert "Percent-encode the user name" in " ".join(said.printed.split())
    assert "etpw" not in said.printed
    assert password not in said.printed


@pytest.mark.parametrize(
    ("rule", "says", "level"),
    [
        ("-eval", "refuses EVAL", "failure"),
        ("-evalsha", "refuses EVALSHA", "failure"),
        ("-subscribe", "refuses SUBSCRIBE", "failure"),
        ("-client|tracking", "refuses CLIENT TRACKING", "warning"),
    ],
)
async def test_a_missing_permission_is_named(rule: str, says: str, level: str) -> None:
    """The report names the refused command."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        allowed = "+@all" if "|" not in rule else "+@all -client +client|setinfo +client|setname"
        given = allowed if "|" in rule else f"{allowed} {rule}"
        user = ("ACL", "SETUSER", "grux", "on", ">password", "~*", "&*", *given.split())
        await redis.execute_command(*user)  # type: ignore[no-untyped-call]
        said = await ask(server.url.replace("//", "//grux:password@"))
    assert said.level(says) == level


async def test_a_silent_gateway_is_a_failure() -> None:
    """Its last heartbeat is long ago."""
    async with RedisServer() as server, Redis.from_url(server.url) as redis:
        await redis.zadd(keys.HEARTBEATS, {"0/1": 1})
        said = await ask(server.url)
    assert said.level("the gateway has been silent for") == "failure"


async def test_an_unreachable_redis_is_a_failure() -> None:
    """It is one when REDIS_URL is set; the password in the URL is not printed."""
    nowhere = f"redis://:a-secret@127.0.0.1:{free_port()}/0"
    said = await ask(nowhere)
    assert said.level("Redis cannot be used at REDIS_URL (ConnectionError)") == "failure"
    assert "a-secret" not in said.printed


async def test_every_master_of_a_cluster_is_checked() -> None:
    """The report has one line per check: the worst result."""
    async with RedisCluster() as cluster:
        said = await ask(cluster.url)
        for words in ("Redis answers, version", "it accepts writes", "allows every command"):
            assert said.level(words) == "ok"
        one = cluster.master_of("users")
        async with Redis.from_url(one.url) as redis:
            await redis.config_set("maxmemory-policy", "allkeys-lfu")
        assert (await ask(cluster.url)).level("maxmemory-policy allkeys-lfu") == "failure"


async def test_a_redis_found_by_sentinels_passes() -> None:
    """The primary that the Sentinels name is checked like any other Redis."""
    async with RedisSentinels() as sentinels:
        said = await ask(sentinels.url)
        assert said.level("Redis answers, version") == "ok"
        assert said.level("it accepts writes") == "ok"


def test_old_versions_and_failed_writes_are_failures() -> None:
    """No real Redis in these tests can be made to report them."""
    assert redis_server.check_version({"redis_version": "5.0.14"}).level == "failure"
    assert redis_server.check_version({"redis_version": "6.2.0"}).level == "ok"
    assert redis_server.check_version({"redis_version": "8.0.2"}).level == "ok"
    broken = {"aof_enabled": 1, "aof_last_write_status": "err"}
    assert redis_server.check_persistence(broken).level == "failure"
    assert redis_server.check_persistence({"rdb_last_bgsave_status": "err"}).level == "failure"
