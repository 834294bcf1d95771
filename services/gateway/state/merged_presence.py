"""One presence of what several guilds show of a user.

Discord sends each change once for each guild, and hides the custom status or all other activities
in some of them (docs/gateway.md, "Different servers show different things"). Guilds of other
shards may report a change much earlier or later, so a report that differs may be newer, older, or
show less. This class decides by what the guild had reported before, and by `created_at`.

Long because it is one rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Self

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize.sanitize import Json, is_custom_status, is_spotify

OFFLINE: Final = b'{"status":"offline","client_status":{},"activities":[]}'
"""JSON of sanitize.presence of a user who is offline."""

KINDS: Final = ("custom", "spotify", "other")
"""Activities that Discord hides together. Whether it hides Spotify with the others is not known."""

NOT_REPORTED: Final = b"null"
"""In place of a presence: Discord has not sent the user's presence for the guild yet."""

OUTDATED: Final = -1  # no version in Redis

Kinds = dict[str, list[Json]]
State = tuple[str, dict[str, str]] | None
"""The status and client_status; None: not reported."""

_encode = msgspec.json.encode


class _Presence(Struct):
    """JSON of sanitize.presence, whole."""

    status: str
    client_status: dict[str, str]
    activities: list[Json]


class _View:
    """What one guild shows, or what is shown of all of them."""

    __slots__ = ("activities", "kinds", "state")

    def __init__(self, presence: bytes) -> None:
        decoded = _decode(presence)
        self.state: State = (decoded.status, decoded.client_status) if decoded else None
        self.activities = decoded.activities if decoded else []
        self.kinds: Kinds = {kind: [] for kind in KINDS}
        for activity in self.activities:
            self.kinds[_kind(activity)].append(activity)

    @property
    def is_offline(self) -> bool:
        return self.state is None or self.state[0] == "offline"


_decode = msgspec.json.Decoder(_Presence | None).decode


class _Stored(Struct, omit_defaults=True):
    """What is stored of a MergedPresence, besides what is shown."""

    reports: dict[str, Raw] = {}
    shares: dict[str, list[str]] = {}
    newest: dict[str, int] = {}


_decode_stored = msgspec.json.Decoder(_Stored).decode


