"""The opening handshake: one HTTP request in, one HTTP response out (RFC 6455 section 4.2).

Plain HTTP on this port is answered as well: it is how a load balancer asks for our health, and
how people find out what this port is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from services.ws import request as asked
from services.ws.limits import WsLimits
from services.ws.protocol import ErrorNotice

END: Final = b"\r\n\r\n"  # of the request: it has no body

_QUIET = logging.getLogger("websockets.server")

HOW = (
    "This is a WebSocket endpoint. Connect a WebSocket client to /?user_id=<Discord id>: it gets "
    "initial_data, then presence_update and profile_update."
)

ENDING = "This server is about to restart. Connect again: another one answers, or this one soon."

FULL = "This server holds as many connections as it may. Try again in a few seconds."


class HandshakeHealth(Struct, frozen=True):
    """What /health and /ready say."""

    redis: bool  # whether updates arrive
    connections: int
    users: int
    draining: bool = False  # the process is about to end


class Welcome(Struct, frozen=True):
    """The client is let in."""

    response: bytes
    users: (
        tuple[int, ...] | ErrorNotice
    )  # an ErrorNotice is told in the WebSocket, where browsers see it
    forwarded_for: str


class PlainResponse(Struct, frozen=True):
    """The client gets this, and the connection ends."""

    response: bytes


def answer(
    head: bytes, limits: WsLimits, health: Callable[[], HandshakeHealth], *, full: bool = False
) -> Welcome | PlainResponse:
    """What the request gets. `head` ends with the empty line, and is complete.

    `full`: no more WebSockets are taken.
    """
    server = ServerProtocol(logger=_QUIET)
    server.receive_data(head)
    match server.events_received():
        case [Request() as request]:
            return _to(request, server, limits, health, full)
        case _:
            refused = b"".join(server.data_to_send())
            return PlainResponse(refused) if refused else bad_request()


def _to(
    request: Request,
    server: ServerProtocol,
    limits: WsLimits,
    health: Callable[[], HandshakeHealth],
    full: bool,
) -> Welcome | PlainResponse:
    path, _, query = request.path.partition("?")
    if not any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
        return _plain(request.method, path, health)
    if path not in ("/", "/socket"):
        return _refusal(HTTPStatus.NOT_FOUND, "not_found", HOW)
    if full or health().draining:
        why = FULL if full else ENDING
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", why)
    response = server.accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        said = response.body.decode().strip()
        return _refusal(HTTPStatus(response.status_code), "bad_handshake", f"{said} {HOW}")
    users = asked.user_ids(query, limits.users)
    forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
    return Welcome(response.serialize(), users, forwarded)


def bad_request() -> PlainResponse:
    return _refusal(HTTPStatus.BAD_REQUEST, "bad_request", f"This is not HTTP/1.1. {HOW}")


def too_large() -> PlainResponse:
    return _refusal(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "headers_too_large",
        "The request's headers are too large: send fewer cookies. " + HOW,
    )


def _plain(method: str, path: str, health: Callable[[], HandshakeHealth]) -> PlainResponse:
    """Plain HTTP. RFC 9110 section 15.5.22 for 426."""
    with_body = method != "HEAD"
    if path == "/health":
        return _response(HTTPStatus.OK, _state("ok", health()), with_body)
    if path == "/ready":
        now = health()
        if now.redis and not now.draining:
            return _response(HTTPStatus.OK, _state("ready", now), with_body)
        why = "draining" if now.draining else "redis_is_away"
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, _state(why, now), with_body)
    return _refusal(HTTPStatus.UPGRADE_REQUIRED, "upgrade_required", HOW, with_body)


def _state(status: str, now: HandshakeHealth) -> bytes:
    return msgspec.json.encode({"status": status, **msgspec.structs.asdict(now)})


def _refusal(status: HTTPStatus, code: str, message: str, with_body: bool = True) -> PlainResponse:
    problem = {"error": {"code": code, "message": message}, "success": False}
    return _response(status, msgspec.json.encode(problem), with_body)


def _response(status: HTTPStatus, body: bytes, with_body: bool) -> PlainResponse:
    headers = Headers(
        {
            "Connection": "close",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "no-store",
        }
    )
    if status in (HTTPStatus.UPGRADE_REQUIRED, HTTPStatus.BAD_REQUEST):
        headers["Upgrade"] = "websocket"
        headers["Sec-WebSocket-Version"] = "13"
    shown = body if with_body else b""
    return PlainResponse(Response(status.value, status.phrase, headers, shown).serialize())
