"""The simulated world: users, guilds, memberships and presences.

Every change goes through a method here, which tells the audience (the gateway sessions)
what Discord would tell them.
"""

import random
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from simulator import BOT_ID, dispatches
from simulator.model import Guild, Json, Member, Person, Presence, User, offline
from simulator.privacy import Privacy, presence_in, presence_in_any


class Unknown(LookupError):
    """Raised when a change names something that does not exist."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(value)
        self.field = field
        self.value = value

    def __str__(self) -> str:
        return f"unknown {self.field}: {self.value}"


class Audience(Protocol):
    """The listeners for changes: :class:`simulator.sessions.Sessions`."""

    def tell(self, name: str, guild_id: str | None, d: object) -> None: ...

    def tell_guild(self, guild: Guild, *, joined: bool) -> None: ...

    async def room(self) -> bool: ...


class World:
    """People and guilds, and the only way to change them."""

    def __init__(self, people: Iterable[Person], guilds: Iterable[Guild]) -> None:
        self.people = {person.user.id: person for person in people}
        self.guilds = {guild.id: guild for guild in guilds}
        self.audience: Audience | None = None
        self.changes = 0
        self.silent: set[str] = set()  # users of whom no PRESENCE_UPDATE is sent
        self._privacy: dict[str, Privacy] = {}  # of those who changed the defaults
        self._random = random.Random(0)

    def person(self, user_id: str) -> Person:
        """Raises :class:`Unknown` for an unknown id."""
        try:
            return self.people[user_id]
        except KeyError:
            raise Unknown("user_id", user_id) from None

    def guild(self, guild_id: str) -> Guild:
        """Raises :class:`Unknown` for no guild of the bot's."""
        try:
            return self.guilds[guild_id]
        except KeyError:
            raise Unknown("guild_id", guild_id) from None

    def set_presence(
        self,
        user_id: str,
        status: str = "online",
        activities: list[Json] | None = None,
        client_status: dict[str, str] | None = None,
    ) -> int:
        """Replace a user's presence; returns the number of PRESENCE_UPDATEs.

        Without ``client_status`` the person sits at a desktop. An offline person has no
        devices and no activities, whatever is given.
        """
        if status in {"offline", "invisible"}:
            presence = offline()
        else:
            devices = {"desktop": status} if client_status is None else client_status
            presence = Presence(status, activities or [], devices)
        person = self.person(user_id)
        person.presence = presence
        return self._tell_presence(person)

    def privacy(self, user_id: str) -> Privacy:
        """The user's settings; change them with `set_privacy`."""
        return self._privacy.get(user_id) or Privacy()

    def set_privacy(self, user_id: str, privacy: Privacy) -> int:
        """Replace a user's settings; returns the number of PRESENCE_UPDATEs.

        Guilds that are shown something else from now on are told.
        """
        person = self.person(user_id)
        guilds = [self.guilds[guild_id] for guild_id in person.guilds]
        earlier = [self.presence_in(person, guild) for guild in guilds]
        self._privacy[user_id] = privacy
        self.changes += 1
        told = 0
        for guild, before in zip(guilds, earlier, strict=True):
            presence = self.presence_in(person, guild)
            if presence != before:
                d = dispatches.presence_update(person, presence, guild.id)
                told += self._tell_update(person, guild.id, d)
        return told

    def presence_in(self, person: Person, guild: Guild) -> Presence:
        """The presence that this guild is shown."""
        return presence_in(person, self.privacy(person.user.id), guild)

    def shown_presence(self, person: Person) -> Presence:
        """What the bot is shown of the person in at least one of its guilds."""
        guilds = [self.guilds[guild_id] for guild_id in person.guilds]
        return presence_in_any(person, self.privacy(person.user.id), guilds)

    def _tell_presence(self, person: Person, *, whole_user: bool = False) -> int:
        self.changes += 1
        if person.user.id == BOT_ID:
            return 0
        told = 0
        for guild_id in person.guilds:
            presence = self.presence_in(person, self.guilds[guild_id])
            d = dispatches.presence_update(person, presence, guild_id, whole_user=whole_user)
            told += self._tell_update(person, guild_id, d)
        return told

    def _tell_update(self, person: Person, guild_id: str, d: Json) -> int:
        if person.user.id in self.silent:
            return 0
        return self._tell("PRESENCE_UPDATE", guild_id, d)

    def _tell(self, name: str, guild_id: str | None, d: object) -> int:
        """Tell the sessions; an unavailable guild is silent. Returns 1 if it was an event."""
        if guild_id is not None and not self.guilds[guild_id].available:
            return 0
        if self.audience is not None:
            self.audience.tell(name, guild_id, d)
        return 1

    def update_user(self, user_id: str, **fields: Any) -> None:
        """Change fields of a user: GUILD_MEMBER_UPDATE in each of the person's guilds.

        A change of name or avatar also makes PRESENCE_UPDATEs with the whole user.
        Raises :class:`msgspec.ValidationError` for a value of the wrong type and
        :class:`Unknown` for a field that users do not have.
        """
        person = self.person(user_id)
        old = person.user
        for name in fields:
            if name not in User.__struct_fields__ or name == "id":
                raise Unknown(f"fields.{name}", "users have no such field that can change")
        new = msgspec.convert({**msgspec.to_builtins(old), **fields}, User)
        person.user = new
        self.changes += 1
        if user_id == BOT_ID and self.audience is not None:
            self.audience.tell("USER_UPDATE", None, dispatches.own_user(new))
        for guild_id in person.guilds:
            self._tell_member("GUILD_MEMBER_UPDATE", person, guild_id)
        visible = ("username", "global_name", "avatar", "discriminator")
        if any(getattr(old, name) != getattr(new, name) for name in visible):
            self._tell_presence(person, whole_user=True)

    def update_member(self, guild_id: str, user_id: str, **fields: Any) -> None:
        """Change what one guild knows of a member (nick, avatar, roles…)."""
        members = self.guild(guild_id).members
        if user_id not in members:
            raise Unknown("user_id", user_id)
        for name in fields:
            if name not in Member.__struct_fields__:
                raise Unknown(f"fields.{name}", "members have no such field")
        old = msgspec.to_builtins(members[user_id])
        members[user_id] = msgspec.convert({**old, **fields}, Member)
        self.changes += 1
        self._tell_member("GUILD_MEMBER_UPDATE", self.people[user_id], guild_id)

    def _tell_member(self, name: str, person: Person, guild_id: str) -> None:
        seen = self.guilds[guild_id].members[person.user.id]
        self._tell(name, guild_id, {**dispatches.member(person.user, seen), "guild_id": guild_id})

    def add_member(self, guild_id: str, user: User | str, member: Member | None = None) -> None:
        """A user joins: a known one by id, or a new one by user object."""
        guild = self.guild(guild_id)
        if isinstance(user, str):
            person = self.person(user)
        else:
            person = self.people.setdefault(user.id, Person(user, offline(), []))
            person.user = user
        user_id = person.user.id
        guild.members[user_id] = member or Member()
        if guild_id not in person.guilds:
            person.guilds.append(guild_id)
            if user_id in self._privacy:
                self._privacy[user_id].joined(guild)
        self.changes += 1
        self._tell_member("GUILD_MEMBER_ADD", person, guild_id)

    def remove_member(self, guild_id: str, user_id: str) -> None:
        """A member leaves (or is kicked: Discord shows no difference).

        If it is the bot, its guild is removed.
        """
        if user_id == BOT_ID:
            self.remove_guild(guild_id)
            return
        person = self.person(user_id)
        if self.guild(guild_id).members.pop(user_id, None) is None:
            raise Unknown("user_id", user_id)
        person.guilds.remove(guild_id)
        self.changes += 1
        d = {"guild_id": guild_id, "user": dispatches.member_user(person.user)}
        self._tell("GUILD_MEMBER_REMOVE", guild_id, d)

    def add_guild(self, guild: Guild) -> None:
        """The bot is invited somewhere."""
        guild.members.setdefault(BOT_ID, Member())
        self.guilds[guild.id] = guild
        for user_id in guild.members:
            person = self.person(user_id)
            if guild.id not in person.guilds:
                person.guilds.append(guild.id)
        self.changes += 1
        if self.audience is not None:
            self.audience.tell_guild(guild, joined=True)

    def remove_guild(self, guild_id: str) -> None:
        """The bot is thrown out: GUILD_DELETE without ``unavailable``."""
        guild = self.guild(guild_id)
        self.changes += 1
        self._tell("GUILD_DELETE", guild_id, {"id": guild_id})
        del self.guilds[guild_id]
        for user_id in guild.members:
            self.people[user_id].guilds.remove(guild_id)

    def set_available(self, guild_id: str, available: bool) -> None:
        """An outage begins (GUILD_DELETE ``unavailable``) or ends (GUILD_CREATE)."""
        guild = self.guild(guild_id)
        if guild.available == available:
            return
        self.changes += 1
        if not available:
            self._tell("GUILD_DELETE", guild_id, {"id": guild_id, "unavailable": True})
        guild.available = available
        if available and self.audience is not None:
            self.audience.tell_guild(guild, joined=False)

    async def room(self) -> bool:
        """Wait until every listener has room for more; False if there is none."""
        return self.audience is not None and await self.audience.room()

    async def blast(self, n: int) -> int:
        """At least ``n`` events, as fast as the connected sessions read them.

        Random people change their status line. Returns how many events it made (one person
        in three guilds makes three at once).
        """
        ids = [u for u, person in self.people.items() if person.guilds and u != BOT_ID]
        told = 0
        count = 0
        while ids and told < n:
            user_id = ids[self._random.randrange(len(ids))]
            activity = {
                "id": "custom",
                "name": "Custom Status",
                "type": 4,
                "state": f"blast {self.changes}",
                "created_at": 1_784_053_200_000 + self.changes,
            }
            told += self.set_presence(user_id, "online", [activity])
            count += 1
            if count % 256 == 0:
                await self.room()
                if told == 0:
                    break
        return told
