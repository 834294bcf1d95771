"""Who is in which monitored guild, and what that means for them.

Membership is counted by guild: whoever leaves the last one is forgotten. A large guild is
known only when its member chunks have come; until then nobody is swept from it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from services.gateway.normalize import sanitize
from services.gateway.state.user_cache import CachedUser, UserCache, merge_presence, merge_user

_OFFLINE: Final = {"status": "offline"}


def shard_of(guild_id: int, shard_count: int) -> int:
    """The shard that a guild's events come by. Discord docs: Gateway, Sharding."""
    return (guild_id >> 22) % shard_count


class CachedGuild:
    """One monitored guild."""

    __slots__ = ("available", "complete", "members", "seen")

    def __init__(self) -> None:
        self.members: set[int] = set()
        self.seen: set[int] = set()  # since the roster was last asked for
        self.complete = False  # whether `members` is everybody
        self.available = True  # whether Discord tells what its members do


class Owed(Protocol):
    """Who is told what Redis has to learn: the writer."""

    def changed(self, user_id: int) -> None: ...

    def joined(self, user_id: int, guild_id: int) -> None: ...

    def left(self, user_id: int, guild_id: int) -> None: ...

    def disown(self, shard_id: int, shard_count: int) -> None: ...


class GuildCache:
    """Every monitored guild of this process's shards."""

    def __init__(self, people: UserCache, owed: Owed, on_complete: Callable[[int], None]) -> None:
        """`on_complete` is called with each guild whose members are all known now."""
        self._people = people
        self._owed = owed
        self._on_complete = on_complete
        self._guilds: dict[int, CachedGuild] = {}

    def guild(self, guild_id: int) -> CachedGuild | None:
        return self._guilds.get(guild_id)

    def guild_ids(self, shard_id: int, shard_count: int) -> list[int]:
        """The guilds of the shard."""
        return [one for one in self._guilds if shard_of(one, shard_count) == shard_id]

    def complete_guilds(self) -> list[int]:
        """Those in which everybody is known."""
        return [guild_id for guild_id, guild in self._guilds.items() if guild.complete]

    def keep_only(self, shard_id: int, shard_count: int, guild_ids: Collection[int]) -> None:
        """Of this shard's guilds only these are left, and each is still to be shown."""
        for guild_id in self.guild_ids(shard_id, shard_count):
            if guild_id in guild_ids:
                self.silence(guild_id)
            else:
                self.remove_guild(guild_id)

    def silence(self, guild_id: int) -> None:
        """Discord tells nothing of the guild until it shows it again: what is known stands."""
        guild = self._guilds.get(guild_id)
        if guild is not None:
            guild.available = False

    def silent(self, guild_ids: Iterable[int]) -> list[int]:
        """Those of these guilds of which Discord tells nothing now."""
        guilds = ((one, self._guilds.get(one)) for one in guild_ids)
        return [guild_id for guild_id, guild in guilds if guild and not guild.available]

    def vouches_for(self, user_id: int) -> bool:
        """Whether a guild has shown what the person does, and goes on to.

        One that is still to be listed afresh, or that is unavailable, may know them from before,
        with what they did then.
        """
        person = self._people.get(user_id)
        guilds = (self._guilds.get(guild_id) for guild_id in person.guilds) if person else ()
        return any(
            guild and guild.available and (guild.complete or user_id in guild.seen)
            for guild in guilds
        )

    def recall(self, guild_id: int, members: Mapping[int, bytes], complete: bool) -> None:
        """Take in members as Redis has them (`CachedUser.discord`): nothing of it is written back.

        Who is known already stays as they are: what we have heard is newer.
        """
        guild = self._guilds.setdefault(guild_id, CachedGuild())
        guild.complete = complete
        for user_id, discord in members.items():
            person = self._people.get(user_id) or self._people.recall(user_id, discord)
            guild.members.add(user_id)
            if guild_id not in person.guilds:
                person.guilds += (guild_id,)

    def begin(self, guild_id: int) -> None:
        """The guild's members are about to be listed afresh."""
        guild = self._guilds.setdefault(guild_id, CachedGuild())
        guild.complete = False
        guild.available = True
        guild.seen = set()

    def list_members(self, guild_id: int, members: Iterable[Any], presences: Iterable[Any]) -> None:
        """Take in members as GUILD_CREATE and chunks list them: no presence means offline.

        A presence without its member is left out: there would be no name to show.
        """
        guild = self._guilds.get(guild_id)
        if guild is None:
            return
        shown = _by_user(presences)
        for member in members:
            user = member.get("user") if isinstance(member, Mapping) else None
            user_id = self.admit(guild_id, guild, user)
            person = self._people.get(user_id) if user_id is not None else None
            if user_id is None or person is None:
                continue
            if merge_presence(person, shown.get(user_id, _OFFLINE)):
                self._owed.changed(user_id)

    def end(self, guild_id: int) -> None:
        """Everybody has been listed: who was not is gone."""
        guild = self._guilds.get(guild_id)
        if guild is None:
            return
        for user_id in guild.members - guild.seen:
            self.remove(guild_id, user_id)
        guild.seen = set()
        guild.complete = True
        self._on_complete(guild_id)

    def admit(self, guild_id: int, guild: CachedGuild, user: Any) -> int | None:
        """A member as Discord shows them. Gives the user's id, None when there is none."""
        user_id = sanitize.user_id(user)
        if user_id is None:
            return None
        cleaned = sanitize.user(user)
        person = self._people.get(user_id)
        if person is None:
            person = self._people.add(user_id, cleaned)
            if person is None:
                return None
        elif merge_user(person, cleaned):
            self._owed.changed(user_id)
        if not guild.complete:
            guild.seen.add(user_id)
        if user_id not in guild.members:
            guild.members.add(user_id)
            person.guilds += (guild_id,)
            self._owed.joined(user_id, guild_id)
        return user_id

    def remove(self, guild_id: int, user_id: int) -> None:
        """The user is not in the guild any more."""
        guild = self._guilds.get(guild_id)
        if guild is not None:
            guild.members.discard(user_id)
            guild.seen.discard(user_id)
        person = self._people.get(user_id)
        if person is not None and guild_id in person.guilds:
            self._leave(person, user_id, guild_id)
        self._owed.left(user_id, guild_id)

    def remove_guild(self, guild_id: int) -> None:
        """The bot is not in the guild any more."""
        guild = self._guilds.pop(guild_id, None)
        for user_id in guild.members if guild else ():
            person = self._people.get(user_id)
            if person is not None:
                self._leave(person, user_id, guild_id)
            self._owed.left(user_id, guild_id)

    def disown(self, shard_id: int, shard_count: int) -> None:
        """Forget the shard's guilds without a word to Redis: they are another process's."""
        for guild_id in self.guild_ids(shard_id, shard_count):
            for user_id in self._guilds.pop(guild_id).members:
                person = self._people.get(user_id)
                if person is not None:
                    self._leave(person, user_id, guild_id)
        self._owed.disown(shard_id, shard_count)

    def _leave(self, person: CachedUser, user_id: int, guild_id: int) -> None:
        person.guilds = tuple(other for other in person.guilds if other != guild_id)
        if not person.guilds:
            self._people.forget(user_id)


def _by_user(presences: Iterable[Any]) -> dict[int, Mapping[str, Any]]:
    shown: dict[int, Mapping[str, Any]] = {}
    for presence in presences:
        user_id = sanitize.user_id(presence.get("user")) if isinstance(presence, Mapping) else None
        if user_id is not None:
            shown[user_id] = presence
    return shown
