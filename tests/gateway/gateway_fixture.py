"""A gateway without Discord and Redis: an event handler that records what it causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.gateway.discord.member_requests import MemberRequests
from services.gateway.event_handler import EventHandler
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import StoredUser, UserCache
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import GatewayState
from services.gateway.sync.writer import Writer
from shared.redis.store import Store
from tests.gateway.people_fixture import KnownPeople

GUILD = 816976062578688017
OTHER = 492605905305600005


class RecordingWriter(Writer):
    """Remembers what it is told, and writes nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def changed(self, user_id: int) -> None:
        self.calls.append(("changed", user_id))

    def joined(self, user_id: int, guild_id: int) -> None:
        self.calls.append(("joined", user_id, guild_id))

    def left(self, user_id: int, guild_id: int) -> None:
        self.calls.append(("left", user_id, guild_id))

    def remove(self, user_id: int, guild_id: int) -> None:
        self.calls.append(("removed", user_id, guild_id))

    def restored(self, user_id: int, guild_id: int, history: bytes = b"") -> None:
        self.calls.append(("restored", user_id, guild_id))

    def drop_shard(self, shard_id: int, shard_count: int) -> None:
        self.calls.append(("drop_shard", shard_id, shard_count))

    def shard_restored(self, shard: tuple[int, int]) -> None:
        pass

    def take_calls(self) -> list[tuple[Any, ...]]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


class RecordingRequests(MemberRequests):
    """Remembers what is requested, and sends nothing."""

    def __init__(self) -> None:
        super().__init__(sender=None)  # type: ignore[arg-type]
        self.guilds: list[int] = []
        self.users: list[tuple[int, int]] = []
        self.unanswered: dict[int, list[int]] = {}

    @property
    def unanswered_users(self) -> dict[int, list[int]]:
        return self.unanswered

    def request_guild(self, guild_id: int) -> None:
        self.guilds.append(guild_id)

    def request_member(self, guild_id: int, user_id: int) -> None:
        self.users.append((guild_id, user_id))

    def handle_chunk(self, guild_id: int, payload: Any) -> bool:
        index = payload.get("chunk_index")
        return isinstance(index, int) and index + 1 == payload.get("chunk_count")


class RecordingReconciler(Reconciler):
    """Remembers what is to be compared."""

    def __init__(self) -> None:
        self.guilds: list[int] = []
        self.shards: list[tuple[int, int, set[int]]] = []
        self.expected: set[int] = set()
        self.dropped: list[tuple[int, int]] = []
        self.rewrites = 0

    def drop_shard(self, shard: tuple[int, int]) -> None:
        self.dropped.append(shard)

    def expect_guilds(self, shard: tuple[int, int], guild_ids: Iterable[int]) -> None:
        self.expected.update(guild_ids)

    def remove_expected(self, shard: tuple[int, int], guild_id: int) -> None:
        self.expected.discard(guild_id)

    def rewrite_all(self) -> None:
        self.rewrites += 1

    def check_guild(self, guild_id: int) -> None:
        self.guilds.append(guild_id)

    def check_shard(self, shard: tuple[int, int], guild_ids: Iterable[int]) -> None:
        self.shards.append((*shard, set(guild_ids)))


class GatewayFixture:
    """An event handler, and everything that it changes."""

    def __init__(self, only: Sequence[int] = ()) -> None:
        self.users = UserCache()
        self.people = KnownPeople()
        self.writer = RecordingWriter()
        self.requests = RecordingRequests()
        self.reconciler = RecordingReconciler()
        self.guilds = GuildCache(self.users, self.writer)
        self.interactions: list[Any] = []
        self.handler = EventHandler(
            (0, 1),
            is_approved=lambda guild_id: not only or guild_id in only,
            users=self.users,
            guilds=self.guilds,
            writer=self.writer,
            requests=self.requests,
            reconciler=self.reconciler,
            on_interaction=self.interactions.append,
        )

    def stored(self, user_id: int) -> StoredUser:
        """A user whose guilds differ, as Redis would have them."""
        cached = self.users.get(user_id)
        assert cached is not None
        assert cached.merged is not None
        return StoredUser(cached.discord(), cached.merged.stored())

    def state(self, store: Store) -> GatewayState:
        """What a SessionResume saves and restores."""
        return GatewayState(
            store,
            self.guilds,
            self.reconciler,
            self.writer,
            self.users,
            self.people,
            self.requests,
        )

    def handle(self, name: str, payload: Any) -> list[tuple[Any, ...]]:
        """Handle one event; gives the calls to the writer."""
        self.handler.handle(name, payload)
        return self.writer.take_calls()

    def shown(self, user_id: int) -> dict[str, Any]:
        """`{"user", "status", "client_status", "activities"}` of a known user."""
        cached = self.users.get(user_id)
        assert cached is not None
        objects: dict[str, Any] = msgspec.json.decode(cached.discord())
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
