"""What Discord answers when people sign in, as data, and as exceptions. Nothing of it is trusted.

Sources: RFC 6749, 5; Discord docs, Topics, OAuth2, Get Current Authorization Information.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from shared.discord import snowflake
from shared.net.http_client import HttpError, HttpResponse

MAX_RETRY_AFTER_S: Final = 3600.0
MAX_TOKEN_CHARS: Final = 10_240


class DiscordError(Exception):
    """Raised when Discord does not do what was asked for.

    DiscordError
    ├── DiscordAway       no answer that tells anything: it may have been done, or not
    ├── GrantInvalid      the code or the tokens are not valid, or no longer
    ├── TokenRejected     the access token is not accepted
    └── ClientRejected    the operator's own settings are wrong

    The texts hold no token.
    """


class DiscordAway(DiscordError):
    """Raised for 429, 5xx, timeouts and answers that make no sense."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class GrantInvalid(DiscordError):
    """Raised when Discord answers `invalid_grant`: one answer for all causes."""


class TokenRejected(DiscordError):
    """Raised for a 401 with a user's token."""


class ClientRejected(DiscordError):
    """Raised when Discord does not accept the application. The text says what to change."""


class DiscordApplication(Struct, frozen=True):
    """The application of the bot."""

    id: int
    public_key: str  # 64 hexadecimal digits; empty: not told


class Tokens(Struct, frozen=True):
    """An access token and the refresh token that replaces it, once."""

    access: str
    refresh: str
    expires_at: int  # ms since 1970
    scopes: tuple[str, ...] = ()  # sorted


class SignedInUser(Struct, frozen=True):
    """Whose token it is."""

    id: int
    name: str
    avatar: str | None  # its hash
    scopes: tuple[str, ...]  # sorted: all that the user has granted


Membership = Literal["joined", "pending", "member"]
"""New; new, but the rules of the guild are still to be accepted; there before."""


class JoinRefused(Exception):
    """Raised when a user cannot be added to the guild."""

    def __init__(self, code: int) -> None:
        """`code`: Discord's error code; 0: none."""
        super().__init__(str(code))
        self.code = code


def application_of(body: Any) -> DiscordApplication:
    """From Get Current Application. Raises DiscordAway."""
    try:
        key = body.get("verify_key")
        return DiscordApplication(int(body["id"]), key if isinstance(key, str) else "")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DiscordAway("an answer without an application") from None


def tokens_of(body: Any, asked_at_ms: int) -> Tokens:
    """From a token request. Raises DiscordAway."""
    try:
        access, refresh = body["access_token"], body["refresh_token"]
        lifetime_s = int(body["expires_in"])
        scopes = tuple(sorted(body["scope"].split()))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DiscordAway("an answer without tokens") from None
    if not _is_token(access) or not _is_token(refresh) or lifetime_s <= 0:
        raise DiscordAway("an answer without tokens")
    return Tokens(access, refresh, asked_at_ms + lifetime_s * 1000, scopes)


def user_of(body: Any) -> tuple[SignedInUser, int]:
    """From Get Current Authorization Information: the user, and the id of the application.

    Raises DiscordAway.
    """
    try:
        application_id = int(body["application"]["id"])
        user: Mapping[str, Any] = body["user"]
        user_id = snowflake.parse(user["id"])
        name = user.get("global_name") or user["username"]
        avatar = user.get("avatar")
        scopes = tuple(sorted(str(scope) for scope in body["scopes"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DiscordAway("an answer without a user") from None
    if user_id is None or not isinstance(name, str):
        raise DiscordAway("an answer without a user")
    found = SignedInUser(user_id, name, avatar if isinstance(avatar, str) else None, scopes)
    return found, application_id


async def oauth_error(response: HttpResponse) -> str:
    """RFC 6749, 5.2; empty where there is none."""
    try:
        body = await response.json()
    except HttpError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    known = ("invalid_grant", "invalid_request", "invalid_scope", "unsupported_token_type")
    return error if error in known else ""


async def retry_after(response: HttpResponse) -> float:
    """Seconds, from the body or from the header: Discord sends no other headers of limits here."""
    try:
        body = await response.json()
        text = str(body["retry_after"])
    except (HttpError, KeyError, TypeError):
        text = response.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        return 1.0
    return min(max(seconds, 1.0), MAX_RETRY_AFTER_S) if seconds == seconds else 1.0


def _is_token(value: object) -> bool:
    """Whether it can stand in a header."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_TOKEN_CHARS
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
