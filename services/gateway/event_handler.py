"""Applies one shard's raw events to the caches, in the order in which they come.

Everything here is synchronous: an event is applied completely before the next one is read. An event
that cannot be used is counted and ignored. None ends the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import UNSET

from services.gateway import metrics
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.presence_checks import CheckAnswer
from services.gateway.normalize import member_list, sanitize
from services.gateway.normalize.presence_event import PresenceEvent, UnreadablePresence
from services.gateway.normalize.sanitize import MAPPING
from services.gateway.state.guild_cache import CachedGuild, GuildCache
from services.gateway.state.user_cache import UserCache, merge_user
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.writer import Writer
from shared.discord.snowflake import ShardKey

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]

HANDLED: Final = (
    "PRESENCE_UPDATE",
    "GUILD_MEMBER_ADD",
    "GUILD_MEMBER_UPDATE",
    "GUILD_MEMBER_REMOVE",
    "GUILD_MEMBERS_CHUNK",
    "GUILD_CREATE",
    "GUILD_DELETE",
    "READY",
    "RESUMED",
    "RATE_LIMITED",
    "INTERACTION_CREATE",
)
_EVENTS: Final = {name: metrics.EVENTS.labels(name) for name in HANDLED}
_OTHER_EVENTS: Final = metrics.EVENTS.labels("other")


class InvalidEvent(Exception):
    """Raised when an event cannot be used; the text is the reason, as counted in the metrics."""


class EventHandler:
    """Discord docs: Gateway Events."""

    def __init__(
        self,
        shard: ShardKey,
        *,
        is_approved: Callable[[int], bool],
        users: UserCache,
        guilds: GuildCache,
        writer: Writer,
        requests: MemberRequests,
        reconciler: Reconciler,
        on_interaction: Callable[[Payload], None],
    ) -> None:
        """`is_approved`: whether a guild may be monitored (guild_approval.py).
        `on_interaction`: takes the uses of commands (commands/service.py)."""
        self._shard = shard
        self._is_approved = is_approved
        self._users = users
        self._guilds = guilds
        self._writer = writer
        self._requests = requests
        self._reconciler = reconciler
        self._on_interaction = on_interaction

    def handle(self, name: str, payload: Any) -> None:
        """Apply one event."""
        counter = _EVENTS.get(name)
        if counter is None:
            _OTHER_EVENTS.inc()
            return
        counter.inc()
        try:
            if isinstance(payload, PresenceEvent):
                self._presence_update(payload)
                return
            if not isinstance(payload, MAPPING):
                raise InvalidEvent("payload")
            match name:
                case "PRESENCE_UPDATE":
                    self._presence_update(payload)
                case "GUILD_MEMBER_ADD":
                    self._member_add(payload)
                case "GUILD_MEMBER_UPDATE":
                    self._member_update(payload)
                case "GUILD_MEMBER_REMOVE":
                    self._member_remove(payload)
                case "GUILD_MEMBERS_CHUNK":
                    self._members_chunk(payload)
                case "GUILD_CREATE":
                    self._guild_create(payload)
                case "GUILD_DELETE":
                    self._guild_delete(payload)
                case "READY":
                    self._ready(payload)
                case "RESUMED":
                    self._requests.repeat_open()
                case "RATE_LIMITED":
                    self._requests.handle_rate_limited(payload)
                case "INTERACTION_CREATE":
                    self._on_interaction(payload)
        except InvalidEvent as reason:
            metrics.EVENTS_REJECTED.labels(str(reason)).inc()
        except UnreadablePresence:
            metrics.EVENTS_REJECTED.labels("json").inc()
        except Exception:
            metrics.EVENTS_REJECTED.labels("exception").inc()
            log.exception("a %s event could not be handled", name)

    def begin_replay(self) -> None:
        """Discord is about to repeat the events that were missed."""
        self._guilds.begin_replay(*self._shard)

    def end_replay(self) -> None:
        """All is repeated (replay_barrier.py)."""
        self._guilds.end_replay(*self._shard)

    def any_member(self) -> tuple[int, int] | None:
        """An available guild of the shard, and one of its members."""
        return self._guilds.any_member(*self._shard)

    def begin_guild(self, guild_id: int) -> None:
        """The guild was approved after its GUILD_CREATE: request its members."""
        if self._guilds.get(guild_id) is None:
            self._reconciler.expect_guilds(self._shard, [guild_id])
            self._guilds.begin_listing(guild_id)
            self._requests.request_guild(guild_id)

    def end_guild(self, guild_id: int) -> None:
        """The bot has left the guild, or the guild is not approved any more."""
        self._requests.drop_guild(guild_id)
        self._reconciler.remove_expected(self._shard, guild_id)
        self._guilds.remove_guild(guild_id)
        self._reconciler.check_guild(guild_id)

    def _presence_update(self, payload: Payload | PresenceEvent) -> None:
        user: Any
        guild_id: Any
        if isinstance(payload, PresenceEvent):
            user, guild_id = {"id": payload.user.id}, payload.guild_id
        else:
            user, guild_id = payload.get("user"), payload.get("guild_id", UNSET)
        user_id = sanitize.user_id(user)
        if user_id is None:
            raise InvalidEvent("user id")
        named = None
        if guild_id is not UNSET:
            named, guild = self._monitored(guild_id)
            if not self._is_member(named, guild, user_id):
                return
            if not guild.complete:
                guild.seen.add(user_id)  # what Discord sends by itself is as good as a listing
        cached = self._users.get(user_id)
        if cached is None:
            raise InvalidEvent("unknown user")
        changed = len(user) > 1 and merge_user(cached, user)
        if changed:
            self._writer.changed(user_id)
        for one in cached.guilds if named is None else (named,):
            self._guilds.update_presence(one, user_id, payload)

    def _member_add(self, payload: Payload) -> None:
        guild_id, guild = self._monitored(payload.get("guild_id"))
        user_id = sanitize.user_id(payload.get("user"))
        is_known = user_id in guild.members
        if self._guilds.upsert_member(guild_id, guild, payload.get("user")) is None:
            raise InvalidEvent("member")
        # The event carries no presence. Another guild's is not enough: this one may show more.
        if user_id is not None and not (
            is_known and self._guilds.has_live_presence(guild_id, user_id)
        ):
            if not is_known:
                self._guilds.await_presence(guild_id, user_id)
            self._requests.request_member(guild_id, user_id)

    def _member_update(self, payload: Payload) -> None:
        user = payload.get("user")
        user_id = sanitize.user_id(user)
        if user_id is None:
            raise InvalidEvent("user id")
        guild_id, guild = self._monitored(payload.get("guild_id"))
        if not self._is_member(guild_id, guild, user_id):
            return
        cached = self._users.get(user_id)
        if cached is not None and merge_user(cached, user):
            self._writer.changed(user_id)

    def _member_remove(self, payload: Payload) -> None:
        guild_id, _ = self._monitored(payload.get("guild_id"))
        user_id = sanitize.user_id(payload.get("user"))
        if user_id is None:
            raise InvalidEvent("user id")
        self._guilds.remove_member(guild_id, user_id)

    def _members_chunk(self, payload: Payload) -> None:
        guild_id, _ = self._monitored(payload.get("guild_id"))
        members = _list(payload.get("members"))
        not_found = [{"id": one} for one in _list(payload.get("not_found"))]
        known, check = self._requests.take_check(payload), None
        if known is not None:
            check = CheckAnswer(self._guilds, self._users, guild_id, known)
            members = [
                one
                for one in member_list.decoded(members)
                if isinstance(one, MAPPING) and check.may_change(one.get("user"))
            ]
            not_found = [one for one in not_found if check.may_change(one)]
        self._guilds.list_members(guild_id, members, _list(payload.get("presences")))
        for user in not_found:
            user_id = sanitize.user_id(user)
            if user_id is not None:
                self._guilds.remove_member(guild_id, user_id)
        if check is not None:
            check.count()
        if self._requests.handle_chunk(guild_id, payload):
            self._end_listing(guild_id)

    def _guild_create(self, payload: Payload) -> None:
        guild_id = _guild_id(payload.get("id"))
        if payload.get("unavailable") is True or not self._is_approved(guild_id):
            self._guilds.mark_unavailable(guild_id)
            return
        members = _list(payload.get("members"))
        self._reconciler.expect_guilds(self._shard, [guild_id])
        self._guilds.begin_listing(guild_id)
        self._guilds.list_members(guild_id, members, _list(payload.get("presences")))
        count = sanitize.integer(payload.get("member_count"))
        if payload.get("large") is True or (count is not None and count > len(members)):
            self._requests.request_guild(guild_id)
        else:
            self._requests.cancel_guild(guild_id)
            self._end_listing(guild_id)

    def _end_listing(self, guild_id: int) -> None:
        self._guilds.end_listing(guild_id)
        self._reconciler.check_guild(guild_id)

    def _guild_delete(self, payload: Payload) -> None:
        guild_id = _guild_id(payload.get("id"))
        if payload.get("unavailable") is True:
            self._guilds.mark_unavailable(guild_id)
            return
        self.end_guild(guild_id)

    def _ready(self, payload: Payload) -> None:
        """A new session: GUILD_CREATE follows for each of its guilds; the bot has left others."""
        guild_ids = {
            int(guild_id)
            for guild in _list(payload.get("guilds"))
            if isinstance(guild, MAPPING) and (guild_id := sanitize.snowflake(guild.get("id")))
        }
        monitored = {guild_id for guild_id in guild_ids if self._is_approved(guild_id)}
        self._requests.reset()
        self._guilds.retain(*self._shard, monitored)
        self._reconciler.check_shard(self._shard, monitored)

    def _is_member(self, guild_id: int, guild: CachedGuild, user_id: int) -> bool:
        """Whether the user is a known member of the event's guild.

        An unknown member of a complete guild is requested from Discord; for an incomplete one, a
        chunk is about to bring them, with their presence.
        """
        if user_id in guild.members:
            return True
        if guild.complete:
            self._requests.request_member(guild_id, user_id)
        return False

    def _monitored(self, raw_id: Any) -> tuple[int, CachedGuild]:
        guild_id = _guild_id(raw_id)
        guild = self._guilds.get(guild_id)
        if guild is None:
            raise InvalidEvent("guild")
        return guild_id, guild


def _guild_id(raw: Any) -> int:
    guild_id = sanitize.snowflake(raw)
    if guild_id is None:
        raise InvalidEvent("guild id")
    return int(guild_id)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
