"""Checks of the Redis at REDIS_URL: whether Grux can use it, and whether a gateway does."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from services.doctor import machine
from services.doctor.report import Finding, Level, failure, ok, warning
from shared.config import Settings
from shared.redis import gateway_liveness, permissions
from shared.redis.store import Store, StoreUnavailable
from shared.redis.trial import is_database_error

MIN_VERSION: Final = (6, 2)
SLOW_ROUND_TRIP_S: Final = 0.01  # each read that is not in memory takes as long
NEARLY_FULL_RATIO: Final = 0.9  # of maxmemory
REDIS_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 20.0  # a gateway becomes ready before it is connected to Discord
CONNECT_POLL_S: Final = 0.25

START_REDIS: Final = (
    "`make run` starts one. To run the services separately, start a Redis, or set REDIS_URL."
)


async def check(settings: Settings, *, chosen: bool, in_compose: bool = False) -> list[Finding]:
    """Check version, role, persistence, memory, permissions, clock, and the gateway's heartbeat.

    `chosen`: whether REDIS_URL is set. If not, `make run` starts a Redis, so none has to run yet.
    `in_compose`: `make up` has started a gateway, which may still be connecting.
    """
    async with Store.connect(settings.redis_url, timeout=REDIS_TIMEOUT_S) as store:
        try:
            servers = await store.info()
        except StoreUnavailable as error:
            if not chosen:
                return [
                    warning("REDIS_URL is not set, and no Redis runs on this machine", START_REDIS)
                ]
            return [_unreachable(error)]
        checks = (check_version, check_role, check_persistence, check_memory)
        found = [_worst([check_one(info) for info in servers]) for check_one in checks]
        try:
            refused = await permissions.refused(store, reads=not _is_gateways(settings))
            found.append(_permissions(refused))
            if found[-1].level != "failure":
                found += [
                    await _clock_and_latency(store),
                    *await _gateway(store, in_compose=in_compose),
                ]
        except StoreUnavailable as error:
            found.append(_unreachable(error))
    return found


def _worst(findings: list[Finding]) -> Finding:
    """Of the same check of each master of a cluster: one line is enough."""
    levels = get_args(Level)
    return max(findings, key=lambda finding: levels.index(finding.level))


def check_version(info: Mapping[str, Any]) -> Finding:
    text = str(info.get("redis_version", "0"))
    number = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if number < MIN_VERSION:
        return failure(f"Redis has version {text}, but Grux needs 6.2 or newer", "Update Redis.")
    return ok(f"Redis answers, version {text}")


def check_role(info: Mapping[str, Any]) -> Finding:
    if info.get("role") == "slave":
        return failure(
            "this Redis is a replica, so the gateway cannot write to it",
            "Set REDIS_URL to the primary that it replicates.",
        )
    if info.get("loading"):
        return warning("Redis is still loading its data", "Run the doctor again in a moment.")
    return ok("it accepts writes")


def check_persistence(info: Mapping[str, Any]) -> Finding:
    """Not required: all data can be rebuilt. But Redis refuses writes while its own file fails."""
    if info.get("aof_last_write_status", "ok") != "ok":
        return failure(
            "Redis cannot write its append-only file, so it refuses the gateway's writes",
            "See its log: the disk may be full.",
        )
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        return failure(
            "Redis cannot save its snapshot, so it refuses the gateway's writes",
            "See its log: the disk may be full, or memory short (vm.overcommit_memory).",
        )
    if info.get("aof_enabled"):
        return ok("its data survives a restart (append-only file)")
    return warning(
        "Redis has no append-only file, so it may lose its data in a restart",
        "Presences are then missing or old until the gateway has written all of them again: "
        "seconds, or minutes with a hundred thousand users. To avoid that, set `appendonly yes`.",
    )


def check_memory(info: Mapping[str, Any]) -> Finding:
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        return failure(
            f"Redis evicts presences when it is full (maxmemory-policy {policy})",
            "Users would disappear. Set maxmemory-policy to volatile-ttl or noeviction.",
        )
    if not limit:
        return warning(
            f"Redis may take all memory of its machine (now {_megabytes(used)})",
            "Set maxmemory: 4 KB per monitored user is plenty.",
        )
    message = f"memory: {_megabytes(used)} of {_megabytes(limit)}, maxmemory-policy {policy}"
    if used > limit * NEARLY_FULL_RATIO:
        return warning(message, "Raise maxmemory, before Redis refuses the gateway's writes.")
    return ok(message)


def _is_gateways(settings: Settings) -> bool:
    """Whether REDIS_URL names the user of the gateway, which follows nothing (users.acl)."""
    return urlsplit(settings.redis_url).username == "gateway"


def _permissions(refused: list[str]) -> Finding:
    if not refused:
        return ok("it allows every command that Grux needs")
    message = f"Redis refuses {' and '.join(refused)}"
    remedy = "Allow it for the user in REDIS_URL (ACL SETUSER; docs/redis.md)."
    only_slower = refused == [permissions.TRACKING]
    return warning(message, remedy) if only_slower else failure(message, remedy)


async def _clock_and_latency(store: Store) -> Finding:
    best, ahead = float("inf"), 0.0
    for _ in range(5):
        began = time.time()
        theirs = await store.server_time()
        took = time.time() - began
        if took < best:
            best, ahead = took, theirs - began - took / 2
    found = machine.check_clock("that of Redis", ahead)
    if found.level == "ok" and best > SLOW_ROUND_TRIP_S:
        return warning(
            f"Redis takes {best * 1000:.0f} ms to answer",
            "Run it close to Grux (same machine or data centre), and check whether it is busy.",
        )
    return found


async def _gateway(store: Store, *, in_compose: bool) -> list[Finding]:
    silent = await gateway_liveness.age(store)
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_TIMEOUT_S if in_compose else 0):
            while silent is None:
                await asyncio.sleep(CONNECT_POLL_S)
                silent = await gateway_liveness.age(store)
    start = "Start it (`make up`, `make run`), or see its log."
    if silent is None:
        return [warning("no gateway has been connected to Discord yet", start)]
    if silent > gateway_liveness.STALE_AFTER_S:
        return [failure(f"the gateway has been silent for {silent:,.0f} seconds", start)]
    return [ok(f"a gateway is connected to Discord; monitored users: {await store.count_users()}")]


def _unreachable(error: StoreUnavailable) -> Finding:
    cause = type(error.__cause__).__name__
    if cause in ("AuthenticationError", "AuthenticationWrongNumberOfArgsError"):
        return failure(
            "Redis rejects the user name or the password in REDIS_URL",
            "The form is redis://<name>:<password>@<host>:6379/0, with %40 for an @ in either.",
        )
    if is_database_error(error.__cause__):
        return failure(
            "Redis does not have the database that REDIS_URL names after its last /",
            "Use 0, as in redis://<host>:6379/0. A server has the databases 0 to 15 unless its "
            "setting `databases` says otherwise.",
        )
    return failure(
        f"Redis cannot be used at REDIS_URL ({cause})",
        "Check that Redis is running, and that the address is right from here. In a container, "
        "localhost is the container itself.",
    )


def _megabytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MB"
