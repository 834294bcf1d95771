"""JSON of a whole sanitized presence, with its keys in one order, however they came.

Almost every presence is as it should be. Those are checked and encoded in C, in a quarter of the
time that sanitize.py takes; it has the rules, and gets what does not pass here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from services.gateway.normalize import sanitize
from services.gateway.normalize.sanitize import Json

OFFLINE: Final = b'{"status":"offline","client_status":{},"activities":[]}'
"""Of a user who is offline."""

_Text = Annotated[str, Meta(max_length=sanitize.MAX_TEXT)]
_Label = Annotated[str, Meta(min_length=1, max_length=sanitize.MAX_TEXT)]
_Integer = Annotated[int, Meta(gt=-sanitize.MAX_INTEGER, lt=sanitize.MAX_INTEGER)]
_Id = Annotated[str, Meta(pattern=r"\A[0-9]{1,20}\Z")]
_Client = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_]{1,32}\Z")]
_Status = Literal["online", "idle", "dnd"]


class _Timestamps(Struct, omit_defaults=True, gc=False):
    start: _Integer | None = None
    end: _Integer | None = None


class _Party(Struct, omit_defaults=True, gc=False):
    size: tuple[_Integer, _Integer] | None = None
    id: _Text | None = None


class _Emoji(Struct, omit_defaults=True, gc=False):
    name: _Text | None = None
    id: _Id | None = None
    animated: bool | None = None


class _Assets(Struct, omit_defaults=True, gc=False):
    small_url: _Text | None = None
    small_text: _Text | None = None
    small_image: _Text | None = None
    large_url: _Text | None = None
    large_text: _Text | None = None
    large_image: _Text | None = None
    invite_cover_image: _Text | None = None


class _WholeActivity(Struct, omit_defaults=True, gc=False):
    """In the order in which Discord sends them."""

    url: _Text | None = None
    type: _Integer | None = None
    timestamps: _Timestamps | None = None
    sync_id: _Text | None = None
    status_display_type: _Integer | None = None
    state_url: _Text | None = None
    state: _Text | None = None
    session_id: _Text | None = None
    platform: _Text | None = None
    party: _Party | None = None
    parent_application_id: _Id | None = None
    name: _Text | None = None
    instance: bool | None = None
    id: _Text | None = None
    flags: _Integer | None = None
    emoji: _Emoji | None = None
    details_url: _Text | None = None
    details: _Text | None = None
    created_at: _Integer | None = None
    buttons: Annotated[list[_Label], Meta(max_length=sanitize.MAX_BUTTONS)] | None = None
    assets: _Assets | None = None
    application_id: _Id | None = None


Clients = Annotated[dict[_Client, _Status], Meta(max_length=sanitize.MAX_CLIENTS)]
Activities = Annotated[list[_WholeActivity], Meta(max_length=sanitize.MAX_ACTIVITIES)]


class OnlinePresence(Struct, gc=False):
    """Of a user who is not offline."""

    status: _Status
    client_status: Clients
    activities: Activities


class AnyPresence(Struct, gc=False):
    """As Discord sends one that is as it should be."""

    status: Literal["online", "idle", "dnd", "offline"]
    client_status: Clients
    activities: Activities

    def presence(self) -> bytes:
        """As `of` gives it."""
        if self.status == "offline":
            return OFFLINE
        return msgspec.json.encode(OnlinePresence(self.status, self.client_status, self.activities))


def well_formed(raw: Mapping[str, Any]) -> bytes | None:
    """`of(sanitize.presence(raw))`, if the raw presence is whole and has nothing to remove but
    unknown keys and nulls. None if not, or if the user is offline."""
    try:
        return msgspec.json.encode(msgspec.convert(raw, OnlinePresence))
    except (msgspec.ValidationError, UnicodeError):  # the latter: a lone surrogate
        return None


def of(presence: Json) -> bytes:
    """`presence`: from sanitize.presence, with all three keys."""
    if presence["status"] == "offline":
        return OFFLINE
    return msgspec.json.encode(msgspec.convert(presence, OnlinePresence))
