"""Links to connected accounts. Source: the Discord client's table of platforms.

Ids and names are not to be trusted: they are percent-encoded in a path, and checked where they
are a host or a whole address.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import quote

from shared.model.connected_accounts import OwnConnection, chosen_connections
from shared.model.snapshot import ConnectedAccount

BY_ID: Final = {
    "bluesky": "https://bsky.app/profile/{}",
    "roblox": "https://roblox.com/users/{}/profile",
    "spotify": "https://open.spotify.com/user/{}",
    "steam": "https://steamcommunity.com/profiles/{}",
    "youtube": "https://youtube.com/channel/{}",
}

BY_NAME: Final = {
    "ebay": "https://www.ebay.com/usr/{}",
    "github": "https://github.com/{}",
    "instagram": "https://www.instagram.com/{}",
    "reddit": "https://www.reddit.com/u/{}",
    "tiktok": "https://www.tiktok.com/@{}",
    "twitch": "https://www.twitch.tv/{}",
    "twitter": "https://x.com/{}",
}
"""Other kinds have no public page; `skype:` is not a web address."""

_HOST = (  # RFC 1035: labels of at most 63 characters, 253 in all
    r"(?=[^/]{1,253}(?:/|\Z))"
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_DOMAIN = re.compile(_HOST, re.ASCII | re.IGNORECASE)
_MASTODON = re.compile(rf"https://{_HOST}(?:/[A-Za-z0-9@._~%-]+)*/?", re.ASCII | re.IGNORECASE)
_MAX_ADDRESS_LENGTH: Final = 512


def link(kind: str, account_id: str | None, name: str | None) -> str | None:
    """The public page of an account; None when there is none, or it cannot be trusted."""
    if kind == "domain":
        return _domain(account_id or "")
    if kind == "mastodon":
        return _mastodon(account_id or "")
    template, value = BY_ID.get(kind), account_id
    if template is None:
        template, value = BY_NAME.get(kind), name
    if template is None or not value or not value.strip("."):  # "..": the parent path, not a name
        return None
    safe = ":" if kind == "bluesky" else ""  # its ids are DIDs, as in did:plc:abc
    return template.format(quote(value, safe=safe))


def shown_accounts(
    connections: Iterable[OwnConnection], chosen: Collection[str]
) -> list[ConnectedAccount]:
    """What strangers see of a user's connections, with links: see `chosen_connections`."""
    return [
        ConnectedAccount(one.type, one.name, link(one.type, one.id, one.name))
        for one in chosen_connections(connections, chosen)
    ]


def _domain(host: str) -> str | None:
    return f"https://{host}/" if _DOMAIN.fullmatch(host) else None


def _mastodon(address: str) -> str | None:
    usable = len(address) <= _MAX_ADDRESS_LENGTH and _MASTODON.fullmatch(address)
    return address if usable else None
