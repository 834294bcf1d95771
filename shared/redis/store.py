"""Redis as the services see it: load users, save them, ask the server about itself.

Every change of a user goes through a script of lua/ that also publishes it, so what a reader loads
and what a subscriber receives cannot disagree. Only expiry.py deletes without one, when readers
show nothing any more.

Long because it is the whole interface between the gateway and the readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Self, TypeVar

import msgspec
from msgspec import Struct
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from shared.model.key_value import is_kv
from shared.model.snapshot import Snapshot
from shared.model.user_settings import HIDEABLE_FIELDS
from shared.model.validation import is_snapshot, is_version
from shared.redis import clients, keys
from shared.redis.clients import FAILURES, Commands, is_damage, is_loss, read
from shared.redis.fencing_clock import FencingClock
from shared.redis.membership import Membership
from shared.redis.scripts import Argument, Call, Script
from shared.telemetry.metrics import REDIS_LOST

T = TypeVar("T")

UNCHANGED: Final = 0
REMOVED: Final = -1
NOT_MONITORED: Final = -2
NO_PROFILE: Final = -3
STALE_WRITE: Final = -4
CONFLICT: Final = -5
LOST: Final = -6

SNAPSHOT_FIELDS: Final = ("version", "profile", "presence", "kv", "hidden")
"""For HMGET: see `snapshot_of`."""

SAVES_PER_CALL: Final = 32
"""Of the script. Redis answers others after half a millisecond, and more are no cheaper."""

_LOST: Final = REDIS_LOST.labels("commands")
_SAVE: Final = Script("save.lua", of_cluster=False)
_SAVE_IN_CLUSTER: Final = Script("save.lua", of_cluster=True)
_UPDATE: Final = Script("update.lua", of_cluster=False)
_UPDATE_IN_CLUSTER: Final = Script("update.lua", of_cluster=True)
_NEEDS_SAVE: Final = -7  # what update.lua leaves to save.lua
_TIME: Final = Script("time.lua")
_decode_names: Final = msgspec.json.Decoder(list[str]).decode


class StoreUnavailable(Exception):
    """Raised when Redis cannot be reached, refuses, or does not answer in time."""


class SnapshotDamaged(StoreUnavailable):
    """Raised when other software has written over a snapshot. The user's next save repairs it."""


