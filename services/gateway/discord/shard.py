"""One connection to Discord's gateway: hikari's shard, with a synchronous way in.

hikari's own event manager makes a task for every listener of every event; given this one
instead, an event costs a sixth (docs/decisions/0001-raw-shards.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, Protocol, cast

import hikari
import msgspec
from hikari.impl import HTTPSettings, ProxySettings

from services.gateway import metrics
from services.gateway.discord.replay_barrier import ReplayBarrier
from services.gateway.discord.session import ResumableShard, Session

log = logging.getLogger(__name__)

INTENTS: Final = (
    hikari.Intents.GUILDS | hikari.Intents.GUILD_MEMBERS | hikari.Intents.GUILD_PRESENCES
)
CLOSE_WITHIN: Final = 2.0  # seconds
LARGE_THRESHOLD: Final = 250  # Discord's greatest: small guilds come whole, without chunks


class Dispatches(Protocol):
    """Who takes in what comes: the intake."""

    def take(self, name: str, payload: Any) -> None: ...

    def lost(self) -> None: ...

    def somebody(self) -> tuple[int, int] | None:
        """A guild of the shard, and a member of it."""


class Shard:
    """A shard of Grux's bot. `run` until it ends; `ask_for…` while it is connected."""

    def __init__(self, token: str, shard_id: int, shard_count: int) -> None:
        self.id = shard_id
        self.count = shard_count
        self.stands_by = False  # another process runs it, and this one waits
        self._token = token
        self._hikari: ResumableShard | None = None
        self._events: _EventManager | None = None
        self._session: Session | None = None  # while there is no connection
        self._replay = ReplayBarrier(lambda: self.is_connected, self._ask_for_somebody)
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def is_connected(self) -> bool:
        return self._hikari is not None and self._hikari.is_connected

    @property
    def is_ours(self) -> bool:
        """Whether this process runs the shard, connected or about to be."""
        return self._hikari is not None

    @property
    def state(self) -> Literal["connected", "connecting", "standing_by"]:
        if self.is_connected:
            return "connected"
        return "standing_by" if self.stands_by else "connecting"

    @property
    def latency(self) -> float:
        """Seconds between the last heartbeat and its answer; not a number before the first."""
        return self._hikari.heartbeat_latency if self._hikari else float("nan")

    @property
    def last_event(self) -> float:
        """When the last dispatch came, in seconds since 1970; 0 before the first."""
        return self._events.last if self._events else 0.0

    @property
    def session(self) -> Session | None:
        """What the next connection resumes; None when it has to identify."""
        return self._hikari.session if self._hikari else self._session

    @property
    def catching_up(self) -> bool:
        """Whether events are being repeated that Redis may be ahead of.

        What is known until their end has been true, and must not be written.
        """
        return self._replay.under_way

    def may_be_behind(self) -> None:
        """Redis has lost what it held, and for a moment it may have been another process's to fill.
        Without a connection that one knew more than this: its own is waited for, for a while.
        """
        if not self.is_connected:
            self._replay.behind()

    def go_on_with(self, session: Session | None) -> None:
        """Resume this session of an earlier process, whose people are known again."""
        self._session = session
        if session is None:
            self._replay.end()
        else:
            self._replay.begin()

    async def run(
        self,
        url: str,
        dispatches: Dispatches,
        may_connect: Callable[[], Awaitable[None]],
        on_ready: Callable[[], None],
    ) -> None:
        """Connect to `url` and stay. Raises what hikari raises when it gives up.

        `may_connect` is waited for before each connection. `on_ready` is called when Discord has
        begun a session, or repeated all that was missed.
        """

        def took(name: str, payload: Any) -> None:
            self._replay.take(name, payload)
            if name == "READY":
                self._replay.end()
            if name in ("READY", "RESUMED"):
                self._replay.resumed(on_ready)

        async def connects() -> None:
            self._replay.connects()
            await may_connect()

        self._events = events = _EventManager(dispatches, self._session, took)
        shard = self._hikari = ResumableShard(
            self._session,
            connects,
            token=self._token,
            url=url,
            shard_id=self.id,
            shard_count=self.count,
            intents=INTENTS,
            large_threshold=LARGE_THRESHOLD,
            http_settings=HTTPSettings(),
            proxy_settings=ProxySettings(),
            loads=_loads,
            dumps=_dumps,
            event_manager=cast("Any", events),
            event_factory=cast("Any", _EventFactory()),
        )
        try:
            await shard.start()
            await shard.join()
        finally:
            events.end()
            self._replay.interrupted()
            # Not after it is closed: hikari goes on counting what comes by then, and nobody hears.
            self._session, self._hikari = shard.session, None
            if shard.is_alive:
                await _close(shard)

    async def ask_for_all(self, guild_id: int, nonce: str) -> None:
        """Request every member of the guild, with presences."""
        await self._ask(guild_id, nonce, hikari.UNDEFINED)

    async def ask_for(self, guild_id: int, user_ids: list[int], nonce: str) -> None:
        """Request these members (100 at most), with presences."""
        await self._ask(guild_id, nonce, [hikari.Snowflake(user_id) for user_id in user_ids])

    def _ask_for_somebody(self, nonce: str) -> bool:
        found = self._events.dispatches.somebody() if self._events else None
        if found is None:
            return False
        guild_id, user_id = found
        asking = asyncio.create_task(self.ask_for(guild_id, [user_id], nonce))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        return True

    async def _ask(
        self, guild_id: int, nonce: str, users: hikari.UndefinedOr[list[hikari.Snowflake]]
    ) -> None:
        if self._hikari is None:
            return
        try:
            await self._hikari.request_guild_members(
                guild_id, include_presences=True, users=users, nonce=nonce
            )
        except (hikari.ComponentStateConflictError, ConnectionError) as error:
            log.debug("members of guild %s were not asked for: %s", guild_id, error)
        except (asyncio.CancelledError, AssertionError):
            # hikari holds up what is more than 117 messages a minute. Where the connection goes
            # meanwhile it cancels what waits, or sends it when there is none to send it by.
            if _is_cancelled():
                raise
            log.debug("members of guild %s were not asked for: the connection went", guild_id)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(shard: ResumableShard) -> None:
    """hikari loses a cancellation that comes while it hangs up: then it is told once more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_WITHIN):
            await shard.close()


class _EventManager:
    """The two methods of hikari's event manager that a shard calls."""

    def __init__(
        self, dispatches: Dispatches, session: Session | None, took: Callable[[str, Any], None]
    ) -> None:
        self.dispatches = dispatches
        self._session_id = session.id if session else ""
        self._taken = session.seq if session else 0  # the greatest sequence number of this session
        self._took = took
        self._ended = False
        self.last = 0.0

    def end(self) -> None:
        """Whatever comes from now on, nobody may hear: another process may run the shard."""
        self._ended = True

    def consume_raw_event(self, name: str, shard: object, payload: Any) -> None:
        """A resume may replay what has been taken in: that would show what was, for a moment."""
        if self._ended:
            return
        self.last = time.time()
        number = getattr(shard, "_seq", None)
        if isinstance(number, int):
            begins = name == "READY" and payload.get("session_id") != self._session_id
            if begins:
                self._session_id = payload.get("session_id")
            elif number <= self._taken and name != "RESUMED":
                return
            self._taken = number if begins else max(number, self._taken)
        self.dispatches.take(name, payload)
        self._took(name, payload)

    async def dispatch(self, event: None, *, return_tasks: bool = False) -> None:
        """TellingShard has told of it, and knows more."""


class _EventFactory:
    """The two methods of hikari's event factory that a shard calls."""

    def deserialize_connected_event(self, shard: object) -> None:
        return None

    def deserialize_disconnected_event(self, shard: object) -> None:
        return None


_decode = msgspec.json.Decoder().decode


def _loads(payload: bytes | str) -> Any:
    """A payload's JSON. What cannot be read is passed on as an opcode that hikari ignores:
    raising would end the session."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        pass
    try:
        return json.loads(payload)  # reads lone surrogates, which clean.py then takes out
    except ValueError:
        metrics.EVENTS_REJECTED.labels("json").inc()
        return {"op": -1}


def _dumps(message: Any) -> bytes:
    """A message's JSON. hikari sends `query` beside `user_ids`; Discord takes one of them."""
    data = message.get("d")
    if isinstance(data, dict) and "user_ids" in data:
        data = {key: value for key, value in data.items() if key not in ("query", "limit")}
        message = {**message, "d": data}
    return json.dumps(message).encode()
