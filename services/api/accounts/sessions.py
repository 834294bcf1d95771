"""Sessions: a cookie that names one, and the checks that a request was meant by the signed-in user.

The cookie is the user's id, a random secret, and a signature of both: what is made up costs no
question to Redis. Redis holds a digest of the secret, so a session ends there, for all processes
at once. See docs/accounts.md.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Final

from msgspec import Struct
from starlette.requests import Request

from services.api.accounts.address import SiteAddress
from services.api.accounts.cookies import delete_cookie, has_cookie, read_cookie, set_cookie
from services.api.accounts.secret_key import KeyRings
from shared.discord import snowflake
from shared.http.errors import Forbidden, Unauthorized
from shared.http.responses import Header
from shared.key_ring import KeyRing
from shared.redis.sessions import SessionStore

COOKIE: Final = "grux-session"
SESSION_LIFETIME_S: Final = 30 * 86_400
CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"

_SECRET_BYTES: Final = 32


class Session(Struct, frozen=True):
    """A signed-in user."""

    user_id: int
    digest: str  # of the secret
    csrf_token: str  # a form has to send it back


class SessionService:
    """Begins, finds and ends sessions. Methods that are async raise DurableUnavailable."""

    def __init__(self, store: SessionStore, rings: KeyRings) -> None:
        self._store = store
        self._rings = rings

    async def begin(self, user_id: int, site: SiteAddress) -> tuple[bytes, bytes]:
        """A new session; gives the header that tells the browser."""
        ring = await self._rings.get()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        now_ms = time.time_ns() // 1_000_000
        ends_at_ms = now_ms + SESSION_LIFETIME_S * 1000
        await self._store.begin(user_id, _digest(secret), now_ms, ends_at_ms)
        return set_cookie(
            site.cookie_name(COOKIE),
            f"{user_id}.{secret}.{ring.sign('session', f'{user_id}.{secret}')}",
            max_age_s=SESSION_LIFETIME_S,
            is_secure=site.is_secure,
        )

    async def current(self, request: Request, site: SiteAddress) -> Session | None:
        """Of the request's cookie; None: nobody is signed in."""
        cookie = read_cookie(request, site.cookie_name(COOKIE))
        if cookie is None:
            return None
        ring = await self._rings.get()
        identity, _, signature = cookie.rpartition(".")
        if not ring.verify("session", identity, signature):
            return None
        user, _, secret = identity.partition(".")
        user_id = snowflake.parse(user)
        if user_id is None:
            return None
        digest = _digest(secret)
        ends_at_ms = await self._store.ends_at(user_id, digest)
        if ends_at_ms is None or ends_at_ms <= time.time_ns() // 1_000_000:
            return None
        return Session(user_id, digest, _csrf_token(ring, user_id, digest))

    async def required(self, request: Request, site: SiteAddress) -> Session:
        """The same. Raises Unauthorized."""
        session = await self.current(request, site)
        if session is None:
            raise Unauthorized
        return session

    async def end(self, session: Session) -> None:
        """This one; other browsers stay signed in."""
        await self._store.end(session.user_id, session.digest)

    def forget(self, request: Request, site: SiteAddress) -> tuple[Header, ...]:
        """The header that deletes the cookie, if the request has it."""
        name = site.cookie_name(COOKIE)
        if not has_cookie(request, name):
            return ()
        return (delete_cookie(name, is_secure=site.is_secure),)


def check_origin(
    request: Request, site: SiteAddress, session: Session, *, form_token: str | None = None
) -> None:
    """Whether the request was sent by a page of this site. Raises Forbidden.

    Browsers tell where a request comes from, in Sec-Fetch-Site, older ones in Origin. Where a
    request has neither, and in every form, it must have the token that only pages of this site
    know. `form_token`: the token of a form, empty if the form has none; None: this is no form.
    """
    fetched_from = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "null").lower()  # null under Referrer-Policy
    if fetched_from is not None and fetched_from != "same-origin":
        raise Forbidden
    if fetched_from is None and origin not in ("null", site.origin):
        raise Forbidden
    token = request.headers.get(CSRF_HEADER, "") if form_token is None else form_token
    says_where = fetched_from is not None or origin != "null"
    if form_token is None and says_where and not token:
        return
    if not secrets.compare_digest(token.encode("utf-8", "replace"), session.csrf_token.encode()):
        raise Forbidden


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _csrf_token(ring: KeyRing, user_id: int, digest: str) -> str:
    return ring.sign("csrf", f"{user_id}.{digest}")
