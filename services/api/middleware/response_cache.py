"""Responses in memory, and what keeps them valid.

Redis reports every change over a connection of its own (`shared.redis.invalidation`). A response
is stored only if no change of its user was reported since before Redis was read, and it is dropped
when one is:

- A change that Redis made before it answered is part of the response. Its report, now or later,
  only costs one more read.
- A change that Redis made after it answered is reported after the read began. If the report
  arrives during the read, the response is sent but not stored. If it arrives later, it drops what
  was stored.

It does not matter which of the two connections is faster. But a client that has seen a change in
a response from Redis must not be sent an older response while the report is still on its way: so
each load also drops what it proves to be old.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.responses import CacheableResponse

USER_PATH: Final = "/user/"
ACTIVITY_PATH: Final = "/activity/"
LANYARD_PATH: Final = "/v1/users/"
NOW_PLAYING_PATH: Final = "/now-playing/"
TEXT_SUFFIX: Final = ".txt"
_PATHS: Final = (
    (USER_PATH, ""),
    (ACTIVITY_PATH, ""),
    (LANYARD_PATH, ""),
    (NOW_PLAYING_PATH, ""),
    (NOW_PLAYING_PATH, TEXT_SUFFIX),
)
"""What stands before and after the id."""

RESPONSE_CACHE_ENTRIES: Final = 50_000
RESPONSE_CACHE_BYTES: Final = 128 * 1024 * 1024
_ENTRY_OVERHEAD_BYTES: Final = 1024  # what an entry takes besides its body
_READ_METHODS: Final = frozenset({"GET", "HEAD"})


class ResponseCacheMiddleware:
    """Serves what is in memory before routing and without Redis.

    For the requests that services.api.middleware.ready_answers leaves to the application. Measured,
    in µs of CPU per request: a bare ASGI app on uvicorn 21, a hit here 23. See
    docs/decisions/0005-reads-from-a-cache.md.

    It must be the outermost of the layers that can change a response. The router goes by
    `scope["path"]` too, and the cache is filled under paths made of ids, never of what a client
    sent: no spelling of a path gets a different response here than from the router.
    """

    def __init__(self, cache: ResponseCache, app: ASGIApp) -> None:
        self._cache = cache
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _READ_METHODS:
            found = self._cache.get(scope["path"])
            if found is not None:
                await found.answer(scope["headers"])(scope, receive, send)
                return
        await self._app(scope, receive, send)


class ResponseCache:
    """An InvalidationHandler. Stores nothing until the invalidation connection works."""

    def __init__(
        self, max_entries: int = RESPONSE_CACHE_ENTRIES, max_bytes: int = RESPONSE_CACHE_BYTES
    ) -> None:
        """Evicts the oldest entries beyond either limit."""
        self.hits = 0
        self.misses = 0  # loads from Redis
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: dict[str, _Entry] = {}  # by path, oldest first
        self._bytes = 0
        self._loads: dict[int, Load] = {}  # in progress, with no change reported since they began
        self._connected = False
        self._valid_until = float("-inf")

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Estimated, in bytes."""
        return self._bytes

    @property
    def trusted(self) -> bool:
        """Whether the entries are known to be valid now."""
        return monotonic() < self._valid_until

    def get(self, path: str) -> CacheableResponse | None:
        """The response to GET `path`, if it is known to be valid now. It counts as a hit."""
        response = self.find(path)
        if response is not None:
            self.hits += 1
        return response

    def find(self, path: str) -> CacheableResponse | None:
        """As `get`, and not counted."""
        entry = self._entries.get(path)
        if entry is None:
            return None
        now = monotonic()
        if now >= self._valid_until or now >= entry.expires_at:
            return None
        return entry.response

    def loading(self, user_id: int) -> Load:
        """Call before reading the user from Redis, and leave the block when done.

        Overlapping loads of a user share one Load, and the first to end ends it for all: a slow
        one cannot bring back something older than what was stored in the meantime.
        """
        self.misses += 1
        load = self._loads.get(user_id)
        if load is None:
            load = Load(self, user_id)
            if self._connected:
                self._loads[user_id] = load
        return load

    def confirmed(self, until: float) -> None:
        self._connected = True
        self._valid_until = until

    def changed(self, user_id: int) -> None:
        self._loads.pop(user_id, None)
        for route, suffix in _PATHS:
            self._drop(f"{route}{user_id}{suffix}")

    def flushed(self) -> None:
        self._loads.clear()
        self._entries.clear()
        self._bytes = 0

    def on_disconnect(self) -> None:
        self._connected = False
        self._valid_until = float("-inf")
        self.flushed()

    def _is_current(self, user_id: int, load: Load) -> bool:
        return self._loads.get(user_id) is load

    def _end_load(self, user_id: int, load: Load) -> None:
        if self._is_current(user_id, load):
            del self._loads[user_id]

    def _drop_older(self, user_id: int, version: int) -> None:
        """A client that was sent this version must not be sent an older one afterwards."""
        for route, suffix in _PATHS:
            path = f"{route}{user_id}{suffix}"
            entry = self._entries.get(path)
            if entry is not None and entry.version < version:
                self._drop(path)

    def _store(self, path: str, entry: _Entry) -> None:
        self._drop(path)
        self._entries[path] = entry
        self._bytes += len(entry.response.body) + _ENTRY_OVERHEAD_BYTES
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, path: str) -> None:
        entry = self._entries.pop(path, None)
        if entry is not None:
            self._bytes -= len(entry.response.body) + _ENTRY_OVERHEAD_BYTES


class Load:
    """One or more reads of a user that are in progress. Use it as a context manager."""

    def __init__(self, cache: ResponseCache, user_id: int) -> None:
        self._cache = cache
        self._user_id = user_id

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache._end_load(self._user_id, self)

    def store(
        self,
        route: str,
        version: int,
        response: CacheableResponse,
        *,
        until: float = float("inf"),
        suffix: str = "",
    ) -> None:
        """Store the response under `route`, the id and `suffix`, if it is known to be valid still.

        `until`: expiry in time.monotonic(), for what becomes stale without a change in Redis.
        """
        self._cache._drop_older(self._user_id, version)
        if self._cache._is_current(self._user_id, self):
            path = f"{route}{self._user_id}{suffix}"
            self._cache._store(path, _Entry(response, version, until))


class _Entry(Struct, frozen=True, gc=False):
    response: CacheableResponse
    version: int
    expires_at: float  # time.monotonic(): profile extras become stale without a change in Redis
