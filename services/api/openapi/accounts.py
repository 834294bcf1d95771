"""The paths of accounts that programs may use: what /me holds, and how it is changed."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, to_builtins

from services.api.accounts.forms import FORM
from services.api.accounts.sessions import COOKIE
from services.api.openapi.account_bodies import (
    Account,
    AccountAnswer,
    AccountConnection,
    AccountGrant,
    AccountKey,
    AccountSettings,
    AccountSettingsAnswer,
    Join,
    JoinAnswer,
    NewKey,
    NewKeyAnswer,
)
from services.api.openapi.paths import content, path, response, write
from services.api.openapi.schemas import Json, ref
from shared.http.errors import (
    DURABLE_UNREAD,
    AccountRateLimited,
    DiscordUnavailable,
    Forbidden,
    InvalidRequestBody,
    JoinFailed,
    RequestBodyTimeout,
    RequestBodyTooLarge,
    SignInOff,
    Unauthorized,
    WrongSignature,
)
from shared.model.snapshot import Link
from shared.model.user_settings import InvalidSettings
from shared.redis.api_keys import KEY_PREFIX
from shared.redis.durable import DurableUnavailable

TAG: Final = "Accounts"

SECURITY_SCHEMES: Final[Json] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Of a person who has signed in at /auth/login. Over https the cookie's name "
        "begins with `__Host-`. What changes something also needs the header `Origin` with the "
        "address of this site, or `X-CSRF-Token` with the token of a form of /me.",
    }
}

_SECURITY: Final[list[Json]] = [{"session": []}]


_READ_ERRORS: Final = (Unauthorized, SignInOff, DURABLE_UNREAD)
_WRITE_ERRORS: Final = (
    *(Unauthorized, SignInOff, DurableUnavailable),
    *(Forbidden, AccountRateLimited, InvalidRequestBody),
    *(RequestBodyTimeout, RequestBodyTooLarge),
)

_SETTINGS: Final = AccountSettings(
    visible=True,
    hide=["spotify"],
    hide_applications=["383226320970055681"],
    connected_accounts=["github:4200042"],
    bio="I listen to vinyl.",
    pronouns="they/them",
    links=[Link("My site", "https://robin.example")],
    paused_until=0,
    opted_in=False,
    history="recent",
)
_ACCOUNT: Final = Account(
    id="171234567890123776",
    settings=_SETTINGS,
    connections=[
        AccountConnection("github:4200042", "github", "4200042", "robin-k", True, True),
        AccountConnection("twitch:90042042", "twitch", "90042042", "robinstreams", False, False),
    ],
    key=AccountKey(1_790_000_000_000),
    signed_in=AccountGrant(1_790_000_000_000, ["connections", "identify"]),
    history=None,
)


_EXPORT: Final = {"data": {"user_id": "171234567890123776"}, "success": True}


def _data(body: type[Struct], summary: str, data: object) -> Json:
    return content(ref(body), {summary: {"data": to_builtins(data), "success": True}})


def _answers(operation: Json, body: Json, description: str) -> Json:
    """The operation, with 200 and a body in place of 204."""
    responses: dict[str, Any] = {
        "200": response(description, body, headers=["Cache-Control", "Vary"]),
        **{status: found for status, found in operation["responses"].items() if status != "204"},
    }
    return {**operation, "responses": responses}


def _form(operation: Json) -> Json:
    """The operation, with a redirect in place of 204."""
    back = response("Back to the page.", headers=["Cache-Control"])
    others = {status: found for status, found in operation["responses"].items() if status != "204"}
    return {**operation, "responses": {"303": back, **others}}


PATHS: Final[Json] = {
    "/me": {
        **path(
            "getMe",
            TAG,
            "Your account",
            "What is held about the person who has signed in. Browsers get the page.",
            responses={
                200: response(
                    "The account.",
                    {
                        **_data(AccountAnswer, "An account", _ACCOUNT),
                        **content({"type": "string"}, media="text/html"),
                    },
                    headers=["Cache-Control", "Vary"],
                )
            },
            errors=_READ_ERRORS,
            security=_SECURITY,
        ),
        "post": _form(
            write(
                "postMe",
                TAG,
                "Change settings by the form of /me",
                "For the page. Programs use PATCH.",
                body=content({"type": "object"}, media=FORM),
                security=_SECURITY,
                errors=_WRITE_ERRORS,
            )
        ),
        "patch": _answers(
            write(
                "patchMe",
                TAG,
                "Change settings",
                "Those that the object names; null resets one. If one is not allowed, nothing is "
                "changed.",
                body=content(
                    {"type": "object"}, {"Hide the music": {"hide": ["spotify", "listening"]}}
                ),
                security=_SECURITY,
                errors=(*_WRITE_ERRORS, InvalidSettings),
            ),
            _data(AccountSettingsAnswer, "All settings", _SETTINGS),
            "All settings as they are now.",
        ),
        "delete": write(
            "deleteMe",
            TAG,
            "Erase everything",
            "Settings, key, key-value store, connections, sessions; the grant at Discord ends.",
            security=_SECURITY,
            errors=_WRITE_ERRORS,
        ),
    },
    "/me/key": {
        "parameters": [],
        "post": _answers(
            write(
                "postKey",
                TAG,
                "Create a key",
                "For writing the key-value store. It ends the old one.",
                security=_SECURITY,
                errors=_WRITE_ERRORS,
            ),
            _data(NewKeyAnswer, "A key", NewKey(f"{KEY_PREFIX}{'0123456789abcdef' * 2}")),
            "The key.",
        ),
        "delete": write(
            "deleteKey",
            TAG,
            "Delete the key",
            "One that is not there is no error.",
            security=_SECURITY,
            errors=_WRITE_ERRORS,
        ),
    },
    "/me/export": path(
        "getExport",
        TAG,
        "Everything that is held",
        "As a file: settings, connections, key-value store, and what is shown of the person.",
        responses={
            200: response(
                "Everything.",
                content(
                    {"type": "object"},
                    {"The beginning": {"data": {"user_id": "1"}, "success": True}},
                ),
                headers=["Cache-Control", "Vary"],
            )
        },
        errors=_READ_ERRORS,
        security=_SECURITY,
    ),
    "/me/join": {
        "parameters": [],
        "post": _answers(
            write(
                "postJoin",
                TAG,
                "Join the server",
                "That of the operator (JOIN_GUILD_ID), by the person's own request.",
                security=_SECURITY,
                errors=(*_WRITE_ERRORS, JoinFailed, DiscordUnavailable),
            ),
            _data(JoinAnswer, "A live card", Join(joined=True, shown=True)),
            "The person is in the server.",
        ),
    },
    "/webhooks/discord": {
        "parameters": [],
        "post": write(
            "postDiscordEvent",
            TAG,
            "An event of Discord",
            "For Discord alone, which signs it: somebody has withdrawn their consent.",
            body=content({"type": "object"}, {"A ping": {"version": 1, "type": 0}}),
            security=[],
            errors=(
                *(WrongSignature, SignInOff, InvalidRequestBody, DiscordUnavailable),
                *(RequestBodyTimeout, RequestBodyTooLarge, DurableUnavailable),
            ),
        ),
    },
}
