"""Redis as the services see it: save, load, remove.

Every write of a user goes through one script (save.lua), so that what a reader loads and what
a watcher is sent cannot disagree.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Self

from msgspec import Struct
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError, ResponseError

from shared.model.snapshot import Snapshot
from shared.model.validation import is_snapshot, is_version
from shared.redis import clients, keys
from shared.redis.clients import Commands, is_loss
from shared.redis.fencing_clock import FencingClock
from shared.redis.membership import Rosters
from shared.redis.scripts import Argument, Script
from shared.telemetry.metrics import REDIS_LOST

UNCHANGED: Final = 0
REMOVED: Final = -1
NOT_MONITORED: Final = -2
NO_PROFILE: Final = -3
LATE: Final = -4

LONGEST_ID: Final = 20  # digits of 2^64
_LOST: Final = REDIS_LOST.labels("calls")
_SAVE: Final = Script("save.lua", of_cluster=False)
_SAVE_IN_CLUSTER: Final = Script("save.lua", of_cluster=True)
_TIME: Final = Script("time.lua")


class StoreUnavailable(Exception):
    """Raised when Redis cannot be reached, refuses, or does not answer in time."""


class SnapshotDamaged(StoreUnavailable):
    """Raised when what Redis holds of a user is no snapshot: somebody else wrote there.

    The gateway's next save of the user mends it.
    """


class Fields(Struct, frozen=True):
    """One user's newest state, as JSON."""

    profile: bytes  # snapshot.Profile; empty: as Redis has it, else the save is NO_PROFILE
    presence: bytes  # snapshot.Presence
    discord: bytes  # cleaned Discord objects: user, status, client_status, activities


class Save(Struct, frozen=True):
    """What is to be written of one user. Saving it twice does no harm."""

    user_id: int
    fields: Fields | None = None
    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    received: int = 0
    """When Discord told of the oldest change that is in it, by the gateway's clock: microseconds
    since 1970; 0: not known. Watchers' frames tell by it how old they are."""


