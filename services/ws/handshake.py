"""The opening handshake: one HTTP request in, one HTTP response out (RFC 6455 section 4.2).

Plain HTTP on this port is answered as well: /events starts an event stream, load balancers ask for
the server's health, and people who open it in a browser read what it is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct
from websockets.http11 import Request
from websockets.server import ServerProtocol

from services.ws import http_responses, upgrade_request
from services.ws.events import endpoint as events
from services.ws.events.endpoint import EventRequest
from services.ws.http_responses import PlainResponse
from services.ws.lanyard.protocol import Encoding
from services.ws.limits import WsLimits
from services.ws.notices import malformed_id
from services.ws.protocol import INVALID_USER_ID, ErrorNotice
from shared.discord import snowflake
from shared.net.bounded_input import is_long_query, query_parameters
from shared.net.client_address import forwarded_for_tail
from shared.net.host_header import is_host_valid
from shared.version import VERSION

LANYARD_PATH: Final = "socket"  # without a user_id; with one it is Grux's own dialect
_WEBSOCKET: Final = {
    "Connection": "close, Upgrade",  # as RFC 9110, 7.8, asks for beside Upgrade
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
}
UPGRADE_FAILED: Final = "upgrade_failed"  # Lanyard's code for requests there that are no WebSocket
END: Final = b"\r\n\r\n"  # of the request: it has no body
PARSED_LISTS: Final = ("Connection", "Upgrade", "Sec-WebSocket-Protocol")  # by websockets
MAX_PARSED_LIST_CHARS: Final = 512  # all three together; a browser sends 30

_ONE_USER: Final = "user_id="
_LANYARD_LINE: Final = re.compile(rb"GET /+socket/*(\?(?!.*user_id).*)? HTTP")
_FORWARDED_FOR: Final = re.compile(rb"\r\nX-Forwarded-For[ \t]*:([^\r\n]*)", re.IGNORECASE)

_silent = logging.getLogger("websockets.server")

USAGE: Final = (
    "This is a WebSocket endpoint. Connect a WebSocket client to /?user_id=<Discord id>. It gets "
    "initial_data, then presence_update and profile_update. GET /events?user_id=<Discord id> sends "
    "the same as Server-Sent Events. /socket without a user_id speaks Lanyard's protocol."
)
USER_IDS: Final = "Connect with ?user_id=<Discord id>; separate several ids by commas."
DRAINING: Final = "This server is restarting. Connect again in a few seconds."
LONG_LISTS: Final = "The handshake's Connection, Upgrade or protocol list is too long."
FLOOD: Final = "Too many handshakes from your IP address. Connect once, and keep the connection."
AT_LIMIT: Final = "The server is at its connection limit. Try again in a few seconds."


class HandshakeHealth(Struct, frozen=True):
    """What decides the answers to /health and /ready.

    Both are public: they say nothing about load. Counters are on METRICS_PORT.
    """

    redis: bool  # whether updates arrive
    draining: bool = False  # the process is about to end


class AcceptedHandshake(Struct, frozen=True):
    """The connection becomes a WebSocket."""

    response: bytes
    # A notice is sent as a frame, which browsers can read. An encoding: it is Lanyard's dialect,
    # where the client says afterwards which users it wants.
    users: tuple[int, ...] | ErrorNotice | Encoding


def respond(
    head: bytes, limits: WsLimits, health: Callable[[], HandshakeHealth], *, full: bool = False
) -> AcceptedHandshake | EventRequest | PlainResponse:
    """The response to a request. `head` is complete: it ends with the empty line.

    `full`: the server is at its connection limit, and accepts no WebSocket and no event stream.
    """
    usual = upgrade_request.read(head)
    if usual is None:
        return respond_by_websockets(head, limits, health, full=full)
    path, query = _path_and_query(usual.target)
    encoding = lanyard_encoding(path, query)
    refusal = _unavailable(health, full, encoding)
    if refusal is not None:
        return refusal
    return AcceptedHandshake(usual.response(), encoding or requested_users(query, limits.users))


def respond_by_websockets(
    head: bytes, limits: WsLimits, health: Callable[[], HandshakeHealth], *, full: bool = False
) -> AcceptedHandshake | EventRequest | PlainResponse:
    """As `respond`, to a request of any kind: websockets parses it."""
    refusal = events.method_problem(head)
    if refusal is not None:
        return refusal
    server = ServerProtocol(logger=_silent)
    server.receive_data(head)
    match server.events_received():
        case [Request() as request]:
            if _is_host_valid(request):
                return _route(request, server, limits, health, full)
            return bad_request("A request needs one valid Host header (RFC 9112, 3.2).")
        case _:  # websockets prepares a response for what is too long or too much, only for that
            prepared = b"".join(server.data_to_send())
            return too_large(HTTPStatus(int(prepared[9:12]))) if prepared else bad_request()


def _route(
    request: Request,
    server: ServerProtocol,
    limits: WsLimits,
    health: Callable[[], HandshakeHealth],
    full: bool,
) -> AcceptedHandshake | EventRequest | PlainResponse:
    path, query = _path_and_query(request.path)
    encoding = lanyard_encoding(path, query)
    if not any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
        if path == events.PATH:
            why = AT_LIMIT if full else DRAINING if health().draining else ""
            return events.respond(request.method, parse_user_ids(query, limits.users), why)
        return _plain(request.method, path, health, is_lanyard=encoding is not None)
    refusal = _unavailable(health, full, encoding)
    if refusal is not None:
        return refusal
    lists = (value for name in PARSED_LISTS for value in request.headers.get_all(name))
    if sum(map(len, lists)) > MAX_PARSED_LIST_CHARS:
        return _upgrade_required(HTTPStatus.BAD_REQUEST, "bad_handshake", f"{LONG_LISTS} {USAGE}")
    response = server.accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        reason = response.body.decode().strip()
        if encoding is not None:
            return _upgrade_required(HTTPStatus.BAD_REQUEST, UPGRADE_FAILED, f"{reason} {USAGE}")
        return _upgrade_required(
            HTTPStatus(response.status_code), "bad_handshake", f"{reason} {USAGE}"
        )
    users = encoding or requested_users(query, limits.users)
    return AcceptedHandshake(response.serialize(), users)


def _unavailable(
    health: Callable[[], HandshakeHealth], full: bool, encoding: Encoding | None
) -> PlainResponse | None:
    """The response while the server takes no WebSocket."""
    if not full and not health().draining:
        return None
    why = AT_LIMIT if full else DRAINING
    refusal = http_responses.error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", why)
    return PlainResponse(refusal.response, slow=encoding is not None)


def forwarded_for(head: bytes) -> str:
    """The end of X-Forwarded-For in a request that is not parsed yet: see `forwarded_for_tail`."""
    return forwarded_for_tail([value.decode("latin-1") for value in _FORWARDED_FOR.findall(head)])


def _path_and_query(target: str) -> tuple[str, str]:
    """Of a request target in origin-form or absolute-form. RFC 9112, 3.2.1 and 3.2.2.

    A WebSocket may have any path: what a proxy forwards is the proxy's choice.
    """
    path, _, query = target.partition("?")
    scheme, found, rest = path.partition("://")
    if found and scheme.isalpha():
        path = "/" + rest.partition("/")[2]
    return path, query


def lanyard_encoding(path: str, query: str) -> Encoding | None:
    """The encoding of a client of Lanyard's dialect; None for one of Grux's own."""
    if path.strip("/") != LANYARD_PATH:
        return None
    parameters = dict(query_parameters(query))  # if one is repeated, the last counts
    if "user_id" in parameters:
        return None
    return Encoding.ZLIB if parameters.get("compression") == Encoding.ZLIB.value else Encoding.JSON


def requested_users(query: str, at_most: int) -> tuple[int, ...] | ErrorNotice:
    """The users of a WebSocket. `user_id=` with an empty value: the client names them later."""
    users = parse_user_ids(query, at_most)
    if isinstance(users, ErrorNotice) and not is_long_query(query):
        values = [value for name, value in query_parameters(query) if name == "user_id"]
        if values == [""]:
            return ()
    return users


def parse_user_ids(query: str, at_most: int) -> tuple[int, ...] | ErrorNotice:
    """The ids in `user_id=A&user_id=B,C`, each once, in the order of the query.

    As in other lists, spaces around an id are allowed, and so is a comma too many.
    """
    if query.startswith(_ONE_USER):  # most clients name one, and digits need no decoding
        user_id = snowflake.parse(query[len(_ONE_USER) :])
        if user_id is not None:
            return (user_id,)
    if is_long_query(query):
        return ErrorNotice(INVALID_USER_ID, f"The query is too long. {USER_IDS}")
    values = [value for name, value in query_parameters(query) if name == "user_id"]
    texts = list(filter(None, map(str.strip, ",".join(values).split(","))))
    if not texts:
        return ErrorNotice(INVALID_USER_ID, f"user_id is missing. {USER_IDS}")
    ids: dict[int, None] = {}
    for text in texts:
        user_id = snowflake.parse(text)
        if user_id is None:
            return malformed_id(text)
        ids[user_id] = None
    if len(ids) > at_most:
        return ErrorNotice(
            INVALID_USER_ID,
            f"{len(ids)} users were requested, but one connection carries at most {at_most}. "
            "Open another connection for the others.",
        )
    return tuple(ids)


def _is_host_valid(request: Request) -> bool:
    hosts = [value.encode("latin-1") for value in request.headers.get_all("Host")]
    return is_host_valid(hosts, request.protocol.removeprefix("HTTP/"))


def bad_request(problem: str = "This is not HTTP/1.1.") -> PlainResponse:
    return _upgrade_required(HTTPStatus.BAD_REQUEST, "bad_request", f"{problem} {USAGE}")


def too_many(head: bytes, retry_after_s: float) -> PlainResponse:
    """The answer to a flood: the request is not parsed for it."""
    answer = http_responses.error(
        HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", FLOOD, retry_after_s=retry_after_s
    )
    return PlainResponse(answer.response, slow=_LANYARD_LINE.match(head) is not None)


def too_large(
    status: HTTPStatus = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
) -> PlainResponse:
    return http_responses.error(
        status,
        "headers_too_large",
        f"The request's URL and headers are too large. Send fewer cookies. {USAGE}",
    )


def _plain(
    method: str, path: str, health: Callable[[], HandshakeHealth], *, is_lanyard: bool
) -> PlainResponse:
    """Plain HTTP. RFC 9110 section 15.5.22 for 426; Lanyard answers 400 at its path."""
    with_body = method != "HEAD"
    if path == "/health":
        return http_responses.json(HTTPStatus.OK, _status("ok"), with_body=with_body)
    if path == "/ready":
        now = health()
        if now.redis and not now.draining:
            return http_responses.json(HTTPStatus.OK, _status("ready"), with_body=with_body)
        why = "draining" if now.draining else "redis_is_away"
        return http_responses.json(
            HTTPStatus.SERVICE_UNAVAILABLE, _status(why), with_body=with_body
        )
    if is_lanyard:
        return _upgrade_required(HTTPStatus.BAD_REQUEST, UPGRADE_FAILED, USAGE, with_body)
    return _upgrade_required(HTTPStatus.UPGRADE_REQUIRED, "upgrade_required", USAGE, with_body)


def _status(status: str) -> bytes:
    return msgspec.json.encode({"status": status, "version": VERSION})


def _upgrade_required(
    status: HTTPStatus, code: str, message: str, with_body: bool = True
) -> PlainResponse:
    return http_responses.error(status, code, message, with_body=with_body, headers=_WEBSOCKET)
