"""`GET /events`: what is known from the request alone.

An EventSource takes any status but 200 as the end: it does not connect again, and shows no page the
body. So whatever another attempt cannot change has a status, and everything else is an event, after
which the stream ends. The exception is a server that is full or about to end: its 503 sends a proxy
on to another one.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from services.ws import http_responses
from services.ws.http_responses import PlainResponse
from services.ws.protocol import ErrorNotice

PATH: Final = "/events"
METHODS: Final = "GET, HEAD, OPTIONS"
RETRY_AFTER_S: Final = 5
READ_ONLY: Final = "An event stream is read-only. Use GET."

_REQUEST_LINE: Final = re.compile(
    rb"([!-~]+) (?:[A-Za-z]+://[^/? ]*)?/events(?:\?[!-~]*)? HTTP/1\.[01]\r\n"
)
_PREFLIGHT: Final = PlainResponse(
    b"HTTP/1.1 204 No Content\r\n"
    b"Allow: GET, HEAD, OPTIONS\r\n"
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: *, Authorization\r\n"
    b"Access-Control-Max-Age: 86400\r\n"
    b"Connection: close\r\n"
    b"\r\n"
)


class EventRequest(Struct, frozen=True):
    """The connection becomes an event stream."""

    users: tuple[int, ...]
    with_body: bool  # not for HEAD, whose answer is the head that GET gets


def method_problem(head: bytes) -> PlainResponse | None:
    """The response to a request with another method, which may have a body."""
    line = _REQUEST_LINE.match(head)
    if line is None or line[1].decode() in METHODS.split(", "):
        return None
    return http_responses.error(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        READ_ONLY,
        headers={"Allow": METHODS},
    )


def respond(
    method: str, users: tuple[int, ...] | ErrorNotice, unavailable: str
) -> EventRequest | PlainResponse:
    """`method`: one of METHODS. `unavailable`: why the server takes no client; empty: it does."""
    with_body = method != "HEAD"
    if method == "OPTIONS":
        return _PREFLIGHT
    if unavailable:
        return http_responses.error(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            unavailable,
            with_body=with_body,
            retry_after_s=RETRY_AFTER_S,
        )
    if isinstance(users, ErrorNotice):
        return http_responses.error(
            HTTPStatus.BAD_REQUEST, "invalid_user_id", users.message, with_body=with_body
        )
    return EventRequest(users, with_body)


def not_monitored(notice: ErrorNotice, discord_invite: str | None, *, with_body: bool) -> bytes:
    """The response for a single user who is not shown."""
    return http_responses.error(
        HTTPStatus.NOT_FOUND,
        notice.close_reason.name,
        notice.message,
        discord_invite=discord_invite,
        with_body=with_body,
    ).response
