"""Each header and parameter that a client writes costs a bounded amount of work, whatever is in it.

Work is counted, not timed: the operations of the interpreter, and the memory that is allocated
meanwhile, which grows with what a call into C makes (a split, a list of matches).
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from msgspec import Struct
from starlette.requests import Request

from services.api.endpoints import many_users, oembed, widget_attributes
from services.api.endpoints.static import WIDGET_DIR
from services.api.http.negotiation import accepts_gzip, prefers_html
from services.cards import card_options
from services.ws import handshake
from services.ws.limits import WsLimits
from shared.discord import id_hints, snowflake
from shared.http.errors import InvalidUserId
from shared.http.responses import etag_matches, etag_of, parameters_of
from shared.net.client_address import client_ip, forwarded_for_tail, networks

HEAD_CHARS = 32_768  # the longest head that api, cards and ws accept
MAX_OPERATIONS = 60_000  # a millisecond or two; a head of commas took 2,700,000
MAX_ALLOCATED_BYTES = 8 * HEAD_CHARS  # some copies of the head; lists of all its parts have more

PARSERS = {
    "shared/net/bounded_input.py",
    # of URLs in the operator's settings:
    *("services/doctor/report.py", "shared/config.py", "shared/redis/url.py"),
    "shared/masking.py",  # URLs of the operator's settings
    "services/api/accounts/forms.py",  # 64 KB and 500 fields at most
}

PROXIES = networks("10.0.0.0/8")
ID = "80351110224678912"
ETAG = etag_of(b"")
ATTRIBUTES = widget_attributes.read_attributes(WIDGET_DIR)


class Case(Struct, frozen=True):
    name: str  # of the header or parameter
    read: Callable[[str], object]
    part: str  # repeated as often as fits


def query(read: Callable[[dict[str, str]], object]) -> Callable[[str], object]:
    def read_query(text: str) -> object:
        scope = {"type": "http", "headers": [], "query_string": text.encode("latin-1")}
        return read(parameters_of(Request(scope)))

    return read_query


def card(parameters: dict[str, str]) -> object:
    return card_options.parse(parameters.items())


def hide(text: str) -> object:
    return widget_attributes.chosen_attributes(ATTRIBUTES, {"hide": text})


def person_of(rest: str) -> int | None:
    return oembed.person_of(f"https://a.example/u/{ID}{rest}", "https://a.example")


def if_none_match(text: str) -> bool:
    return etag_matches(text.encode("latin-1"), ETAG)


def forwarded_for(text: str) -> str | None:
    return client_ip("10.0.0.1", forwarded_for_tail([text]), PROXIES)


def forwarded_for_lines(text: str) -> str | None:
    return client_ip("10.0.0.1", forwarded_for_tail(text.split("\n", 128)[:128]), PROXIES)


def user_ids(prefix: str) -> Callable[[str], object]:
    return lambda text: handshake.parse_user_ids(prefix + text, 50)


def user_list(prefix: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        with suppress(InvalidUserId):
            return many_users.parse_ids(prefix + text)
        return None

    return read


def upgrade(name: str) -> Callable[[str], object]:
    """The whole handshake, with a header in lines of 8,000 characters: websockets' limit."""

    def read(text: str) -> object:
        lines = [f"{name}: {text[at : at + 8_000]}" for at in range(0, len(text), 8_000)]
        head = [
            *("GET /?user_id= HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: upgrade"),
            *("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"),
            *lines,
        ]
        raw = "\r\n".join([*head, "", ""]).encode("latin-1")
        health = handshake.HandshakeHealth(redis=True)
        return handshake.respond(raw, WsLimits(), lambda: health)

    return read


def event_request(line: str) -> Callable[[str], object]:
    """The request for an event stream, with the text in its first line."""

    def read(text: str) -> object:
        raw = f"{line.format(text)}\r\nHost: x\r\n\r\n".encode("latin-1")
        health = handshake.HandshakeHealth(redis=True)
        return handshake.respond(raw, WsLimits(), lambda: health)

    return read


def many(name: str, read: Callable[[str], object], *parts: str) -> list[Case]:
    return [Case(name, read, part) for part in parts]


