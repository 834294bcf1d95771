"""What one guild shows of a user, and how the reports of several are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.normalize.sanitize import Json, is_custom_status, is_spotify

_KINDS: Final = ("custom", "spotify")  # of which there is one at most; all else is "other"

KINDS: Final = frozenset({*_KINDS, "other"})

State = tuple[str, dict[str, str]] | None
"""The status and client_status; None: not reported."""


class _Presence(Struct):
    """JSON of presence_json.py."""

    status: str
    client_status: dict[str, str]
    activities: list[Json]


class GuildReport:
    """What one guild shows, or what is shown of all of them."""

    __slots__ = ("activities", "groups", "state")

    def __init__(self, presence: bytes) -> None:
        decoded = _decode(presence)
        self.state: State = (decoded.status, decoded.client_status) if decoded else None
        self.activities = decoded.activities if decoded else []
        self.groups: dict[str, list[Json]] = {}
        """Activities by what stays the same when one is updated: their kind, or application."""
        for activity in self.activities:
            self.groups.setdefault(_group(activity), []).append(activity)


_decode = msgspec.json.Decoder(_Presence | None).decode

read_report = lru_cache(maxsize=64)(GuildReport)
"""Several guilds report the same, one after the other. A report does not change."""


def _group(activity: Json) -> str:
    if is_custom_status(activity):
        return "custom"
    if is_spotify(activity):
        return "spotify"
    return f"{activity.get('type')}/{activity.get('application_id') or activity.get('name')}"


def kind_of(group: str) -> str:
    """Activities of a kind are hidden together by Discord. Whether it hides Spotify with the others
    is not known."""
    return group if group in _KINDS else "other"


def began_at(activities: Iterable[Json]) -> int:
    """The latest `created_at`; 0: there is none."""
    latest = 0  # a loop: half the time of max() over a generator
    for activity in activities:
        created = activity.get("created_at") or 0
        latest = created if created > latest else latest
    return latest


def newest_of(report: GuildReport, kind: str) -> int:
    """The latest `created_at` of the activities of the kind; 0: there is none."""
    return max(
        (began_at(one) for key, one in report.groups.items() if kind_of(key) == kind), default=0
    )


def is_offline(state: State) -> bool:
    return state is not None and state[0] == "offline"


def richness(report: GuildReport) -> tuple[bool, int, int]:
    """Grows with what a report says that another one does not."""
    return not is_offline(report.state), began_at(report.activities), len(report.activities)


def agreed_state(reports: Iterable[GuildReport]) -> State:
    """Status and devices are the same in all guilds: what all report is true."""
    states = [report.state for report in reports if report.state]
    return states[0] if states and all(state == states[0] for state in states) else None


def _order(group: tuple[str, list[Json]]) -> tuple[int, int, str]:
    key, activities = group
    return (*_KINDS, "other").index(kind_of(key)), began_at(activities), key


def compose(
    state: State, groups: Mapping[str, list[Json]], reports: Mapping[int, GuildReport]
) -> bytes:
    """Activities in Discord's order where one guild shows them all."""
    status, client_status = state or ("offline", {})
    if status == "offline":
        return OFFLINE
    activities = [one for _, group in sorted(groups.items(), key=_order) for one in group]
    for guild_id in sorted(reports):
        if reports[guild_id].groups == groups:
            activities = reports[guild_id].activities
            break
    return msgspec.json.encode(
        {"status": status, "client_status": client_status, "activities": activities}
    )
