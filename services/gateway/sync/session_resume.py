"""Moves one shard from one process to the next without a new session.

Saves a checkpoint while the shard runs. A process that starts loads it and restores from Redis the
state of the shard's guilds; Discord's replay brings the changes since then.
docs/decisions/0012-sessions-outlive-processes.md says why that is correct.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.discord.hikari_shard import INTENTS
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import StoredUser
from services.gateway.sync import checkpoint as checkpoints
from services.gateway.sync.checkpoint import ResumeCheckpoint
from services.gateway.sync.lease import Lease
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis import session_checkpoint, user_reports
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

STATE_VERSION: Final = 2  # raise it when sanitize.py keeps more of Discord's objects
CHECKPOINT_INTERVAL_S: Final = 1.0
POLL_INTERVAL_S: Final = 0.25  # for the writer, and for a Redis that is away
LOAD_TIMEOUT_S: Final = 3.0  # how long a start waits for a Redis that is away
MAX_MISSING_MEMBERS: Final = 500  # of some batches whose last save was cut off half-way


class GatewayState(Struct, frozen=True):
    """What the process knows and has yet to write."""

    store: Store
    guilds: GuildCache
    reconciler: Reconciler
    writer: Writer
    requests: MemberRequests  # of this shard; the rest is of all shards


class PendingCheckpoint(Struct, frozen=True):
    """A checkpoint that may be saved once the writer has reached `watermark`, unless the generation
    has changed."""

    checkpoint: ResumeCheckpoint
    generation: str
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
    """The checkpoints of one shard."""

    def __init__(self, shard: Shard, state: GatewayState, compatibility_key: str) -> None:
        self._shard = shard
        self._key = (shard.id, shard.count)
        self._state = state
        self._compatibility_key = compatibility_key
        self.is_restored = False  # from an earlier process, and the replay is not over
        self._generation = ""  # in Redis since before all that was saved; empty: none
        self._saved: ResumeCheckpoint | None = None

    async def run_checkpointing(self, lease: Lease) -> None:
        """Save a checkpoint each second, until cancelled."""
        while True:
            pending = self._take_checkpoint()
            if pending is not None and not self._generation:
                await self._begin(lease)
                pending = None
            await asyncio.sleep(CHECKPOINT_INTERVAL_S)
            if pending is None:
                continue
            writer = self._state.writer
            while (reached := writer.reached(pending.watermark)) is False:  # noqa: ASYNC110
                await asyncio.sleep(POLL_INTERVAL_S)
            if reached and pending.generation == self._generation:
                await self._save(lease, pending.checkpoint)

    async def save_last(self, lease: Lease) -> None:
        """Save the last checkpoint: the shard is closed, and the writer is drained."""
        pending = self._take_checkpoint()
        if (
            pending is not None
            and self._generation
            and self._state.writer.reached(pending.watermark)
        ):
            await self._save(lease, pending.checkpoint)

    def invalidate(self) -> None:
        """Redis may have lost data. The next checkpoint waits until it holds all data again."""
        self._generation = ""
        self._saved = None

    async def restore(self) -> DiscordSession | None:
        """The session to resume, with its users restored; None when the shard has to identify."""
        found = await self._load()
        if found is None:
            return None
        generation, checkpoint = found
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
        self._generation = generation
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
        self.invalidate()

    async def drop(self, lease: Lease) -> None:
        """Remove the checkpoint: the session is over. Whatever is written from now on belongs to
        the next one."""
        self.invalidate()
        await self._begin_generation(lease)

    async def _begin(self, lease: Lease) -> None:
        """Redis has lost the generation, or was away. Until the new one is there a loss would not
        be noticed, so all users are rewritten after it."""
        if await self._begin_generation(lease):
            self._state.reconciler.rewrite_all()

    async def _begin_generation(self, lease: Lease) -> bool:
        generation = secrets.token_hex(8)
        try:
            if await checkpoints.begin(self._state.store, lease, generation):
                self._generation = generation
        except StoreUnavailable as error:
            log.debug("no checkpoint of shard %d begun: %s", self._shard.id, error)
        return self._generation == generation

    def _take_checkpoint(self) -> PendingCheckpoint | None:
        """The shard's state now, and what has to be in Redis before it may be saved."""
        session, reconciler = self._shard.session, self._state.reconciler
        if session is None or self._shard.replay.active or reconciler.is_busy:
            return None
        cache, expected = self._state.guilds, reconciler.expected_guilds(self._key)
        guilds = cache.guild_ids(*self._key)
        complete = {one for one in guilds if (guild := cache.get(one)) and guild.complete}
        checkpoint = ResumeCheckpoint(
            compatibility_key=self._compatibility_key,
            session=session,
            guilds=sorted(complete),
            partial=sorted(set(guilds) - complete),
            awaited=sorted(expected - set(guilds)),
            unavailable=sorted(cache.unavailable_guilds(guilds)),
            requested_users=self._state.requests.unanswered_users,
            announce=reconciler.must_announce,
        )
        return PendingCheckpoint(checkpoint, self._generation, self._state.writer.watermark())

    async def _save(self, lease: Lease, checkpoint: ResumeCheckpoint) -> None:
        new = None if checkpoint == self._saved else checkpoint
        generation = self._generation
        try:
            result = await checkpoints.save(self._state.store, lease, generation, new)
        except StoreUnavailable as error:
            log.debug("no checkpoint of shard %d saved: %s", self._shard.id, error)
            return
        if generation != self._generation:
            return  # dropped or invalidated meanwhile
        if result == session_checkpoint.LOST:
            log.warning("Redis may have lost its data: rewriting all users")
            self.invalidate()
        elif result != session_checkpoint.NOT_OURS:
            self._saved = checkpoint

    async def _load(self) -> tuple[str, ResumeCheckpoint] | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOAD_TIMEOUT_S
        while True:
            try:
                return await checkpoints.load(self._state.store, self._key)
            except StoreUnavailable as error:
                if loop.time() > deadline:
                    log.warning("shard %d begins a new session: %s", self._shard.id, error)
                    return None
            await asyncio.sleep(POLL_INTERVAL_S)

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
            listed += len(batch)
            missing += len(batch) - len(held)
            for user_id in set(batch) - held.keys():
                state.requests.request_member(guild_id, user_id)
            if missing > MAX_MISSING_MEMBERS:
                break
        return listed, missing
