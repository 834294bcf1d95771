"""Moves one shard from one process to the next without a new session.

Saves a checkpoint while the shard runs. A process that starts loads it and restores from Redis the
state of the shard's guilds; Discord's replay brings the changes since then.
docs/decisions/0012-sessions-outlive-processes.md says why that is correct.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.discord.hikari_shard import INTENTS
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from services.gateway.privacy.settings_table import SettingsTable
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import StoredUser, UserCache
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis import shard_record, user_reports
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

STATE_VERSION: Final = 3  # raise it when sanitize.py keeps more of Discord's objects
LOAD_RETRY_S: Final = 0.25
LOAD_TIMEOUT_S: Final = 3.0  # how long a start waits for a Redis that is away
MAX_MISSING_MEMBERS: Final = 500  # of some batches whose last save was cut off half-way


class GatewayState(Struct, frozen=True):
    """What the process knows and has yet to write."""

    store: Store
    guilds: GuildCache
    reconciler: Reconciler
    writer: Writer
    users: UserCache
    people: SettingsTable
    requests: MemberRequests  # of this shard; the rest is of all shards


class ResumeCheckpoint(Struct, frozen=True, kw_only=True):
    """A shard's state at one event, as far as Redis does not hold it anyway."""

    compatibility_key: str  # of bot and settings: others receive other events from the start
    session: DiscordSession
    guilds: list[int]  # all of whose members are known
    partial: list[int]  # whose members are to be requested, or some of whom Redis does not hold
    awaited: list[int]  # named by READY, and not sent yet
    unavailable: list[int]  # sent before, and unavailable now
    requested_users: dict[int, list[int]]  # members that are being requested, by guild
    announce: bool  # whether readers are still to be told that all users were rewritten


class PendingCheckpoint(Struct, frozen=True):
    """A checkpoint that may be saved once the writer has reached `watermark`."""

    checkpoint: ResumeCheckpoint
    watermark: tuple[int, int]  # Writer.watermark


class RestoreFailed(Exception):
    """Raised when Redis does not hold the data of the checkpoint; the text says what is missing."""


def compatibility_key(settings: GatewaySettings, approved: frozenset[int] | None) -> str:
    """What decides, besides the shard, which events come and what is kept of them.

    `approved`: the guilds that are monitored; None: all.
    """
    bot, _, _ = settings.discord_token.partition(".")  # the public part: the bot's id
    guilds = "all" if approved is None else _digest(approved)
    return f"{STATE_VERSION}/{bot}/{int(INTENTS)}/{guilds}"


