"""Whether the Redis at REDIS_URL is one that Grux can live with."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final, get_args

from services.doctor import clock
from services.doctor.finding import Finding, Level, failure, ok, warning
from shared.config import Settings
from shared.redis import gateway_liveness, permissions
from shared.redis.store import Store, StoreUnavailable

OLDEST: Final = (6, 2)
SLOW: Final = 0.01  # seconds for a round trip: each read that is not in memory takes as long
FULL: Final = 0.9  # of what it may hold
WITHIN: Final = 5.0  # seconds

NONE_HERE: Final = (
    "`make run` starts one. To run the parts by themselves, start a Redis, or set REDIS_URL."
)


async def check(settings: Settings, *, chosen: bool) -> list[Finding]:
    """Version, role, persistence, memory, rights, the clock, and the gateway's sign.

    `chosen`: whether REDIS_URL was set. Else `make run` starts a Redis, and none need be there.
    """
    async with Store.connect(settings.redis_url, timeout=WITHIN) as store:
        try:
            servers = await store.info()
        except StoreUnavailable as error:
            if not chosen:
                return [warning("REDIS_URL is not set, and no Redis answers here", NONE_HERE)]
            return [_unreachable(error)]
        looks = (version, role, persistence, memory)
        found = [_worst([look(info) for info in servers]) for look in looks]
        try:
            found.append(_rights(await permissions.refused(store)))
            if found[-1].level != "failure":
                found += [await _distance(store), *await _gateway(store)]
        except StoreUnavailable as error:
            found.append(_unreachable(error))
    return found


def _worst(findings: list[Finding]) -> Finding:
    """Of the same question to each master of a cluster: one answer is enough."""
    levels = get_args(Level)
    return max(findings, key=lambda finding: levels.index(finding.level))


def version(info: Mapping[str, Any]) -> Finding:
    text = str(info.get("redis_version", "0"))
    number = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    if number < OLDEST:
        return failure(f"Redis is version {text}", "Grux needs 6.2 or newer: update Redis.")
    return ok(f"Redis answers, version {text}")


def role(info: Mapping[str, Any]) -> Finding:
    if info.get("role") == "slave":
        return failure(
            "this Redis is a replica, and cannot be written to",
            "Let REDIS_URL name the one that it follows.",
        )
    if info.get("loading"):
        return warning("Redis still reads its file", "Run the doctor again in a moment.")
    return ok("it can be written to")


def persistence(info: Mapping[str, Any]) -> Finding:
    """It is not needed, as all can be rebuilt; but where it is on and fails, writes are refused."""
    if info.get("aof_last_write_status", "ok") != "ok":
        return failure("Redis cannot write its append-only file", "See its log: is the disk full?")
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        return failure(
            "Redis cannot write its snapshot, and then refuses what the gateway writes",
            "See its log: is the disk full, or memory short (vm.overcommit_memory)?",
        )
    if info.get("aof_enabled"):
        return ok("what it holds outlives a restart (append-only file)")
    return warning(
        "Redis has no append-only file",
        "After a restart it is empty, or old, until the gateway has written everyone again: "
        "seconds, or minutes with a hundred thousand people. To spare them that: `appendonly yes`.",
    )


def memory(info: Mapping[str, Any]) -> Finding:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        return failure(
            f"Redis throws away whatever it likes when it is full (maxmemory-policy {policy})",
            "People would vanish: set maxmemory-policy to volatile-lru, or to noeviction.",
        )
    if not most:
        return warning(
            f"Redis may take all memory of its machine (now {_megabytes(used)})",
            "Set maxmemory: 4 KB for each monitored person is plenty.",
        )
    what = f"memory: {_megabytes(used)} of {_megabytes(most)}, maxmemory-policy {policy}"
    if used > most * FULL:
        return warning(what, "Raise maxmemory before it refuses what the gateway writes.")
    return ok(what)


def _rights(refused: list[str]) -> Finding:
    if not refused:
        return ok("it allows what Grux asks of it")
    what = f"Redis refuses {' and '.join(refused)}"
    do = "Allow it to the user that REDIS_URL names (ACL SETUSER)."
    return warning(what, do) if refused == [permissions.TRACKING] else failure(what, do)


async def _distance(store: Store) -> Finding:
    best, ahead = float("inf"), 0.0
    for _ in range(5):
        began = time.time()
        theirs = await store.server_time()
        took = time.time() - began
        if took < best:
            best, ahead = took, theirs - began - took / 2
    found = clock.compared("that of Redis", ahead)
    if found.level == "ok" and best > SLOW:
        return warning(
            f"Redis takes {best * 1000:.0f} ms for an answer",
            "Let it stand in the same place as Grux, and see whether it is busy.",
        )
    return found


async def _gateway(store: Store) -> list[Finding]:
    silent = await gateway_liveness.age(store)
    start = "Start it (`make up`, `make run`), or see its log."
    if silent is None:
        return [warning("no gateway has been connected to Discord yet", start)]
    if silent > gateway_liveness.STALE_AFTER_S:
        return [failure(f"the gateway has been silent for {silent:,.0f} seconds", start)]
    return [ok(f"a gateway is connected to Discord; monitored people: {await store.count_users()}")]


def _unreachable(error: StoreUnavailable) -> Finding:
    cause = type(error.__cause__).__name__
    if cause in ("AuthenticationError", "AuthenticationWrongNumberOfArgsError"):
        return failure(
            "Redis does not accept the name or the password in REDIS_URL",
            "redis://<name>:<password>@<host>:6379/0, with %40 for an @ in them.",
        )
    return failure(
        f"Redis cannot be used at REDIS_URL ({cause})",
        "Is it started? Is the address right, seen from here? In a container, localhost is the "
        "container itself.",
    )


def _megabytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MB"
