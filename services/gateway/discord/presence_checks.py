"""Anti-entropy: asks Discord now and then for the watched users, and corrects what differs.

In very large servers Discord sends no PRESENCE_UPDATE for some users, although a request for them
(op 8) is answered with their presence. Requests are sent only for users whom a client watches, and
for users of whom one server still shows an activity that has ended in others (settling.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import Struct

from services.gateway import metrics
from services.gateway.discord.member_requests import (
    MAX_USERS_PER_REQUEST,
    KnownMember,
    MemberRequests,
)
from services.gateway.discord.observed_shard import ObservedShard
from services.gateway.normalize import sanitize
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import UserCache
from shared.discord.snowflake import shard_of
from shared.redis.store import Store, StoreUnavailable
from shared.redis.watched import WatchedRefused, watched

log = logging.getLogger(__name__)

MAX_DOUBTFUL_USERS: Final = 2000  # of a shard: more are asked in 100 seconds only


class CheckTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    round_interval_s: float  # from the end of one round over all guilds to the next
    request_interval_s: float = 5.0
    """Between two requests: a tenth of the 120 messages that Discord accepts in a minute."""
    batch_interval_s: float = 0.25  # between two batches of members, of whom Redis is asked


class PresenceChecks:
    """The checks of one shard, while `run` runs."""

    def __init__(
        self,
        store: Store,
        shard: ObservedShard,
        requests: MemberRequests,
        users: UserCache,
        guilds: GuildCache,
        timings: CheckTimings,
    ) -> None:
        self._store = store
        self._shard = shard
        self._requests = requests
        self._users = users
        self._guilds = guilds
        self._timings = timings
        self._was_refused = False
        self._turn = asyncio.Lock()  # for one request and the time after it
        self._doubtful: dict[int, set[int]] = {}  # by guild
        self._has_doubtful = asyncio.Event()

    def runs(self, guild_id: int) -> bool:
        """Whether the guild belongs to this shard."""
        return shard_of(guild_id, self._shard.count) == self._shard.id

    def ask(self, guild_id: int, user_id: int) -> None:
        """Check this member soon: what the guild shows of them is doubtful."""
        if sum(map(len, self._doubtful.values())) < MAX_DOUBTFUL_USERS:
            self._doubtful.setdefault(guild_id, set()).add(user_id)
            self._has_doubtful.set()

    async def run(self) -> None:
        """Check until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._check_doubtful())
            tasks.create_task(self._check_watched())

    async def _check_doubtful(self) -> None:
        while True:
            await self._has_doubtful.wait()
            guild_id = max(self._doubtful, key=lambda one: len(self._doubtful[one]))
            await self._request_doubtful(guild_id)
            if not self._doubtful:
                self._has_doubtful.clear()

    async def _request_doubtful(self, guild_id: int) -> None:
        async with self._turn:
            await self._until_permitted()
            user_ids = sorted(self._doubtful.pop(guild_id))
            await self._send(guild_id, user_ids[:MAX_USERS_PER_REQUEST])
            if more := user_ids[MAX_USERS_PER_REQUEST:]:
                self._doubtful.setdefault(guild_id, set()).update(more)

    async def _check_watched(self) -> None:
        """One guild after another."""
        while True:
            await asyncio.sleep(self._timings.round_interval_s)
            try:
                await self._check_guilds()
            except StoreUnavailable as error:
                self._log(error)

    async def _check_guilds(self) -> None:
        """The largest ones first: it is there that Discord leaves events out."""
        guilds = self._guilds
        by_size = [
            (len(guild.members), guild_id)
            for guild_id in guilds.guild_ids(self._shard.id, self._shard.count)
            if (guild := guilds.get(guild_id))
        ]
        for _, guild_id in sorted(by_size, reverse=True):
            await self._check_guild(guild_id)

    async def _check_guild(self, guild_id: int) -> None:
        """The members are read from Redis in batches: a copy of a large set takes megabytes."""
        user_ids: list[int] = []
        async for batch in self._store.members(guild_id):
            user_ids += await watched(self._store, batch)
            while len(user_ids) >= MAX_USERS_PER_REQUEST:
                await self._request(guild_id, user_ids[:MAX_USERS_PER_REQUEST])
                del user_ids[:MAX_USERS_PER_REQUEST]
            await asyncio.sleep(self._timings.batch_interval_s)
        if user_ids:
            await self._request(guild_id, user_ids)

    async def _request(self, guild_id: int, user_ids: Sequence[int]) -> None:
        async with self._turn:
            await self._until_permitted()
            await self._send(guild_id, user_ids)

    async def _until_permitted(self) -> None:
        while not self._may_request:  # noqa: ASYNC110 (the shard and its requests change by events)
            await asyncio.sleep(self._timings.request_interval_s)

    async def _send(self, guild_id: int, user_ids: Sequence[int]) -> None:
        guild = self._guilds.get(guild_id)
        if guild is None or not guild.available:
            return
        known = {
            user_id: one
            for user_id in user_ids
            if (one := known_member(self._guilds, self._users, guild_id, user_id))
        }
        if known:
            await self._requests.check_members(guild_id, known)
            await asyncio.sleep(self._timings.request_interval_s)

    @property
    def _may_request(self) -> bool:
        """During a replay, and beside requests that are needed, a check would be in the way."""
        shard = self._shard
        return shard.is_connected and not shard.replay.active and self._requests.is_idle

    def _log(self, error: StoreUnavailable) -> None:
        if not isinstance(error, WatchedRefused):
            log.debug("presences were not checked: %s", error)
        elif not self._was_refused:
            self._was_refused = True
            log.warning(
                "presences are not checked, because Redis does not permit it (%s). "
                "deploy/redis/users.acl lists the permissions of each service.",
                error,
            )


def ask(checks: Iterable[PresenceChecks], guild_id: int, user_id: int) -> None:
    """As PresenceChecks.ask, of the guild's shard."""
    for one in checks:
        if one.runs(guild_id):
            one.ask(guild_id, user_id)


class CheckAnswer:
    """An answer of Discord's to a check. Create it, apply it to those whom it `may_change`, then
    `count`.

    It changes nothing of a user who has left the guild since the request, or of whom the guild has
    reported something: an event has come meanwhile, and the answer may be older.
    """

    def __init__(
        self,
        guilds: GuildCache,
        users: UserCache,
        guild_id: int,
        known: Mapping[int, KnownMember],
    ) -> None:
        """`known`: from MemberRequests.take_check."""
        self._known_now = partial(known_member, guilds, users, guild_id)
        self._known = {
            user_id: before
            for user_id, before in known.items()
            if self._known_now(user_id) == before
        }

    def may_change(self, user: Any) -> bool:
        """Whether it says something new of this user. `user`: as Discord sends them."""
        return sanitize.user_id(user) in self._known

    def count(self) -> None:
        """Count what was compared, and what differed."""
        metrics.PRESENCES_CHECKED.inc(len(self._known))
        for user_id, before in self._known.items():
            if self._known_now(user_id) != before:
                metrics.PRESENCES_DIFFERED.inc()


def known_member(
    guilds: GuildCache, users: UserCache, guild_id: int, user_id: int
) -> KnownMember | None:
    """What is known of the user in the guild; None: they are not in it."""
    guild, cached = guilds.get(guild_id), users.get(user_id)
    if guild is None or cached is None or user_id not in guild.members:
        return None
    return KnownMember(cached.user, cached.reported(guild_id))