def _digest(guild_ids: frozenset[int]) -> str:
    """There may be thousands, and a checkpoint is written every second."""
    text = ",".join(str(one) for one in sorted(guild_ids))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class SessionResume:
    """The checkpoints of one shard.

    A checkpoint is taken at each renewal of the lease, and saved by one that follows: the next one,
    if the writer has written by then what was pending.
    """

    def __init__(self, shard: Shard, state: GatewayState, compatibility_key: str) -> None:
        self._shard = shard
        self._key = (shard.id, shard.count)
        self._state = state
        self._compatibility_key = compatibility_key
        self.is_restored = False  # from an earlier process, and the replay is not over
        self._session_is_over = False  # and Redis may still hold a checkpoint of it
        self._pending: PendingCheckpoint | None = None

    def next_checkpoint(self) -> bytes:
        """What the next renewal is to save (shard_record.hold)."""
        due = shard_record.NO_CHECKPOINT if self._session_is_over else b""
        pending = self._pending
        reached = self._state.writer.reached(pending.watermark) if pending else None
        if pending and reached:
            self._session_is_over = False
            due = msgspec.json.encode(pending.checkpoint)
        if reached is not False:
            self._pending = self._take_checkpoint()
        return due

    def last_checkpoint(self) -> bytes:
        """The same when the shard is closed, and the writer is drained."""
        self._pending = self._take_checkpoint()
        return self.next_checkpoint()

    def invalidate(self) -> None:
        """Redis was not reached, or may have lost data. The next checkpoint waits until it holds
        all data again."""
        self._pending = None

    async def restore(self) -> DiscordSession | None:
        """The session to resume, with its users restored; None when the shard has to identify."""
        session = await self._restore()
        self._state.writer.shard_restored(self._key)
        return session

    async def _restore(self) -> DiscordSession | None:
        checkpoint = await self._load()
        if checkpoint is None:
            return None
        if checkpoint.compatibility_key != self._compatibility_key:
            log.info(
                "shard %d begins a new session: the last one was for another bot, other "
                "servers or another version of Grux",
                self._shard.id,
            )
            return None
        try:
            await self._restore_state(checkpoint)
        except (RestoreFailed, StoreUnavailable) as error:
            log.warning("shard %d begins a new session: %s", self._shard.id, error)
            self.forget()
            return None
        self.is_restored = True
        return checkpoint.session

    def finish_replay(self) -> None:
        """All missed events have been handled. Rewrite all users, of which Redis takes those that
        differ: another version may render them differently, and a save may have been cut off."""
        if self.is_restored:
            self.is_restored = False
            self._state.writer.mark_all_dirty()

    def forget(self) -> None:
        """Drop the shard's state: it could not be resumed, or is another process's now."""
        self.is_restored = False
        self._state.requests.reset()
        self._state.reconciler.drop_shard(self._key)
        self._state.guilds.drop_shard(*self._key)
        self._session_is_over = False
        self.invalidate()

    def begin_session(self) -> None:
        """The session is over: its checkpoint is removed with the next renewal. A process that
        finds it before then resumes in vain, and identifies."""
        self._session_is_over = True
        self.invalidate()

    def _take_checkpoint(self) -> PendingCheckpoint | None:
        """The shard's state now, and what has to be in Redis before it may be saved."""
        session, reconciler = self._shard.session, self._state.reconciler
        if session is None or self._shard.replay.active or reconciler.is_busy:
            return None
        if self._state.guilds.is_replaying(*self._key):
            return None  # the session is further than what is known of its users
        cache, expected = self._state.guilds, reconciler.expected_guilds(self._key)
        guilds = cache.guild_ids(*self._key)
        complete = {one for one in guilds if (guild := cache.get(one)) and guild.complete}
        complete -= self._private_guilds(guilds)
        checkpoint = ResumeCheckpoint(
            compatibility_key=self._compatibility_key,
            session=session,
            guilds=sorted(complete),
            partial=sorted(set(guilds) - complete),
            awaited=sorted(expected - set(guilds)),
            unavailable=sorted(cache.unavailable_guilds(guilds)),
            requested_users=self._requested_users(),
            announce=reconciler.must_announce,
        )
        return PendingCheckpoint(checkpoint, self._state.writer.watermark())

    def _private_guilds(self, guilds: list[int]) -> set[int]:
        """Those with members of whom Redis does not hold everything. The next process lists them
        again: else it could not show what such a member stops to hide."""
        restricted = self._state.people.restricted()
        if restricted is None:
            return set(guilds)
        members = map(self._state.users.get, restricted)
        return {guild_id for cached in members if cached for guild_id in cached.guilds}

    def _requested_users(self) -> dict[int, list[int]]:
        """Nothing in Redis names a user who is hidden."""
        is_hidden = self._state.people.is_hidden
        return {
            guild_id: shown
            for guild_id, user_ids in self._state.requests.unanswered_users.items()
            if (shown := [one for one in user_ids if not is_hidden(one)])
        }

    async def _load(self) -> ResumeCheckpoint | None:
        """None if there is none, if this Redis server was restarted since, or if another version of
        Grux has saved it in another form."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOAD_TIMEOUT_S
        while True:
            try:
                encoded = await shard_record.load_checkpoint(self._state.store, self._key)
                return msgspec.json.decode(encoded, type=ResumeCheckpoint) if encoded else None
            except msgspec.MsgspecError:
                return None
            except StoreUnavailable as error:
                if loop.time() > deadline:
                    log.warning("shard %d begins a new session: %s", self._shard.id, error)
                    return None
            await asyncio.sleep(LOAD_RETRY_S)

    async def _restore_state(self, checkpoint: ResumeCheckpoint) -> None:
        """Raises RestoreFailed and StoreUnavailable."""
        state = self._state
        missing = 0
        for guild_id in (*checkpoint.guilds, *checkpoint.partial):
            is_complete = guild_id in checkpoint.guilds
            listed, not_held = await self._restore_members(guild_id, is_complete)
            missing += not_held
            if not listed and is_complete:
                raise RestoreFailed(f"Redis has lost the members of guild {guild_id}")
            if missing > MAX_MISSING_MEMBERS:
                raise RestoreFailed("Redis has lost many of the members")
            if not is_complete:
                state.guilds.begin_listing(guild_id)
                state.requests.request_guild(guild_id)
        for guild_id in checkpoint.unavailable:
            state.guilds.mark_unavailable(guild_id)
        for guild_id, user_ids in checkpoint.requested_users.items():
            for user_id in user_ids:
                state.requests.request_member(guild_id, user_id)
        state.reconciler.expect_guilds(
            self._key, (*checkpoint.guilds, *checkpoint.partial, *checkpoint.awaited)
        )
        if checkpoint.announce:
            state.reconciler.announce_rewrite()

    async def _restore_members(self, guild_id: int, is_complete: bool) -> tuple[int, int]:
        """How many members Redis lists, and of how many of them it holds no state."""
        state = self._state
        listed = missing = 0
        async for batch in state.store.members(guild_id):
            found = await user_reports.load(state.store, batch)
            held = {
                user_id: StoredUser(stored.discord, stored.reports)
                for user_id, stored in zip(batch, found, strict=True)
                if stored.discord
            }
            try:
                state.guilds.restore(guild_id, held, is_complete)
            except msgspec.MsgspecError as error:
                raise RestoreFailed(f"Redis holds an unusable member: {error}") from None
            for user_id, stored in zip(batch, found, strict=True):
                if user_id in held:
                    state.writer.restored(user_id, guild_id, stored.history)
            listed += len(batch)
            missing += len(batch) - len(held)
            for user_id in set(batch) - held.keys():
                state.requests.request_member(guild_id, user_id)
            if missing > MAX_MISSING_MEMBERS:
                break
        return listed, missing
