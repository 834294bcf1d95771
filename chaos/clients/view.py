"""What one connection has shown, frame by frame, and whether it might."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final

import msgspec

from chaos.facts import Seen, Who, seen_in, who_in
from chaos.gaps import At
from chaos.history import History
from chaos.position import Position
from chaos.privacy_check import shown_in
from chaos.rollback_tracker import RollbackTracker

REFUSED: Final = "user_not_monitored"

_decode = msgspec.json.decode


class ShownUser:
    """One user as the connection shows them."""

    __slots__ = ("place", "presence", "profile", "refused", "seen", "who")

    def __init__(self) -> None:
        self.place = Position()
        self.presence: dict[str, Any] | None = None
        self.profile: dict[str, Any] | None = None
        self.seen: Seen | None = None
        self.who: Who | None = None
        self.refused = ""  # the code of the error frame


class View:
    """One connection's frames. Wrong ones are told to `wrong`."""

    def __init__(
        self,
        history: History,
        users: tuple[str, ...],
        rollbacks: RollbackTracker,
        *,
        reads_late: bool = False,
        process: str = "",
    ) -> None:
        """`reads_late`: frames may have waited on the way for any time. `process`: the `ws`."""
        self.users = {user_id: ShownUser() for user_id in users}
        self.frames = 0
        self.began = time.monotonic()
        self.wrong: list[str] = []
        self.told: dict[str, list[At]] = {}  # each state, and the end of them
        self._history = history
        self._setbacks = rollbacks
        self._reads_late = reads_late
        self._process = process

    def take(self, message: str | bytes) -> None:
        """One frame."""
        self.frames += 1
        try:
            self._take(_decode(message))
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            self.wrong.append(f"a frame of another shape: {error!r}: {message[:300]!r}")

    def _take(self, frame: dict[str, Any]) -> None:
        user_id, d = frame["user_id"], frame["d"]
        shown = self.users.get(user_id)
        if shown is None:
            self.wrong.append(f"{user_id} was not asked for")
            return
        if shown.refused:
            self.wrong.append(f"{user_id} {frame['op']} after {shown.refused}")
        match frame["op"]:
            case "error":
                self._refuse(user_id, shown, d["code"])
                return
            case "initial_data":
                if shown.presence is not None:
                    self.wrong.append(f"{user_id} initial_data twice")
                profile, presence = d.pop("profile"), d
            case "presence_update":
                if shown.presence is None:
                    self.wrong.append(f"{user_id} presence_update before initial_data")
                if d == shown.presence:
                    self.wrong.append(f"{user_id} the same presence twice")
                profile, presence = shown.profile, d
            case "profile_update":
                if shown.profile is None:
                    self.wrong.append(f"{user_id} profile_update before initial_data")
                if d["profile"] == shown.profile:
                    self.wrong.append(f"{user_id} the same profile twice")
                profile, presence = d["profile"], shown.presence
            case op:
                self.wrong.append(f"{user_id} unknown op {op}")
                return
        self._show(user_id, shown, presence, profile)

    def _show(self, user_id: str, shown: ShownUser, presence: Any, profile: Any) -> None:
        seen = seen_in(presence) if presence is not shown.presence else None
        who = who_in(profile) if profile is not shown.profile else None
        news = {} if seen is None else presence
        news = news if who is None else {**news, **profile}
        self._move(user_id, shown, seen, who, shown_in(news))
        if seen is not None:
            self._note(user_id, seen)
        shown.presence, shown.profile = presence, profile
        shown.seen = seen or shown.seen
        shown.who = who or shown.who

    def _move(
        self,
        user_id: str,
        shown: ShownUser,
        seen: Seen | None,
        who: Who | None,
        found: Collection[str],
    ) -> None:
        if not self._reads_late:
            reader, at = f"a client of {self._process}", time.monotonic()
            self._history.privacy.look(reader, self._process, user_id, seen, who, at, shown=found)
        problem = shown.place.moves_to(
            self._history,
            user_id,
            seen,
            who,
            self._setbacks.now(reads_late=self._reads_late),
            is_incomplete=self._setbacks.is_incomplete(reads_late=self._reads_late),
            reads_late=self._reads_late,
        )
        if problem:
            self._complain(user_id, problem)

    def _refuse(self, user_id: str, shown: ShownUser, code: str) -> None:
        shown.refused = code
        self._note(user_id, None)
        if code == REFUSED and not self.may_lack and self._history.was_always_there(user_id):
            self._complain(user_id, "counts as no member, and was one all the time")

    @property
    def may_lack(self) -> bool:
        """Whether Redis may lack members now, as it has lost data a moment ago."""
        return self._setbacks.is_incomplete(reads_late=self._reads_late)

    def _complain(self, user_id: str, problem: str) -> None:
        age = time.monotonic() - self.began
        self.wrong.append(f"{user_id} {problem}; {age:.2f} s old")

    def _note(self, user_id: str, seen: Seen | None) -> None:
        self.told.setdefault(user_id, []).append(At(time.monotonic(), seen))
