"""Control commands that change people and guilds, or send what no world would."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from simulator import catalogue
from simulator.command import Command, ControlTarget
from simulator.model import Guild, Json, Member, Person, User
from simulator.options import NotNegative
from simulator.people import some_population
from simulator.privacy import Privacy, ProfilePrivacy, RestrictionDefault
from simulator.snowflakes import is_snowflake, snowflake
from simulator.world import Unknown

Snowflake = Annotated[str, Meta(pattern="^[1-9][0-9]{14,19}$")]


class SetPresence(Command):
    """Replace a user's presence. Without client_status the user is on a desktop."""

    user_id: Snowflake
    status: Literal["online", "idle", "dnd", "offline", "invisible"] = "online"
    activities: list[dict[str, Any]] = field(default_factory=list)
    client_status: dict[str, str] | None = None

    async def run(self, sim: ControlTarget) -> Json:
        told = sim.world.set_presence(
            self.user_id, self.status, self.activities, self.client_status
        )
        return {"events": told}


class Silence(Command):
    """Send no PRESENCE_UPDATE of these users, as Discord does for some in very large guilds."""

    user_ids: list[Snowflake]
    silent: bool = True

    async def run(self, sim: ControlTarget) -> Json:
        users = {sim.world.person(user_id).user.id for user_id in self.user_ids}
        sim.world.silent = sim.world.silent | users if self.silent else sim.world.silent - users
        return {}


class SetPrivacy(Command):
    """Replace who sees a user's presence; what is not given is visible to everyone."""

    user_id: Snowflake
    profile: ProfilePrivacy = "everyone"
    restriction_default: RestrictionDefault = "off"
    restricted_guilds: list[Snowflake] = field(default_factory=list)

    async def run(self, sim: ControlTarget) -> Json:
        privacy = Privacy(
            profile=self.profile,
            restriction_default=self.restriction_default,
            restricted_guilds=set(self.restricted_guilds),
        )
        return {"events": sim.world.set_privacy(self.user_id, privacy)}


class AddMember(Command):
    """A user joins: a known one by user_id, or a new one by user (id, username…)."""

    guild_id: Snowflake
    user_id: Snowflake | None = None
    user: User | None = None
    nick: str | None = None
    roles: list[Snowflake] = field(default_factory=list)

    async def run(self, sim: ControlTarget) -> Json:
        who = self.user or self.user_id
        if who is None:
            raise Unknown("user_id", "(no user given)")
        if isinstance(who, User) and not is_snowflake(who.id):
            raise Unknown("user.id", who.id)
        sim.world.add_member(self.guild_id, who, Member(nick=self.nick, roles=self.roles))
        return {}


class RemoveMember(Command):
    """A member leaves a guild."""

    guild_id: Snowflake
    user_id: Snowflake

    async def run(self, sim: ControlTarget) -> Json:
        sim.world.remove_member(self.guild_id, self.user_id)
        return {}


class UpdateUser(Command):
    """Change fields of a user object (username, global_name, avatar, public_flags…)."""

    user_id: Snowflake
    fields: dict[str, Any]

    async def run(self, sim: ControlTarget) -> Json:
        sim.world.update_user(self.user_id, **self.fields)
        return {}


class Rename(Command):
    """Change a user's username, display name, or both."""

    user_id: Snowflake
    username: str | UnsetType = UNSET
    global_name: str | UnsetType | None = UNSET

    async def run(self, sim: ControlTarget) -> Json:
        names = {"username": self.username, "global_name": self.global_name}
        given = {field: name for field, name in names.items() if name is not UNSET}
        sim.world.update_user(self.user_id, **given)
        return {}


class UpdateMember(Command):
    """Change what one guild knows of a member (nick, avatar, roles, pending…)."""

    guild_id: Snowflake
    user_id: Snowflake
    fields: dict[str, Any]

    async def run(self, sim: ControlTarget) -> Json:
        sim.world.update_member(self.guild_id, self.user_id, **self.fields)
        return {}


class AddGuild(Command):
    """The bot is invited to a new guild with so many new members, and these known people."""

    guild_id: Snowflake | None = None
    name: str = catalogue.GUILD_NAMES[0]
    members: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    user_ids: list[Snowflake] = field(default_factory=list)

    async def run(self, sim: ControlTarget) -> Json:
        now_ms = int(time.time() * 1000)
        guild_id = self.guild_id or snowflake(now_ms, secrets.randbits(22))
        if guild_id in sim.world.guilds:
            raise Unknown("guild_id", f"{guild_id}: it is there already")
        newcomers: list[Person] = some_population(self.members, now_ms, secrets.randbits(32))
        sim.world.people.update({person.user.id: person for person in newcomers})
        ids = [*self.user_ids, *(person.user.id for person in newcomers)]
        for user_id in ids:
            sim.world.person(user_id)
        guild = Guild(
            id=guild_id,
            name=self.name,
            owner_id=ids[0] if ids else next(iter(sim.world.people)),
            joined_at=time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime()),
            members={user_id: Member() for user_id in ids},
        )
        sim.world.add_guild(guild)
        return {"guild_id": guild_id, "user_ids": ids}


class RemoveGuild(Command):
    """The bot is thrown out: GUILD_DELETE without unavailable."""

    guild_id: Snowflake

    async def run(self, sim: ControlTarget) -> Json:
        sim.world.remove_guild(self.guild_id)
        return {}


class GuildAvailable(Command):
    """Begin an outage of a guild (available false), or end it (true)."""

    guild_id: Snowflake
    available: bool

    async def run(self, sim: ControlTarget) -> Json:
        sim.world.set_available(self.guild_id, self.available)
        return {}


class Blast(Command):
    """At least so many events at once, as fast as the clients read them."""

    events: Annotated[int, Meta(ge=1)]

    async def run(self, sim: ControlTarget) -> Json:
        began = time.monotonic()
        made = await sim.world.blast(self.events)
        return {"events": made, "seconds": round(time.monotonic() - began, 3)}


class Rate(Command):
    """Changes a second from now on; 0: none, null: as fast as clients read."""

    rate: NotNegative | None

    async def run(self, sim: ControlTarget) -> Json:
        sim.options.rate = self.rate
        return {}


class Dispatch(Command):
    """Send any event, however malformed, past the world and the intents.

    It goes to the sessions of the shard that has d.guild_id; without one to all sessions.
    """

    t: str | None
    d: msgspec.Raw
    session_id: str | None = None

    async def run(self, sim: ControlTarget) -> Json:
        return {"sessions": sim.sessions.raw(self.t, bytes(self.d), self.session_id)}


WORLD_COMMANDS: Final[dict[str, type[Command]]] = {
    "set_presence": SetPresence,
    "set_privacy": SetPrivacy,
    "silence": Silence,
    "add_member": AddMember,
    "remove_member": RemoveMember,
    "update_user": UpdateUser,
    "rename": Rename,
    "update_member": UpdateMember,
    "add_guild": AddGuild,
    "remove_guild": RemoveGuild,
    "guild_available": GuildAvailable,
    "blast": Blast,
    "rate": Rate,
    "dispatch": Dispatch,
}