CASES = [
    *many("Accept", prefers_html, ",", ";", "a,", "*/*,", "text/html;q=0.1,", " ", "a;q=", ",;"),
    *many("Accept-Encoding", accepts_gzip, ",", ";", "a,", "gzip;q=0,", "*;q=0.0,", "a=;"),
    *many("If-None-Match", if_none_match, '"', '""', '"a",', "W/", ",", " ", '"a', "*"),
    *many("X-Forwarded-For", forwarded_for, ",", "10.0.0.1,", " ", "[", ":", "%", "1", "9.9.9.9,"),
    *many("method", event_request("{} /events HTTP/1.1"), "A", "/events ", "A /events?"),
    *many("events", event_request("GET http://{}/events HTTP/1.1"), "a", ":", "/events?", "://"),
    *many("events", event_request("GET /events?user_id={} HTTP/1.1"), ",", "1,", "/events", "%2c"),
    *many("X-Forwarded-For", forwarded_for_lines, "\n", "10.0.0.1\n", ",\n"),
    *many("query", query(len), "&", "=", "a&", "a=1&", "%", "%41", "+", ";", "%ff", "é"),
    *many("size", query(lambda found: found.get("size")), "size=1&", "size=%31&"),
    *many("card", query(card), "theme=dark&", "width=9&", "ignoreAppId=,&", "&bg=%23"),
    *many("ignoreAppId", lambda ids: card({"ignoreAppId": ids}), ",", " ,", f"{ID},", "1,", " "),
    *many("idleMessage", lambda text: card({"idleMessage": text}), "a", " ", "%"),
    *many("width", lambda text: card({"width": text}), "1", ".", "px"),
    *many("bg", lambda text: card({"bg": text}), "#", "f"),
    *many("id in the path", snowflake.parse, "1", "0", "٣"),
    *many("user_id", user_ids("user_id="), ",", f"{ID},", "1,", "%2C", "%31"),
    *many("user_id", user_ids(""), "user_id=&", f"user_id={ID}&", "&", "user_id=,&", "a&"),
    *many("check", id_hints.hint, "1", "/", "a.", ".", ",", "<@", "https://", " ", "1,"),
    *many("check", id_hints.hint, "/users/1", "discord.gg", "#", "_", "e", "/channels/1"),
    *many("ids", user_list("ids="), ",", f"{ID},", "1,", "%2C", "%31", "é", " "),
    *many("ids", user_list(""), "ids=&", f"ids={ID}&", "ids=,&", "a&"),
    *many("hide", hide, ",", " ", "a,", "badges,", "badges "),
    *many("id of a page", snowflake.problem, "1", "<@", "/", "%2f"),
    *many("url", person_of, "/", "?", "#", "/u/1", "&", "[", "@"),
    *many("Connection", upgrade("Connection"), ",", "a,", "upgrade, "),
    *many("Upgrade", upgrade("Upgrade"), ",", "a,", "a/1,", "websocket,"),
    *many("Sec-WebSocket-Protocol", upgrade("Sec-WebSocket-Protocol"), ",", "a,", "a, "),
    *many("Sec-WebSocket-Extensions", upgrade("Sec-WebSocket-Extensions"), ",", "a;b=1,", ";"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.part!r}")
def test_the_worst_case_is_bounded(case: Case) -> None:
    """By a millisecond or two; twice the input costs no more."""
    once, twice = (
        (case.part * HEAD_CHARS)[: size - len(case.part)] for size in (HEAD_CHARS, 2 * HEAD_CHARS)
    )
    operations = count_operations(lambda: case.read(once))
    assert operations <= MAX_OPERATIONS
    assert allocated_bytes(lambda: case.read(once)) <= MAX_ALLOCATED_BYTES
    assert count_operations(lambda: case.read(twice)) <= operations * 1.1 + 500


def test_every_query_is_read_by_the_bounded_parser() -> None:
    """Starlette's own `query_params` reads any number of parameters, in pure Python."""
    root = Path(__file__).parents[1]
    for path in (*root.glob("services/**/*.py"), *root.glob("shared/**/*.py")):
        source = path.read_text()
        assert ".query_params" not in source, path
        if "parse_qsl(" in source:
            assert path.relative_to(root).as_posix() in PARSERS, path


def count_operations(call: Callable[[], object]) -> int:
    """How many bytecode operations the call takes, in all functions that are called."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()  # callbacks of the collector would be counted
    sys.settrace(trace)
    try:
        call()
    finally:
        gc.enable()
        sys.settrace(before)
    return count


def allocated_bytes(call: Callable[[], object]) -> int:
    """The most memory that the call holds at one time."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
