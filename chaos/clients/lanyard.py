"""A client of Lanyard's dialect: subscribes to more and more users, and comes again at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chaos.clients.reader import Connection, Reader
from chaos.clients.view import REFUSED, View
from chaos.facts import NOTHING, Seen, Who, seen_in_lanyard, who_in_lanyard, without_statuses
from chaos.fault_window import FaultWindow
from chaos.plan import SOCKETS
from chaos.privacy_check import shown_in

_ASK_EVERY_S: Final = 0.7  # less than half of WS_MESSAGES_PER_MINUTE would allow
_LOOK_EVERY_S: Final = 0.5


class LanyardView(View):
    """One connection's frames. INIT_STATE says who is not monitored; those who leave go offline."""

    def __init__(self, *more: Any, **how: Any) -> None:
        super().__init__(*more, **how)
        self._asked: deque[Sequence[str]] = deque()  # answered in this order

    def ask(self, users: Sequence[str]) -> str:
        """The message that subscribes to these users as well."""
        self._asked.append(users)
        message = {"op": 2, "d": {"subscribe_to_ids": users}}
        return msgspec.json.encode(message).decode()

    def _take(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"op": 1, "d": {"heartbeat_interval": int()}} if self.frames == 1:
                pass
            case {"op": 0, "t": "INIT_STATE", "d": state} if self._asked:
                self._take_state(state, self._asked.popleft())
            case {"op": 0, "t": "PRESENCE_UPDATE", "d": d}:
                user_id = d["discord_user"]["id"]
                shown = self.users.get(user_id)
                if shown is None:
                    self.wrong.append(f"{user_id} was not asked for")
                elif d == shown.presence:
                    self.wrong.append(f"{user_id} the same presence twice")
                else:
                    self._show_lanyard(user_id, d)
            case _:
                self.wrong.append(f"a frame that is not due: {frame}")

    def _take_state(self, state: dict[str, Any], asked: Sequence[str]) -> None:
        if not state.keys() <= set(asked):
            self.wrong.append(f"INIT_STATE has {sorted(state)}, but {sorted(asked)} were named")
            return
        for user_id in asked:
            if user_id in state:
                self._show_lanyard(user_id, state[user_id])
            else:
                shown = self.users[user_id]
                shown.presence = None
                self._refuse(user_id, shown, REFUSED)

    def _show_lanyard(self, user_id: str, d: dict[str, Any]) -> None:
        shown = self.users[user_id]
        seen = seen_in_lanyard(d)
        may_have_gone = self.may_lack or self._history.may_have_gone(user_id)
        if seen != NOTHING or not may_have_gone:  # else the next INIT_STATE says whether they have
            found = shown_in(d["discord_user"])
            self._move(user_id, shown, seen, None, found)  # it has no statuses of devices
        self._note(user_id, seen)
        shown.refused, shown.presence = "", d
        shown.seen, shown.who = seen, who_in_lanyard(d)


class LanyardReader(Reader):
    """Names half of its users, then the other half, and so on, as long as it is connected."""

    reconnect_pause = 0.05  # some wait not at all, which would only take time from the others

    def ought(self, truth: tuple[Seen, Who] | None) -> tuple[Seen, Who] | None:
        return truth and (truth[0], without_statuses(truth[1]))

    def slow(self) -> list[FaultWindow]:
        """Always, for the check of gaps: a message only makes ws read what Redis holds by then, so
        a state may be replaced before it is read, however late the run itself notices that."""
        return [FaultWindow(str(self), 0.0, float("inf"))]

    def _url(self, port: int) -> str:
        return f"ws://127.0.0.1:{port}/socket"

    def _new_view(self) -> LanyardView:
        return LanyardView(
            self._crowd.history,
            self.users,
            self._crowd.rollbacks,
            process=SOCKETS[self.replica],
        )

    async def _read(self, connection: Connection, view: View) -> None:
        loop = asyncio.get_running_loop()
        leaves, asks, turn = self._leaves(), 0.0, 0
        if not (isinstance(view, LanyardView) and isinstance(connection, ClientConnection)):
            raise TypeError("they are those of `_new_view` and `_open`")
        try:
            while loop.time() < leaves or self._crowd.calm_since is not None:
                if loop.time() >= asks:
                    asks, turn = loop.time() + _ASK_EVERY_S, turn + 1
                    await connection.send(view.ask(self.users[turn % 2 :: 2] or self.users))
                try:
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        message = await connection.recv()
                except TimeoutError:
                    continue
                view.take(message)
        except ConnectionClosed:
            return
