"""One shard's raw dispatches, in the order in which they come.

Everything here is synchronous: what an event says is known before the next one is looked at.
Whatever cannot be used is counted and left out; nothing ends the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from services.gateway import metrics
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.normalize import sanitize
from services.gateway.state.guild_cache import CachedGuild, GuildCache, Owed
from services.gateway.state.user_cache import UserCache, merge_presence, merge_user
from services.gateway.sync.reconciler import Reconciler

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]


class InvalidEvent(Exception):
    """Raised when an event cannot be used; the text names the reason, for the count."""


class EventHandler:
    """Discord docs: Gateway Events."""

    def __init__(
        self,
        shard: tuple[int, int],
        *,
        only: frozenset[int],
        people: UserCache,
        roster: GuildCache,
        owed: Owed,
        requests: MemberRequests,
        sweep: Reconciler,
    ) -> None:
        """`shard`: id and count. `only`: the guilds to monitor, empty for all."""
        self._shard = shard
        self._only = only
        self._people = people
        self._roster = roster
        self._owed = owed
        self._requests = requests
        self._sweep = sweep
        self._handlers: dict[str, Callable[[Payload], None]] = {
            "PRESENCE_UPDATE": self._presence_update,
            "GUILD_MEMBER_ADD": self._member_add,
            "GUILD_MEMBER_UPDATE": self._member_update,
            "GUILD_MEMBER_REMOVE": self._member_remove,
            "GUILD_MEMBERS_CHUNK": self._members_chunk,
            "GUILD_CREATE": self._guild_create,
            "GUILD_DELETE": self._guild_delete,
            "READY": self._ready,
            "RESUMED": lambda _: requests.resumed(),
            "RATE_LIMITED": requests.rate_limited,
        }
        self._events = {name: metrics.EVENTS.labels(name) for name in self._handlers}
        self._other_events = metrics.EVENTS.labels("other")

    def take(self, name: str, payload: Any) -> None:
        """Take in one dispatch."""
        handler = self._handlers.get(name)
        if handler is None:
            self._other_events.inc()
            return
        self._events[name].inc()
        try:
            if not isinstance(payload, Mapping):
                raise InvalidEvent("payload")
            handler(payload)
        except InvalidEvent as refused:
            metrics.EVENTS_REJECTED.labels(str(refused)).inc()
        except Exception:
            metrics.EVENTS_REJECTED.labels("exception").inc()
            log.exception("a %s event could not be taken in", name)

    def lost(self) -> None:
        """Another process runs the shard now, and speaks for its guilds."""
        self._requests.reset()
        self._sweep.disown(*self._shard)
        self._roster.disown(*self._shard)

    def somebody(self) -> tuple[int, int] | None:
        """A guild that Discord tells of, and a member of it."""
        for guild_id in self._roster.guild_ids(*self._shard):
            guild = self._roster.guild(guild_id)
            if guild and guild.available and guild.members:
                return guild_id, next(iter(guild.members))
        return None

    def _presence_update(self, payload: Payload) -> None:
        user = payload.get("user")
        user_id = sanitize.user_id(user)
        if user_id is None:
            raise InvalidEvent("user id")
        if "guild_id" in payload and not self._is_member(payload, user_id):
            return
        person = self._people.get(user_id)
        if person is None:
            raise InvalidEvent("unknown user")
        changed = len(user) > 1 and merge_user(person, sanitize.user(user))  # type: ignore[arg-type]
        if merge_presence(person, payload) or changed:
            self._owed.changed(user_id)

    def _member_add(self, payload: Payload) -> None:
        guild_id, guild = self._monitored(payload)
        user_id = sanitize.user_id(payload.get("user"))
        is_current = user_id is not None and self._roster.vouches_for(user_id)
        if self._roster.admit(guild_id, guild, payload.get("user")) is None:
            raise InvalidEvent("member")
        if not is_current and user_id is not None:
            self._requests.user(guild_id, user_id)  # the event carries no presence

    def _member_update(self, payload: Payload) -> None:
        user = payload.get("user")
        user_id = sanitize.user_id(user)
        if user_id is None:
            raise InvalidEvent("user id")
        if not self._is_member(payload, user_id):
            return
        person = self._people.get(user_id)
        if person is not None and merge_user(person, sanitize.user(user)):
            self._owed.changed(user_id)

    def _member_remove(self, payload: Payload) -> None:
        guild_id, _ = self._monitored(payload)
        user_id = sanitize.user_id(payload.get("user"))
        if user_id is None:
            raise InvalidEvent("user id")
        self._roster.remove(guild_id, user_id)

    def _members_chunk(self, payload: Payload) -> None:
        guild_id, _ = self._monitored(payload)
        self._roster.list_members(
            guild_id, _list(payload.get("members")), _list(payload.get("presences"))
        )
        for missing in _list(payload.get("not_found")):
            spelled = sanitize.snowflake(missing)
            if spelled:
                self._roster.remove(guild_id, int(spelled))
        if self._requests.chunk(guild_id, payload):
            self._roster.end(guild_id)

    def _guild_create(self, payload: Payload) -> None:
        guild_id = self._guild_id(payload, "id")
        if payload.get("unavailable") is True or not self._is_monitored(guild_id):
            self._roster.silence(guild_id)
            return
        members = _list(payload.get("members"))
        self._sweep.names(self._shard).add(guild_id)
        self._roster.begin(guild_id)
        self._roster.list_members(guild_id, members, _list(payload.get("presences")))
        count = sanitize.integer(payload.get("member_count"))
        if payload.get("large") is True or (count is not None and count > len(members)):
            self._requests.whole(guild_id)
        else:
            self._roster.end(guild_id)

    def _guild_delete(self, payload: Payload) -> None:
        guild_id = self._guild_id(payload, "id")
        if payload.get("unavailable") is True:
            self._roster.silence(guild_id)
            return
        self._requests.forget(guild_id)
        self._sweep.names(self._shard).discard(guild_id)
        self._roster.remove_guild(guild_id)
        self._sweep.guild(guild_id)

    def _ready(self, payload: Payload) -> None:
        """A fresh session: its guilds follow one by one; those it does not name are left."""
        named = {
            int(spelled)
            for guild in _list(payload.get("guilds"))
            if isinstance(guild, Mapping) and (spelled := sanitize.snowflake(guild.get("id")))
        }
        monitored = {guild_id for guild_id in named if self._is_monitored(guild_id)}
        self._requests.reset()
        self._roster.keep_only(*self._shard, monitored)
        self._sweep.shard(*self._shard, monitored)

    def _is_member(self, payload: Payload, user_id: int) -> bool:
        """Whether the guild's roster has the user. A stranger to a complete one is looked up."""
        guild_id, guild = self._monitored(payload)
        if user_id in guild.members:
            return True
        if guild.complete:
            self._requests.user(guild_id, user_id)
        return False  # else a chunk is about to bring them, with their presence

    def _monitored(self, payload: Payload) -> tuple[int, CachedGuild]:
        guild_id = self._guild_id(payload, "guild_id")
        guild = self._roster.guild(guild_id)
        if guild is None:
            raise InvalidEvent("guild")
        return guild_id, guild

    def _guild_id(self, payload: Payload, key: str) -> int:
        spelled = sanitize.snowflake(payload.get(key))
        if spelled is None:
            raise InvalidEvent("guild id")
        return int(spelled)

    def _is_monitored(self, guild_id: int) -> bool:
        return not self._only or guild_id in self._only


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
