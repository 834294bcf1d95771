"""JSON of a whole sanitized user object, checked and encoded in C where it can be.

As presence_json.py for presences: almost every user object is as it should be, and sanitize.py has
the rules for the others. A large server lists a hundred thousand members at a start.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from services.gateway.normalize import sanitize

_MAX_FLAGS: Final = (1 << 63) - 1

UserId = Annotated[str, Meta(pattern=r"\A[1-9][0-9]{0,19}\Z")]

_Text = Annotated[str, Meta(max_length=sanitize.MAX_TEXT)] | UnsetType | None
_Number = Annotated[int, Meta(gt=-sanitize.MAX_INTEGER, lt=sanitize.MAX_INTEGER)]
_Integer = _Number | UnsetType | None
_Colors = Annotated[list[_Number], Meta(max_length=sanitize.MAX_COLORS)]
_Id = Annotated[str, Meta(pattern=r"\A[0-9]{1,20}\Z")] | UnsetType | None
_Picture = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_]{1,128}\Z")] | UnsetType | None
_Folder = Annotated[str, Meta(max_length=200, pattern=r"\A[a-z0-9_]+(?:/[a-z0-9_]+)*/\Z")]
_Boolean = bool | UnsetType | None


class _Decoration(Struct, gc=False):
    asset: _Picture = UNSET
    sku_id: _Id = UNSET
    expires_at: _Integer = UNSET


class _Nameplate(Struct, gc=False):
    asset: _Folder | UnsetType | None = UNSET
    sku_id: _Id = UNSET
    label: _Text = UNSET
    palette: _Text = UNSET
    expires_at: _Integer = UNSET


class _Collectibles(Struct, gc=False):
    nameplate: _Nameplate | UnsetType | None = UNSET


class _NameStyles(Struct, gc=False):
    font_id: _Integer = UNSET
    effect_id: _Integer = UNSET
    colors: _Colors | UnsetType | None = UNSET


class _GuildTag(Struct, gc=False):
    identity_guild_id: _Id = UNSET
    identity_enabled: _Boolean = UNSET
    tag: _Text = UNSET
    badge: _Picture = UNSET


class WholeUser(Struct, gc=False):
    """As it should be, with its keys in the order in which Discord sends them. A missing key means
    unchanged, null cleared."""

    id: UserId
    username: Annotated[str, Meta(min_length=1, max_length=sanitize.MAX_TEXT)]
    avatar: _Picture = UNSET
    discriminator: Annotated[str, Meta(pattern=r"\A[0-9]{1,4}\Z")] | UnsetType | None = UNSET
    public_flags: Annotated[int, Meta(ge=0, le=_MAX_FLAGS)] | UnsetType | None = UNSET
    banner: _Picture = UNSET
    accent_color: _Integer = UNSET
    global_name: _Text = UNSET
    avatar_decoration_data: _Decoration | UnsetType | None = UNSET
    collectibles: _Collectibles | UnsetType | None = UNSET
    display_name_styles: _NameStyles | UnsetType | None = UNSET
    clan: _GuildTag | UnsetType | None = UNSET
    primary_guild: _GuildTag | UnsetType | None = UNSET
    bot: _Boolean = UNSET
    system: _Boolean = UNSET


_decode = msgspec.json.Decoder(WholeUser).decode


def read(raw: Raw) -> WholeUser | None:
    """The user of this JSON, as `well_formed` judges it."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def well_formed(raw: Any) -> bytes | None:
    """JSON of `sanitize.user(raw)`, if the raw object is whole and has nothing to remove but
    unknown keys. None if not. `raw`: Discord's object, or what `read` gave."""
    try:
        return msgspec.json.encode(msgspec.convert(raw, WholeUser))
    except (msgspec.ValidationError, UnicodeError):  # the latter: a lone surrogate
        return None
