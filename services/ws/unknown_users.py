"""Users whom Redis did not hold a moment ago: clients that ask for them are answered at once."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class UnknownUsers:
    """A short, bounded memory. A join ends it at once, if Redis reports joins.

    The time bounds how wrong it may be where a report is lost: a connection may break without a
    sign, and a server that was saved before its user list shows no join.
    """

    def __init__(
        self, ttl_s: float, max_users: int, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_users = max_users
        self._until: dict[int, float] = {}  # by the clock; the oldest first

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, user_id: int) -> bool:
        until = self._until.get(user_id)
        return until is not None and self._clock() < until

    def add(self, user_id: int) -> None:
        """Redis has just said that it does not hold the user."""
        self._until.pop(user_id, None)
        if len(self._until) >= self._max_users:
            del self._until[next(iter(self._until))]
        self._until[user_id] = self._clock() + self._ttl_s

    def forget(self, user_id: int) -> None:
        """The user may have joined."""
        self._until.pop(user_id, None)

    def clear(self) -> None:
        """Joins may have been missed."""
        self._until.clear()
