"""Profile extras from a profile object: those of the user object, and badges, accounts, bio.

Objects are not to be trusted: a field of another type than expected counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeGuard

import msgspec

from shared.discord.cdn import Cdn, is_hash
from shared.discord.connection_links import link
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Badge, ConnectedAccount
from shared.profiles.sources import user_object
from shared.profiles.sources.source import SourceFailed

MAX_ENTRIES: Final = 100  # badges or accounts; Discord knows some 45 and 30 kinds
MAX_NAME_LENGTH: Final = 256  # of the texts of a badge or account
MAX_BIO_LENGTH: Final = 1_000  # Discord allows 190, and 400 for applications


def extras_of(profile: object, user_id: int, cdn: Cdn) -> ProfileExtras:
    """From any JSON. Raises SourceFailed if it is not the profile of `user_id`."""
    if not isinstance(profile, dict):
        raise SourceFailed("its answer is not a profile")
    user = user_object.checked(profile.get("user"), user_id)
    known = user_object.extras_of(user, user_id, cdn)
    if profile.get("private") is True:  # the user does not want the rest shown
        return known
    details = profile.get("user_profile")
    details = details if isinstance(details, dict) else {}
    banner, accent_color = details.get("banner"), known.accent_color
    if known.banner_image is None and is_hash(banner):
        known = msgspec.structs.replace(known, banner_image=cdn.banner(user_id, banner))
    if accent_color is None:
        accent_color = user_object.color(details.get("accent_color"))
    return msgspec.structs.replace(
        known,
        accent_color=accent_color,
        badges=list(islice(_badges(profile.get("badges"), cdn), MAX_ENTRIES)),
        connected_accounts=list(islice(_accounts(profile.get("connected_accounts")), MAX_ENTRIES)),
        bio=_bio(details.get("bio")) or _bio(user.get("bio")),
    )


def _badges(badges: object, cdn: Cdn) -> Iterator[Badge]:
    """All badges, known or not, in the server's order, each id once."""
    seen = set()
    for badge in _objects(badges):
        badge_id, icon = badge.get("id"), badge.get("icon")
        if not _is_name(badge_id) or badge_id in seen or not is_hash(icon):
            continue
        seen.add(badge_id)
        description = badge.get("description")
        text = description[:MAX_NAME_LENGTH] if isinstance(description, str) else ""
        yield Badge(badge_id, text, icon, cdn.badge(icon))


def _accounts(accounts: object) -> Iterator[ConnectedAccount]:
    """The accounts that Discord's own profile shows: verified, visible, not revoked."""
    for account in _objects(accounts):
        kind, name = account.get("type"), account.get("name")
        if not _is_name(kind) or account.get("verified") is not True:
            continue
        if account.get("visibility", 1) != 1 or account.get("revoked") is True:
            continue
        name = name if _is_name(name) else None
        account_id = account.get("id")
        yield ConnectedAccount(
            kind, name, link(kind, account_id if _is_name(account_id) else None, name)
        )


def _bio(text: object) -> str | None:
    """None for an empty bio."""
    return text[:MAX_BIO_LENGTH] if isinstance(text, str) and text else None


def _objects(values: object) -> Iterator[dict[str, Any]]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict):
            yield value


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH
