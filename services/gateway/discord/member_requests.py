"""Requests members from Discord (opcode 8): whole guilds, single users, and checks of known ones.

Discord answers one request for a whole guild in 30 s. A request that breaks this limit, or whose
chunks stop coming, is repeated. Discord docs: Gateway Events, Request Guild Members.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from services.gateway.normalize import sanitize

log = logging.getLogger(__name__)

MAX_OPEN_GUILDS: Final = 4  # whole guilds at a time: bounds the burst of members
MAX_USERS_PER_REQUEST: Final = 100  # Discord's limit
CONNECTION_POLL_S: Final = 1.0  # while disconnected


class MemberRequestTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    answer_timeout_s: float = 35.0  # without a chunk; then the request counts as lost
    gather_s: float = 0.1  # in which single users are collected into one request


class MemberRequestSender(Protocol):
    """What sends the requests: shard.Shard."""

    @property
    def is_connected(self) -> bool: ...

    async def request_guild(self, guild_id: int, nonce: str) -> None: ...

    async def request_users(self, guild_id: int, user_ids: list[int], nonce: str) -> None: ...


class GuildRequest:
    """An open request for all members of a guild."""

    __slots__ = ("chunks", "due", "nonce")

    def __init__(self, nonce: str, due: float) -> None:
        self.nonce = nonce
        self.due = due  # time of the loop at which it is repeated
        self.chunks: set[int] = set()  # indexes of those that have come


class UsersRequest:
    """An open request for single members."""

    __slots__ = ("due", "guild_id", "user_ids")

    def __init__(self, guild_id: int, user_ids: list[int], due: float) -> None:
        self.guild_id = guild_id
        self.user_ids = user_ids
        self.due = due  # time of the loop at which it is repeated


class KnownMember(Struct, frozen=True):
    """What is known of a user when a check is requested."""

    user: bytes  # CachedUser.user
    report: bytes  # CachedUser.reported of the guild that is asked


class CheckRequest:
    """An open request for users who are known, to compare what is known of them."""

    __slots__ = ("due", "known", "nonce")

    def __init__(self, nonce: str, known: dict[int, KnownMember], due: float) -> None:
        self.nonce = nonce
        self.known = known  # by user
        self.due = due  # time of the loop at which it counts as lost


class MemberRequests:
    """One shard's requests; `run` sends them."""

    def __init__(
        self, sender: MemberRequestSender, timings: MemberRequestTimings | None = None
    ) -> None:
        self._sender = sender
        self._timings = timings or MemberRequestTimings()
        self._queued_guilds: dict[int, None] = {}
        self._queued_users: dict[int, set[int]] = {}  # by guild
        self._guild_requests: dict[int, GuildRequest] = {}  # by guild
        self._users_requests: dict[str, UsersRequest] = {}  # by nonce
        self._check: CheckRequest | None = None
        self._wake = asyncio.Event()
        self._nonce_prefix = secrets.token_hex(4)
        self._nonce_count = 0

    def reset(self) -> None:
        """A new session: no open request will be answered."""
        self._queued_guilds.clear()
        self._queued_users.clear()
        self._guild_requests.clear()
        self._users_requests.clear()
        self._check = None

    def repeat_open(self) -> None:
        """A new connection: requests that the old one sent, and that are not answered, are lost."""
        for request in self._guild_requests.values():
            request.due = _now()
        for nonce in list(self._users_requests):
            self._requeue_users(nonce)
        self._check = None
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether no answer is awaited. A check that is not answered in time is lost."""
        if self._check is not None and self._check.due <= _now():
            self._check = None
        return not (
            self._check
            or self._queued_guilds
            or self._queued_users
            or self._guild_requests
            or self._users_requests
        )

    @property
    def unanswered_users(self) -> dict[int, list[int]]:
        """The single members that are queued or requested, by guild."""
        found = {guild_id: set(user_ids) for guild_id, user_ids in self._queued_users.items()}
        for request in self._users_requests.values():
            found.setdefault(request.guild_id, set()).update(request.user_ids)
        return {guild_id: sorted(user_ids) for guild_id, user_ids in found.items()}

    def request_guild(self, guild_id: int) -> None:
        """Request all members of the guild. An open request serves as well, unless some of its
        chunks have come already."""
        request = self._guild_requests.get(guild_id)
        if request is None:
            self._queued_guilds[guild_id] = None
        elif request.chunks:
            request.due = _now()
        self._wake.set()

    def cancel_guild(self, guild_id: int) -> None:
        """All members of the guild have been listed without a request: one that is open completes
        no listing any more."""
        self._queued_guilds.pop(guild_id, None)
        if self._guild_requests.pop(guild_id, None):
            self._wake.set()  # another guild's turn

    def request_member(self, guild_id: int, user_id: int) -> None:
        """Request one member and their presence."""
        self._queued_users.setdefault(guild_id, set()).add(user_id)
        self._wake.set()

    def drop_guild(self, guild_id: int) -> None:
        """The bot has left the guild."""
        for requests in (self._queued_guilds, self._queued_users, self._guild_requests):
            requests.pop(guild_id, None)
        for nonce in [n for n, sent in self._users_requests.items() if sent.guild_id == guild_id]:
            del self._users_requests[nonce]

    def handle_chunk(self, guild_id: int, payload: Mapping[str, Any]) -> bool:
        """Handle GUILD_MEMBERS_CHUNK. True when it completes the request for the guild."""
        nonce = payload.get("nonce")
        if isinstance(nonce, str):
            self._users_requests.pop(nonce, None)
        request = self._guild_requests.get(guild_id)
        if request is None or nonce != request.nonce:
            return False
        index, count = sanitize.integer(payload.get("chunk_index")), payload.get("chunk_count")
        if index is not None:
            request.chunks.add(index)
        request.due = _now() + self._timings.answer_timeout_s
        if len(request.chunks) != count:
            return False
        del self._guild_requests[guild_id]
        self._wake.set()
        return True

    async def check_members(self, guild_id: int, known: dict[int, KnownMember]) -> None:
        """Request these members (100 at most) of whom this is known, at once. It is not repeated:
        the next check will do as well."""
        nonce = self._next_nonce("check")
        self._check = CheckRequest(nonce, known, _now() + self._timings.answer_timeout_s)
        await self._sender.request_users(guild_id, sorted(known), nonce)

    def take_check(self, payload: Mapping[str, Any]) -> dict[int, KnownMember] | None:
        """What was known of the users whose check this chunk answers; None if it answers none."""
        check = self._check
        if check is None or payload.get("nonce") != check.nonce:
            return None
        self._check = None
        return check.known

    def handle_rate_limited(self, payload: Mapping[str, Any]) -> None:
        """Handle RATE_LIMITED `{opcode, retry_after, meta: {guild_id, nonce?}}`."""
        meta = payload.get("meta")
        guild_id = sanitize.snowflake(meta.get("guild_id")) if isinstance(meta, Mapping) else None
        request = self._guild_requests.get(int(guild_id)) if guild_id else None
        if request is None:
            return
        after = payload.get("retry_after")
        delay = float(after) if isinstance(after, int | float) else self._timings.answer_timeout_s
        request.due = _now() + delay
        self._wake.set()

    async def run(self) -> None:
        """Send requests until cancelled."""
        while True:
            self._wake.clear()
            if self._sender.is_connected:
                await self._repeat_overdue()
                await self._send_queued_guilds()
                await self._send_queued_users()
            timeout = self._until_next() if self._sender.is_connected else CONNECTION_POLL_S
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(self._timings.gather_s)

    def _until_next(self) -> float | None:
        due = [request.due for request in self._guild_requests.values()]
        due += [request.due for request in self._users_requests.values()]
        return max(min(due) - _now(), 0.05) if due else None

    def _requeue_users(self, nonce: str) -> None:
        lost = self._users_requests.pop(nonce)
        self._queued_users.setdefault(lost.guild_id, set()).update(lost.user_ids)

    async def _repeat_overdue(self) -> None:
        for nonce in [nonce for nonce, sent in self._users_requests.items() if sent.due <= _now()]:
            self._requeue_users(nonce)
        for guild_id, request in list(self._guild_requests.items()):
            if request.due <= _now():
                log.info("requesting the members of guild %s again", guild_id)
                await self._send_guild(guild_id)

    async def _send_queued_guilds(self) -> None:
        while self._queued_guilds and len(self._guild_requests) < MAX_OPEN_GUILDS:
            guild_id = next(iter(self._queued_guilds))
            del self._queued_guilds[guild_id]
            await self._send_guild(guild_id)

    async def _send_guild(self, guild_id: int) -> None:
        nonce = self._next_nonce("all")
        due = _now() + self._timings.answer_timeout_s
        self._guild_requests[guild_id] = GuildRequest(nonce, due)
        await self._sender.request_guild(guild_id, nonce)

    async def _send_queued_users(self) -> None:
        users, self._queued_users = self._queued_users, {}
        new: dict[str, UsersRequest] = {}
        due = _now() + self._timings.answer_timeout_s
        for guild_id, user_ids in users.items():
            ids = sorted(user_ids)
            for start in range(0, len(ids), MAX_USERS_PER_REQUEST):
                some = ids[start : start + MAX_USERS_PER_REQUEST]
                new[self._next_nonce("some")] = UsersRequest(guild_id, some, due)
        self._users_requests |= new
        for nonce, request in new.items():
            await self._sender.request_users(request.guild_id, request.user_ids, nonce)

    def _next_nonce(self, kind: str) -> str:
        """Unique over processes: a resume may replay answers to another process' requests."""
        self._nonce_count += 1
        return f"{kind}-{self._nonce_prefix}-{self._nonce_count}"


def _now() -> float:
    return asyncio.get_running_loop().time()
