"""A gateway without Discord and Redis: an intake, and what it owes and asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from services.gateway.discord.member_requests import MemberRequests
from services.gateway.event_handler import EventHandler
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import UserCache
from services.gateway.sync.reconciler import Reconciler

GUILD = 816976062578688017
OTHER = 492605905305600005


class Ledger:
    """Remembers what it is told, as the writer would be."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []

    def changed(self, user_id: int) -> None:
        self.said.append(("changed", user_id))

    def joined(self, user_id: int, guild_id: int) -> None:
        self.said.append(("joined", user_id, guild_id))

    def left(self, user_id: int, guild_id: int) -> None:
        self.said.append(("left", user_id, guild_id))

    def disown(self, shard_id: int, shard_count: int) -> None:
        self.said.append(("disown", shard_id, shard_count))

    def take(self) -> list[tuple[Any, ...]]:
        """What was said since the last time."""
        said, self.said = self.said, []
        return said


class Asked(MemberRequests):
    """Remembers what it is asked for and sends nothing."""

    def __init__(self) -> None:
        super().__init__(line=None)  # type: ignore[arg-type]
        self.guilds: list[int] = []
        self.users: list[tuple[int, int]] = []

    def whole(self, guild_id: int) -> None:
        self.guilds.append(guild_id)

    def user(self, guild_id: int, user_id: int) -> None:
        self.users.append((guild_id, user_id))

    def chunk(self, guild_id: int, payload: Any) -> bool:
        index = payload.get("chunk_index")
        return isinstance(index, int) and index + 1 == payload.get("chunk_count")


class Swept(Reconciler):
    """Remembers what is to be swept."""

    def __init__(self) -> None:
        self.guilds: list[int] = []
        self.shards: list[tuple[int, int, set[int]]] = []
        self.named: set[int] = set()

        self.disowned: list[tuple[int, int]] = []

    def disown(self, shard_id: int, shard_count: int) -> None:
        self.disowned.append((shard_id, shard_count))

    def names(self, shard: tuple[int, int]) -> set[int]:
        return self.named

    def guild(self, guild_id: int) -> None:
        self.guilds.append(guild_id)

    def shard(self, shard_id: int, shard_count: int, guild_ids: Any) -> None:
        self.shards.append((shard_id, shard_count, set(guild_ids)))


class Room:
    """Everything an intake touches."""

    def __init__(self, only: Sequence[int] = ()) -> None:
        self.people = UserCache()
        self.ledger = Ledger()
        self.asked = Asked()
        self.swept = Swept()
        self.roster = GuildCache(self.people, self.ledger, self.swept.guild)
        self.intake = EventHandler(
            (0, 1),
            only=frozenset(only),
            people=self.people,
            roster=self.roster,
            owed=self.ledger,
            requests=self.asked,
            sweep=self.swept,
        )

    def take(self, name: str, payload: Any) -> list[tuple[Any, ...]]:
        """Feed one dispatch; gives what it made the writer owe."""
        self.intake.take(name, payload)
        return self.ledger.take()

    def shown(self, user_id: int) -> dict[str, Any]:
        """`{"user", "status", "client_status", "activities"}` of a known person."""
        person = self.people.get(user_id)
        assert person is not None
        objects: dict[str, Any] = msgspec.json.decode(person.discord())
        return objects


def user(user_id: int, name: str = "somebody") -> dict[str, Any]:
    return {"id": str(user_id), "username": name, "discriminator": "0"}


def member(user_id: int, name: str = "somebody") -> dict[str, Any]:
    return {"user": user(user_id, name), "roles": []}


def online(user_id: int, status: str = "online") -> dict[str, Any]:
    return {
        "user": {"id": str(user_id)},
        "status": status,
        "client_status": {"web": status},
        "activities": [],
    }


def guild(
    guild_id: int, members: Sequence[int], presences: Sequence[Any] = (), **more: Any
) -> dict[str, Any]:
    return {
        "id": str(guild_id),
        "large": False,
        "member_count": len(members),
        "members": [member(user_id) for user_id in members],
        "presences": list(presences),
        **more,
    }


def chunk(
    guild_id: int,
    members: Sequence[int],
    presences: Sequence[Any] = (),
    index: int = 0,
    count: int = 1,
) -> dict[str, Any]:
    return {
        "guild_id": str(guild_id),
        "members": [member(user_id) for user_id in members],
        "presences": list(presences),
        "chunk_index": index,
        "chunk_count": count,
        "nonce": "all-1",
    }
