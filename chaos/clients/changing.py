"""A client whose users come and go on an open connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chaos.clients.reader import ClientPopulation, ClientProfile, Connection, Reader
from chaos.clients.view import REFUSED, ShownUser, View
from chaos.gaps import At
from chaos.plan import SOCKETS

_CHANGE_EVERY_S: Final = 1.2  # two messages; up to twice as long
_LOOK_EVERY_S: Final = 0.5


class ChangingView(View):
    """One connection's frames. After the answer to a later subscribe, nothing of who has left."""

    def __init__(self, *more: Any, **how: Any) -> None:
        super().__init__(*more, **how)
        self.ended: list[dict[str, list[At]]] = []  # what was told of those who have left
        self._leaving: dict[str, str] = {}  # until this user is answered
        self._unanswered: set[str] = set()
        self._left: dict[str, ShownUser] = {}  # a user who comes again is not shown as before that

    @property
    def is_settled(self) -> bool:
        """Whether everything is answered."""
        return not self._leaving and not self._unanswered

    def replace(self, leaves: str, comes: str) -> list[str]:
        """The messages by which one user takes another one's place."""
        shown = self.users.pop(leaves)
        self.ended.append({leaves: [*self.told.pop(leaves, []), At(time.monotonic(), None)]})
        if not shown.refused:
            self._left[leaves] = shown
        self._leaving[leaves] = comes
        return [_message("unsubscribe", [leaves]), self.ask([comes])]

    def ask(self, user_ids: Sequence[str]) -> str:
        """The message that subscribes to these users."""
        for user_id in user_ids:
            self.users[user_id] = fresh = ShownUser()
            if user_id in self._left:
                fresh.place = self._left.pop(user_id).place
        self._unanswered.update(user_ids)
        return _message("subscribe", user_ids)

    def refused(self) -> list[str]:
        return [user_id for user_id, shown in self.users.items() if shown.refused == REFUSED]

    def _take(self, frame: dict[str, Any]) -> None:
        user_id = frame["user_id"]
        if user_id in self._unanswered and frame["op"] in ("initial_data", "error"):
            self._unanswered.discard(user_id)
            self._leaving = {gone: who for gone, who in self._leaving.items() if who != user_id}
        if user_id not in self._leaving:  # else it was sent before the server read the message
            super()._take(frame)


class ChangingReader(Reader):
    """Replaces its users one by one, until the faults are over."""

    def __init__(
        self,
        crowd: ClientPopulation,
        number: int,
        profile: ClientProfile,
        users: tuple[str, ...],
        seed: int,
    ) -> None:
        super().__init__(crowd, number, profile, users, seed)
        self._others = sorted(crowd.history.members() - set(users))

    def _new_view(self) -> ChangingView:
        return ChangingView(
            self._crowd.history,
            self.users,
            self._crowd.rollbacks,
            reads_late=self.profile.pause > 0,
            process=SOCKETS[self.replica],
        )

    async def _read(self, connection: Connection, view: View) -> None:
        loop = asyncio.get_running_loop()
        if not (isinstance(view, ChangingView) and isinstance(connection, ClientConnection)):
            raise TypeError("they are those of `_new_view` and `_open`")
        changes = self._next_change()
        try:
            while True:
                if view.is_settled and loop.time() >= changes:
                    changes = self._next_change()
                    for message in self._changes(view):
                        await connection.send(message)
                try:
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        frame = await connection.recv()
                except TimeoutError:
                    continue
                view.take(frame)
                if self.profile.pause and self._crowd.calm_since is None:
                    await asyncio.sleep(self._rng.random() * self.profile.pause)
        except ConnectionClosed:
            return
        finally:
            self.told += view.ended

    def _next_change(self) -> float:
        loop = asyncio.get_running_loop()
        return loop.time() + _CHANGE_EVERY_S * (1 + self._rng.random())

    def _changes(self, view: ChangingView) -> Sequence[str]:
        """Ask again for users who are there again; else another one takes the place of one."""
        truth = self._crowd.history.truth
        returned = [user_id for user_id in view.refused() if truth(user_id) is not None]
        if returned:
            return [view.ask(returned)]
        if self._crowd.calm_since is not None or not self._others:
            return []
        leaves = self._rng.choice(self.users)
        comes = self._others.pop(self._rng.randrange(len(self._others)))
        self._others.append(leaves)
        self.users = tuple(comes if user_id == leaves else user_id for user_id in self.users)
        self._gone.setdefault(comes, False)
        return view.replace(leaves, comes)


def _message(op: str, user_ids: Sequence[str]) -> str:
    return msgspec.json.encode({"op": op, "user_ids": user_ids}).decode()
