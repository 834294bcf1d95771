"""All gateway sessions: they hear of events, begin, are resumed and end."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from simulator import BOT_ID, dispatches
from simulator.dispatches import Dispatch
from simulator.guild_view import guild_for
from simulator.identify_limits import IdentifyLimits
from simulator.model import Guild
from simulator.options import Options
from simulator.protocol import CloseCode, Closed, Identify, Intent
from simulator.session import Session
from simulator.snowflakes import is_snowflake
from simulator.stats import Stats
from simulator.world import World

# A blast waits while a connected client has this many dispatches unread.
_UNREAD: Final = 2_048
# A client that reads nothing for so long loses its session, so that it blocks no other.
_STALLED_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.001


class Sessions:
    """The audience of a :class:`World`."""

    def __init__(self, world: World, options: Options, stats: Stats) -> None:
        self._world = world
        self._options = options
        self._stats = stats
        self._by_id: dict[str, Session] = {}
        self._last_ids: dict[tuple[int, int], str] = {}
        self.identify_limits = IdentifyLimits(world, options)
        world.audience = self

    def __iter__(self) -> Iterator[Session]:
        self._expire()
        return iter(list(self._by_id.values()))

    def tell(self, name: str, guild_id: str | None, d: object) -> None:
        """Queue an event for every session that gets it."""
        listeners = [s for s in self._by_id.values() if s.wants(name, guild_id)]
        if listeners:
            self.offer(name, d, listeners)

    def offer(self, name: str, d: object, listeners: list[Session]) -> None:
        """Encode an event once and queue it for these sessions, whatever their intents."""
        dispatch = Dispatch(name, msgspec.json.encode(d))
        for session in listeners:
            session.offer(dispatch)
        self._stats.dispatched(name, len(listeners))

    def raw(self, name: str | None, body: bytes, session_id: str | None = None) -> int:
        """Queue any event as it is, whatever intents say; returns for how many sessions.

        A guild's event goes to the guild's shard, others to all, unless one is named.
        """
        guild_id = _guild_of(body)
        listeners = [
            s
            for s in self._by_id.values()
            if (s.id == session_id if session_id else guild_id is None or s.has_guild(guild_id))
        ]
        dispatch = Dispatch(name, body)
        for session in listeners:
            session.offer(dispatch)
        self._stats.dispatched(name or "null", len(listeners))
        return len(listeners)

    def tell_guild(self, guild: Guild, *, joined: bool) -> None:
        """GUILD_CREATE, which depends on what each session asked for."""
        for session in self._by_id.values():
            if session.wants("GUILD_CREATE", guild.id):
                self._create_guild(session, guild, joined=joined)

    async def room(self) -> bool:
        """Wait until every connected session has room, so that a blast stays bounded.

        Returns False if no session is connected.
        """
        deadline = time.monotonic() + _STALLED_SECONDS
        while slow := [s for s in self._connected() if s.waiting > _UNREAD]:
            if time.monotonic() > deadline:
                for session in slow:
                    session.lose()
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(0)
        return any(self._connected())

    def _connected(self) -> Iterator[Session]:
        return (s for s in self._by_id.values() if s.detached_at is None)

    def begin(self, asked: Identify, url: str) -> Session | None:
        """A new session with READY and the guilds queued; None means "op 9, not now".

        Raises :class:`simulator.protocol.Closed` with the code that Discord closes with.
        """
        shard, intents = self.identify_limits.check(asked)
        if not self.identify_limits.take_start(shard):
            self._stats.identifies_refused += 1
            return None
        self._stats.identifies += 1
        self._expire()
        session = Session(
            self._new_id(shard),
            intents=intents,
            shard=shard,
            large_threshold=asked.large_threshold,
            capacity=self._options.replay_events,
        )
        self._by_id[session.id] = session
        self._greet(session, url)
        return session

    def _new_id(self, shard: tuple[int, int]) -> str:
        session_id = self._last_ids.get(shard) if self._options.reuse_session_ids else None
        if session_id is None:
            session_id = secrets.token_hex(16)
        if (earlier := self._by_id.get(session_id)) is not None:
            self.end(earlier)
        self._last_ids[shard] = session_id
        return session_id

    def _greet(self, session: Session, url: str) -> None:
        guilds = [g for g in self._world.guilds.values() if session.has_guild(g.id)]
        bot = self._world.person(BOT_ID).user
        hello = dispatches.ready(
            bot, [guild.id for guild in guilds], session.id, url, list(session.shard)
        )
        self.offer("READY", hello, [session])
        if Intent.GUILDS in session.intents:
            for guild in guilds:
                if guild.available:
                    self._create_guild(session, guild, joined=False)

    def _create_guild(self, session: Session, guild: Guild, *, joined: bool) -> None:
        limit = self._options.presence_limit
        d = guild_for(session, guild, self._world, presence_limit=limit, joined=joined)
        self.offer("GUILD_CREATE", d, [session])

    def resumable(self, session_id: str, seq: int) -> Session | None:
        """The session, owing what came after ``seq``; None means "op 9, identify again".

        Raises :class:`Closed` 4007 for a ``seq`` that was never sent.
        """
        self._expire()
        session = self._by_id.get(session_id)
        if session is None:
            return None
        if not 0 <= seq <= session.seq:
            self.end(session)
            raise Closed(CloseCode.INVALID_SEQ)
        if not session.rewind(seq):
            self.end(session)
            return None
        return session

    def resumed(self, session: Session) -> bool:
        """Close a resume: RESUMED comes after everything that was missed.

        False if that is more than the session keeps: it has ended.
        """
        self.offer("RESUMED", {"_trace": []}, [session])
        if session.lost:
            self.end(session)
            return False
        self._stats.resumes += 1
        return True

    def end(self, session: Session) -> None:
        """The session is over: nothing is queued for it any more."""
        session.lose()
        if self._by_id.get(session.id) is session:
            del self._by_id[session.id]

    def _expire(self) -> None:
        oldest = time.monotonic() - self._options.session_keep_seconds
        for session in list(self._by_id.values()):
            if session.detached_at is not None and session.detached_at < oldest:
                self.end(session)


class _GuildEvent(msgspec.Struct):
    guild_id: str


def _guild_of(body: bytes) -> str | None:
    """The guild that an event is about, None if it names none that could be."""
    try:
        guild_id = msgspec.json.decode(body, type=_GuildEvent).guild_id
    except msgspec.MsgspecError:
        return None
    return guild_id if is_snowflake(guild_id) else None
