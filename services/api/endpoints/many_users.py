"""GET /users?ids=A,B: what GET /user/:id answers, for many users at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints.presence import PresenceEndpoints
from services.api.middleware.response_cache import USER_PATH, ResponseCache
from shared.discord import snowflake
from shared.http.errors import InvalidUserId, RequestRateLimited, UserNotMonitored
from shared.http.responses import COUNT_MORE, RawResponse, cacheable, data_of, envelope
from shared.net.bounded_input import is_long_query, query_parameters

USERS_PATH: Final = "/users"
MAX_USERS: Final = 50

USAGE: Final = f"Ask for 1 to {MAX_USERS} users: /users?ids=<Discord id>,<Discord id>."
_UNSAFE: Final = re.compile(r"[^\w@#.:/-]", re.ASCII)
_SHOWN_CHARS: Final = 24  # of what is no id; an id has 19 at most


class ManyUsersEndpoints:
    """May raise the exceptions that shared.http.errors turns into responses."""

    def __init__(self, presence: PresenceEndpoints, cache: ResponseCache) -> None:
        self._presence = presence
        self._cache = cache

    def routes(self) -> list[Route]:
        return [Route(USERS_PATH, self.users)]

    async def users(self, request: Request) -> RawResponse:
        """`data`: `{"users": {"<id>": data of /user/:id}, "not_monitored": ["<id>"]}`

        Each user counts as a request of the address. This route costs less than as many requests,
        but it is no way to try out more ids in a minute.
        """
        user_ids = parse_ids(request.scope["query_string"].decode("latin-1"))
        if COUNT_MORE in request.scope and len(user_ids) > 1:
            retry_after_s = request.scope[COUNT_MORE](len(user_ids) - 1)
            if retry_after_s:
                raise RequestRateLimited(retry_after_s)
        body = _body(await self._load(user_ids))
        return cacheable(envelope(body)).answer(request.scope["headers"])

    async def _load(self, user_ids: Sequence[int]) -> dict[int, bytes | None]:
        """The `data` of each, in this order; None for users who are not monitored.

        What is in memory is taken from there. The others are read in one round trip to Redis, as
        they are asked for in one turn of the event loop.
        """
        known = {one: self._cache.get(f"{USER_PATH}{one}") for one in user_ids}
        missing = [user_id for user_id, response in known.items() if response is None]
        loaded = await asyncio.gather(*map(self._load_one, missing), return_exceptions=True)
        found: dict[int, bytes | None] = {
            one: None if response is None else data_of(response.body)
            for one, response in known.items()
        }
        for user_id, data in zip(missing, loaded, strict=True):
            if isinstance(data, BaseException):
                raise data
            found[user_id] = data
        return found

    async def _load_one(self, user_id: int) -> bytes | None:
        try:
            return data_of((await self._presence.load_user(user_id)).body)
        except UserNotMonitored:
            return None


def parse_ids(query: str) -> list[int]:
    """The ids in `ids=A,B&ids=C`, each once, in the order of the query. Raises InvalidUserId.

    As on the WebSocket, spaces around an id are allowed, and so is a comma too many.
    """
    if is_long_query(query):
        raise InvalidUserId(f"The query is too long. {USAGE}")
    values = [value for name, value in query_parameters(query) if name == "ids"]
    texts = list(filter(None, map(str.strip, ",".join(values).split(","))))
    if not texts:
        raise InvalidUserId(f"No user is named. {USAGE}")
    ids: dict[int, None] = {}
    for number, text in enumerate(texts, 1):
        user_id = snowflake.parse(text)
        if user_id is None:
            which = f"Id {number} of {len(texts)}, {_shown(text)}, is no Discord id."
            raise InvalidUserId(f"{which} {snowflake.problem(text)}")
        ids[user_id] = None
    if len(ids) > MAX_USERS:
        named = f"{len(ids)} ids are named, but one request may name {MAX_USERS} at most."
        raise InvalidUserId(f"{named} {USAGE}")
    return list(ids)


def _shown(text: str) -> str:
    """What a stranger has written, as a part of a sentence: letters, digits and what names have."""
    shown = _UNSAFE.sub("?", text[:_SHOWN_CHARS])
    return f"'{shown}{'…' if len(text) > _SHOWN_CHARS else ''}'"


def _body(found: dict[int, bytes | None]) -> bytes:
    users = b",".join(b'"%d":%b' % (one, data) for one, data in found.items() if data is not None)
    others = b",".join(b'"%d"' % one for one, data in found.items() if data is None)
    return b'{"users":{%b},"not_monitored":[%b]}' % (users, others)