class MergedPresence:
    """The presence of one user who is in several guilds."""

    __slots__ = ("elsewhere", "newest", "reports", "shares", "shown", "unknown", "version")

    def __init__(self, shown: bytes) -> None:
        self.shown = shown
        self.reports: dict[int, bytes] = {}  # of the guilds that do not report what is shown
        self.elsewhere: frozenset[int] = frozenset()  # the user's guilds of other processes
        self.unknown: frozenset[int] = frozenset()  # guilds that Redis has and Discord does not
        self.version = 0  # in Redis, when this was loaded or saved; 0: not compared
        self.shares: dict[int, frozenset[str]] = {}  # the kinds that a guild is known to show
        self.newest: dict[str, int] = {}  # by kind: the latest `created_at` that was shown
        self._remember(_View(shown).kinds)

    @classmethod
    def restore(cls, shown: bytes, stored: bytes | None) -> Self:
        """As `stored` gave it. Raises msgspec.MsgspecError."""
        merged = cls(shown)
        if stored:
            found = _decode_stored(stored)
            merged.reports = {int(one): bytes(raw) for one, raw in found.reports.items()}
            merged.shares = {int(one): frozenset(kinds) for one, kinds in found.shares.items()}
            merged.newest |= found.newest
        return merged

    def stored(self) -> bytes:
        """JSON for `restore`; empty where all guilds report the same to this process."""
        if self.is_uniform:
            return b""
        reports = {str(one): Raw(report) for one, report in self.reports.items()}
        shares = {str(one): sorted(kinds) for one, kinds in self.shares.items()}
        return _encode(_Stored(reports, shares, self.newest))

    @property
    def is_uniform(self) -> bool:
        """Whether all guilds report the same, and none of them belongs to another process."""
        return not (self.reports or self.elsewhere or self.unknown)

    def is_explained(self, guild_id: int) -> bool:
        """Whether what the guild reports is a part of what is shown."""
        if guild_id not in self.reports:
            return True
        shown, view = _View(self.shown), _View(self.reports[guild_id])
        return view.state == shown.state and all(
            activity in shown.activities for activity in view.activities
        )

    def report(
        self,
        guild_id: int,
        presence: bytes,
        guilds: Collection[int],
        silent: Collection[int] = (),
    ) -> None:
        """Discord has sent the user's presence for the guild.

        `guilds`: all guilds of the user. `silent`: those that send no events now, so that none of
        them is waited for.
        """
        if presence == self.shown and not self.reports.keys() - {guild_id}:
            self.reports = {}
            return
        others = [one for one in guilds if one != guild_id]
        if not others:
            self._show(presence, guilds, {guild_id: presence})
            return
        shown, new = _View(self.shown), _View(presence)
        old = self._view(guild_id, shown)
        is_first = old.state is None
        views = {one: self._view(one, shown) for one in others}
        rivals = [view for one, view in views.items() if one not in silent]
        may_lead = not _is_outdone(old, new, rivals, shown)

        agrees = old.state == shown.state and all(
            not old.kinds[kind] or old.kinds[kind] == shown.kinds[kind] for kind in KINDS
        )
        shared = self.shares.get(guild_id, frozenset())
        present = max((self.newest.get(kind, 0) for kind in shared), default=0)
        kinds, is_newer, is_older = dict(shown.kinds), False, False
        for kind in KINDS:
            now, was, is_shown = new.kinds[kind], old.kinds[kind], shown.kinds[kind]
            if now == is_shown:
                continue
            if _created(now) > self.newest.get(kind, 0) and _created(now) >= present:
                is_newer = True
            elif is_shown:
                if not agrees or was != is_shown:  # hidden here, or not yet as far as others
                    is_older = is_older or bool(now)
                    continue
            elif _created(now) or not (agrees or is_first):  # it was shown before, and has ended
                is_older = True
                continue
            if may_lead or not is_shown:
                kinds[kind] = now
        if is_newer and may_lead:
            for kind in shared:
                if not new.kinds[kind]:
                    kinds[kind] = []  # not hidden here, so it has ended
        state = shown.state
        if (
            new.state != shown.state
            and may_lead
            and (is_newer or (not is_older and (agrees or (is_first and shown.is_offline))))
        ):
            state = new.state
        self._learn(views | {guild_id: old})
        views[guild_id] = new
        self._learn(views)
        state, kinds = self._reconcile(state, kinds, views)
        self._show(_compose(state, kinds, views), guilds, {guild_id: presence})

    def join(self, guild_id: int) -> None:
        """The user is in this guild, of a shard of this process."""
        self.elsewhere -= {guild_id}
        self.unknown -= {guild_id}
        self.reports[guild_id] = NOT_REPORTED

    def restore_report(self, guild_id: int, presence: bytes) -> None:
        """The guild had reported this before its shard was run by this process."""
        self.elsewhere -= {guild_id}
        self.reports.pop(guild_id, None)
        if presence != self.shown:
            self.reports[guild_id] = presence
        self.version = OUTDATED

    def leave(self, guild_id: int, guilds: Collection[int]) -> None:
        """The user is not in the guild any more. `guilds`: those that are left."""
        self.reports.pop(guild_id, None)
        self.shares.pop(guild_id, None)
        self.elsewhere -= {guild_id}
        self.unknown -= {guild_id}
        if not guilds:
            return
        shown = _View(self.shown)
        views = {one: self._view(one, shown) for one in guilds}
        state = shown.state
        if all(view.state != state for view in views.values()) and any(
            view.state for view in views.values()
        ):
            state = max(views.values(), key=_richness).state
        kinds: Kinds = {}
        for kind in KINDS:
            held = [view.kinds[kind] for view in views.values()]
            kinds[kind] = (
                shown.kinds[kind] if shown.kinds[kind] in held else max(held, key=_created)
            )
        state, kinds = self._reconcile(state, kinds, views)
        self._show(_compose(state, kinds, views), guilds)

    def settle(self, guild_id: int, guilds: Collection[int], silent: Collection[int] = ()) -> None:
        """What the guild reports has differed for so long that no change is on its way: its
        users see something else. Show all that any guild shows."""
        shown = _View(self.shown)
        views = {one: self._view(one, shown) for one in guilds if one not in silent}
        pending = views.get(guild_id)
        if pending is None:
            return
        state = shown.state if pending.is_offline and not shown.is_offline else pending.state
        ordered = [pending, *(views[one] for one in sorted(views) if one != guild_id)]
        kinds: Kinds = {}
        for kind in KINDS:
            held = [view.kinds[kind] for view in ordered]
            if kind == "other":
                kinds[kind] = _unique(activity for some in held for activity in some)
            else:  # there is one at most
                kinds[kind] = max(held, key=_created)
        for one, view in views.items():
            self.shares[one] = frozenset(kind for kind in KINDS if view.kinds[kind])
        self._show(_compose(state, kinds, views), guilds)

    def _reconcile(
        self, state: State, kinds: Kinds, views: Mapping[int, _View]
    ) -> tuple[State, Kinds]:
        """Where all guilds agree, what they report is true, whatever was reported before."""
        agreed = _agreed_state(views.values())
        merged: Kinds = {}
        is_unanimous = agreed is not None
        for kind in KINDS:
            held = [view.kinds[kind] for view in views.values() if view.kinds[kind]]
            merged[kind] = held[0] if held else []
            is_unanimous &= all(
                view.kinds[kind] == merged[kind] or kind not in self.shares.get(guild_id, ())
                for guild_id, view in views.items()
            )
            if not held:
                kinds[kind] = []  # no guild shows them any more
        return agreed or state, merged if is_unanimous else kinds

    def _learn(self, views: Mapping[int, _View]) -> None:
        for guild_id, view in views.items():
            shown = {kind for kind in KINDS if view.kinds[kind]}
            self.shares[guild_id] = self.shares.get(guild_id, frozenset()) | shown

    def _view(self, guild_id: int, shown: _View) -> _View:
        report = self.reports.get(guild_id)
        return shown if report is None else _View(report)

    def _show(
        self, presence: bytes, guilds: Iterable[int], reports: Mapping[int, bytes] | None = None
    ) -> None:
        earlier = {one: self.reports.get(one, self.shown) for one in guilds} | dict(reports or {})
        self.shown = presence
        self.reports = {one: report for one, report in earlier.items() if report != presence}
        self._remember(_View(presence).kinds)

    def _remember(self, kinds: Kinds) -> None:
        for kind, activities in kinds.items():
            created = _created(activities)
            if created > self.newest.get(kind, 0):
                self.newest[kind] = created


