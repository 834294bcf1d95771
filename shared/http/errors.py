"""Errors as the public sees them: one table from exceptions to responses.

Long because every error of the contract is in that table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from shared.discord import snowflake
from shared.http.responses import METHODS, WRITE_METHODS, Header, RawResponse, json_response
from shared.model.key_value import KV_MAX_VALUE_CHARS, InvalidKvValue, KvRejected
from shared.model.user_settings import InvalidSettings
from shared.redis.durable import DurableUnavailable
from shared.redis.store import SnapshotDamaged, StoreUnavailable

RETRY_AFTER_S: Final = 5  # Redis is back by then, or it takes longer than a retry helps
_RETRY_AFTER: Final = ((b"retry-after", b"%d" % RETRY_AFTER_S),)


class InvalidUserId(Exception):
    """Raised when a path names no Discord id. Its text, a sentence, says what is wrong."""


class InvalidSize(Exception):
    """Raised when a picture is requested in a size that Discord does not have."""


class NoSuchPage(Exception):
    """Raised when an address is not that of a person's page on this server."""


class UnsupportedFormat(Exception):
    """Raised when an answer is requested in a format that does not exist here."""


class UserNotMonitored(Exception):
    """Raised when no monitored server has the user."""


class HistoryOff(Exception):
    """Raised when a user keeps no history."""


class NoPermission(Exception):
    """Raised when a request lacks the key that it needs."""


class Unauthorized(Exception):
    """Raised when a request needs a user who has signed in."""


class Forbidden(Exception):
    """Raised when a request did not come from a page of this site, or is of another account."""


class SignInOff(Exception):
    """Raised when the operator has not turned signing in on."""


class InvalidRequestBody(Exception):
    """Raised when a request's body is not what the route reads. The text, a sentence, says why."""


class DiscordUnavailable(Exception):
    """Raised when Discord has to be asked, and does not answer."""


class WrongSignature(Exception):
    """Raised when a request is not signed by Discord."""


class JoinFailed(Exception):
    """Raised when Discord does not let a user join a server. The text says why, and what to do."""


class RequestRateLimited(Exception):
    """Raised when a request counts as more of them than its address may still send."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class AccountRateLimited(Exception):
    """Raised when an account is changed too often."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class KvRateLimited(Exception):
    """Raised when a user's key-value store is written too often."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class RequestBodyTooLarge(Exception):
    """Raised when a request's body is longer than any that is of use."""


class RequestBodyTimeout(Exception):
    """Raised when the rest of a request's body does not come."""


class ApiError(Struct, frozen=True):
    """One row of the contract's table of errors."""

    status: int
    code: str
    message: str  # what happened, why, what to do
    headers: tuple[Header, ...] = ()


