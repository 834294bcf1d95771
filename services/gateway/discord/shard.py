"""One shard of the bot: connects to Discord's gateway and passes its events to the handler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

from hikari.errors import ComponentStateConflictError, GatewayServerClosedConnectionError
from hikari.snowflakes import Snowflake
from hikari.undefined import UNDEFINED, UndefinedOr

from services.gateway.discord.hikari_shard import HANDSHAKE_SILENCE_S, InstrumentedShard
from services.gateway.discord.replay_barrier import ReplayBarrier, ReplayTimings
from services.gateway.discord.session_events import DiscordSession, SessionEvents
from services.gateway.event_handler import EventHandler
from shared.discord.snowflake import shard_of

log = logging.getLogger(__name__)


class ClosedByDiscord(Exception):
    """Raised when Discord has closed a connection with a code that hikari does not reconnect on."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"close code {code}")
        self.code = code


class Shard:
    """`run` it until it ends; request members while it is connected."""

    def __init__(
        self,
        token: str,
        shard_id: int,
        shard_count: int,
        *,
        replay_timings: ReplayTimings | None = None,
        handshake_silence_s: float = HANDSHAKE_SILENCE_S,
    ) -> None:
        self.id = shard_id
        self.count = shard_count
        self.is_standing_by = False  # while another process runs it
        self.replay = ReplayBarrier(self, replay_timings or ReplayTimings())
        self._token = token
        self._handshake_silence_s = handshake_silence_s
        self._hikari: InstrumentedShard | None = None
        self._handler: EventHandler | None = None
        self._events: SessionEvents | None = None
        self._session: DiscordSession | None = None  # while there is no connection
        self._requests: set[asyncio.Task[None]] = set()

    @property
    def is_connected(self) -> bool:
        return self._hikari is not None and self._hikari.is_connected

    @property
    def is_up_to_date(self) -> bool:
        """Whether events come as they happen: it is connected, and repeats nothing."""
        return self.is_connected and not (self.replay.active or self.replay.is_repeating)

    @property
    def is_running(self) -> bool:
        """Whether this process runs the shard, connected or about to be."""
        return self._hikari is not None

    @property
    def state(self) -> Literal["connected", "connecting", "standing_by"]:
        if self.is_connected:
            return "connected"
        return "standing_by" if self.is_standing_by else "connecting"

    @property
    def latency(self) -> float:
        """Seconds between the last heartbeat and its answer; NaN before the first."""
        return self._hikari.heartbeat_latency if self._hikari else float("nan")

    @property
    def last_event(self) -> float:
        """When the last event came, in seconds since 1970; 0 before the first."""
        return self._events.last_event if self._events else 0.0

    @property
    def session(self) -> DiscordSession | None:
        """What the next connection resumes; None when it has to identify."""
        return self._hikari.session if self._hikari else self._session

    def mark_possibly_stale(self) -> None:
        """Redis has lost its data, and for a moment another process may have had the right to fill
        it. That process was connected and this one is not, so its data may be newer: hold writes
        until this shard is connected, or for a while.
        """
        if not self.is_connected:
            self.replay.hold_stale()

    def resume_with(self, session: DiscordSession | None) -> None:
        """Resume this session of an earlier process, whose users have been restored. None: begin
        a new one."""
        self._session = session
        if session is None:
            self.replay.end()
        else:
            self.replay.begin()

    async def run(
        self,
        url: str,
        handler: EventHandler,
        may_connect: Callable[[], Awaitable[None]],
        on_ready: Callable[[], None],
    ) -> None:
        """Connect to `url` and stay connected. Raises ClosedByDiscord, and hikari's own errors.

        `may_connect` is awaited before each connection. `on_ready` is called when Discord has begun
        a session, or has repeated all missed events.
        """

        async def start_connection() -> None:
            self.replay.start_connection()
            await may_connect()

        def end_replay() -> None:
            handler.end_replay()
            on_ready()

        self.replay.on_ready(end_replay)
        self._handler = handler
        self._events = events = SessionEvents(self._session, handler, self.replay)
        shard = self._hikari = InstrumentedShard(
            self._session,
            events,
            start_connection,
            token=self._token,
            url=url,
            shard_id=self.id,
            shard_count=self.count,
            handshake_silence_s=self._handshake_silence_s,
        )
        try:
            await self._run_until_closed(shard, events)
        except GatewayServerClosedConnectionError as closed:
            raise ClosedByDiscord(None if closed.code is None else int(closed.code)) from None

    async def _run_until_closed(self, shard: InstrumentedShard, events: SessionEvents) -> None:
        try:
            await shard.start()
            await shard.join()
        finally:
            events.close()
            self.replay.cancel_request()
            # Before it is closed: until then hikari counts events that are no longer handled.
            self._session, self._hikari = shard.session, None
            if shard.is_alive:
                await shard.close()  # raises again what has ended the shard

    async def request_guild(self, guild_id: int, nonce: str) -> None:
        """Request every member of the guild, with presences."""
        await self._request_members(guild_id, nonce, UNDEFINED)

    async def request_users(self, guild_id: int, user_ids: list[int], nonce: str) -> None:
        """Request these members (100 at most), with presences."""
        await self._request_members(guild_id, nonce, [Snowflake(user_id) for user_id in user_ids])

    def request_any_member(self, nonce: str) -> bool:
        """Request one member of any guild. False when none is known."""
        member = self._handler.any_member() if self._handler else None
        if member is None:
            return False
        guild_id, user_id = member
        request = asyncio.create_task(self.request_users(guild_id, [user_id], nonce))
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)
        return True

    async def _request_members(
        self, guild_id: int, nonce: str, users: UndefinedOr[list[Snowflake]]
    ) -> None:
        if self._hikari is None:
            return
        try:
            await self._hikari.request_guild_members(
                guild_id, include_presences=True, users=users, nonce=nonce
            )
        except (ComponentStateConflictError, ConnectionError) as error:
            log.debug("members of guild %s were not requested: %s", guild_id, error)
        except (asyncio.CancelledError, AssertionError):
            # hikari delays what exceeds 117 messages a minute. When the connection ends meanwhile,
            # it cancels the delayed messages, or fails to send them.
            if _is_cancelled():
                raise
            log.debug("members of guild %s were not requested: the connection ended", guild_id)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def is_followed(shards: Iterable[Shard], guild_id: int) -> bool | None:
    """Whether the guild's shard is up to date. None: another process runs it."""
    shard = _running(shards, guild_id)
    return None if shard is None else shard.is_up_to_date


def shard_id_of(shards: Iterable[Shard], guild_id: int) -> int | None:
    """The guild's shard. None: another process runs it."""
    shard = _running(shards, guild_id)
    return None if shard is None else shard.id


def _running(shards: Iterable[Shard], guild_id: int) -> Shard | None:
    for shard in shards:
        if shard_of(guild_id, shard.count) == shard.id and not shard.is_standing_by:
            return shard
    return None
