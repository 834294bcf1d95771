"""Responses that are sent without ASGI: no scope of their own, no task, no message.

Most reads are of a user, by a client that asks for one thing after the other. For these uvicorn's
request cycle is two thirds of the work where the response is in memory, and a fifth where it is
not. Everything that the application would add is decided here. Where it would add anything, or
needs more than Redis holds of the user, the request goes to the application.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from services.api.middleware.response_cache import ACTIVITY_PATH, USER_PATH, Load, ResponseCache
from services.api.user_responses import activity_response, user_response
from shared.discord import snowflake
from shared.http import errors
from shared.http.connection_handlers import Respond
from shared.http.middleware import StalenessSource
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import LARGE_RESPONSE_BYTES, CacheableResponse, Header, RawResponse
from shared.profiles.batch_reader import Read, Result
from shared.profiles.user_reader import UserReader, view_of
from shared.redis.store import SnapshotDamaged, StoreUnavailable

_FAILURES: Final = (errors.UserNotMonitored, StoreUnavailable, SnapshotDamaged)
"""What reading a user may raise."""

Make = Callable[[Load, Read], CacheableResponse | None]
"""Makes the response, and stores it. None: Redis does not hold all of it."""


class ReadyAnswers:
    """shared.http.connection_handlers.DirectAnswers."""

    def __init__(
        self,
        cache: ResponseCache,
        users: UserReader,
        discord_invite: str = "",
        liveness: StalenessSource | None = None,
        rates: RateLimitMiddleware | None = None,
    ) -> None:
        """`rates`: what stands in front of the application. It counts these requests as well."""
        self._cache = cache
        self._users = users
        self._failures = errors.ready(discord_invite or None, *_FAILURES)
        self._liveness = liveness
        self._rates = rates

    def find(self, target: bytes, headers: Sequence[Header], peer: str) -> RawResponse | None:
        """The cache has paths in one spelling alone. Another one, or a query, is not in it."""
        if self._is_stale():
            return None
        response = self._cache.find(target.decode("latin-1"))
        if response is None or len(response.body) > LARGE_RESPONSE_BYTES:
            return None  # a large one counts as several
        if self._rates is not None and not self._rates.admits(peer, headers):
            return None
        self._cache.hits += 1
        return response.answer(headers)

    def load(self, target: bytes, headers: Sequence[Header], peer: str, respond: Respond) -> bool:
        """Reads of one user from Redis, in the spelling of `find`."""
        route, slash, text = target.rpartition(b"/")
        make = _MAKES.get(route + slash)
        user_id = snowflake.parse(text.decode("latin-1")) if make else None
        if make is None or user_id is None or self._is_stale():
            return False
        if self._cache.find(target.decode("latin-1")) is not None:
            return False  # it is in memory, and `find` has left it to the application
        if self._rates is not None and not self._rates.admits(peer, headers):
            return False
        load = self._cache.loading(user_id)
        done = partial(self._loaded, load, make, headers, peer, respond)
        self._users.begin(user_id, done)
        return True

    def _loaded(
        self,
        load: Load,
        make: Make,
        headers: Sequence[Header],
        peer: str,
        respond: Respond,
        read: Result,
    ) -> None:
        response: RawResponse | None = None
        with load:
            if read is None:
                response = self._failures[errors.UserNotMonitored]
            elif isinstance(read, Exception):
                response = self._failures.get(type(read))
            else:
                with suppress(Exception):  # the application fails as well, and logs it
                    made = make(load, read)
                    if made is not None and len(made.body) <= LARGE_RESPONSE_BYTES:
                        response = made.answer(headers)
        if response is None and self._rates is not None:
            self._rates.take_back(peer, headers)  # the application counts it
        respond(response)

    def _is_stale(self) -> bool:
        """Whether the response needs X-Grux-Stale."""
        return self._liveness is not None and self._liveness.stale is not None


def _user(load: Load, read: Read) -> CacheableResponse | None:
    user = view_of(read)
    return None if user is None else user_response(load, user)


def _activity(load: Load, read: Read) -> CacheableResponse:
    return activity_response(load, read.snapshot)


_MAKES: Final[Mapping[bytes, Make]] = {USER_PATH.encode(): _user, ACTIVITY_PATH.encode(): _activity}
"""By what stands before the id."""