class Store:
    """Reads and writes snapshots. Every method raises StoreUnavailable."""

    def __init__(self, redis: Commands, *, timeout: float) -> None:
        """`timeout`: seconds that any one call may take."""
        self.redis = redis
        self.clock = FencingClock()
        self.up: bool | None = None  # whether the last call was answered; None before the first
        self._timeout = timeout
        self._save_script = _SAVE_IN_CLUSTER if isinstance(redis, RedisCluster) else _SAVE
        self._rosters = Rosters(redis)

    @classmethod
    def connect(cls, url: str, *, timeout: float = 0.9, connections: int = 16) -> Self:
        """Connects on first use. Raises ValueError for a URL that says too little."""
        return cls(clients.commands(url, timeout=timeout, connections=connections), timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.redis.aclose()

    async def load(self, user_id: int) -> Snapshot | None:
        """The user's snapshot, or None when nobody monitors them. Raises SnapshotDamaged too."""
        [found] = await self.load_many([user_id])
        if isinstance(found, SnapshotDamaged):
            raise found
        return found

    async def load_many(self, user_ids: Sequence[int]) -> list[Snapshot | SnapshotDamaged | None]:
        """`load` for each, in one round trip: what is damaged harms nobody else."""
        async with self.reachable():
            pipe = self.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.hmget(keys.presence(user_id), ["version", "profile", "presence"])
            found = await pipe.execute(raise_on_error=False)
            for reply in found:
                if isinstance(reply, Exception) and not is_damage(reply):
                    raise reply
        return [snapshot_of(one) for one in found]

    async def load_discord(self, user_ids: Sequence[int]) -> list[bytes | None]:
        """For each what the gateway knew of them (`Fields.discord`); None where there is none."""
        async with self.reachable():
            pipe = self.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.hget(keys.presence(user_id), "discord")
            found: list[bytes | None] = await pipe.execute()
        return found

    async def save(self, saves: Sequence[Save], order: int | None = None) -> list[int]:
        """Write them in one go; for each its new version, or UNCHANGED, REMOVED, …

        `order`: a number of `clock`, taken when it was certain that these may be written. What
        was saved later stands against them, whenever they arrive: then it is LATE. If it may
        still be written, it is to be saved again.

        Rosters are widened before the users' own keys and narrowed after them: whatever is cut
        off half-way, a roster names everyone who has a guild, and a sweep can find them.
        """
        number = self.clock.next() if order is None else order
        async with self.reachable():
            late = await self._rosters.widen(_by_guild(saves, "joined"), number)
            if late:
                self.clock.outgrow(late)
                return [LATE] * len(saves)
            calls = [_arguments(save, number) for save in saves]
            results = await self._save_script.run_many(self.redis, 4, calls)
            results = [self._told(result) for result in results]
            return await self._narrow(saves, results, number)

    async def count_users(self) -> int:
        """How many users are monitored."""
        async with self.reachable():
            return int(await self.redis.scard(keys.USERS))

    async def any_user(self) -> int | None:
        """One of the monitored users; None when there is none."""
        async with self.reachable():
            found = await self.redis.srandmember(keys.USERS)
        return int(found) if isinstance(found, bytes) and found.isdigit() else None

    async def members(self, guild_id: int) -> AsyncIterator[list[int]]:
        """The guild's roster, a batch at a time: it may hold hundreds of thousands."""
        async for batch in self._ids(keys.members(guild_id)):
            yield batch

    async def users(self) -> AsyncIterator[list[int]]:
        """Everybody who is monitored, a batch at a time."""
        async for batch in self._ids(keys.USERS):
            yield batch

    async def guilds(self) -> list[int]:
        """Every guild that has a roster: at most some thousands for one bot."""
        return list({guild_id async for batch in self._ids(keys.GUILDS) for guild_id in batch})

    async def _ids(self, name: str) -> AsyncIterator[list[int]]:
        """A set of ids in batches, so that Redis is never held up. What is no id is left out."""
        cursor = 0
        while True:
            async with self.reachable():
                cursor, batch = await self.redis.sscan(name, cursor, count=500)
            yield [int(one) for one in batch if one.isdigit() and len(one) <= LONGEST_ID]
            if cursor == 0:
                return

    async def forget_guild(self, guild_id: int) -> None:
        """Strike the guild off the list, unless somebody is still on its roster."""
        async with self.reachable():
            self.clock.outgrow(await self._rosters.forget(guild_id, self.clock.next()))

    async def announce(self) -> None:
        """Everyone is written anew: whoever follows users had better load them again.

        What Redis lost is not published, so nobody else tells of users who were lost with it.
        """
        async with self.reachable():
            await self.redis.publish(keys.CONTROL_CHANNEL, b"")

    async def info(self, section: str = "default") -> list[Mapping[str, Any]]:
        """What each server says of itself that is written to: one, or the masters of a cluster."""
        async with self.reachable():
            if isinstance(self.redis, RedisCluster):
                masters = await self.redis.info(section, target_nodes=RedisCluster.PRIMARIES)
                return list(masters.values())
            return [await self.redis.info(section)]

    async def server_runs(self) -> str:
        """Another text when another server answers, or one that was started again."""
        servers = await self.info("server")
        return " ".join(sorted(str(server.get("run_id", "")) for server in servers))

    async def server_time(self) -> float:
        """Redis' clock (of any server, in a cluster): seconds since 1970."""
        seconds, microseconds = await self.run_script(_TIME, ())
        return int(seconds) + int(microseconds) / 1e6

    async def run_script(self, script: Script, names: Sequence[str], *arguments: Argument) -> Any:
        """Call a script on these keys, and give what it returns."""
        async with self.reachable():
            return await script.run(self.redis, names, *arguments)

    async def ping(self) -> None:
        async with self.reachable():
            await self.redis.ping()

    def _told(self, result: int) -> int:
        if result >= LATE:
            return result
        self.clock.outgrow(-result)  # the order that stands against it
        return LATE

    async def _narrow(self, saves: Sequence[Save], results: list[int], order: int) -> list[int]:
        left = [
            (save, result)
            for save, result in zip(saves, results, strict=True)
            if save.left and result != LATE
        ]
        gone = {save.user_id for save, result in left if result in (REMOVED, NOT_MONITORED)}
        guilds = _by_guild([save for save, _ in left], "left")
        late = await self._rosters.narrow(guilds, gone, order)
        if not late:
            return results
        self.clock.outgrow(late)
        return [LATE if save.left else result for save, result in zip(saves, results, strict=True)]

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
            self.up = True
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            if not is_loss(error):
                raise
            answered = isinstance(error, ResponseError)  # a refusal, as of one that is full
            if self.up is not False and not answered:
                _LOST.inc()
            self.up = answered
            raise StoreUnavailable(f"Redis is not available: {type(error).__name__}") from error


def is_damage(error: Exception) -> bool:
    """Whether Redis says that a key holds something else than it should."""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def snapshot_of(reply: Any) -> Snapshot | SnapshotDamaged | None:
    """What HMGET of `version`, `profile` and `presence` comes to."""
    if isinstance(reply, Exception):
        return SnapshotDamaged("the key of a presence is no hash")
    version, profile, presence = reply
    if version is None and profile is None and presence is None:
        return None
    if is_version(version) and is_snapshot(profile) and is_snapshot(presence):
        return Snapshot(int(version), profile, presence)
    return SnapshotDamaged("the hash of a presence holds no snapshot")


def _by_guild(saves: Sequence[Save], what: Literal["joined", "left"]) -> dict[int, list[int]]:
    users: dict[int, list[int]] = {}
    for save in saves:
        for guild_id in save.joined if what == "joined" else save.left:
            users.setdefault(guild_id, []).append(save.user_id)
    return users


def _arguments(save: Save, order: int) -> list[Argument]:
    user_id = save.user_id
    arguments: list[Argument] = [
        keys.presence(user_id),
        keys.guilds(user_id),
        keys.profile(user_id),
        keys.fence(user_id),
        order,
        save.received,
        len(save.joined),
        len(save.left),
        *save.joined,
        *save.left,
    ]
    if save.fields is not None:
        arguments += (save.fields.profile, save.fields.presence, save.fields.discord)
    return arguments
