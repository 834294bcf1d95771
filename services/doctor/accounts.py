"""Checks of signing in: the secret, where Discord leads back to, the key, events, and joining.

Discord docs: Application, Get Current Application; Topics, OAuth2; Events, Webhook Events.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from services.doctor.discord import PORTAL, BotRest, CheckAborted
from services.doctor.report import Finding, failure, ok, warning
from shared.config import ApiSettings
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import HttpClient, HttpError
from shared.net.loopback import is_loopback

CALLBACK_PATH: Final = "/auth/callback"
WEBHOOK_PATH: Final = "/webhooks/discord"
DEAUTHORIZED: Final = "APPLICATION_DEAUTHORIZED"
NOT_IN_THIS_CONTAINER: Final = (
    "signing in is not set up in this container; if DISCORD_CLIENT_SECRET is in .env, "
    "`docker compose run --rm --no-deps tools doctor` checks it"
)

_CREATE_INVITE: Final = 1 << 0
_ADMINISTRATOR: Final = 1 << 3
_EVENTS_OFF_BY_DISCORD: Final = 3


async def check(
    settings: ApiSettings, bot: BotRest, http: HttpClient, *, in_compose: bool = False
) -> list[Finding]:
    """Everything; nothing if signing in is not turned on.

    docker-compose.yml gives the secret to api and tools alone, so there it may only be unknown.
    """
    if not settings.discord_client_secret:
        return [ok(NOT_IN_THIS_CONTAINER)] if in_compose else []
    try:
        application: Mapping[str, Any] = await bot.get("/applications/@me")
    except CheckAborted as aborted:
        return [aborted.finding]
    return [
        await _secret(settings, str(application.get("id")), http),
        *_addresses(settings.public_url, application),
        *_key(settings),
        *_joining(settings, bot.joined or ()),
    ]


async def _secret(settings: ApiSettings, client_id: str, http: HttpClient) -> Finding:
    """Revoking what is no token is answered by 200, if the client is known."""
    account = b64encode(f"{client_id}:{settings.discord_client_secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {account}",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": USER_AGENT,
    }
    url = f"{settings.discord_api_url}/oauth2/token/revoke"
    body = urlencode({"token": "the-doctor-asks-whether-the-secret-is-right"}).encode()
    try:
        async with http.send("POST", url, headers, body) as response:
            status = response.status
    except HttpError as error:
        return warning(
            f"whether DISCORD_CLIENT_SECRET is right could not be checked ({error})",
            "Run the doctor again later.",
        )
    if status == 401:
        return failure(
            "Discord does not accept DISCORD_CLIENT_SECRET, so nobody can sign in",
            f"Open {PORTAL}: your application, OAuth2, Reset Secret; set it to what is shown.",
        )
    return ok("Discord accepts DISCORD_CLIENT_SECRET")


def _addresses(public_url: str, application: Mapping[str, Any]) -> list[Finding]:
    if not public_url:
        return [
            warning(
                "people can sign in on this machine only, because PUBLIC_URL is not set",
                "Set it to the public address of this server.",
            )
        ]
    parts = urlsplit(public_url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        return [
            failure(
                "nobody can sign in, because PUBLIC_URL begins with http://",
                "Put a proxy with a certificate in front of Grux, and set PUBLIC_URL to its "
                "https:// address (docs/reverse-proxies.md).",
            )
        ]
    return [
        _redirect(f"{public_url}{CALLBACK_PATH}", application),
        *_events(public_url, application),
    ]


def _redirect(wanted: str, application: Mapping[str, Any]) -> Finding:
    registered = application.get("redirect_uris")
    if not isinstance(registered, Sequence) or wanted in registered:
        return ok(f"Discord leads back to {wanted}")
    return failure(
        f"Discord does not know {wanted}, so nobody can sign in",
        f"Open {PORTAL}: your application, OAuth2, Redirects; add exactly this address, and save.",
    )


def _events(public_url: str, application: Mapping[str, Any]) -> list[Finding]:
    wanted = f"{public_url}{WEBHOOK_PATH}"
    if is_loopback(urlsplit(public_url).hostname or ""):
        return []  # Discord cannot reach it
    remedy = (
        f"Open {PORTAL}: your application, Webhooks; set the endpoint to {wanted}, switch events "
        "on, and choose Application Deauthorized."
    )
    if application.get("event_webhooks_status") == _EVENTS_OFF_BY_DISCORD:
        return [failure("Discord has switched off the events that it sends to Grux", remedy)]
    types = application.get("event_webhooks_types") or ()
    if application.get("event_webhooks_url") != wanted or DEAUTHORIZED not in types:
        return [
            warning(
                "Discord does not tell Grux when somebody withdraws their consent, so Grux finds "
                "out within a day",
                remedy,
            )
        ]
    return [ok("Discord tells Grux when somebody withdraws their consent")]


def _key(settings: ApiSettings) -> list[Finding]:
    """A trial on this machine needs none, as docs/accounts.md says."""
    is_public = not is_loopback(urlsplit(settings.public_url).hostname or "localhost")
    if settings.secret_key or not is_public:
        return []
    return [
        warning(
            "SECRET_KEY is empty, so the key that encrypts Discord's tokens is kept beside them",
            "Set SECRET_KEY to the output of `openssl rand -base64 33`, the same for every api.",
        )
    ]


def _joining(settings: ApiSettings, joined: Sequence[Mapping[str, Any]]) -> list[Finding]:
    if not settings.join_guild_id:
        return []
    guild = next((one for one in joined if one.get("id") == settings.join_guild_id), None)
    if guild is None:
        return [
            failure(
                "the bot is not in the server of JOIN_GUILD_ID, so nobody can join it from here",
                "Add the bot to that server, or correct the id.",
            )
        ]
    permissions = int(guild.get("permissions") or 0)
    if not permissions & (_CREATE_INVITE | _ADMINISTRATOR):
        return [
            failure(
                "the bot may not let people join the server of JOIN_GUILD_ID",
                "Give it the permission Create Invite there.",
            )
        ]
    return [ok(f"people can join {guild.get('name')} with one click")]
