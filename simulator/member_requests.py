"""Op 8: which members a client asked for, and how often it may ask.

Source: events/gateway-events, "Request Guild Members", "Rate Limited".
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from simulator import dispatches
from simulator.model import Json
from simulator.options import Options
from simulator.protocol import Intent, RequestGuildMembers
from simulator.session import Session
from simulator.stats import Stats
from simulator.world import World

Event = tuple[str, Json]

_CHUNK: Final = 1000
_MOST_ASKED: Final = 100
_NONCE_BYTES: Final = 32


class MemberRequestResponder:
    """Answers op 8; remembers when each guild's whole list was last asked for."""

    def __init__(
        self,
        world: World,
        options: Options,
        stats: Stats,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world = world
        self._options = options
        self._stats = stats
        self._clock = clock
        self._whole_lists: dict[str, float] = {}

    def answer(self, session: Session, asked: RequestGuildMembers) -> Iterator[Event]:
        """The events that answer a request, each built when it is taken.

        No events for a guild that this shard does not have, or for a list that the session's
        intents do not cover.
        """
        self._stats.member_requests += 1
        guild_id = str(asked.guild_id)
        guild = self._world.guilds.get(guild_id)
        if guild is None or not guild.available or not session.has_guild(guild_id):
            return
        nonce = asked.nonce
        if nonce is not None and len(nonce.encode()) > _NONCE_BYTES:
            nonce = None
        with_presences = asked.presences and Intent.GUILD_PRESENCES in session.intents
        if isinstance(asked.user_ids, list | str | int):
            if isinstance(asked.query, str):
                # Documented as "one of": a client that sends both gets the users that it named.
                self._stats.op8_ambiguous += 1
            wanted = asked.user_ids if isinstance(asked.user_ids, list) else [asked.user_ids]
            ids = [str(user_id) for user_id in wanted[:_MOST_ASKED]]
            found = [user_id for user_id in ids if user_id in guild.members]
            missing = [user_id for user_id in ids if user_id not in guild.members]
            yield from self._chunks(guild_id, found, missing, with_presences, nonce)
        elif not isinstance(asked.query, str):
            return
        elif asked.query or asked.limit:
            named = self._named(guild_id, asked.query, asked.limit)
            yield from self._chunks(guild_id, named, [], with_presences, nonce)
        elif Intent.GUILD_MEMBERS in session.intents:
            yield from self._whole_list(guild_id, with_presences, nonce)

    def _whole_list(
        self, guild_id: str, with_presences: bool, nonce: str | None
    ) -> Iterator[Event]:
        now = self._clock()
        ready_at = self._whole_lists.get(guild_id, 0.0)
        if now < ready_at:
            self._stats.member_requests_limited += 1
            yield "RATE_LIMITED", dispatches.rate_limited(ready_at - now, guild_id, nonce)
            return
        self._whole_lists[guild_id] = now + self._options.chunk_seconds
        members = list(self._world.guilds[guild_id].members)
        yield from self._chunks(guild_id, members, [], with_presences, nonce)

    def _named(self, guild_id: str, query: str, limit: int) -> list[str]:
        prefix = query.casefold()
        found: list[str] = []
        for user_id, seen in self._world.guilds[guild_id].members.items():
            user = self._world.people[user_id].user
            names = (user.username, user.global_name or "", seen.nick or "")
            if any(name.casefold().startswith(prefix) for name in names):
                found.append(user_id)
            if len(found) == min(limit or _MOST_ASKED, _MOST_ASKED):
                break
        return found

    def _chunks(
        self,
        guild_id: str,
        found: Sequence[str],
        missing: Sequence[str],
        with_presences: bool,
        nonce: str | None,
    ) -> Iterator[Event]:
        starts = range(0, max(1, len(found)), _CHUNK)
        for index, start in enumerate(starts):
            chunk: Json = {
                "guild_id": guild_id,
                **self._members(guild_id, found[start : start + _CHUNK], with_presences),
                "chunk_index": index,
                "chunk_count": len(starts),
            }
            if missing:
                chunk["not_found"] = missing
            if nonce is not None:
                chunk["nonce"] = nonce
            yield "GUILD_MEMBERS_CHUNK", chunk

    def _members(self, guild_id: str, ids: Sequence[str], with_presences: bool) -> Json:
        # Between request and chunk a member may have left, or the whole guild may be gone.
        guild = self._world.guilds.get(guild_id)
        held = guild.members if guild is not None else {}
        people = [self._world.people[user_id] for user_id in ids if user_id in held]
        answer: Json = {
            "members": [dispatches.member(p.user, held[p.user.id]) for p in people],
        }
        if with_presences and guild is not None:
            answer["presences"] = [
                dispatches.nested_presence(p.user.id, self._world.presence_in(p, guild))
                for p in people
                if p.presence.status != "offline"
            ]
        return answer
