"""Signing in with Discord and signing out: /auth/login, /auth/callback, /auth/logout.

The authorization code grant with PKCE (RFC 6749, 4.1; RFC 7636; RFC 9700). What belongs to a
sign-in (state, verifier, where to go afterwards) is in an encrypted cookie of the browser that
began it, so a code that somebody else has obtained is of no use in it, nor the other way round.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.accounts.address import SiteAddress, host_of, own_path
from services.api.accounts.answers import by_method, message_page, prefers_page
from services.api.accounts.cookies import delete_cookie, read_cookie, set_cookie
from services.api.accounts.discord_answers import (
    ClientRejected,
    DiscordAway,
    GrantInvalid,
    TokenRejected,
)
from services.api.accounts.forms import read_form
from services.api.accounts.service import AccountService
from services.api.accounts.sessions import CSRF_FIELD, check_origin
from shared.http.responses import NO_STORE, Header, no_content, parameters_of, redirect

log = logging.getLogger(__name__)

SCOPES: Final = ("identify", "connections")
JOIN_SCOPE: Final = "guilds.join"
SIGN_IN_COOKIE: Final = "grux-sign-in"
SIGN_IN_LIFETIME_S: Final = 600
MAX_CODE_CHARS: Final = 512

_PURPOSE: Final = "sign-in"
_STATE_BYTES: Final = 24
_VERIFIER_BYTES: Final = 48  # 64 characters


class PendingSignIn(Struct, frozen=True):
    """What the browser brings back, encrypted."""

    state: str
    verifier: str
    return_to: str


class SignInEndpoints:
    """Pages for people: each problem says what happened, why, and what to do."""

    def __init__(self, accounts: AccountService) -> None:
        self._accounts = accounts

    def routes(self) -> list[Route]:
        return [
            by_method("/auth/login", GET=self.login),
            by_method("/auth/callback", GET=self.callback),
            by_method("/auth/logout", POST=self.logout),
        ]

    async def login(self, request: Request) -> Response:
        """To Discord. `return_to`: a path of this site. `switch`: ask which account it is."""
        site = self._accounts.site(request)
        wanted = parameters_of(request)
        return_to = own_path(wanted.get("return_to", ""))
        if self._is_elsewhere(request) and "here" not in wanted:
            # The cookie has to be of the host that Discord sends the browser back to. `here`: a
            # proxy that changes the Host header would make this an endless circle.
            kept = {"switch": "1"} if "switch" in wanted else {}
            again = urlencode({"return_to": return_to, "here": "1", **kept})
            return redirect(302, site.url(f"/auth/login?{again}").encode(), NO_STORE)
        application = await self._accounts.discord.application()
        pending = PendingSignIn(
            secrets.token_urlsafe(_STATE_BYTES), secrets.token_urlsafe(_VERIFIER_BYTES), return_to
        )
        ring = await self._accounts.rings.get()
        cookie = set_cookie(
            site.cookie_name(SIGN_IN_COOKIE),
            ring.encrypt(_PURPOSE, msgspec.json.encode(pending)).decode(),
            max_age_s=SIGN_IN_LIFETIME_S,
            is_secure=site.is_secure,
        )
        joins = self._accounts.settings.guild_to_join() is not None
        query = urlencode(
            {
                "response_type": "code",
                "client_id": application.id,
                "scope": " ".join([*SCOPES, *([JOIN_SCOPE] if joins else [])]),
                "state": pending.state,
                "redirect_uri": site.redirect_uri,
                "prompt": "consent" if "switch" in wanted else "none",
                "code_challenge": _challenge(pending.verifier),
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        location = f"{self._accounts.settings.discord_authorize_url}?{query}"
        return redirect(302, location.encode(), NO_STORE, cookie)

    async def callback(self, request: Request) -> Response:
        """Back from Discord."""
        site = self._accounts.site(request)
        used = delete_cookie(site.cookie_name(SIGN_IN_COOKIE), is_secure=site.is_secure)
        self._accounts.limits.count_callback(request)
        given = parameters_of(request)
        pending = await self._pending(request, site)
        if pending is None:
            return _problem(400, EXPIRED, used)
        if not secrets.compare_digest(
            given.get("state", "").encode("utf-8", "replace"), pending.state.encode()
        ):
            return _problem(400, MIXED_UP, used)
        if not await self._accounts.session_store.is_first_use(
            hashlib.sha256(pending.state.encode()).hexdigest(), SIGN_IN_LIFETIME_S
        ):
            return _problem(400, USED, used)
        if "error" in given:
            return _problem(
                *((403, DENIED) if given["error"] == "access_denied" else (502, REFUSED)), used
            )
        code = given.get("code", "")
        if not 0 < len(code) <= MAX_CODE_CHARS:
            return _problem(400, MIXED_UP, used)
        return await self._signed_in(request, site, code, pending, used)

    async def logout(self, request: Request) -> Response:
        """This browser is signed out, others stay signed in."""
        site = self._accounts.site(request)
        form = await read_form(request)
        session = await self._accounts.sessions.current(request, site)
        # To the form of another site the browser adds no cookie (SameSite=Lax), and there would be
        # nothing to check: the cookie that it has must stay.
        forget = self._accounts.sessions.forget(request, site)
        if session is not None:
            token = None if form is None else form.one(CSRF_FIELD)
            check_origin(request, site, session, form_token=token)
            await self._accounts.sessions.end(session)
        if form is None and not prefers_page(request):
            return no_content(*forget)
        return redirect(303, site.url("/").encode(), NO_STORE, *forget)

    async def _signed_in(
        self, request: Request, site: SiteAddress, code: str, pending: PendingSignIn, used: Header
    ) -> Response:
        self._accounts.limits.count_sign_in()
        discord = self._accounts.discord
        try:
            tokens = await discord.exchange(code, site.redirect_uri, pending.verifier)
            user = await discord.signed_in_user(tokens.access)
        except GrantInvalid:
            return _problem(400, CODE_INVALID, used)
        except TokenRejected as error:
            log.warning("accounts: Discord refuses a token that it has just issued: %s", error)
            return _problem(502, REFUSED, used)
        except ClientRejected as error:
            log.error("accounts: nobody can sign in: %s", error)
            return _problem(502, MISCONFIGURED, used)
        except DiscordAway as error:
            log.warning("accounts: a sign-in failed, because Discord is away: %s", error)
            return _problem(503, AWAY, used)
        before = await self._accounts.sessions.current(request, site)
        if before is not None:  # of this browser: its cookie is about to be replaced
            await self._accounts.sessions.end(before)
        await self._accounts.keeper.sign_in(user, tokens)
        session = await self._accounts.sessions.begin(user.id, site)
        return redirect(303, site.url(pending.return_to).encode(), NO_STORE, session, used)

    async def _pending(self, request: Request, site: SiteAddress) -> PendingSignIn | None:
        cookie = read_cookie(request, site.cookie_name(SIGN_IN_COOKIE))
        if cookie is None:
            return None
        ring = await self._accounts.rings.get()
        text = ring.decrypt(_PURPOSE, cookie.encode(), SIGN_IN_LIFETIME_S)
        try:
            return None if text is None else msgspec.json.decode(text, type=PendingSignIn)
        except msgspec.DecodeError:  # of another version of Grux
            return None

    def _is_elsewhere(self, request: Request) -> bool:
        """Whether the browser uses another address than PUBLIC_URL."""
        public = urlsplit(self._accounts.settings.public_url).netloc.rpartition("@")[2]
        return bool(public) and host_of(request).lower() != public.lower()


class SignInProblem(Struct, frozen=True):
    """What a page says."""

    title: str
    text: str


EXPIRED: Final = SignInProblem(
    "This sign-in has expired",
    "It was begun more than ten minutes ago, or in another browser. Sign in again from here.",
)
MIXED_UP: Final = SignInProblem(
    "This sign-in does not belong here",
    "It was not begun in this browser, or another one was begun since. Nothing has happened. Sign "
    "in again from here.",
)
USED: Final = SignInProblem(
    "This sign-in has been used",
    "Each one works once, and this page was opened again. Sign in again from here.",
)
DENIED: Final = SignInProblem(
    "You did not agree",
    "Nothing was shared with this server, and nothing has changed. You can sign in whenever you "
    "like, or use the bot's command /grux in Discord instead.",
)
REFUSED: Final = SignInProblem(
    "Discord refused this sign-in",
    "Try it again. If it fails again, tell the operator of this server.",
)
CODE_INVALID: Final = SignInProblem(
    "This sign-in took too long",
    "Discord gives less than two minutes for the last step. Sign in again from here.",
)
MISCONFIGURED: Final = SignInProblem(
    "Signing in does not work at the moment",
    "The operator of this server has to correct its settings; the log of api says which one. Until "
    "then, use the bot's command /grux in Discord.",
)
AWAY: Final = SignInProblem(
    "Discord does not answer",
    "So nobody can sign in right now. Try again in a minute.",
)


def _problem(status: int, problem: SignInProblem, *headers: Header) -> Response:
    links = (("../auth/login", "Sign in again"), ("../", "Start page"))
    return message_page(status, problem.title, [problem.text], links, headers)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
