"""Asks Discord for members (opcode 8): whole guilds, and single users.

A whole roster may be asked for once in 30 s per guild; a request that breaks this, or whose
chunks stop coming, is repeated. Discord docs: Gateway Events, Request Guild Members.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from services.gateway.normalize import sanitize

log = logging.getLogger(__name__)

SILENCE: Final = 35.0  # seconds without a chunk after which a request counts as lost
AT_ONCE: Final = 4  # whole guilds under way: a burst of members stays bounded
GATHER: Final = 0.1  # seconds in which single users are put together
USERS_AT_ONCE: Final = 100  # Discord's limit


class MemberRequestSender(Protocol):
    """What sends: a connected shard."""

    @property
    def is_connected(self) -> bool: ...

    async def ask_for_all(self, guild_id: int, nonce: str) -> None: ...

    async def ask_for(self, guild_id: int, user_ids: list[int], nonce: str) -> None: ...


class Request:
    """A whole guild that has been asked for."""

    __slots__ = ("chunks", "due", "nonce")

    def __init__(self, nonce: str, due: float) -> None:
        self.nonce = nonce
        self.due = due  # loop time at which to ask again
        self.chunks: set[int] = set()


class Lookup:
    """Single members that have been asked for."""

    __slots__ = ("due", "guild_id", "user_ids")

    def __init__(self, guild_id: int, user_ids: list[int], due: float) -> None:
        self.guild_id = guild_id
        self.user_ids = user_ids
        self.due = due  # loop time at which the answer counts as lost


class MemberRequests:
    """One shard's requests; `run` sends them."""

    def __init__(self, line: MemberRequestSender) -> None:
        self._line = line
        self._waiting: dict[int, None] = {}  # guilds
        self._asked: dict[int, Request] = {}
        self._users: dict[int, set[int]] = {}
        self._lookups: dict[str, Lookup] = {}  # by nonce
        self._wake = asyncio.Event()
        self._run = secrets.token_hex(4)
        self._count = 0

    def reset(self) -> None:
        """A new session: nothing that was asked for will be answered."""
        self._waiting.clear()
        self._asked.clear()
        self._users.clear()
        self._lookups.clear()

    def resumed(self) -> None:
        """A new connection: what was asked by the old one, and not answered, is lost."""
        for request in self._asked.values():
            request.due = _now()
        for nonce in list(self._lookups):
            self._look_up_again(nonce)
        self._wake.set()

    @property
    def lookups(self) -> dict[int, list[int]]:
        """The single members whose answers have not come, by guild."""
        found = {guild_id: set(user_ids) for guild_id, user_ids in self._users.items()}
        for asked in self._lookups.values():
            found.setdefault(asked.guild_id, set()).update(asked.user_ids)
        return {guild_id: sorted(user_ids) for guild_id, user_ids in found.items()}

    def whole(self, guild_id: int) -> None:
        """Ask for everybody in the guild. A request that is under way answers that as well, but
        not where half of its answer came before this."""
        request = self._asked.get(guild_id)
        if request is None:
            self._waiting[guild_id] = None
        elif request.chunks:
            request.due = _now()
        self._wake.set()

    def user(self, guild_id: int, user_id: int) -> None:
        """Ask for one member and their presence."""
        self._users.setdefault(guild_id, set()).add(user_id)
        self._wake.set()

    def forget(self, guild_id: int) -> None:
        """The guild is gone."""
        for requests in (self._waiting, self._asked, self._users):
            requests.pop(guild_id, None)
        for nonce in [n for n, asked in self._lookups.items() if asked.guild_id == guild_id]:
            del self._lookups[nonce]

    def chunk(self, guild_id: int, payload: Mapping[str, Any]) -> bool:
        """Take note of a chunk. True when it is the last one of the whole guild."""
        nonce = payload.get("nonce")
        if isinstance(nonce, str):
            self._lookups.pop(nonce, None)
        request = self._asked.get(guild_id)
        if request is None or nonce != request.nonce:
            return False
        index, count = sanitize.integer(payload.get("chunk_index")), payload.get("chunk_count")
        if index is not None:
            request.chunks.add(index)
        request.due = _now() + SILENCE
        if len(request.chunks) != count:
            return False
        del self._asked[guild_id]
        self._wake.set()
        return True

    def rate_limited(self, payload: Mapping[str, Any]) -> None:
        """Take note of RATE_LIMITED `{opcode, retry_after, meta: {guild_id, nonce?}}`."""
        meta = payload.get("meta")
        spelled = sanitize.snowflake(meta.get("guild_id")) if isinstance(meta, Mapping) else None
        request = self._asked.get(int(spelled)) if spelled else None
        if request is None:
            return
        after = payload.get("retry_after")
        request.due = _now() + (float(after) if isinstance(after, int | float) else SILENCE)
        self._wake.set()

    async def run(self) -> None:
        """Send what is asked for until cancelled."""
        while True:
            self._wake.clear()
            if self._line.is_connected:
                await self._ask_again()
                await self._ask_for_guilds()
                await self._ask_for_users()
            timeout = self._until_next() if self._line.is_connected else 1.0
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(GATHER)

    def _until_next(self) -> float | None:
        dues = [asked.due for asked in self._asked.values()]
        dues += [asked.due for asked in self._lookups.values()]
        return max(min(dues) - _now(), 0.05) if dues else None

    def _look_up_again(self, nonce: str) -> None:
        lost = self._lookups.pop(nonce)
        self._users.setdefault(lost.guild_id, set()).update(lost.user_ids)

    async def _ask_again(self) -> None:
        for nonce in [nonce for nonce, asked in self._lookups.items() if asked.due <= _now()]:
            self._look_up_again(nonce)
        for guild_id, request in list(self._asked.items()):
            if request.due <= _now():
                log.info("asking again for the members of guild %s", guild_id)
                await self._send_whole(guild_id)

    async def _ask_for_guilds(self) -> None:
        while self._waiting and len(self._asked) < AT_ONCE:
            guild_id = next(iter(self._waiting))
            del self._waiting[guild_id]
            await self._send_whole(guild_id)

    async def _send_whole(self, guild_id: int) -> None:
        nonce = self._nonce("all")
        self._asked[guild_id] = Request(nonce, _now() + SILENCE)
        await self._line.ask_for_all(guild_id, nonce)

    async def _ask_for_users(self) -> None:
        users, self._users = self._users, {}
        new: dict[str, Lookup] = {}
        for guild_id, user_ids in users.items():
            ids = sorted(user_ids)
            for start in range(0, len(ids), USERS_AT_ONCE):
                some = ids[start : start + USERS_AT_ONCE]
                new[self._nonce("some")] = Lookup(guild_id, some, _now() + SILENCE)
        self._lookups |= new
        for nonce, asked in new.items():
            await self._line.ask_for(asked.guild_id, asked.user_ids, nonce)

    def _nonce(self, kind: str) -> str:
        """A resume may repeat the answers that another process asked for: none is alike."""
        self._count += 1
        return f"{kind}-{self._run}-{self._count}"


def _now() -> float:
    return asyncio.get_running_loop().time()
