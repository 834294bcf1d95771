"""What only a profile source knows of a user, and how it completes the gateway's profile.

The gateway is live and a source may be minutes old: so extras fill the fields that are null. Two
lists differ: a source's accounts replace those that the user has chosen, and its badges come first
and replace those with the same id.

A user may hide fields that a source knows. Snapshot.hidden names them, and readers leave them out:
what is shown looks as if the source knew nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from shared.model.snapshot import Badge, Clan, ConnectedAccount, Profile


class ProfileExtras(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile source's answer. Empty: the source does not know this user."""

    nameplate_image: str | None = None
    badges: list[Badge] = []
    clan: Clan | None = None
    connected_accounts: list[ConnectedAccount] = []
    bio: str | None = None
    banner_image: str | None = None
    accent_color: int | None = None


NOTHING: Final = ProfileExtras()

_FIELD_OF: Final = {
    "badges": "badges",
    "clan": "clan",
    "connected_accounts": "connected_accounts",
    "decoration": "nameplate_image",
}
"""The setting that hides it (shared.model.user_settings), and the field of ProfileExtras."""

_decode = msgspec.json.Decoder(Profile).decode


def without_hidden(extras: ProfileExtras, hidden: Collection[str]) -> ProfileExtras:
    """`extras` as if the source knew nothing of what is hidden."""
    if not hidden:
        return extras
    changes = {field: getattr(NOTHING, field) for one, field in _FIELD_OF.items() if one in hidden}
    return msgspec.structs.replace(extras, **changes)


def apply_extras(
    profile: bytes, extras: ProfileExtras | None, hidden: Collection[str] = ()
) -> bytes:
    """The gateway's profile (snapshot.Profile as JSON) completed with `extras`, as JSON.

    `hidden`: Snapshot.hidden. The profile does not contain it already.
    """
    if extras is not None:
        extras = without_hidden(extras, hidden)
    if extras is None or extras == NOTHING:
        return profile
    known = _decode(profile)
    sourced = {badge.id for badge in extras.badges}
    return msgspec.json.encode(
        msgspec.structs.replace(
            known,
            nameplate_image=known.nameplate_image or extras.nameplate_image,
            badges=[*extras.badges, *(badge for badge in known.badges if badge.id not in sourced)],
            clan=known.clan or extras.clan,
            connected_accounts=extras.connected_accounts or known.connected_accounts,
            bio=extras.bio if known.bio is None else known.bio,
            banner_image=known.banner_image or extras.banner_image,
            accent_color=extras.accent_color if known.accent_color is None else known.accent_color,
        )
    )
