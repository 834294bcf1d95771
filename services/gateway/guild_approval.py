"""Which guilds are monitored: those that the operator has approved, and no stranger's.

Anyone can add a public bot to their own guild, and would thereby publish its members. So, unless
GUILD_IDS says otherwise, Grux monitors the guilds that the bot is in when a gateway first starts.
It ignores a guild that is added later until `doctor --approve`. The list is in the durable Redis. A
gateway that runs writes it again when it is lost; without one, the next start is a first start, and
the log names the guilds that it approves. docs/security.md has the reasons.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from services.gateway.discord.gateway_info import fetch_guild_ids
from services.gateway.runner import ShardUnit
from shared.config import GatewaySettings
from shared.discord.snowflake import shard_of
from shared.redis import approved_guilds
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 2.0
RETRY_INTERVAL_S: Final = 0.5  # at the start, while Redis is away
LOGGED_GUILDS: Final = 50  # in one line


class GuildApproval:
    """Asked for every guild that Discord sends; `run` follows the list in Redis."""

    def __init__(
        self,
        store: Store,
        approved: frozenset[int] | None,
        *,
        listed: bool = False,
        begun: bool = False,
    ) -> None:
        """`approved`: None: all. `listed`: whether they are a list in Redis, which may change.
        `begun`: whether that list exists."""
        self._store = store
        self._approved = approved
        self._listed = listed
        self._begun = begun
        self._logged: set[int] = set()

    @classmethod
    async def of(cls, settings: GatewaySettings, store: Store) -> GuildApproval:
        """As GUILD_IDS says, or else as the durable Redis says: waits for it.

        `store`: the durable Redis. Raises DiscordRefused.
        """
        if settings.publishes_all_guilds:
            return cls(store, None)
        if settings.guilds():
            return cls(store, settings.guilds())
        found = await _load_or_begin(settings, store)
        return cls(store, found or frozenset(), listed=True, begun=found is not None)

    @property
    def approved(self) -> frozenset[int] | None:
        """None: all guilds."""
        return self._approved

    def is_approved(self, guild_id: int) -> bool:
        """Whether the guild may be monitored. Logs the first time that one may not.

        While nothing was ever approved, the first guild that the bot joins is: the operator has
        just started Grux, and invites the bot now.
        """
        if self._approved is None or guild_id in self._approved:
            return True
        if not self._listed:
            return False
        if not self._begun:
            self._begun = True
            self._approved = frozenset([guild_id])
            _log_begin(self._approved)
            return True
        if guild_id not in self._logged:
            self._logged.add(guild_id)
            log.warning(
                "server %d is ignored, because it was added after the first start. If it is yours, "
                "run the doctor with `--approve %d`",
                guild_id,
                guild_id,
            )
        return False

    async def run(self, units: Sequence[ShardUnit], interval_s: float = POLL_INTERVAL_S) -> None:
        """Until cancelled, follow the list in Redis: begin and end guilds of these shards."""
        while self._listed:
            await asyncio.sleep(interval_s)
            try:
                added, removed = await self._refresh()
            except StoreUnavailable as error:
                log.debug("the approved servers cannot be read: %s", error)
                continue
            for unit in units:
                shard = unit.shard
                if shard.is_running:  # else the process that runs it, or the next session, does it
                    for guild_id in _of_shard(added, shard.id, shard.count):
                        unit.handler.begin_guild(guild_id)
                    for guild_id in _of_shard(removed, shard.id, shard.count):
                        unit.handler.end_guild(guild_id)

    async def _refresh(self) -> tuple[frozenset[int], frozenset[int]]:
        """What was approved and what was revoked. Raises StoreUnavailable."""
        now = await approved_guilds.load(self._store)
        before = self._approved or frozenset()  # the first server may have been added meanwhile
        if now is None:
            if self._begun:  # just now, or Redis has lost the list
                await approved_guilds.begin(self._store, {approved_guilds.NO_GUILD, *before})
            return frozenset(), frozenset()
        self._approved, self._begun = now, True
        self._logged -= now
        added, removed = now - before, before - now
        if added:
            log.info("approved: %s", _names(added))
        if removed:
            log.info("not approved any more: %s", _names(removed))
        return added, removed


async def _load_or_begin(settings: GatewaySettings, store: Store) -> frozenset[int] | None:
    """None: the bot is in no guild. Waits for Redis. Raises DiscordRefused."""
    joined: set[int] | None = None
    is_logged = False
    while True:
        try:
            found = await approved_guilds.load(store)
            if found is not None or joined == set():
                return found
            if joined is None:
                joined = await fetch_guild_ids(settings)
            if await approved_guilds.begin(store, joined):
                _log_begin(joined)
        except StoreUnavailable as error:
            if not is_logged:
                log.warning("waiting for the durable Redis to name the approved servers: %s", error)
                is_logged = True
            await asyncio.sleep(RETRY_INTERVAL_S)


def _log_begin(guild_ids: Iterable[int]) -> None:
    log.warning(
        "first start: the servers that the bot is in are approved, and their members are "
        "published: %s. A server that is added later is ignored until it is approved. To choose "
        "the servers yourself, set GUILD_IDS.",
        _names(guild_ids),
    )


def _names(guild_ids: Iterable[int]) -> str:
    ids = sorted(guild_ids)
    more = f" and {len(ids) - LOGGED_GUILDS} more" if len(ids) > LOGGED_GUILDS else ""
    return ", ".join(map(str, ids[:LOGGED_GUILDS])) + more


def _of_shard(guild_ids: Iterable[int], shard_id: int, shard_count: int) -> list[int]:
    return [one for one in guild_ids if shard_of(one, shard_count) == shard_id]
