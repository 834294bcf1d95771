"""Answers in memory, and what keeps them true.

Redis tells of every change over a connection of its own (`shared.redis.invalidation`). An answer
is remembered only if no change of its user was told since before Redis was asked, and dropped when
one is:

- a change that Redis made before it answered is in the answer; its message, now or later, costs
  one more look;
- a change that Redis made after it answered is told after the question was put. If the message
  comes while the answer is under way, the answer goes out but is not remembered; if it comes
  later, it drops what was remembered.

Which line is the faster one does not matter for that. A reader who has seen a change by an answer
from Redis, though, must not be shown an older answer because the message is still under way: so
each load also drops what it proves old.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from msgspec import Struct

from shared.http.responses import CacheableResponse

USER: Final = "/user/"
ACTIVITY: Final = "/activity/"

ANSWERS: Final = 50_000
BYTES: Final = 128 * 1024 * 1024
_AROUND: Final = 1024  # bytes that a remembered answer takes besides its body


class _Kept(Struct, frozen=True, gc=False):
    found: CacheableResponse
    version: int
    until: float  # time.monotonic(): facts get old without anything changing


class Load:
    """One or more looks at a user that are under way. Usable once it was entered."""

    def __init__(self, cache: ResponseCache, user_id: int) -> None:
        self._cache = cache
        self._user_id = user_id

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache._ended(self._user_id, self)

    def keep(
        self, route: str, version: int, found: CacheableResponse, *, until: float = float("inf")
    ) -> None:
        """Remember the answer, if it is known to be true still."""
        self._cache._loaded(self._user_id, version)
        if self._cache._is_current(self._user_id, self):
            self._cache._remember(f"{route}{self._user_id}", _Kept(found, version, until))


class ResponseCache:
    """An InvalidationHandler. Holds nothing until the invalidation stream is proved."""

    def __init__(self, answers: int = ANSWERS, size: int = BYTES) -> None:
        """At most so many, and so many bytes; the oldest go first."""
        self.hits = 0  # answers given from here
        self.misses = 0  # answers for which Redis was asked
        self._most_answers = answers
        self._most_bytes = size
        self._kept: dict[str, _Kept] = {}  # by path, the one that was remembered first in front
        self._bytes = 0
        self._loads: dict[int, Load] = {}  # under way, and no change told since they began
        self._standing = False
        self._true_until = float("-inf")

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """In bytes, about."""
        return self._bytes

    @property
    def trusted(self) -> bool:
        """Whether what is in memory is known to be true now."""
        return monotonic() < self._true_until

    def get(self, path: str) -> CacheableResponse | None:
        """The answer to GET `path`, if it is known to be true now."""
        kept = self._kept.get(path)
        if kept is None:
            return None
        now = monotonic()
        if now >= self._true_until or now >= kept.until:
            return None
        self.hits += 1
        return kept.found

    def loading(self, user_id: int) -> Load:
        """Call before Redis is asked about the user, and leave the block when it is done.

        Looks that overlap share one Load, and the first to end ends it for all: a slow one among
        them cannot come back with something older than what was remembered meanwhile.
        """
        self.misses += 1
        load = self._loads.get(user_id)
        if load is None:
            load = Load(self, user_id)
            if self._standing:
                self._loads[user_id] = load
        return load

    def proved(self, until: float) -> None:
        self._standing = True
        self._true_until = until

    def changed(self, user_id: int) -> None:
        self._loads.pop(user_id, None)
        self._drop(f"{USER}{user_id}")
        self._drop(f"{ACTIVITY}{user_id}")

    def flushed(self) -> None:
        self._loads.clear()
        self._kept.clear()
        self._bytes = 0

    def cut(self) -> None:
        self._standing = False
        self._true_until = float("-inf")
        self.flushed()

    def _is_current(self, user_id: int, load: Load) -> bool:
        return self._loads.get(user_id) is load

    def _ended(self, user_id: int, load: Load) -> None:
        if self._is_current(user_id, load):
            del self._loads[user_id]

    def _loaded(self, user_id: int, version: int) -> None:
        """Whoever is shown this version must not see an older one afterwards."""
        for path in (f"{USER}{user_id}", f"{ACTIVITY}{user_id}"):
            kept = self._kept.get(path)
            if kept is not None and kept.version < version:
                self._drop(path)

    def _remember(self, path: str, kept: _Kept) -> None:
        self._drop(path)
        self._kept[path] = kept
        self._bytes += len(kept.found.body) + _AROUND
        while len(self._kept) > self._most_answers or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        kept = self._kept.pop(path, None)
        if kept is not None:
            self._bytes -= len(kept.found.body) + _AROUND
