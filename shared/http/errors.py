"""What goes wrong, as the public sees it: one table from errors to answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from shared.http.responses import METHODS, Header, RawResponse, json_response
from shared.redis.store import SnapshotDamaged, StoreUnavailable

RETRY_AFTER: Final = 5  # seconds: Redis is back by then, or it takes longer than a retry helps


class InvalidUserId(Exception):
    """Raised when a path names no Discord id."""


class InvalidSize(Exception):
    """Raised when a picture is asked for in a size that Discord does not have."""


class UserNotMonitored(Exception):
    """Raised when no monitored server has the user."""


class ApiError(Struct, frozen=True):
    """One row of the contract's table of errors."""

    status: int
    code: str
    message: str  # what happened, why, what to do
    headers: tuple[Header, ...] = ()


PROBLEMS: Final[dict[type[Exception] | int, ApiError]] = {
    InvalidUserId: ApiError(
        400,
        "invalid_user_id",
        "This is not a Discord user id: an id has 15 to 20 digits, like 1274150219482660897. "
        "Turn on Developer Mode in Discord, right-click the user and choose Copy User ID.",
    ),
    InvalidSize: ApiError(
        400,
        "invalid_size",
        "There is no such size: use 16, 32, 64, 128, 256, 512, 1024, 2048 or 4096.",
    ),
    UserNotMonitored: ApiError(
        404,
        "user_not_monitored",
        "This user is not monitored: they are in no server that Grux watches. "
        "Have them join one (discord_invite, unless it is null), then ask again.",
    ),
    404: ApiError(404, "not_found", "Route does not exist"),
    405: ApiError(
        405,
        "method_not_allowed",
        "This can only be read: use GET or HEAD.",
        ((b"allow", METHODS),),
    ),
    StoreUnavailable: ApiError(
        503,
        "unavailable",
        "Presence cannot be read now, because Redis cannot be reached. "
        f"Try again in {RETRY_AFTER} seconds.",
        ((b"retry-after", b"%d" % RETRY_AFTER),),
    ),
    SnapshotDamaged: ApiError(
        503,
        "unavailable",
        "What is stored of this user cannot be read, so nothing can be told of them now. It is "
        f"written anew when they next do something; try again in {RETRY_AFTER} seconds.",
        ((b"retry-after", b"%d" % RETRY_AFTER),),
    ),
    Exception: ApiError(
        500,
        "internal_server_error",
        "Something is wrong on this server, not with your request: it has been logged. "
        "Try again; if it stays, tell whoever runs the server.",
    ),
}
"""By the error's type; Starlette's own errors by their status."""

RATE_LIMITED: Final = ApiError(
    429,
    "rate_limited",
    "Too many requests came from your address in this minute. Wait as long as Retry-After says; "
    "to be told of changes without asking, use the WebSocket.",
)

DRAINING: Final = ApiError(
    503,
    "draining",
    "This process is about to end: send requests to another one. It answers what still comes.",
    ((b"retry-after", b"%d" % RETRY_AFTER),),
)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def handlers(discord_invite: str | None) -> dict[int | type[Exception], Handler]:
    """The table as Starlette's exception handlers, with answers that are ready."""
    return {
        error: _handler(_answer(problem, discord_invite)) for error, problem in PROBLEMS.items()
    }


def _handler(answer: RawResponse) -> Handler:
    async def handler(_request: Request, _error: Exception) -> Response:
        return answer

    return handler


def body(problem: ApiError, discord_invite: str | None = None) -> bytes:
    """As JSON."""
    error = {"code": problem.code, "message": problem.message}
    known = {"discord_invite": discord_invite} if problem.code == "user_not_monitored" else {}
    return msgspec.json.encode({"error": {**error, **known}, "success": False})


def _answer(problem: ApiError, discord_invite: str | None) -> RawResponse:
    return json_response(problem.status, body(problem, discord_invite), *problem.headers)


def draining() -> RawResponse:
    """What `/ready` says while the process is about to end."""
    return _answer(DRAINING, None)


def rate_limited(seconds: int) -> RawResponse:
    """To an address that has asked too often; it may ask again after so many seconds."""
    return json_response(429, body(RATE_LIMITED), (b"retry-after", b"%d" % seconds))


_RETRY: Final = ((b"retry-after", b"%d" % RETRY_AFTER),)

AT_THE_DOOR: Final = (
    ApiError(400, "bad_request", "This is not HTTP/1.1. Ask with GET /user/<Discord id>."),
    ApiError(
        431,
        "headers_too_large",
        "The request's address and headers are too large: send fewer cookies.",
    ),
    ApiError(
        429,
        "rate_limited",
        "Too many connections are open from your address. Close some, or ask one after the other.",
        _RETRY,
    ),
    ApiError(
        503,
        "unavailable",
        f"This server holds as many connections as it may. Try again in {RETRY_AFTER} seconds.",
        _RETRY,
    ),
)
"""What is answered before there is a whole request: shared/http/uvicorn_protocol.py."""

BAD_REQUEST, TOO_LARGE, CROWDED, FULL = (_answer(problem, None) for problem in AT_THE_DOOR)
