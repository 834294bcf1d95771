"""Removes what a person hides from what is about to be written. Pure functions over JSON.

Memory keeps what Discord reports, so that a field that is shown again needs no question. What is
removed here is in no field of `presence:{user}` and in no message.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize.sanitize import LISTENING, Json, is_custom_status, is_spotify
from shared.model.user_settings import UserSettings

APPLICATIONS: Final = "applications"
"""In Fields.hidden: activities of some applications are hidden."""

_KINDS: Final = {"custom_status": "custom", "spotify": "spotify", "activities": "other"}
"""By hideable field: the kind of activity in the reports (state/merged_presence.py). `listening`
hides a part of one: the music of players other than Spotify."""

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Filter(Struct, frozen=True):
    """What one person hides."""

    fields: frozenset[str]
    applications: frozenset[str]  # ids

    def hidden(self) -> bytes:
        """Fields.hidden."""
        names = self.fields | {APPLICATIONS} if self.applications else self.fields
        return _encode(sorted(names))


def filter_of(settings: UserSettings) -> Filter | None:
    """None: everything is shown."""
    if not settings.hide and not settings.hide_applications:
        return None
    return Filter(frozenset(settings.hide), frozenset(settings.hide_applications))


def user(user: bytes, by: Filter) -> bytes:
    """JSON of sanitize.user without what the person hides."""
    cleared: Json = {}
    if "badges" in by.fields:
        cleared["public_flags"] = 0
    if "clan" in by.fields:
        cleared |= {"primary_guild": None, "clan": None}
    if "decoration" in by.fields:
        cleared |= {"avatar_decoration_data": None, "collectibles": None}
    if not cleared:
        return user
    known: Json = _decode(user)
    return _encode(known | {key: value for key, value in cleared.items() if key in known})


def presence(presence: bytes, by: Filter) -> bytes:
    """JSON of sanitize.presence without what the person hides; "null" stays."""
    known: Json | None = _decode(presence)
    if known is None:
        return presence
    if "status" in by.fields:
        known["status"] = "offline"
    if by.fields & {"status", "device"}:  # who is offline has no device
        known["client_status"] = {}
    known["activities"] = [one for one in known["activities"] if _is_shown(one, by)]
    return _encode(known)


def reports(stored: bytes, shown: bytes, by: Filter) -> bytes:
    """JSON of MergedPresence.stored without what the person hides. `shown`: from `presence`.

    The times in it are those of activities: a hidden one leaves none behind.
    """
    if not stored:
        return stored
    known: Json = _decode(stored)
    filtered = {
        guild_id: presence(_encode(report), by)
        for guild_id, report in known.get("reports", {}).items()
    }
    hidden_kinds = {kind for field, kind in _KINDS.items() if field in by.fields}
    activities = [
        activity
        for report in (shown, *filtered.values())
        for activity in (_decode(report) or {}).get("activities", ())
    ]
    latest = max((one.get("created_at") or 0 for one in activities), default=0)
    kept: Json = {}
    differing = {one: Raw(report) for one, report in filtered.items() if report != shown}
    if differing:
        kept["reports"] = differing
    if "shares" in known:
        kept["shares"] = {
            guild_id: [kind for kind in kinds if kind not in hidden_kinds]
            for guild_id, kinds in known["shares"].items()
        }
    if "as_of" in known:
        kept["as_of"] = {one: min(time, latest) for one, time in known["as_of"].items()}
    if latest:
        kept["latest"] = latest
    ended = {key: one for key, one in known.get("ended", {}).items() if _is_group_shown(key, by)}
    if ended:
        kept["ended"] = ended
    for name in ("is_kept", "is_late"):
        if differing and known.get(name):
            kept[name] = True
    return _encode(kept)


def _is_shown(activity: Json, by: Filter) -> bool:
    if by.applications and not by.applications.isdisjoint(
        (activity.get("application_id"), activity.get("parent_application_id"))
    ):
        return False
    kind = _kind(activity)
    if kind == "other" and activity.get("type") == LISTENING and "listening" in by.fields:
        return False
    return _KIND_FIELDS[kind] not in by.fields


def _kind(activity: Json) -> str:
    if is_custom_status(activity):
        return "custom"
    return "spotify" if is_spotify(activity) else "other"


def _is_group_shown(key: str, by: Filter) -> bool:
    """`key`: of a group of activities: `custom`, `spotify`, or `type/application or name`."""
    field = _KIND_FIELDS.get(key, "activities")
    kind, _, application = key.partition("/")
    if kind == str(LISTENING) and "listening" in by.fields:
        return False
    return field not in by.fields and application not in by.applications


_KIND_FIELDS: Final = {kind: field for field, kind in _KINDS.items()}
