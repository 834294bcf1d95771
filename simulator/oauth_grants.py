"""What people have authorised: codes, tokens, rotation, revocation. Source: topics/oauth2.

A grant belongs to a person (there is one application). Its scopes add up over the flows, and its
end kills every code and token that came from it.
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

from msgspec import Struct

from simulator.oauth_requests import AuthorizeRequest, OAuthError, is_verifier

CODE_SECONDS: Final = 100
TOKEN_SECONDS: Final = 604_800
_TOKEN_BYTES: Final = 24

_BAD_CODE: Final = 'Invalid "code" in request.'
_BAD_REFRESH: Final = 'Invalid "refresh_token" in request.'


class TokenPair(Struct, frozen=True, kw_only=True):
    """An access token and the refresh token that replaces both."""

    access_token: str
    refresh_token: str
    user_id: str
    scopes: tuple[str, ...]
    expires_at: float
    dead: bool = False
    """The access token is refused for ever, as happens to some (discord-api-docs #6769)."""


class _Code(Struct, frozen=True):
    user_id: str
    request: AuthorizeRequest
    expires_at: float


class GrantAudience(Protocol):
    """The listener for grants: :class:`simulator.webhook_events.WebhookEvents`."""

    def authorized(self, user_id: str, scopes: tuple[str, ...]) -> None: ...

    def deauthorized(self, user_id: str) -> None: ...


class Grants:
    """The grants of all people to the one application."""

    def __init__(self, clock: Callable[[], float], dead_token: Callable[[], bool]) -> None:
        """`dead_token`: whether the pair that is issued now gets a dead access token."""
        self._clock = clock
        self._dead_token = dead_token
        self.audience: GrantAudience | None = None
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._codes: dict[str, _Code] = {}
        self._by_access: dict[str, TokenPair] = {}
        self._by_refresh: dict[str, TokenPair] = {}

    def scopes(self, user_id: str) -> tuple[str, ...]:
        """Everything that the person has granted; empty without a grant."""
        return self._scopes.get(user_id, ())

    def authorize(self, user_id: str, request: AuthorizeRequest) -> str:
        """The person agrees; returns the code."""
        now = self._clock()
        self._codes = {key: code for key, code in self._codes.items() if code.expires_at > now}
        earlier = self.scopes(user_id)
        self._scopes[user_id] = _united(earlier, request.scopes)
        if self.audience is not None and self._scopes[user_id] != earlier:
            self.audience.authorized(user_id, request.scopes)
        code = secrets.token_urlsafe(_TOKEN_BYTES)
        self._codes[code] = _Code(user_id, request, now + CODE_SECONDS)
        return code

    def exchange(self, code: str, redirect_uri: str | None, verifier: str | None) -> TokenPair:
        """Tokens for a code. A code is used up by the first attempt, whether or not it succeeds."""
        if verifier is not None and not is_verifier(verifier):
            raise OAuthError("invalid_request", 'Invalid "code_verifier"')
        found = self._codes.pop(code, None)
        if (
            found is None
            or found.expires_at <= self._clock()
            or not _same_redirect(found.request, redirect_uri)
            or not _proves(verifier, found.request.challenge)
        ):
            raise OAuthError("invalid_grant", _BAD_CODE)
        return self._issue(found.user_id, found.request.scopes)

    def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair for a refresh token; the old pair is dead. It has every scope of the grant."""
        old = self._by_refresh.get(refresh_token)
        if old is None:
            raise OAuthError("invalid_grant", _BAD_REFRESH)
        self._drop(old)
        return self._issue(old.user_id, self.scopes(old.user_id))

    def find(self, access_token: str) -> TokenPair | None:
        """The pair of an access token that is valid now."""
        pair = self._by_access.get(access_token)
        if pair is None or pair.dead or pair.expires_at <= self._clock():
            return None
        return pair

    def expires_in(self, pair: TokenPair) -> int:
        """Whole seconds until the access token expires."""
        return round(pair.expires_at - self._clock())

    def revoke(self, token: str) -> None:
        """End the whole grant that this access or refresh token belongs to, if there is one."""
        pair = self._by_access.get(token) or self._by_refresh.get(token)
        if pair is not None:
            self.remove(pair.user_id)

    def remove(self, user_id: str) -> bool:
        """The person removes the application in User Settings; whether there was a grant."""
        if self._scopes.pop(user_id, None) is None:
            return False
        self._codes = {key: code for key, code in self._codes.items() if code.user_id != user_id}
        for pair in [pair for pair in self._by_refresh.values() if pair.user_id == user_id]:
            self._drop(pair)
        if self.audience is not None:
            self.audience.deauthorized(user_id)
        return True

    def _issue(self, user_id: str, scopes: tuple[str, ...]) -> TokenPair:
        pair = TokenPair(
            access_token=f"access.{secrets.token_urlsafe(_TOKEN_BYTES)}",
            refresh_token=f"refresh.{secrets.token_urlsafe(_TOKEN_BYTES)}",
            user_id=user_id,
            scopes=scopes,
            expires_at=self._clock() + TOKEN_SECONDS,
            dead=self._dead_token(),
        )
        self._by_access[pair.access_token] = pair
        self._by_refresh[pair.refresh_token] = pair
        return pair

    def _drop(self, pair: TokenPair) -> None:
        del self._by_access[pair.access_token]
        del self._by_refresh[pair.refresh_token]


def _united(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return (*old, *(scope for scope in new if scope not in old))


def _same_redirect(request: AuthorizeRequest, redirect_uri: str | None) -> bool:
    """Byte for byte; it may be left out only if it was left out before."""
    if redirect_uri is None:
        return not request.redirect_uri_given
    return redirect_uri == request.redirect_uri


def _proves(verifier: str | None, challenge: str | None) -> bool:
    if verifier is None:
        return challenge is None
    return challenge_of(verifier) == challenge


def challenge_of(verifier: str) -> str:
    """The S256 challenge of RFC 7636."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
