"""The members of each monitored guild.

A user stays monitored until they leave their last monitored guild. The members of a large guild are
complete only after all member chunks have come; until then no member is removed for being absent.

Long because the ways in which members come, are shown and leave are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from services.gateway.normalize import member_list, sanitize
from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.normalize.user_json import WholeUser
from services.gateway.state.merged_presence import NOT_REPORTED
from services.gateway.state.replays import Replays
from services.gateway.state.user_cache import (
    CachedUser,
    RawPresence,
    StoredUser,
    UserCache,
    merge_presence,
    merge_user,
    sanitized,
)
from services.gateway.sync.writer import Writer
from shared.discord.snowflake import shard_of

IsFollowed = Callable[[int], bool | None]
ShardIdOf = Callable[[int], int | None]


class CachedGuild:
    """One monitored guild."""

    __slots__ = ("available", "complete", "heard", "members", "seen")

    def __init__(self) -> None:
        self.members: set[int] = set()
        self.seen: set[int] = set()  # in the listing that is under way
        self.heard: set[int] = set()  # of these, those whose presence has come
        self.complete = False  # whether `members` holds all members
        self.available = True  # whether Discord sends the guild's events


class GuildCache:
    """Every monitored guild of this process's shards. The writer learns of each change."""

    def __init__(
        self,
        users: UserCache,
        writer: Writer,
        is_followed: IsFollowed = lambda guild_id: True,
        shard_id_of: ShardIdOf = lambda guild_id: 0,
    ) -> None:
        """`is_followed`, `shard_id_of`: as in discord/shard.py, by guild."""
        self._users = users
        self._writer = writer
        self._is_followed = is_followed
        self._shard_id_of = shard_id_of
        self._guilds: dict[int, CachedGuild] = {}
        self._replays = Replays()

    def get(self, guild_id: int) -> CachedGuild | None:
        return self._guilds.get(guild_id)

    def guild_ids(self, shard_id: int, shard_count: int) -> list[int]:
        """The guilds of the shard."""
        return [one for one in self._guilds if shard_of(one, shard_count) == shard_id]

    def complete_guilds(self) -> list[int]:
        """The guilds all of whose members are known."""
        return [guild_id for guild_id, guild in self._guilds.items() if guild.complete]

    def unavailable_guilds(self, guild_ids: Iterable[int]) -> list[int]:
        """Those of these guilds that are known and unavailable."""
        guilds = ((one, self._guilds.get(one)) for one in guild_ids)
        return [guild_id for guild_id, guild in guilds if guild and not guild.available]

    def any_member(self, shard_id: int, shard_count: int) -> tuple[int, int] | None:
        """An available guild of the shard, and one of its members. None when there is none."""
        for guild_id in self.guild_ids(shard_id, shard_count):
            guild = self._guilds[guild_id]
            if guild.available and guild.members:
                return guild_id, next(iter(guild.members))
        return None

    def retain(self, shard_id: int, shard_count: int, guild_ids: Collection[int]) -> None:
        """Of the shard's guilds keep only these, each unavailable until Discord sends it again."""
        known = self.guild_ids(shard_id, shard_count)
        self._replays.end(known)
        for guild_id in known:
            if guild_id in guild_ids:
                self.mark_unavailable(guild_id)
            else:
                self.remove_guild(guild_id)

    def mark_unavailable(self, guild_id: int) -> None:
        """Discord sends no events of the guild until GUILD_CREATE. Its state is kept."""
        guild = self._guilds.get(guild_id)
        if guild is not None:
            guild.available = False

    def has_live_presence(self, guild_id: int, user_id: int) -> bool:
        """Whether Discord has sent the member's presence for this guild, and for one whose events
        still come.

        A guild that is unavailable, or that is being listed again, may know the user's presence
        from earlier only. A restored user may have been written, by the process before, while
        their presence was still being requested.
        """
        cached = self._users.get(user_id)
        if cached is None or not cached.last_raw_hash or cached.reported(guild_id) == NOT_REPORTED:
            return False
        return any(self.is_live(guild_id, user_id) for guild_id in cached.guilds)

    def is_live(self, guild_id: int, user_id: int) -> bool:
        """Whether the guild's events come, and the user is not yet to be listed."""
        guild = self._guilds.get(guild_id)
        return guild is not None and guild.available and (guild.complete or user_id in guild.seen)

    def restore(self, guild_id: int, members: Mapping[int, StoredUser], complete: bool) -> None:
        """Add members as Redis has them. None of it is written back.

        A user that is known already stays as they are, since that state is newer; only what this
        guild reported is added. Raises msgspec.MsgspecError.
        """
        guild = self._guilds.setdefault(guild_id, CachedGuild())
        guild.complete = complete
        for user_id, stored in members.items():
            cached = self._users.get(user_id)
            if cached is None:
                cached = self._users.restore(user_id, stored.discord, stored.reports)
            elif guild_id not in cached.guilds:
                cached.add_restored_guild(guild_id, stored)
            guild.members.add(user_id)
            if guild_id not in cached.guilds:
                cached.guilds += (guild_id,)
            self._users.note_waiting(user_id, cached)

    def begin_listing(self, guild_id: int) -> None:
        """All members of the guild are about to be listed."""
        guild = self._guilds.setdefault(guild_id, CachedGuild())
        guild.complete = False
        guild.available = True
        guild.seen, guild.heard = set(), set()

    def list_members(self, guild_id: int, members: Iterable[Any], presences: Iterable[Any]) -> None:
        """Add members as GUILD_CREATE and chunks list them: without a presence they are offline.
        Either as Discord sends them, or as member_list.py reads them.

        A presence without its member is ignored: there would be no name to show.
        """
        guild = self._guilds.get(guild_id)
        if guild is None:
            return
        shown = member_list.by_user(presences)
        for member in members:
            user_id = self.upsert_member(guild_id, guild, member_list.user_of(member))
            if user_id is not None:
                self.update_presence(guild_id, user_id, shown.get(user_id, OFFLINE))

    def await_presence(self, guild_id: int, user_id: int) -> None:
        """As CachedUser.await_presence."""
        cached = self._users.get(user_id)
        if cached is not None:
            cached.await_presence(guild_id)

    def begin_replay(self, shard_id: int, shard_count: int) -> None:
        """The shard is about to repeat what it has missed (replays.py)."""
        self._replays.begin(self.guild_ids(shard_id, shard_count))

    def end_replay(self, shard_id: int, shard_count: int) -> None:
        """All is repeated."""
        replay = self._replays.end(self.guild_ids(shard_id, shard_count))
        for (guild_id, user_id), held in replay.items():
            guild, cached = self._guilds.get(guild_id), self._users.get(user_id)
            if guild is not None and user_id in guild.members:
                self.update_presence(guild_id, user_id, held.presence)
                if cached is not None and cached.merged:
                    cached.merged.note_skipped(held.latest)

    def is_replaying(self, shard_id: int, shard_count: int) -> bool:
        """Whether what the shard has repeated is yet to be counted."""
        return self._replays.holds(self.guild_ids(shard_id, shard_count))

    def update_presence(self, guild_id: int, user_id: int, presence: RawPresence) -> None:
        """Discord shows this presence of a member in the guild."""
        cached = self._users.get(user_id)
        if cached is None:
            return
        guild = self._guilds.get(guild_id)
        if guild is not None and not guild.complete:
            guild.heard.add(user_id)
        if self._replays.holds_back(guild_id, user_id, cached.all_guilds()):
            self._replays.hold(guild_id, user_id, sanitized(cached, guild_id, presence))
            return
        silent: Collection[int] = ()
        unfollowed: Collection[int] = ()
        if len(cached.guilds) > 1:
            silent = self._silent(cached, user_id)
            unfollowed = self._unfollowed(cached)
        if merge_presence(cached, guild_id, presence, silent, unfollowed):
            self._users.note_waiting(user_id, cached)
            self._writer.changed(user_id)

    def end_listing(self, guild_id: int) -> None:
        """All members have been listed: those that were not have left."""
        guild = self._guilds.get(guild_id)
        if guild is None:
            return
        for user_id in guild.members - guild.seen:
            self.remove_member(guild_id, user_id)
        guild.seen, guild.heard = set(), set()
        guild.complete = True

    def upsert_member(self, guild_id: int, guild: CachedGuild, user: Any) -> int | None:
        """Add or update a member from Discord's user object, which may be a WholeUser. Gives the
        user's id; None if the object is unusable."""
        user_id = int(user.id) if isinstance(user, WholeUser) else sanitize.user_id(user)
        if user_id is None:
            return None
        cached = self._users.get(user_id)
        if cached is None:
            cached = self._users.add(user_id, user)
            if cached is None:
                return None
        elif merge_user(cached, user):
            self._writer.changed(user_id)
        if not guild.complete:
            guild.seen.add(user_id)
        if user_id not in guild.members:
            guild.members.add(user_id)
            cached.join(guild_id)
            self._writer.joined(user_id, guild_id)
        return user_id

    def remove_member(self, guild_id: int, user_id: int) -> None:
        """The user has left the guild."""
        guild = self._guilds.get(guild_id)
        newer = self._newer(guild_id, user_id)
        if guild is not None:
            guild.members.discard(user_id)
            guild.seen.discard(user_id)
        self._replays.forget_member(guild_id, user_id)
        cached = self._users.get(user_id)
        if cached is not None and guild_id in cached.guilds:
            self._leave(cached, user_id, guild_id, newer)
        self._writer.left(user_id, guild_id)

    def remove_guild(self, guild_id: int) -> None:
        """The bot has left the guild."""
        guild = self._guilds.get(guild_id)
        self._replays.forget_guild(guild_id)
        for user_id in guild.members if guild else ():
            cached = self._users.get(user_id)
            if cached is not None:
                self._leave(cached, user_id, guild_id, self._newer(guild_id, user_id))
            self._writer.left(user_id, guild_id)
        self._guilds.pop(guild_id, None)

    def drop_shard(self, shard_id: int, shard_count: int) -> None:
        """Forget the shard's guilds without writing it: another process runs the shard now."""
        known = self.guild_ids(shard_id, shard_count)
        self._replays.end(known)
        for guild_id in known:
            for user_id in self._guilds.pop(guild_id).members:
                cached = self._users.get(user_id)
                if cached is not None:
                    cached.hand_over(guild_id)
                    if not cached.guilds:
                        self._users.remove(user_id)
        self._writer.drop_shard(shard_id, shard_count)

    def _leave(
        self, cached: CachedUser, user_id: int, guild_id: int, newer: Collection[int]
    ) -> None:
        silent = [one for one in self._silent(cached, user_id) if one != guild_id]
        cached.leave(guild_id, silent, self._unfollowed(cached), newer)
        if cached.guilds:
            self._users.note_waiting(user_id, cached)
        else:
            self._users.remove(user_id)

    def _newer(self, guild_id: int, user_id: int) -> Collection[int]:
        """As in MergedPresence.leave. Discord sends the events of a shard in order: those guilds of
        its shard that have reported the user while this one's events did not come."""
        cached = self._users.get(user_id)
        if cached is None or self.is_live(guild_id, user_id):
            return ()
        shard_id = self._shard_id_of(guild_id)
        return [
            one
            for one in cached.guilds
            if self._shard_id_of(one) == shard_id and self._has_reported(one, user_id)
        ]

    def _has_reported(self, guild_id: int, user_id: int) -> bool:
        """Whether the guild's events come, and what is known of it is of this session."""
        guild = self._guilds.get(guild_id)
        return (
            guild is not None
            and guild.available
            and (guild.complete or user_id in guild.heard)
            and not self._replays.holds_report(guild_id, user_id)
        )

    def _silent(self, cached: CachedUser, user_id: int) -> Collection[int]:
        """As in MergedPresence.report."""
        return [one for one in cached.guilds if not self.is_live(one, user_id)]

    def _unfollowed(self, cached: CachedUser) -> Collection[int]:
        """As in MergedPresence.report."""
        return [one for one in cached.guilds if not self._is_followed(one)]
