"""What only a profile source knows of a user, and how it completes what the gateway knows.

The gateway is live and a source may be minutes old: so a fact fills what the gateway shows as
null, and never replaces what it shows.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from shared.model.snapshot import Badge, Clan, ConnectedAccount, Profile


class ProfileExtras(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile source's answer. Empty: the source knows nothing of this user."""

    nameplate_image: str | None = None
    badges: list[Badge] = []
    clan: Clan | None = None
    connected_accounts: list[ConnectedAccount] = []
    bio: str | None = None
    banner_image: str | None = None
    accent_color: int | None = None


NOTHING = ProfileExtras()

_decode = msgspec.json.Decoder(Profile).decode


def apply_extras(profile: bytes, facts: ProfileExtras | None) -> bytes:
    """The gateway's profile (snapshot.Profile as JSON) completed with `facts`, as JSON."""
    if facts is None or facts == NOTHING:
        return profile
    known = _decode(profile)
    sourced = {badge.id for badge in facts.badges}
    return msgspec.json.encode(
        msgspec.structs.replace(
            known,
            nameplate_image=known.nameplate_image or facts.nameplate_image,
            badges=[*facts.badges, *(badge for badge in known.badges if badge.id not in sourced)],
            clan=known.clan or facts.clan,
            connected_accounts=facts.connected_accounts or known.connected_accounts,
            bio=facts.bio if known.bio is None else known.bio,
            banner_image=known.banner_image or facts.banner_image,
            accent_color=facts.accent_color if known.accent_color is None else known.accent_color,
        )
    )
