"""One shard's way from one process to the next without a new session.

Keeps the bookmark while the shard runs; at the start of a process finds it, and brings back to
memory what Redis holds of the shard's guilds. What happened since is told by Discord's replay.
docs/decisions/0012-sessions-outlive-processes.md says why that is right.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.session import Session
from services.gateway.discord.shard import INTENTS, Shard
from services.gateway.state.guild_cache import GuildCache
from services.gateway.sync import checkpoint as bookmarks
from services.gateway.sync.checkpoint import ResumeCheckpoint
from services.gateway.sync.lease import Lease
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

KEPT_AS: Final = 1  # to be raised when clean.py keeps more of what Discord says
EVERY: Final = 1.0  # seconds between two bookmarks
RECALL_WITHIN: Final = 3.0  # seconds that a Redis which is away is waited for
MOST_MISSING: Final = 500  # members whose last save was cut off half-way: a few batches


class GatewayState(Struct, frozen=True):
    """What the gateway knows and owes: of all its shards, but for the last."""

    store: Store
    roster: GuildCache
    sweep: Reconciler
    writer: Writer
    requests: MemberRequests  # this shard's


class PendingCheckpoint(Struct, frozen=True):
    """A bookmark that may be written once `reached` says so, unless the mark has changed."""

    bookmark: ResumeCheckpoint
    mark: str
    reached: Callable[[], bool | None]  # see Writer.reached


class Incomplete(Exception):
    """Raised when Redis does not hold what the bookmark was written beside; the text says what."""


def compatibility_key(settings: GatewaySettings) -> str:
    """What decides, besides the shard, which events come and what is kept of them."""
    bot, _, _ = settings.discord_token.partition(".")  # the public part: the bot's id
    guilds = ",".join(str(one) for one in sorted(settings.guilds()))
    return f"{KEPT_AS}/{bot}/{int(INTENTS)}/{guilds}"


class SessionResume:
    """One shard's bookmark."""

    def __init__(
        self,
        shard: Shard,
        known: GatewayState,
        compatibility_key: str,
        *,
        disown: Callable[[], None],
        on_loss: Callable[[], None],
    ) -> None:
        """`compatibility_key`: what else decides which events Discord sends. `disown` forgets the
        shard's guilds. `on_loss` is called when Redis may have lost anything.
        """
        self._shard = shard
        self._of = (shard.id, shard.count)
        self._known = known
        self._made_for = compatibility_key
        self._disown = disown
        self._on_loss = on_loss
        self.recalled = False  # from an earlier process, and not caught up yet
        self._mark = ""  # that Redis holds since before all that was saved; empty: none
        self._written: ResumeCheckpoint | None = None

    async def keep(self, lease: Lease) -> None:
        """Move the bookmark on, once a second, until cancelled."""
        while True:
            noted = self._note()
            if noted is not None and not self._mark:
                await self._begin(lease)
                noted = None
            await asyncio.sleep(EVERY)
            if noted is None:
                continue
            while (reached := noted.reached()) is False:  # noqa: ASYNC110
                await asyncio.sleep(EVERY / 4)
            if reached and noted.mark == self._mark:
                await self._write(lease, noted.bookmark)

    async def keep_last(self, lease: Lease) -> None:
        """The shard is closed, and all that was owed is written: the last bookmark."""
        noted = self._note()
        if noted is not None and self._mark and noted.reached():
            await self._write(lease, noted.bookmark)

    def lost(self) -> None:
        """Redis may have lost anything. The next bookmark is for when it holds all again."""
        self._mark = ""
        self._written = None

    async def recall(self) -> Session | None:
        """What to resume, with everybody known again; None when the shard has to identify."""
        found = await self._found()
        if found is None:
            return None
        mark, bookmark = found
        if bookmark.made_for != self._made_for:
            log.info(
                "shard %d begins a new session: the last one was for another bot, other "
                "GUILD_IDS or another version of Grux",
                self._shard.id,
            )
            return None
        try:
            await self._bring_back(bookmark)
        except (Incomplete, StoreUnavailable) as error:
            log.warning("shard %d begins a new session: %s", self._shard.id, error)
            self.forget()
            return None
        self.recalled = True
        self._mark = mark
        return bookmark.session

    def caught_up(self) -> None:
        """Everything that was missed is known. Another version may show it in another way, and a
        save may have been cut off half-way: Redis is told of everybody, and takes what differs."""
        if self.recalled:
            self.recalled = False
            self._known.writer.rewrite()

    def forget(self) -> None:
        """What was brought back is not to be believed, or another process's now."""
        self.recalled = False
        self._disown()
        self.lost()

    async def drop(self, lease: Lease) -> None:
        """The session is over: nobody is to resume it. All that is written from now on is for
        the next one."""
        self.lost()
        await self._set_mark(lease)

    async def _begin(self, lease: Lease) -> None:
        """Redis has lost the mark, or was not there: from now on it would show. Before that
        anything may have been lost, so everyone is written again."""
        if await self._set_mark(lease):
            self._on_loss()

    async def _set_mark(self, lease: Lease) -> bool:
        mark = secrets.token_hex(8)
        try:
            if await bookmarks.begin(self._known.store, lease, mark):
                self._mark = mark
        except StoreUnavailable as error:
            log.debug("no bookmark of shard %d begun: %s", self._shard.id, error)
        return self._mark == mark

    def _note(self) -> PendingCheckpoint | None:
        """The shard as it is now, and what has to be in Redis for that to be written."""
        session, sweep = self._shard.session, self._known.sweep
        if session is None or self._shard.catching_up or sweep.busy:
            return None
        roster, named = self._known.roster, sweep.names(self._of)
        guilds = roster.guild_ids(*self._of)
        complete = {one for one in guilds if (guild := roster.guild(one)) and guild.complete}
        bookmark = ResumeCheckpoint(
            made_for=self._made_for,
            session=session,
            guilds=sorted(complete),
            partial=sorted(set(guilds) - complete),
            awaited=sorted(named.difference(guilds)),
            silent=sorted(roster.silent(guilds)),
            lookups=self._known.requests.lookups,
            announce=sweep.to_announce,
        )
        watermark = self._known.writer.watermark()
        return PendingCheckpoint(
            bookmark, self._mark, lambda: self._known.writer.reached(watermark)
        )

    async def _write(self, lease: Lease, bookmark: ResumeCheckpoint) -> None:
        new = None if bookmark == self._written else bookmark
        mark = self._mark
        try:
            answer = await bookmarks.save(self._known.store, lease, mark, new)
        except StoreUnavailable as error:
            log.debug("no bookmark of shard %d written: %s", self._shard.id, error)
            return
        if mark != self._mark:
            return  # dropped or lost meanwhile
        if answer == bookmarks.LOST:
            log.warning("Redis may have lost what it held: writing everyone again")
            self.lost()
        elif answer != bookmarks.NOT_OURS:
            self._written = bookmark

    async def _found(self) -> tuple[str, ResumeCheckpoint] | None:
        loop = asyncio.get_running_loop()
        until = loop.time() + RECALL_WITHIN
        while True:
            try:
                return await bookmarks.load(self._known.store, self._of)
            except StoreUnavailable as error:
                if loop.time() > until:
                    log.warning("shard %d begins a new session: %s", self._shard.id, error)
                    return None
            await asyncio.sleep(EVERY / 4)

    async def _bring_back(self, bookmark: ResumeCheckpoint) -> None:
        """Raises Incomplete and StoreUnavailable."""
        known = self._known
        missing = 0
        for guild_id in (*bookmark.guilds, *bookmark.partial):
            complete, there = guild_id in bookmark.guilds, 0
            async for batch in known.store.members(guild_id):
                found = await known.store.load_discord(batch)
                there += len(batch)
                shown = {one: held for one, held in zip(batch, found, strict=True) if held}
                try:
                    known.roster.recall(guild_id, shown, complete)
                except msgspec.MsgspecError as error:
                    raise Incomplete(f"Redis holds what is not a member: {error}") from None
                missing += len(batch) - len(shown)
                for user_id in set(batch) - shown.keys():
                    known.requests.user(guild_id, user_id)
            if not there and complete:
                raise Incomplete(f"Redis has lost the members of guild {guild_id}")
            if missing > MOST_MISSING:
                raise Incomplete("Redis has lost many of the members")
            if not complete:
                known.roster.begin(guild_id)
                known.requests.whole(guild_id)
        for guild_id in bookmark.silent:
            known.roster.silence(guild_id)
        for guild_id, user_ids in bookmark.lookups.items():
            for user_id in user_ids:
                known.requests.user(guild_id, user_id)
        known.sweep.names(self._of).update(bookmark.guilds, bookmark.partial, bookmark.awaited)
        if bookmark.announce:
            known.sweep.everybody()