def decoded(decode: Callable[[bytes], T], stored: bytes) -> T:
    """A part of a snapshot. Raises SnapshotDamaged also where another version of Grux wrote it."""
    try:
        return decode(stored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotDamaged("the saved state of the user is damaged") from error


class Fields(Struct, frozen=True):
    """One user's newest state, as JSON."""

    profile: bytes  # snapshot.Profile; empty: unchanged, and NO_PROFILE if Redis has none
    presence: bytes  # snapshot.Presence
    discord: bytes  # sanitized Discord objects: user, status, client_status, activities
    reports: bytes = b""  # what single guilds show, where it differs (the gateway's own)
    hidden: bytes = b""
    """A JSON list: what the user hides, by the names of shared.model.user_settings.HIDEABLE_FIELDS,
    and `applications`; empty: nothing. The other fields do not contain it. Readers that add to the
    profile look here for what they must leave out."""
    history: bytes = b""
    """JSON of shared.model.history.KeptSong, for pictures; empty: the user keeps no history."""


class Save(Struct, frozen=True):
    """What to write of one user. Saving it twice does no harm."""

    user_id: int
    fields: Fields | None = None
    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    received: int = 0
    """When Discord reported the oldest change in it, by the gateway's clock: microseconds since
    1970; 0: not known. The age of a frame is measured from it."""
    considered: int = -1
    """How many guilds the fields were merged from: another number is a CONFLICT. -1: any."""
    base: int = 0
    """The version they were merged with: another one is a CONFLICT. 0: any."""
    is_first: bool = False
    """Whether the process has not saved the user before. An earlier version of Grux may have, and
    it does not keep up the field by which update.lua knows that nothing is unusual."""
    is_stored: bool = False
    """Whether Redis was seen to have the user, in a guild besides those joined: LOST without."""


class Store:
    """Reads and writes users. Every method raises StoreUnavailable."""

    def __init__(self, redis: Commands, *, timeout: float) -> None:
        """`redis`: for this package alone. `timeout`: of any one call, in seconds."""
        self.redis = redis
        self.clock = FencingClock()
        self.up: bool | None = None  # whether the last call was answered; None before the first
        self.is_expired = False  # set by LivenessMonitor: there are no users for readers
        self._timeout = timeout
        of_cluster = isinstance(redis, RedisCluster)
        self._save_script = _SAVE_IN_CLUSTER if of_cluster else _SAVE
        self._update_script = _UPDATE_IN_CLUSTER if of_cluster else _UPDATE
        # The keys of a call lie in one slot of a cluster, and users differ in theirs.
        self._saves_per_call = 1 if of_cluster else SAVES_PER_CALL
        self._membership = Membership(redis)

    @classmethod
    def connect(cls, url: str, *, timeout: float = 0.9, connections: int = 16) -> Self:
        """Connects on first use. Raises ValueError for a URL that is not complete."""
        return cls(clients.commands(url, timeout=timeout, connections=connections), timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.redis.aclose()

    async def load(self, user_id: int) -> Snapshot | None:
        """The user's snapshot, or None when they are not monitored. Raises SnapshotDamaged too."""
        [found] = await self.load_many([user_id])
        if isinstance(found, SnapshotDamaged):
            raise found
        return found

    async def load_many(
        self, user_ids: Sequence[int], *, with_discord: Collection[int] = ()
    ) -> list[Snapshot | SnapshotDamaged | None]:
        """`load` for each, in one round trip. A damaged snapshot does not affect the others.
        `with_discord`: those whose `Snapshot.discord` is needed."""
        if self.is_expired:
            return [None] * len(user_ids)
        async with self.reachable():
            fields = [SNAPSHOT_FIELDS, (*SNAPSHOT_FIELDS, "discord")]
            found = await read(
                self.redis,
                [
                    ("HMGET", keys.presence(user_id), *fields[user_id in with_discord])
                    for user_id in user_ids
                ],
            )
            for reply in found:
                if isinstance(reply, Exception) and not is_damage(reply):
                    raise reply
        return [snapshot_of(one) for one in found]

    async def save(self, saves: Sequence[Save], fence: int | None = None) -> list[int]:
        """Write them in one batch. Returns for each its new version, or UNCHANGED, REMOVED, …

        `fence`: a number of `clock`, taken when it was certain that these may be written. A save
        that arrives after one with a later fence is a STALE_WRITE, and nothing is written. If it
        is still to be written, it has to be saved again.

        The member sets are extended before the users' own keys and reduced after them: wherever
        this is interrupted, every user with a guild is listed, and reconciliation finds them.
        """
        number = self.clock.next() if fence is None else fence
        async with self.reachable():
            later = await self._membership.add(_by_guild(saves, "joined"), number)
            if later:
                self.clock.advance_past(later)
                return [STALE_WRITE] * len(saves)
            results = [_NEEDS_SAVE] * len(saves)
            places = [place for place, save in enumerate(saves) if _is_update(save)]
            await self._write(self._update_script, update_call, saves, places, results, number)
            places = [place for place, result in enumerate(results) if result == _NEEDS_SAVE]
            await self._write(self._save_script, save_call, saves, places, results, number)
            return await self._leave(saves, results, number)

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
        """The guild's members, in batches: there may be hundreds of thousands."""
        async for batch in self.ids(keys.members(guild_id)):
            yield batch

    async def users(self) -> AsyncIterator[list[int]]:
        """All monitored users, in batches."""
        async for batch in self.ids(keys.USERS):
            yield batch

    async def guilds(self) -> list[int]:
        """Every guild with members: at most some thousands for one bot."""
        return list({guild_id async for batch in self.ids(keys.GUILDS) for guild_id in batch})

    async def ids(self, name: str) -> AsyncIterator[list[int]]:
        """A set of ids in batches, so that Redis is not blocked. Anything but ids is skipped."""
        cursor = 0
        while True:
            async with self.reachable():
                cursor, batch = await self.redis.sscan(name, cursor, count=500)
            yield [int(one) for one in batch if keys.is_id(one)]
            if cursor == 0:
                return

    async def remove_guild(self, guild_id: int) -> None:
        """Remove the guild from the list, unless it has members."""
        async with self.reachable():
            later = await self._membership.remove_guild(guild_id, self.clock.next())
            self.clock.advance_past(later)

    async def announce_resync(self) -> None:
        """All users have been rewritten: subscribers should load theirs again.

        Redis publishes nothing when it loses data, so users who were lost are in no message.
        """
        async with self.reachable():
            await self.redis.publish(keys.CONTROL_CHANNEL, b"")

    async def info(self, section: str = "default") -> list[Mapping[str, Any]]:
        """INFO of each server that is written to: one, or the masters of a cluster."""
        async with self.reachable():
            if isinstance(self.redis, RedisCluster):
                masters = await self.redis.info(section, target_nodes=RedisCluster.PRIMARIES)
                return list(masters.values())
            return [await self.redis.info(section)]

    async def server_runs(self) -> str:
        """Names the servers' processes: another text means another server, or a restarted one."""
        servers = await self.info("server")
        return " ".join(sorted(str(server.get("run_id", "")) for server in servers))

    async def server_time(self) -> float:
        """Redis' clock (of any server, in a cluster): seconds since 1970."""
        seconds, microseconds = await self.run_script(_TIME, ())
        return int(seconds) + int(microseconds) / 1e6

    async def run_script(self, script: Script, names: Sequence[str], *arguments: Argument) -> Any:
        """Call a script on these keys, and return what it gives."""
        async with self.reachable():
            return await script.run(self.redis, names, *arguments)

    async def ping(self) -> None:
        """Returns when Redis answers."""
        async with self.reachable():
            await self.redis.ping()

    async def _write(
        self,
        script: Script,
        call_of: Callable[[Sequence[Save], int], Call],
        saves: Sequence[Save],
        places: Sequence[int],
        results: list[int],
        fence: int,
    ) -> None:
        """Call the script for the saves at these places, and put their results there."""
        if not places:
            return
        size = self._saves_per_call
        calls = [
            call_of([saves[place] for place in places[start : start + size]], fence)
            for start in range(0, len(places), size)
        ]
        replies = await script.run_many(self.redis, calls)
        found = (int(one) for reply in replies for one in reply.split())
        for place, result in zip(places, found, strict=True):
            results[place] = self._result(result)

    def _result(self, result: int) -> int:
        if result >= _NEEDS_SAVE:
            return result
        self.clock.advance_past(-result)  # the later fence
        return STALE_WRITE

    async def _leave(self, saves: Sequence[Save], results: list[int], fence: int) -> list[int]:
        left = [
            (save, result)
            for save, result in zip(saves, results, strict=True)
            if save.left and result not in (STALE_WRITE, CONFLICT, LOST)
        ]
        gone = {save.user_id for save, result in left if result in (REMOVED, NOT_MONITORED)}
        guilds = _by_guild([save for save, _ in left], "left")
        later = await self._membership.remove(guilds, gone, fence)
        if not later:
            return results
        self.clock.advance_past(later)
        both = zip(saves, results, strict=True)
        return [STALE_WRITE if save.left else result for save, result in both]

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        """Limits the time of what is inside, and raises StoreUnavailable where Redis fails."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
            self.up = True
        except FAILURES as error:
            if not is_loss(error):
                raise
            answered = isinstance(error, ResponseError)  # a refusal, as when memory is full
            if self.up is not False and not answered:
                _LOST.inc()
            self.up = answered
            raise StoreUnavailable(f"Redis is not available: {type(error).__name__}") from error


def snapshot_of(reply: Any) -> Snapshot | SnapshotDamaged | None:
    """The meaning of a reply to HMGET of SNAPSHOT_FIELDS, with `discord` or without it."""
    if isinstance(reply, Exception):
        return SnapshotDamaged("the key of a presence is not a hash")
    version, profile, presence, kv, hidden, *discord = reply
    if version is None and profile is None and presence is None:
        return None
    if is_version(version) and is_snapshot(profile) and is_snapshot(presence):
        shown = (discord[0] or b"") if discord else None
        return Snapshot(
            int(version), profile, presence, shown, kv if is_kv(kv) else None, hidden_of(hidden)
        )
    return SnapshotDamaged("the hash of a presence is not a snapshot")


def hidden_of(stored: Any) -> frozenset[str]:
    """The names in Fields.hidden. Of what other software has written nothing is shown."""
    if not stored:
        return frozenset()
    try:
        return frozenset(_decode_names(stored))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset(HIDEABLE_FIELDS)


def _by_guild(saves: Sequence[Save], what: Literal["joined", "left"]) -> dict[int, list[int]]:
    users: dict[int, list[int]] = {}
    for save in saves:
        for guild_id in save.joined if what == "joined" else save.left:
            users.setdefault(guild_id, []).append(save.user_id)
    return users


def _is_update(save: Save) -> bool:
    """Whether update.lua can save it, if Redis has no more of the user than this does."""
    fields = save.fields
    if fields is None or save.is_first or save.joined or save.left or save.base:
        return False
    return not (fields.reports or fields.hidden or fields.history)


def update_call(saves: Sequence[Save], fence: int) -> Call:
    """What update.lua takes: of saves that `_is_update` is true of."""
    names: list[str] = []
    arguments: list[Argument] = [fence]
    for save in saves:
        fields = save.fields or _NO_FIELDS
        names.append(keys.presence(save.user_id))
        arguments += (
            save.received,
            save.considered,
            fields.profile,
            fields.presence,
            fields.discord,
        )
    return names, arguments


def save_call(saves: Sequence[Save], fence: int) -> Call:
    """What save.lua takes."""
    names: list[str] = []
    arguments: list[Argument] = [fence]
    for save in saves:
        user_id, joined, left, fields = save.user_id, save.joined, save.left, save.fields
        names += (
            keys.presence(user_id),
            keys.guilds(user_id),
            keys.profile(user_id),
            keys.fence(user_id),
        )
        arguments += (
            save.received,
            save.considered,
            save.base,
            int(save.is_stored),
            len(joined),
            len(left),
        )
        if joined or left:
            arguments += (*joined, *left)
        if fields is None:
            fields = _NO_FIELDS
        arguments += (
            fields.profile,
            fields.presence,
            fields.discord,
            fields.reports,
            fields.hidden,
            fields.history,
        )
    return names, arguments


_NO_FIELDS: Final = Fields(b"", b"", b"")
