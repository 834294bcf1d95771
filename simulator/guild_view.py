"""How much of a guild GUILD_CREATE shows to a session.

Source: events/gateway-events, "Guild Create" and ``large_threshold`` of "Identify".
"""

from typing import Any

from simulator import BOT_ID, dispatches
from simulator.model import Guild, Json, Member
from simulator.protocol import Intent
from simulator.session import Session
from simulator.world import World


def guild_for(
    session: Session, guild: Guild, world: World, *, presence_limit: int, joined: bool
) -> dict[str, Any]:
    """``d`` of the session's GUILD_CREATE.

    A small guild lists every member. A large one lists members who are online or have a role or
    a nickname, and presences of those who are not offline. Above ``presence_limit`` members,
    or without GUILD_PRESENCES, the bot is the only one there.
    """
    large = len(guild.members) > session.large_threshold
    hidden = len(guild.members) > presence_limit or Intent.GUILD_PRESENCES not in session.intents
    members: list[Json] = []
    presences: list[Json] = []
    for user_id, seen in guild.members.items():
        is_bot_itself = user_id == BOT_ID
        if hidden and not is_bot_itself:
            continue
        person = world.people[user_id]
        online = person.presence.status != "offline"
        if is_bot_itself or not large or online or _stands_out(seen):
            members.append(dispatches.member(person.user, seen))
        if not is_bot_itself and (online or not large):
            presences.append(dispatches.nested_presence(user_id, world.presence_in(person, guild)))
    return dispatches.guild_create(guild, members, presences, large=large, joined=joined)


def _stands_out(seen: Member) -> bool:
    return bool(seen.roles) or seen.nick is not None
