"""What of the settings must never be printed: the token, and whatever a URL may hold in secret.

Raw values are read without trusting their syntax: a password that is not percent-encoded moves the
end of the user and the password to where a URL parser does not look for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote

REDIS_SETTINGS: Final = ("redis_url", "durable_redis_url")

_ALL_SECRET: Final = (
    *("discord_token", "discord_client_secret", "secret_key"),
    *("profile_upstream_url", "webhooks"),
)

SECRET_SETTINGS: Final = frozenset({*_ALL_SECRET, *REDIS_SETTINGS})
"""Settings whose value never stands in a message: they are, or may hold, a password."""

URL_SETTINGS: Final = (
    *("discord_api_url", "discord_cdn_url", "discord_cdn_fetch_url", "profile_upstream_url"),
    *("cards_url", "public_url", "public_ws_url", "discord_invite", *REDIS_SETTINGS),
    "discord_authorize_url",
)

MIN_SECRET_CHARS: Final = 4  # masking shorter ones would mask half of every word in the log

_WEBHOOK_SECRET: Final = re.compile(r"whsec_[\w+/=-]+|https?://[^\"\s]+", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z+]{1,20}://")  # else it may be the beginning of a secret


def masked(name: str, value: object) -> object:
    """`value` of the setting `name`, for the log: a secret as `***`, a URL without its secrets."""
    if not value:
        return value
    if name in _ALL_SECRET:
        return "***"
    return masked_url(str(value), query=name == "discord_invite") if name in URL_SETTINGS else value


def masked_url(url: str, *, query: bool = False) -> str:
    """`scheme://***@host/path`. `query`: whether the query holds no secret, and is shown."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "***"
    rest = url[scheme.end() :]
    account, at, host = rest.rpartition("@")
    if "?" in account and not re.search(r"[@:]", account.partition("?")[0]):
        at, host = "", rest  # the @ is a part of the query
    if not query:
        host = re.split(r"[?#]", host, maxsplit=1)[0]
    return f"{scheme[0]}{'***@' if at else ''}{host}"


def secrets_in(values: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets in settings, given as pairs of a name in lower case and a raw value."""
    found: set[str] = set()
    for name, raw in values:
        value = raw.strip()
        if name in _ALL_SECRET:
            found.add(value)
        if name == "secret_key":
            found.update(part.strip() for part in value.split(","))
        if name == "webhooks":
            found.update(_WEBHOOK_SECRET.findall(value))
        if name in URL_SETTINGS:
            # A user name of Redis is no secret; a user name alone in another URL may be a key.
            found.update(_secrets_of_url(value, name_alone=name not in REDIS_SETTINGS))
    longest_first = sorted(found, key=lambda secret: (-len(secret), secret))
    return [secret for secret in longest_first if len(secret) >= MIN_SECRET_CHARS]


def _secrets_of_url(url: str, *, name_alone: bool) -> set[str]:
    rest = url.partition("://")[2] or url
    found: set[str] = set()
    # The account as a parser finds it, and as it was meant if its characters are not encoded.
    for part in (re.split(r"[/?#]", rest, maxsplit=1)[0], rest):
        user, _, password = part.rpartition("@")[0].partition(":")
        found.add(password or (user if name_alone else ""))
    for name, value in parse_qsl(rest.partition("?")[2]):
        if name.endswith("password"):
            found.add(value)
    return found | {unquote(secret) for secret in found}
