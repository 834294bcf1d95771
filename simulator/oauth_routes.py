"""OAuth2 over HTTP: the consent page, the token endpoint, and what a bearer may read."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Final

from aiohttp import web

from simulator import BOT_ID, dispatches
from simulator.application_routes import verify_key
from simulator.connected_accounts import ConnectedAccounts
from simulator.model import Json, Person
from simulator.oauth_grants import Grants, TokenPair
from simulator.oauth_page import consent_page, error_page
from simulator.oauth_requests import (
    AuthorizeRefused,
    AuthorizeRequest,
    BadClient,
    OAuthError,
    read_authorize,
)
from simulator.options import Options
from simulator.problems import RestError, plain
from simulator.rest import user_object
from simulator.rest_middleware import BEARER
from simulator.webhook_events import event_user
from simulator.world import World

AUTHORIZE_PATH: Final = "/oauth2/authorize"
_FORM: Final = "application/x-www-form-urlencoded"
_LOGGED_IN: Final = "simulated_user"  # cookie
_SHOWN_PEOPLE: Final = 8
_PARAMETERS: Final = (
    "response_type",
    "client_id",
    "scope",
    "redirect_uri",
    "state",
    "prompt",
    "code_challenge",
    "code_challenge_method",
)


class OAuthRoutes:
    """The handlers of both applications: pages for browsers, REST for clients."""

    def __init__(
        self, world: World, grants: Grants, accounts: ConnectedAccounts, options: Options
    ) -> None:
        self._world = world
        self._grants = grants
        self._accounts = accounts
        self._options = options

    def pages(self) -> list[web.RouteDef]:
        """What a browser opens."""
        return [
            web.get(AUTHORIZE_PATH, self.consent),
            web.post(AUTHORIZE_PATH, self.answer),
        ]

    def routes(self) -> list[web.RouteDef]:
        """What lies under ``/api/v10``."""
        return [
            web.post("/oauth2/token", self.token),
            web.post("/oauth2/token/revoke", self.revoke),
            web.get("/oauth2/@me", self.authorization),
            web.get("/users/@me/connections", self.connections),
            web.get("/users/@me/guilds/{guild_id}/member", self.member),
        ]

    # --- for browsers ---------------------------------------------------------------------

    async def consent(self, request: web.Request) -> web.Response:
        """The page; with prompt=none straight back, if the person granted all of it before."""
        try:
            wanted = read_authorize(request.query, self._options)
        except BadClient as wrong:
            return _page(error_page(str(wrong)), 400)
        except AuthorizeRefused as wrong:
            return _redirect(wrong.location)
        user_id = request.cookies.get(_LOGGED_IN, "")
        known = wanted.skips_page and user_id in self._world.people
        if known and set(wanted.scopes) <= set(self._grants.scopes(user_id)):
            return _redirect(wanted.granted(self._grants.authorize(user_id, wanted)))
        fields = {name: request.query[name] for name in _PARAMETERS if name in request.query}
        return _page(consent_page(self._name(), wanted, fields, self._people(user_id)))

    async def answer(self, request: web.Request) -> web.Response:
        """The person agreed (``user_id``) or did not (``action=cancel``)."""
        form = await _form(request)
        try:
            wanted = read_authorize(form, self._options)
        except BadClient as wrong:
            return _page(error_page(str(wrong)), 400)
        except AuthorizeRefused as wrong:
            return _redirect(wrong.location)
        if form.get("action") == "cancel":
            return _redirect(wanted.denied())
        return self._agreed(wanted, form.get("user_id", "").strip())

    def _agreed(self, wanted: AuthorizeRequest, user_id: str) -> web.Response:
        person = self._world.people.get(user_id)
        if person is None or person.user.bot is True:
            return _page(error_page("There is no such person in the simulator."), 400)
        response = _redirect(wanted.granted(self._grants.authorize(user_id, wanted)))
        response.set_cookie(_LOGGED_IN, user_id, path="/oauth2", httponly=True, samesite="Lax")
        return response

    def _people(self, logged_in: str) -> list[tuple[str, list[Person]]]:
        people = [person for person in self._world.people.values() if person.user.bot is not True]
        members = [person for person in people if person.guilds]
        members.sort(key=lambda person: person.user.id != logged_in)
        homeless = [person for person in people if not person.guilds]
        return [
            ("In a server", members[:_SHOWN_PEOPLE]),
            ("In no server yet", homeless[:_SHOWN_PEOPLE]),
        ]

    def _name(self) -> str:
        return self._world.person(BOT_ID).user.username.title()

    # --- for clients ----------------------------------------------------------------------

    async def token(self, request: web.Request) -> web.Response:
        """A code or a refresh token becomes a new pair of tokens."""
        try:
            form = await self._client_form(request)
            pair = self._pair(form)
        except OAuthError as refused:
            return _refusal(refused)
        return _no_store(
            {
                "token_type": "Bearer",
                "access_token": pair.access_token,
                "expires_in": self._grants.expires_in(pair),
                "refresh_token": pair.refresh_token,
                "scope": " ".join(pair.scopes),
            }
        )

    def _pair(self, form: Mapping[str, str]) -> TokenPair:
        match form.get("grant_type"):
            case "authorization_code":
                code = _needed(form, "code")
                return self._grants.exchange(
                    code, form.get("redirect_uri"), form.get("code_verifier")
                )
            case "refresh_token":
                return self._grants.refresh(_needed(form, "refresh_token"))
            case None:
                raise OAuthError("invalid_request", 'Missing "grant_type" in request.')
            case _:
                raise OAuthError("unsupported_grant_type")

    async def revoke(self, request: web.Request) -> web.Response:
        """End the whole grant of a token; 200 for an unknown one too (RFC 7009)."""
        try:
            form = await self._client_form(request)
            token = _needed(form, "token")
        except OAuthError as refused:
            return _refusal(refused)
        self._grants.revoke(token)
        return _no_store({})

    async def _client_form(self, request: web.Request) -> dict[str, str]:
        """The form of a client that proved who it is."""
        if request.content_type != _FORM:
            raise OAuthError("invalid_request", f"The content type must be {_FORM}.")
        form = await _form(request)
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            client_id, secret = _basic(header.removeprefix("Basic "))
        same_secret = compare_digest(secret.encode(), self._options.client_secret.encode())
        if client_id != BOT_ID or not same_secret:
            raise OAuthError("invalid_client", status=401)
        return form

    async def authorization(self, request: web.Request) -> web.Response:
        pair = request[BEARER]
        answer: Json = {
            "application": {
                "id": BOT_ID,
                "name": self._name(),
                "icon": None,
                "description": "A simulated application.",
                "type": None,
                "bot_public": False,
                "bot_require_code_grant": False,
                "flags": 0,
                "flags_new": "0",
                "verify_key": verify_key(BOT_ID),
            },
            "scopes": sorted(pair.scopes),
            "expires": datetime.fromtimestamp(pair.expires_at, UTC).isoformat(),
        }
        if "identify" in pair.scopes:
            answer["user"] = partial_user(self._world.person(pair.user_id))
        return web.json_response(answer)

    async def connections(self, request: web.Request) -> web.Response:
        pair = _with_scope(request, "connections")
        return web.json_response(self._accounts.of(self._world.person(pair.user_id).user))

    async def member(self, request: web.Request) -> web.Response:
        pair = _with_scope(request, "guilds.members.read")
        guild = self._world.guilds.get(request.match_info["guild_id"])
        if guild is None or pair.user_id not in guild.members:
            raise RestError(404, 10004, "Unknown Guild")
        user = self._world.person(pair.user_id).user
        seen = dispatches.member(user, guild.members[pair.user_id])
        return web.json_response({**seen, "user": user_object(user)})


def partial_user(person: Person) -> Json:
    """The user object of ``/oauth2/@me``."""
    user = person.user
    return {
        **event_user(user),
        "flags": user.flags,
        "avatar_decoration_data": user.avatar_decoration_data,
        "collectibles": user.collectibles,
        "primary_guild": user.primary_guild,
    }


def _with_scope(request: web.Request, scope: str) -> TokenPair:
    """The bearer's token; a missing scope looks like a dead token."""
    pair = request[BEARER]
    if scope not in pair.scopes:
        raise plain(401)
    return pair


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _needed(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise OAuthError("invalid_request", f'Missing "{name}" in request.')
    return value


def _basic(encoded: str) -> tuple[str, str]:
    try:
        client_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _refusal(refused: OAuthError) -> web.Response:
    body = {"error": refused.error}
    if refused.description is not None:
        body["error_description"] = refused.description
    return _no_store(body, refused.status)


def _no_store(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})


def _page(html: str, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