def _kind(activity: Json) -> str:
    if is_custom_status(activity):
        return "custom"
    return "spotify" if is_spotify(activity) else "other"


def _created(activities: Iterable[Json]) -> int:
    return max((activity.get("created_at") or 0 for activity in activities), default=0)


def _shares(view: _View, shown: _View) -> set[str]:
    """The kinds that the guild shows as they are shown."""
    return {kind for kind in KINDS if view.kinds[kind] and view.kinds[kind] == shown.kinds[kind]}


def _is_outdone(old: _View, new: _View, rivals: Iterable[_View], shown: _View) -> bool:
    """Whether another guild shows all that this one does, and more. Its report of the same change
    is waited for: this one's alone would be half of it."""
    own = _shares(old, shown) | {kind for kind in KINDS if new.kinds[kind]}
    return any(view.state == shown.state and own < _shares(view, shown) for view in rivals)


def _richness(view: _View) -> tuple[bool, int, int]:
    return not view.is_offline, _created(view.activities), len(view.activities)


def _agreed_state(views: Iterable[_View]) -> State | None:
    """Status and devices are the same in all guilds: what all report is true."""
    states = [view.state for view in views if view.state]
    return states[0] if states and all(state == states[0] for state in states) else None


def _unique(activities: Iterable[Json]) -> list[Json]:
    found: list[Json] = []
    for activity in activities:
        if activity not in found:
            found.append(activity)
    return found


def _compose(state: State, kinds: Kinds, views: Mapping[int, _View]) -> bytes:
    """Activities in Discord's order where one guild shows them all."""
    status, client_status = state or ("offline", {})
    if status == "offline":
        return OFFLINE
    activities = [activity for kind in KINDS for activity in kinds[kind]]
    for view in views.values():
        if view.kinds == kinds:
            activities = view.activities
            break
    return _encode({"status": status, "client_status": client_status, "activities": activities})
