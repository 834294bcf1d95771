"""What shards repeat after a resume of users who are in guilds of other shards, too.

Another shard may have shown the end of it already. So of such a user only what is repeated last
counts, once all is repeated. What comes before it may be the same as what another guild shows by
chance: a status has no time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from services.gateway.state.guild_report import began_at, read_report


class HeldPresence(Struct, frozen=True):
    """What a shard has repeated of a user in a guild."""

    presence: bytes  # the last one, as presence_json.py gives it
    latest: int  # `created_at` of all


Replay = dict[tuple[int, int], HeldPresence]
"""By guild and user."""


class Replays:
    """Those that are under way."""

    def __init__(self) -> None:
        self._by_guild: dict[int, Replay] = {}  # guilds of one shard have the same

    def begin(self, guild_ids: Collection[int]) -> None:
        """The shard of these guilds is about to repeat what it has missed."""
        begun = (self._by_guild[one] for one in guild_ids if one in self._by_guild)
        replay = next(begun, {})  # of an earlier connection, which broke
        self._by_guild |= dict.fromkeys(guild_ids, replay)

    def end(self, guild_ids: Iterable[int]) -> Replay:
        """All is repeated. Gives what counts."""
        replay: Replay = {}
        for guild_id in guild_ids:
            replay = self._by_guild.pop(guild_id, replay)
        return replay

    def holds(self, guild_ids: Iterable[int]) -> bool:
        """Whether something is yet to be counted."""
        return any(self._by_guild.get(one) for one in guild_ids)

    def holds_report(self, guild_id: int, user_id: int) -> bool:
        """Whether what the guild has shown of the user is yet to be counted."""
        return (guild_id, user_id) in self._by_guild.get(guild_id, {})

    def holds_back(self, guild_id: int, user_id: int, guild_ids: Iterable[int]) -> bool:
        """Whether what the guild shows of the user does not count yet. `guild_ids`: all guilds of
        the user."""
        replay = self._by_guild.get(guild_id) if self._by_guild else None
        if replay is None:
            return False
        is_shared = any(self._by_guild.get(one) is not replay for one in guild_ids)
        if not is_shared:
            replay.pop((guild_id, user_id), None)  # from when the user was in others, too
        return is_shared

    def hold(self, guild_id: int, user_id: int, presence: bytes) -> None:
        """Keep this until the replay ends."""
        replay = self._by_guild[guild_id]
        latest = began_at(read_report(presence).activities)
        if before := replay.get((guild_id, user_id)):
            latest = max(before.latest, latest)
        replay[guild_id, user_id] = HeldPresence(presence, latest)

    def forget_member(self, guild_id: int, user_id: int) -> None:
        """The user has left the guild."""
        self._by_guild.get(guild_id, {}).pop((guild_id, user_id), None)

    def forget_guild(self, guild_id: int) -> None:
        """The guild is gone. If it comes back, its members are listed anew."""
        replay = self._by_guild.pop(guild_id, {})
        for key in [key for key in replay if key[0] == guild_id]:
            del replay[key]  # the replay goes on for the shard's other guilds
