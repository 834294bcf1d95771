"""What clients send to OAuth2, read and checked. Source: topics/oauth2."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from simulator import BOT_ID
from simulator.options import Options

SCOPES: Final = {
    "identify": "Access your username, avatar and banner",
    "email": "Access your email address",
    "connections": "Access your third-party connections",
    "guilds": "Know what servers you're in",
    "guilds.join": "Join servers for you",
    "guilds.members.read": "Read your member info (nickname, avatar, roles) in your servers",
    "role_connections.write": "Update your connection and metadata for linked roles",
    "applications.commands": "Create commands",
}
"""The scopes that can be granted, and what the consent page says of them."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_DENIED: Final = "The resource owner or authorization server denied the request"
_BAD_SCOPE: Final = "The requested scope is invalid, unknown, or malformed."


class OAuthError(Exception):
    """Raised when a token request is refused; ``error`` is RFC 6749's word for it."""

    def __init__(self, error: str, description: str | None = None, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class BadClient(Exception):
    """Raised for an authorize URL that leads to no known application: no redirect is safe."""


class AuthorizeRequest(Struct, frozen=True, kw_only=True):
    """What an authorize URL asks for."""

    redirect_uri: str
    redirect_uri_given: bool = True
    scopes: tuple[str, ...] = ("identify",)
    state: str | None = None
    challenge: str | None = None
    skips_page: bool = False
    """prompt=none: without the page, if these scopes were granted before."""

    def granted(self, code: str) -> str:
        """Where the browser goes when the person agrees."""
        return self._back({"code": code})

    def denied(self) -> str:
        """Where it goes when the person does not."""
        return self._back({"error": "access_denied", "error_description": _DENIED})

    def refused(self, error: str, description: str) -> str:
        """Where it goes when the request cannot be granted."""
        return self._back({"error": error, "error_description": description})

    def _back(self, answer: dict[str, str]) -> str:
        if self.state is not None:
            answer["state"] = self.state
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{urlencode(answer)}"


class AuthorizeRefused(Exception):
    """Raised for an authorize URL that only its application can do something about."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def redirect_uris(options: Options) -> tuple[str, ...]:
    """The registered ones."""
    return tuple(uri.strip() for uri in options.redirect_uris.split(",") if uri.strip())


def read_authorize(query: Mapping[str, str], options: Options) -> AuthorizeRequest:
    """Read an authorize URL. Raises `BadClient` or `AuthorizeRefused`."""
    if query.get("client_id") != BOT_ID:
        raise BadClient("Unknown Application")
    registered = redirect_uris(options)
    given = query.get("redirect_uri")
    redirect_uri = given if given is not None else next(iter(registered), None)
    if redirect_uri is None or redirect_uri not in registered:
        raise BadClient("Invalid OAuth2 redirect_uri")
    request = AuthorizeRequest(
        redirect_uri=redirect_uri,
        redirect_uri_given=given is not None,
        scopes=tuple(dict.fromkeys(query.get("scope", "").split())),
        state=query.get("state"),
        challenge=query.get("code_challenge"),
        skips_page=query.get("prompt") == "none",
    )
    _check(request, query)
    return request


def _check(request: AuthorizeRequest, query: Mapping[str, str]) -> None:
    if query.get("response_type") != "code":
        text = "The authorization server does not support this response type."
        raise AuthorizeRefused(request.refused("unsupported_response_type", text))
    unknown = not request.scopes or any(scope not in SCOPES for scope in request.scopes)
    # Linked roles cannot be asked for with PKCE (discord-api-docs #5751, by design).
    linked_roles = "role_connections.write" in request.scopes and request.challenge is not None
    if unknown or linked_roles:
        raise AuthorizeRefused(request.refused("invalid_scope", _BAD_SCOPE))
    if request.challenge is not None:
        if query.get("code_challenge_method") != "S256":
            text = 'Unsupported "code_challenge_method"'
            raise AuthorizeRefused(request.refused("invalid_request", text))
        if _CHALLENGE.fullmatch(request.challenge) is None:
            text = 'Invalid "code_challenge"'
            raise AuthorizeRefused(request.refused("invalid_request", text))


def is_verifier(text: str) -> bool:
    """Whether this can be a PKCE verifier."""
    return _VERIFIER.fullmatch(text) is not None
