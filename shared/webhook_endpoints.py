"""The endpoints in WEBHOOKS: where states are sent, who may read them, and how they are signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta, Struct

from shared.discord import snowflake
from shared.net.loopback import is_loopback
from shared.net.public_address import is_never_trusted, is_public

MAX_ENDPOINTS: Final = 20
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 (not a secret)
SECRET_MIN_BYTES: Final = 24  # Standard Webhooks, Signature scheme
SECRET_MAX_BYTES: Final = 64

_URL: Final = re.compile(r"[!-~]{1,2000}", re.ASCII)
_SECRET: Final = re.compile(SECRET_PREFIX + r"[^`]*")
_MAKE_ONE: Final = 'printf "whsec_%s\\n" "$(openssl rand -base64 32)"'


class EndpointSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of WEBHOOKS."""

    url: str
    secret: str
    users: list[str] = []
    private: bool = False


_decode: Final = msgspec.json.Decoder(
    Annotated[list[EndpointSettings], Meta(min_length=1, max_length=MAX_ENDPOINTS)]
).decode


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the states of some users, or of all, are sent."""

    url: str
    label: str  # for logs and metrics: the host, as the rest of the URL may be a secret
    secrets: tuple[str, ...]  # each signs: a receiver knows one of them
    users: frozenset[int]  # empty: every monitored user
    private: bool  # whether it may be in a private network

    @property
    def digest(self) -> str:
        """Names the endpoint in Redis. A new secret does not change it."""
        return hashlib.blake2b(self.url.encode(), digest_size=8).hexdigest()

    def wants(self, user_id: int) -> bool:
        return not self.users or user_id in self.users


def parse_endpoints(text: str) -> tuple[Endpoint, ...]:
    """The endpoints in WEBHOOKS, each checked. Raises ValueError; the text has no secret."""
    try:
        found = _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(
            'WEBHOOKS must be a JSON list such as [{"url": "https://…", "secret": "whsec_…"}]: '
            f"{_explain(error)}"
        ) from None
    made: list[Endpoint] = []
    for number, one in enumerate(found, start=1):
        try:
            made.append(_endpoint(one, [other.label for other in made]))
        except ValueError as error:
            raise ValueError(f"WEBHOOKS: endpoint {number} of {len(found)}: {error}") from None
        if made[-1].url in [other.url for other in made[:-1]]:
            raise ValueError(
                f"WEBHOOKS: endpoint {number} of {len(found)} has the url of another one; name all "
                "its users in one of them"
            )
    return tuple(made)


def _explain(error: Exception) -> str:
    """What msgspec says of the shape; of text that is no JSON only that.

    It quotes the name of an unknown key, which is a secret if that was written in its place.
    """
    if not isinstance(error, msgspec.ValidationError):
        return "it is not JSON"
    return _SECRET.sub(f"{SECRET_PREFIX}…", str(error))


def _endpoint(one: EndpointSettings, labels: list[str]) -> Endpoint:
    """Raises ValueError."""
    parts = _parts(one.url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not one.private:
        raise ValueError(
            'the url must start with https://. http:// is for a private network only: "private": '
            "true allows it"
        )
    if _is_address(host) and is_never_trusted(host):
        raise ValueError(
            f"{host} is a link-local address, or that of no server: messages never go there"
        )
    if not one.private and _is_private(host):
        raise ValueError(
            f'{host} is an address of a private network: "private": true allows it, if you trust '
            "what answers there"
        )
    label = f"{host}:{parts.port}" if parts.port else host
    same = sum(other.partition(" ")[0] == label for other in labels)
    return Endpoint(
        url=one.url,
        label=f"{label} ({same + 1})" if same else label,
        secrets=_secrets(one.secret),
        users=frozenset(_user(text, place) for place, text in enumerate(one.users, start=1)),
        private=one.private,
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = bool(_URL.fullmatch(url) and parts.hostname and parts.port != 0)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("http", "https"):
        raise ValueError(
            "the url must start with https:// and a host, and have at most 2000 characters, no "
            "spaces and no letters besides a to z (write such a host as xn--…); a port is from 1 "
            "to 65535"
        )
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(
            "the url must have no user name, no password and no #: the signature tells the "
            "receiver who sends"
        )
    return parts


def _is_private(host: str) -> bool:
    """Of a name it is known only when it is resolved: shared/net/public_address.py."""
    return not is_public(host) if _is_address(host) else is_loopback(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _secrets(text: str) -> tuple[str, ...]:
    found = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not found or not all(_is_secret(one) for one in found):
        raise ValueError(
            f"the secret must be {SECRET_PREFIX} and {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} "
            f"random bytes as base64, or several such secrets separated by commas. This makes one: "
            f"{_MAKE_ONE}"
        )
    return found


def _is_secret(text: str) -> bool:
    if not text.startswith(SECRET_PREFIX):
        return False
    encoded = text.removeprefix(SECRET_PREFIX)
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return SECRET_MIN_BYTES <= len(decoded) <= SECRET_MAX_BYTES


def _user(text: str, place: int) -> int:
    """The message does not repeat the text: it may be a secret or a URL in the wrong place."""
    if snowflake.parse(text) is None:
        raise ValueError(f"number {place} in its users is not the id of a user. {snowflake.FORM}")
    return int(text)