ERRORS: Final[dict[type[Exception] | int, ApiError]] = {
    InvalidUserId: ApiError(
        400,
        "invalid_user_id",
        f"This is too short for an id. {snowflake.FORM} {snowflake.HOW_TO_COPY}",
    ),
    InvalidSize: ApiError(
        400,
        "invalid_size",
        "This size does not exist. Use 16, 32, 64, 128, 256, 512, 1024, 2048 or 4096.",
    ),
    UserNotMonitored: ApiError(
        404,
        "user_not_monitored",
        "This user is not in any server that Grux monitors. Ask them to join one (see "
        "discord_invite), then try again.",
    ),
    HistoryOff: ApiError(
        404,
        "history_off",
        "This user keeps no history. Only people who ask for it have one: at /me, or by the bot's "
        "command /grux history.",
    ),
    404: ApiError(404, "not_found", "Route does not exist"),
    NoSuchPage: ApiError(
        404,
        "not_found",
        "This address is not the page of a person on this server. Send one like "
        "https://your.host/u/1274150219482660897 as `url`, with the host of PUBLIC_URL; without "
        "that setting no page can be embedded.",
    ),
    UnsupportedFormat: ApiError(
        501, "not_implemented", "This format is not supported. Use format=json, or leave it out."
    ),
    405: ApiError(
        405,
        "method_not_allowed",
        "This resource is read-only. Use GET or HEAD.",
        ((b"allow", METHODS),),
    ),
    NoPermission: ApiError(
        401,
        "no_permission",
        "You do not have permission to access this resource. Send the key of this user in the "
        "header Authorization, without a scheme in front of it.",
    ),
    Unauthorized: ApiError(
        401, "unauthorized", "You are not signed in. Sign in with Discord at /auth/login."
    ),
    Forbidden: ApiError(
        403,
        "forbidden",
        "This request was not sent by a page of this site, so nothing was changed. Programs send "
        "the header Origin with the address of this site.",
    ),
    SignInOff: ApiError(
        404,
        "sign_in_off",
        "Signing in is not turned on here. Use the bot's command /grux in Discord, which has the "
        "same settings.",
    ),
    AccountRateLimited: ApiError(
        429,
        "rate_limited",
        "This account was changed too often in this minute. Wait for the number of seconds in "
        "Retry-After.",
        ((b"retry-after", b"60"),),
    ),
    InvalidRequestBody: ApiError(
        400, "invalid_body", "The body has to be a JSON object. See /docs for its keys."
    ),
    InvalidSettings: ApiError(
        400, "invalid_settings", "A setting is not allowed; `field` names it. Nothing was changed."
    ),
    WrongSignature: ApiError(
        401, "unauthorized", "This request is not signed by Discord with the application's key."
    ),
    JoinFailed: ApiError(
        409, "join_failed", "Discord does not let you join this server. Try again later."
    ),
    DiscordUnavailable: ApiError(
        503,
        "discord_unavailable",
        f"Discord does not answer right now. Try again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
    KvRejected: ApiError(
        404, "kv_validation_failed", f"value must be {KV_MAX_VALUE_CHARS} characters or less"
    ),
    InvalidKvValue: ApiError(404, "invalid_kv_value", "body must be an object"),
    RequestBodyTimeout: ApiError(
        408, "request_timeout", "The body of this request did not arrive in time. Send it again."
    ),
    RequestBodyTooLarge: ApiError(
        413, "payload_too_large", "The body of this request is too large. Send fewer pairs at once."
    ),
    KvRateLimited: ApiError(
        429,
        "rate_limited",
        "Too many writes with this key in this minute. Wait for the number of seconds in "
        "Retry-After. To write several pairs at once, use PATCH.",
        ((b"retry-after", b"60"),),
    ),
    DurableUnavailable: ApiError(
        503,
        "unavailable",
        "What users write and choose cannot be reached right now, and nothing was changed. Try "
        f"again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
    StoreUnavailable: ApiError(
        503,
        "unavailable",
        "Presence cannot be read right now, because Redis cannot be reached. "
        f"Try again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
    SnapshotDamaged: ApiError(
        503,
        "unavailable",
        "The stored data of this user is damaged. It is rewritten as soon as their presence "
        f"changes. Try again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
    Exception: ApiError(
        500,
        "internal_server_error",
        "The server failed to handle this request, and has logged the error. Try again; if it "
        "keeps failing, tell the operator of this server.",
    ),
}
"""By the exception's type; Starlette's own errors by their status."""

DURABLE_UNREAD: Final = ApiError(
    503,
    "unavailable",
    "What users write and choose cannot be read right now, because Redis cannot be reached. "
    f"Try again in {RETRY_AFTER_S} seconds.",
    _RETRY_AFTER,
)
"""DurableUnavailable, where a request only reads."""

RATE_LIMITED: Final = ApiError(
    429,
    "rate_limited",
    "Too many requests from your address in this minute. Wait for the number of seconds in "
    "Retry-After. To receive changes without polling, use the WebSocket.",
)

DRAINING: Final = ApiError(
    503,
    "draining",
    "This process is shutting down. Send requests to another one; those that still arrive are "
    "answered.",
    _RETRY_AFTER,
)

CONNECTION_ERRORS: Final = (
    ApiError(400, "bad_request", "This is not an HTTP/1.1 request. Try GET /user/<Discord id>."),
    ApiError(400, "bad_request", "A request needs one valid Host header (RFC 9112, 3.2)."),
    ApiError(
        400,
        "bad_request",
        "This address answers HTTP requests only. Connect to the WebSocket's own address: it has "
        "port 8001, unless the operator has chosen another one.",
    ),
    ApiError(400, "bad_request", "GET and HEAD have no body here. Send only the URL and headers."),
    ApiError(
        431,
        "headers_too_large",
        "The request's URL and headers are too large. Send fewer cookies.",
    ),
    ApiError(
        429,
        "rate_limited",
        "Too many connections are open from your address. Close some, or send requests one after "
        "another.",
        _RETRY_AFTER,
    ),
    ApiError(
        503,
        "unavailable",
        f"The server is at its connection limit. Try again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
    ApiError(
        503,
        "unavailable",
        f"The WebSocket server does not answer. Try again in {RETRY_AFTER_S} seconds.",
        _RETRY_AFTER,
    ),
)
"""Sent by shared/http/uvicorn_protocol.py before there is a whole request."""

_HINTS: Final = (
    (frozenset({"card", "cards"}), "Try GET /card/<Discord id>.svg, or .png."),
    (frozenset({"badge", "badges"}), "Try GET /badge/<Discord id>.svg, or .json for shields.io."),
    (frozenset({"avatar", "avatars"}), "Try GET /avatar/<Discord id>, also with .png or .webp."),
    (frozenset({"check", "checks"}), "Try GET /check/<Discord id>."),
    (frozenset({"activity", "activities"}), "Try GET /activity/<Discord id>."),
    (
        frozenset({"now-playing", "nowplaying", "listening", "spotify", "song"}),
        "Try GET /now-playing/<Discord id>, also with .txt, .svg or .png.",
    ),
    (
        frozenset({"user", "users", "profile", "profiles", "presence", "presences", "status"}),
        "Try GET /user/<Discord id>.",
    ),
    (
        frozenset({"ws", "socket", "websocket", "gateway"}),
        "The WebSocket has an address of its own: see /docs/websocket.",
    ),
    (
        frozenset({"api", "swagger", "redoc", "doc", "documentation", "openapi", "openapi.yaml"}),
        "Every route is described at /docs.",
    ),
)
"""By a segment of the path."""

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def handlers(discord_invite: str | None) -> dict[int | type[Exception], Handler]:
    """The table as Starlette's exception handlers. Each response is built once, but for ids."""
    built = {key: _handler(_response(error, discord_invite)) for key, error in ERRORS.items()}
    return {
        **built,
        InvalidUserId: _invalid_user_id,
        KvRejected: _explained,
        InvalidKvValue: _explained,
        InvalidRequestBody: _explained,
        JoinFailed: _explained,
        SignInOff: _explained,
        InvalidSettings: _invalid_settings,
        KvRateLimited: _rate_limited,
        RequestRateLimited: _too_many_requests,
        AccountRateLimited: _rate_limited,
        DurableUnavailable: _durable_unavailable,
        404: _not_found,
        405: _method_not_allowed,
    }


def ready(
    discord_invite: str | None, *kinds: type[Exception]
) -> dict[type[Exception], RawResponse]:
    """The responses to these exceptions, where Starlette does not handle them."""
    return {kind: _response(ERRORS[kind], discord_invite) for kind in kinds}


async def _explained(_request: Request, error: Exception) -> Response:
    row = ERRORS[type(error)]
    return _response(msgspec.structs.replace(row, message=str(error) or row.message))


async def _invalid_settings(_request: Request, error: Exception) -> Response:
    row = msgspec.structs.replace(ERRORS[InvalidSettings], message=str(error))
    return json_response(row.status, body(row, field=getattr(error, "field", "")))


async def _rate_limited(_request: Request, error: Exception) -> Response:
    headers = ((b"retry-after", b"%d" % getattr(error, "retry_after_s", RETRY_AFTER_S)),)
    return _response(msgspec.structs.replace(ERRORS[type(error)], headers=headers))


async def _too_many_requests(_request: Request, error: Exception) -> Response:
    return rate_limited(getattr(error, "retry_after_s", RETRY_AFTER_S))


async def _durable_unavailable(request: Request, _error: Exception) -> Response:
    writes = request.method in WRITE_METHODS
    return _response(ERRORS[DurableUnavailable] if writes else DURABLE_UNREAD)


async def _method_not_allowed(_request: Request, error: Exception) -> Response:
    """A route that writes names its methods."""
    allowed = set((getattr(error, "headers", None) or {}).get("Allow", "").split(", "))
    writes = [method for method in WRITE_METHODS if method in allowed]
    if not writes:
        return _response(ERRORS[405])
    reads = ["GET", "HEAD"] if "GET" in allowed else []
    reason = "This resource has other methods." if reads else "This resource cannot be read here."
    message = f"{reason} Use {' or '.join([*reads[:1], *writes])}."
    allow = (b"allow", ", ".join([*reads, *writes, "OPTIONS"]).encode())
    return _response(msgspec.structs.replace(ERRORS[405], message=message, headers=(allow,)))


async def _invalid_user_id(_request: Request, error: Exception) -> Response:
    message = f"{error} {snowflake.FORM} {snowflake.HOW_TO_COPY}"
    return _response(msgspec.structs.replace(ERRORS[InvalidUserId], message=message))


async def _not_found(request: Request, _error: Exception) -> Response:
    error = ERRORS[404]
    hint = route_hint(request.url.path)
    message = f"{error.message}. {hint}" if hint else error.message
    return _response(msgspec.structs.replace(error, message=message))


def route_hint(path: str) -> str | None:
    """What the client may have meant, where the path is near a route. Repeats nothing of it."""
    segments = ["user" if part.isdecimal() else part for part in path.lower().strip("/").split("/")]
    return next((hint for names, hint in _HINTS if not names.isdisjoint(segments)), None)


def _handler(response: RawResponse) -> Handler:
    async def handler(_request: Request, _error: Exception) -> Response:
        return response

    return handler


def body(error: ApiError, discord_invite: str | None = None, *, field: str = "") -> bytes:
    """The error as JSON. `field`: the setting that it is about."""
    described = {"code": error.code, "message": error.message}
    if error.code == "invalid_settings":
        described["field"] = field
    invite = {"discord_invite": discord_invite} if error.code == "user_not_monitored" else {}
    return msgspec.json.encode({"error": {**described, **invite}, "success": False})


def _response(error: ApiError, discord_invite: str | None = None) -> RawResponse:
    return json_response(error.status, body(error, discord_invite), *error.headers)


def draining() -> RawResponse:
    """For `/ready` while the process is shutting down."""
    return _response(DRAINING)


def rate_limited(retry_after_s: int) -> RawResponse:
    """For an address over its limit."""
    return json_response(429, body(RATE_LIMITED), (b"retry-after", b"%d" % retry_after_s))


BAD_REQUEST, BAD_HOST, NO_WEBSOCKET, BODY_OF_READ, TOO_LARGE, CROWDED, FULL, WS_AWAY = (
    _response(error) for error in CONNECTION_ERRORS
)
