"""The users whom this dialect shows now. Every change of theirs goes through here."""

from __future__ import annotations

from collections.abc import Iterator

from services.ws.fan_out import FanOut
from services.ws.lanyard.everyone import Everyone
from services.ws.lanyard.view import LanyardUser
from shared.model import lanyard


class LanyardUsers:
    """Plain calls, made by services.ws.hub.Hub."""

    def __init__(self, fan_out: FanOut, everyone: Everyone | None) -> None:
        self._fan_out = fan_out
        self._everyone = everyone
        self._users: dict[int, LanyardUser] = {}

    def __iter__(self) -> Iterator[LanyardUser]:
        return iter(list(self._users.values()))

    def find(self, user_id: int) -> LanyardUser | None:
        return self._users.get(user_id)

    def add(self, user_id: int) -> LanyardUser:
        user = self._users[user_id] = LanyardUser(user_id)
        return user

    def remove(self, user: LanyardUser) -> None:
        self._users.pop(user.user_id, None)

    def load(self, user: LanyardUser, discord: bytes, kv: bytes) -> None:
        """Show what Redis holds. `discord`: shared.redis.store.Fields.discord. `kv`: JSON."""
        self._set(user, lanyard.presence(discord, kv) or b"")

    def set_absent(self, user: LanyardUser) -> None:
        """The user is not monitored. Clients that were shown them see them go offline."""
        self._set(user, b"")

    def invalidate(self) -> None:
        """Redis may have lost data: new subscriptions wait for what is loaded next."""
        for user in self._users.values():
            user.answered = False

    def _set(self, user: LanyardUser, presence: bytes) -> None:
        changed = user.set_presence(presence)
        received, user.received = user.received, 0
        for view in list(user.views.values()):
            if changed:
                view.received = view.received or received
                self._fan_out.push(view)
        waiters, user.waiters = user.waiters, {}
        for session in waiters:
            session.answered(user.user_id)
        if self._everyone is not None and user.everyones:
            self._everyone.updated(user, changed=changed)
