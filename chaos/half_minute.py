"""What may be hidden for half a minute: activities that a guild is not shown any more because of a
setting in Discord, while another one is.

Grux takes them for ended until time has shown otherwise (docs/gateway.md, "Different servers show
different things"). Time counts where nothing is broken, so each fault lets it begin anew.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from simulator.model import CUSTOM_STATUS, Json, Presence

HIDDEN_FOR_S: Final = 30.0
HIDDEN_FOR_ELSEWHERE_S: Final = 120.0  # where another process runs the shard of the other guild
_NOTICED_WITHIN_S: Final = 10.0  # by the gateway, and by the readers

Kind = Literal["custom", "song", "other"]
"""Activities of which a guild is known to be shown all or none."""


KINDS: Final[tuple[tuple[Kind, ...], ...]] = (("custom",), ("song", "other"))
"""As simulator.privacy.hidden_in tells them apart."""


class Hidden(NamedTuple):
    """An activity that may be hidden, once."""

    kind: Kind
    name: str
    created_at: int
    number: int  # of the time that a guild has stopped being shown it


Missing = frozenset[Hidden]

NOTHING_MISSING: Final[Missing] = frozenset()


class HalfMinute:
    """By user: what may be hidden, and until when."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds + _NOTICED_WITHIN_S
        self._clock = clock
        self._numbers = itertools.count()
        self._until: dict[str, dict[Hidden, float]] = {}  # by user
        self._stopped: dict[str, dict[str, _Stopped]] = {}  # by user and guild

    def stop(
        self, user_id: str, guild_id: str, kinds: Collection[Kind], shown: Iterable[Json]
    ) -> None:
        """From now on the guild is shown none of these kinds. `shown`: those of it that it was
        shown, and that another guild is shown still."""
        stopped = self._stopped.setdefault(user_id, {}).setdefault(guild_id, _Stopped())
        stopped.kinds.update(kinds)
        stopped.passed.clear()
        self._hide(user_id, stopped, shown)

    def start(self, user_id: str, guild_id: str, kinds: Collection[Kind]) -> None:
        """From now on the guild is shown these kinds."""
        if stopped := self._stopped.get(user_id, {}).get(guild_id):
            stopped.kinds.difference_update(kinds)

    def pass_on(self, user_id: str, shown: Presence, reports: Mapping[str, Presence]) -> None:
        """This is what is shown of the user now, in any guild and in each.

        Of a kind of which the user showed nothing when a guild stopped being shown it, the gateway
        learns that only when the guild is shown something newer, without what others are shown.
        """
        stopped = self._stopped.get(user_id, {})
        for guild_id in [*stopped]:
            if guild_id not in reports:
                del stopped[guild_id]
                continue
            newest = max((one["created_at"] for one in reports[guild_id].activities), default=0)
            older = [one for one in shown.activities if one["created_at"] < newest]
            self._hide(user_id, stopped[guild_id], older)

    def _hide(self, user_id: str, stopped: _Stopped, shown: Iterable[Json]) -> None:
        """Each of them once."""
        number, until = next(self._numbers), self._clock() + self._seconds
        still = self._open(user_id)  # else a long run would carry all that was ever hidden
        hidden = self._until[user_id] = {one: self._until[user_id][one] for one in still}
        for one in shown:
            kind, began = kind_of(one), (one["name"], one["created_at"])
            if kind in stopped.kinds and began not in stopped.passed:
                stopped.passed.add(began)
                for earlier in [other for other in hidden if other[1:3] == began]:
                    del hidden[earlier]
                hidden[Hidden(kind, *began, number)] = until

    def disturb(self) -> None:
        """Something was broken until now.

        A gateway without a session was not told what began meanwhile in a guild that was then not
        shown it any more. It learns that with the next newer report.
        """
        until = self._clock() + self._seconds
        for user_id, hidden in self._until.items():
            hidden.update(dict.fromkeys(self._open(user_id), until))
        for guilds in self._stopped.values():
            for stopped in guilds.values():
                stopped.passed.clear()

    def without(
        self, user_id: str, shown: Presence, *, in_parts: bool = False
    ) -> list[tuple[Presence, Missing]]:
        """What may be seen in place of `shown`, with what is missing there; where most is missing
        first. `in_parts`: custom status, song and other activities are looked at one by one."""
        present = {(one["name"], one["created_at"]): one for one in shown.activities}
        hidden = [one for one in self._open(user_id) if one[1:3] in present]
        others = [one for one in hidden if one.kind == "other"]
        parts = [one for one in hidden if one.kind != "other"]
        found = []
        for some in _subsets(others):
            for rest in [parts] if in_parts else _subsets(parts):
                if missing := frozenset((*some, *rest)):
                    gone = {one[1:3] for one in missing}
                    left = [one for began, one in present.items() if began not in gone]
                    found.append((Presence(shown.status, left, shown.client_status), missing))
        return found

    def seconds_left(self) -> float:
        """Until nothing may be hidden any more."""
        ends = (until for hidden in self._until.values() for until in hidden.values())
        return max(0.0, max(ends, default=0.0) - self._clock())

    def _open(self, user_id: str) -> list[Hidden]:
        hidden = self._until.get(user_id)
        if not hidden:
            return []
        now = self._clock()
        return [one for one, until in hidden.items() if until > now]


class _Stopped:
    """Kinds that a guild is not shown any more, and which activities this has hidden already."""

    def __init__(self) -> None:
        self.kinds: set[Kind] = set()
        self.passed: set[tuple[str, int]] = set()


def _subsets(of: Collection[Hidden]) -> Iterator[tuple[Hidden, ...]]:
    """The largest first."""
    for number in range(len(of), -1, -1):
        yield from itertools.combinations(of, number)


def kind_of(activity: Json) -> Kind:
    if activity["type"] == CUSTOM_STATUS:
        return "custom"
    return "song" if activity["name"] == "Spotify" else "other"
