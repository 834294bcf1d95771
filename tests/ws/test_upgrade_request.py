"""The usual request for a WebSocket has the outcome that it has with websockets."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from time import time
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ws import handshake, upgrade_request
from services.ws.events.endpoint import EventRequest
from services.ws.handshake import AcceptedHandshake, HandshakeHealth
from services.ws.http_responses import PlainResponse
from services.ws.limits import WsLimits
from tests.ws.ws_fixture import ANNA, BERT

LIMITS: Final = WsLimits()
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3
ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

USUAL: Final = {
    "Chrome": """\
GET /?user_id=1274150219482660897 HTTP/1.1
Host: presence.example.org
Connection: Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0
Upgrade: websocket
Origin: https://example.org
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-US,en;q=0.9
Cookie: session=abc; name=Zo\u00eb
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
""",
    "Firefox": """\
GET /?user_id=1274150219482660897,1274150219482660898 HTTP/1.1
Host: [2001:db8::1]:8001
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0
Accept: */*
Sec-WebSocket-Version: 13
Origin: null
Sec-WebSocket-Extensions: permessage-deflate
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Connection: keep-alive, Upgrade
Upgrade: websocket
""",
    "Node's ws": """\
GET /socket HTTP/1.1
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
Host: 127.0.0.1:8001
""",
    "through HAProxy": """\
GET /?user_id= HTTP/1.1
host: presence.example.org
upgrade: WebSocket
sec-websocket-version: 13
sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==
x-forwarded-for: 203.0.113.9
connection: upgrade
""",
}

Answer = AcceptedHandshake | EventRequest | PlainResponse


def head_of(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1") + b"\r\n"


CHROME: Final = head_of(USUAL["Chrome"])


def without_date(answer: Answer) -> Answer:
    """The clock may tick between two answers."""
    if not isinstance(answer, AcceptedHandshake):
        return answer
    return AcceptedHandshake(re.sub(rb"Date: .*\r\n", b"", answer.response), answer.users)


def assert_same_outcome(head: bytes) -> None:
    for health in (HandshakeHealth(redis=True), HandshakeHealth(redis=True, draining=True)):
        for full in (False, True):
            ours, websockets = (
                respond(head, LIMITS, lambda health=health: health, full=full)  # type: ignore[misc]
                for respond in (handshake.respond, handshake.respond_by_websockets)
            )
            assert without_date(ours) == without_date(websockets)


@pytest.mark.parametrize("text", USUAL.values(), ids=USUAL)
def test_what_clients_send_is_usual(text: str) -> None:
    """None of it needs websockets."""
    head = head_of(text)
    assert upgrade_request.read(head) is not None
    assert_same_outcome(head)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET ", b"POST "),
        (b"GET ", b"get "),
        (b"GET /", b"GET  /"),
        (b"GET /", b"GET ws://presence.example.org/"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"?user_id", b"?\xc3\xbcser_id"),
        (b"Host: presence.example.org\r\n", b""),
        (b"presence.example.org", b""),
        (b"presence.example.org", b"a b"),
        (b"presence.example.org", b"presence.example.org\r\nHost: other.example.org"),
        (b"Connection: Upgrade", b"Connection: close"),
        (b"Connection: Upgrade", b"Connection: Upgrade, close"),
        (b"websocket\r\n", b"websocket, h2c\r\n"),
        (b"websocket\r\n", b"h2c\r\n"),
        (b"Version: 13", b"Version: 8"),
        (b"Version: 13", b"Version: 13\r\nSec-WebSocket-Version: 13"),
        (KEY.encode(), b"c2hvcnQ="),
        (KEY.encode(), b"dGhlIHNhbXBsZSBub25jZQ=!"),
        (KEY.encode(), KEY.encode() + b" "),
        (b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: grux\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nX: 1\r\nx: 2\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nX : 1\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n folded\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nX: \x00\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nX: a\rb\r\n\r\n"),
        (b"Pragma: no-cache\r\n", b"Pragma: no-cache\n"),
        (b"\r\n\r\n", b"\r\n" + b"".join(b"X%d:\r\n" % number for number in range(200)) + b"\r\n"),
        (b"\r\n\r\n", b"\r\nCookie: " + b"x" * upgrade_request.MAX_BYTES + b"\r\n\r\n"),
    ],
)
def test_what_is_unusual_is_left_to_websockets(old: bytes, new: bytes) -> None:
    """Wrong or not: it decides, as about every request before."""
    head = CHROME.replace(old, new, 1)
    assert head != CHROME
    assert upgrade_request.read(head) is None
    assert_same_outcome(head)


names = st.sampled_from(
    [
        *("Host", "Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key"),
        *("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin", "Content-Length"),
        *("Transfer-Encoding", "X-Forwarded-For", "Expect", "\t", "x y", ""),
    ]
)
values = st.sampled_from(
    [
        *(
            "",
            "websocket",
            "WebSocket",
            "websocket/13",
            "upgrade",
            "Upgrade",
            "keep-alive, Upgrade",
        ),
        *("keep-alive", "13", "8", "0", "5", "chunked", "a.example", "[::1]:80", "a b", "a@b", ","),
        *(KEY, KEY[:-1], "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB=="),
        *("AAAAAAAAAAAAAAAAAAAAA===", "A" * 9000, "grux", "\u00eb"),
    ]
) | st.text(st.characters(max_codepoint=255), max_size=5)
targets = st.sampled_from(
    [
        *("/", f"/?user_id={ANNA}", f"/?user_id={ANNA},{BERT}", f"/any/path?user_id=%20{ANNA}"),
        *("/?user_id=", "/?user_id=1", "/socket", "//socket/?compression=zlib_json", "/events"),
        *(f"/events?user_id={ANNA}", "/health", "*", "ws://a.example/socket", "/ws://a/b?user_id="),
        *(
            f"/?user_id={ANNA}&user_id={BERT}",
            f"/?user_id=0{ANNA}",
            f"/?user_id={ANNA}#x",
            "/\u00eb",
        ),
    ]
)


fields = st.builds(
    "{}{}{}".format, names, st.sampled_from([": ", ": ", ":", ":\t ", " : "]), values
)
first_lines = st.sampled_from(
    ["GET / HTTP/1.0", "GET / HTTP/2", "HEAD / HTTP/1.1", "GET  / HTTP/1.1"]
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A usual one, with up to two changes."""
    connections = st.sampled_from(["Upgrade", "upgrade", "keep-alive, Upgrade"])
    usual = [f"Connection: {draw(connections)}", f"Sec-WebSocket-Key: {KEY}"]
    usual += ["Host: a.example", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    lines = [f"GET {draw(targets)} HTTP/1.1", *draw(st.permutations(usual))]
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(1, len(lines) - 1))
        match draw(st.sampled_from(["add", "add", "add", "replace", "remove", "first", "end"])):
            case "add":
                lines.insert(place, draw(fields))
            case "replace":
                lines[place] = draw(fields)
            case "remove":
                del lines[place]
            case "first":
                lines[0] = draw(first_lines)
            case "end":
                lines[place] += draw(st.sampled_from([" ", "\t", "\r", "\n", "\x00"]))
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@given(requests())
def test_requests_of_every_kind(head: bytes) -> None:
    """They have the outcome that websockets gives them."""
    assert_same_outcome(head[: head.find(handshake.END) + len(handshake.END)])


@given(st.integers(0, len(CHROME) - 5), st.integers(0, 3), st.binary(max_size=3))
@example(len(CHROME) - 4, 0, b"")
def test_changed_bytes(place: int, removed: int, added: bytes) -> None:
    """Some bytes of a usual request are others: it has the outcome that websockets gives it."""
    head = CHROME[:place] + added + CHROME[place + removed :]
    assert_same_outcome(head[: head.find(handshake.END) + len(handshake.END)])


def test_the_response_has_the_accepted_key_and_the_time() -> None:
    """As in the example of RFC 6455. Every second has a date of its own."""
    request = upgrade_request.read(CHROME)
    assert request is not None
    began = int(time())
    response = request.response()
    assert b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n" in response
    date = re.search(rb"\r\nDate: (.*)\r\n", response)
    assert date is not None
    assert began <= parsedate_to_datetime(date[1].decode()).timestamp() <= time()


def test_each_second_has_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date is built once a second, and never kept longer."""
    request = upgrade_request.read(CHROME)
    assert request is not None
    for now, clock in ((1e9, b"01:46:40"), (1e9 + 0.9, b"01:46:40"), (1e9 + 1, b"01:46:41")):
        monkeypatch.setattr(upgrade_request, "time", lambda now=now: now)
        assert b"\r\nDate: Sun, 09 Sep 2001 " + clock + b" GMT\r\n" in request.response()
