"""Variants of the attacks: hostile requests to each port, with what they may be answered.

Each is sent several times. It fails if the answer is another, if a request costs too much CPU, if
the process grows or writes to its log, or if it does not serve afterwards.

Long because it is one table: docs/attacks.md lists the same variants.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Literal

from msgspec import Struct

from bench import people
from bench.attacks import raw_http
from bench.attacks.outcome import Outcome
from bench.attacks.raw_http import UPGRADE, get
from bench.attacks.target import Service, Target, address

TIMES: Final = 20
MAX_CPU_S: Final = 0.006  # for one request with its connection
MAX_CPU_S_PER_BYTE: Final = 30e-9
MAX_GROWTH_BYTES: Final = 16 * 1024 * 1024
MAX_LOG_LINES: Final = 2
QUIET_S: Final = 0.3  # a WebSocket that says nothing for so long stays open

ID: Final = people.FIRST
NUL: Final = b"\0"
NEVER: Final = b"\xff\xfenever"

Where = Literal["api", "ws", "cards", "metrics"]


class Variant(Struct, frozen=True):
    """Allowed are statuses, or for a WebSocket close codes; 0: closed, or left open, in silence."""

    where: Where
    name: str
    pieces: Sequence[bytes]
    allowed: Sequence[int]
    forbidden: bytes  # must not be in the answer
    socket: bool = False


def http(
    where: Where,
    name: str,
    *pieces: bytes,
    allowed: tuple[int, ...] = (400,),
    forbidden: bytes = NEVER,
) -> Variant:
    return Variant(where, name, pieces, allowed, forbidden)


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0) -> bytes:
    """As a client sends it, with a mask of zeros."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload)
    if size < 126:
        return head + bytes([0x80 | size, 0, 0, 0, 0]) + payload
    if size < 65_536:
        return head + b"\xfe" + size.to_bytes(2, "big") + bytes(4) + payload
    return head + b"\xff" + size.to_bytes(8, "big") + bytes(4) + payload


def socket(
    name: str, path: str, *frames: bytes, allowed: tuple[int, ...], where: Where = "ws"
) -> Variant:
    """A WebSocket that sends these frames."""
    return Variant(where, name, (get(path, UPGRADE[:-2]), *frames), allowed, NEVER, socket=True)


def say(message: object) -> bytes:
    return frame(1, json.dumps(message).encode())


def _strangers(count: int, first: int = 0) -> list[str]:
    return [str(300_000_000_000_000_000 + first + number) for number in range(count)]


CHUNKED: Final = b"Transfer-Encoding: chunked"
READ: Final = f"/user/{ID}"
OWN: Final = f"/?user_id={ID}"
EMPTY: Final = "/?user_id="
LANYARD: Final = "/socket"
ZALGO: Final = "%CC%81" * 1200
BIDI: Final = "%E2%80%AE" * 800
ZWJ: Final = "%F0%9F%91%A8%E2%80%8D" * 400

VARIANTS: Final = (
    # Framing of requests: what a proxy and a server might understand differently.
    http(
        "api",
        "a body in 10,000 chunks on GET",
        get(READ, CHUNKED),
        b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n",
    ),
    http(
        "api",
        "Content-Length and Transfer-Encoding",
        get(READ, b"Content-Length: 5", CHUNKED),
        b"0\r\n\r\n",
    ),
    http(
        "api",
        "two Content-Lengths",
        get(READ, b"Content-Length: 0", b"Content-Length: 5"),
        b"xxxxx",
    ),
    http("api", "Content-Length: +5", get(READ, b"Content-Length: +5"), b"xxxxx"),
    http("api", "a Content-Length of 400 digits", get(READ, b"Content-Length: " + b"9" * 400)),
    http("api", "a chunk size of 2^64", get(READ, CHUNKED), b"FFFFFFFFFFFFFFFFF\r\nx"),
    http(
        "api",
        "a chunk extension of 30 KB",
        get(READ, CHUNKED),
        b"1;" + b"x" * 30_000 + b"\r\nx\r\n0\r\n\r\n",
    ),
    http("api", "Transfer-Encoding: xchunked", get(READ, b"Transfer-Encoding: xchunked")),
    http("api", "a folded header line", get(READ, b"X: a\r\n b"), allowed=(200, 400)),
    http("api", "a space before the colon", get(READ, b"Content-Length : 5")),
    http("api", "NUL in a header", get(READ, b"X: a" + NUL + b"b")),
    http("api", "a bare CR in a header", get(READ, b"X: a\rX-Forwarded-For: 9.9.9.9")),
    http("api", "bare LF line ends", b"GET /health HTTP/1.1\nHost: x\n\n", allowed=(200, 400)),
    http("api", "HTTP/0.9", b"GET /health\r\n\r\n"),
    http("api", "HTTP/9.9", b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n"),
    http("api", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    http(
        "api",
        "a TLS ClientHello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        allowed=(400,),
    ),
    http(
        "api",
        "a method of 30 KB",
        b"A" * 30_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
        allowed=(400, 405, 431),
    ),
    http("api", "129 headers", get(READ, *[b"X: 1"] * 129), allowed=(431,)),
    http(
        "api",
        "Expect: 100-continue without a body",
        get(READ, b"Expect: 100-continue"),
        allowed=(100, 200),
    ),
    http(
        "api",
        "Upgrade: h2c",
        get(READ, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAA"),
        allowed=(200, 400),
    ),
    # Paths and queries.
    http(
        "api",
        "8 KB of encoded dots and slashes",
        get("/" + "%2e%2e%2f" * 900),
        allowed=(404,),
        forbidden=b"root:",
    ),
    http("api", "NUL in the path", get("/user/%00"), allowed=(400, 404)),
    http(
        "api",
        "a path that is another host",
        get("//evil.example/docs/"),
        allowed=(404,),
        forbidden=b"\r\nlocation: //evil",
    ),
    http(
        "api",
        "another host in absolute form",
        get("http://evil.example/docs/"),
        allowed=(308, 404),
        forbidden=b"evil.example/",
    ),
    http("api", "digits of other scripts as an id", get("/user/" + "%D9%A1" * 18), allowed=(400,)),
    http("api", "30,000 question marks", get("/?" + "?" * 30_000), allowed=(200,)),
    http("api", "15,000 query parameters", get(READ + "?" + "a&" * 15_000), allowed=(200,)),
    http(
        "api",
        "6,000 ranges of a file",
        get("/widget.js", b"Range: bytes=" + b"0-0," * 6_000),
        allowed=(200, 416),
    ),
    http(
        "api",
        "a preflight that asks for 30 KB of headers",
        get(
            READ,
            b"Origin: x",
            b"Access-Control-Request-Method: GET",
            b"Access-Control-Request-Headers: " + b"a," * 15_000,
            method="OPTIONS",
        ),
        allowed=(200, 204),
    ),
    http("api", "a file of the docs' folder", get("/docs/..%2fpages.py"), allowed=(404,)),
    http(
        "api",
        "markup in the path",
        get("/<script>alert(1)</script>"),
        allowed=(404,),
        forbidden=b"<script>",
    ),
    http(
        "api",
        "a header splits the response",
        get("/docs/?%0d%0aX-Evil:%201"),
        allowed=(200, 308),
        forbidden=b"\r\nX-Evil",
    ),
    # Lanyard's routes and the key-value store.
    http(
        "api",
        "a key of 30 KB",
        get("/v1/users/@me", b"Authorization: " + b"k" * 30_000),
        allowed=(401, 404),
    ),
    http(
        "api",
        "a value of 1 GB is announced",
        get(f"/v1/users/{ID}/kv/a", b"Content-Length: 1073741824", method="PUT"),
        allowed=(401, 404, 413),
    ),
    http(
        "api",
        "a value of 4 MB without a key",
        get(f"/v1/users/{ID}/kv/a", b"Content-Length: 4194304", method="PUT"),
        b"x" * 65_536 * 64,
        allowed=(0, 401, 404, 413),
    ),
    http(
        "api",
        "nested JSON without a key",
        get(f"/v1/users/{ID}/kv", b"Content-Length: 60000", b"Authorization: x", method="PATCH"),
        b"[" * 60_000,
        allowed=(401, 404, 413),
    ),
    http(
        "api",
        "an endless chunked value",
        get(f"/v1/users/{ID}/kv/a", CHUNKED, b"Authorization: x", method="PUT"),
        *[b"8000\r\n" + bytes(32_768) + b"\r\n"] * 64,
        allowed=(0, 400, 401, 404, 411, 413),
    ),
    http(
        "api",
        "a redirect to another host",
        get("/%2f%2fevil.example.png"),
        allowed=(400, 404),
        forbidden=b"location: //evil",
    ),
    # Cards and badges.
    http(
        "cards",
        "script in a colour",
        get(f"/card/{ID}.svg?accent=%3C/style%3E%3Cscript%3Ealert(1)%3C/script%3E"),
        allowed=(200,),
        forbidden=b"<script",
    ),
    http(
        "cards",
        "8 KB of combining marks",
        get(f"/card/{ID}.svg?idleMessage=a{ZALGO}"),
        allowed=(200,),
    ),
    http(
        "cards",
        "8 KB of text direction marks",
        get(f"/card/{ID}.svg?idleMessage={BIDI}"),
        allowed=(200,),
    ),
    http(
        "cards",
        "a width of 1e308",
        get(f"/card/{ID}.svg?width=1e308&animationDuration=nan"),
        allowed=(200,),
    ),
    http(
        "cards",
        "markup in an id",
        get("/card/%22%3E%3Cscript%3E.svg"),
        allowed=(200, 404),
        forbidden=b"<script",
    ),
    http(
        "cards",
        "markup in a badge",
        get(f"/badge/{ID}.svg?label=%3C/text%3E%3Cscript%3E"),
        allowed=(200,),
        forbidden=b"<script",
    ),
    http(
        "cards", "a badge of 400 joined emoji", get(f"/badge/{ID}.svg?label={ZWJ}"), allowed=(200,)
    ),
    http(
        "cards",
        "100 of the same parameter",
        get(f"/card/{ID}.png?" + "theme=dark&" * 100),
        allowed=(200,),
    ),
    # The WebSocket.
    http(
        "ws",
        "an id 1,500 times",
        get("/?user_id=" + f"{ID}," * 1500, UPGRADE[:-2]),
        allowed=(101, 414, 431),
    ),
    http(
        "ws",
        "30 KB of extension offers",
        get(OWN, UPGRADE + b"Sec-WebSocket-Extensions: " + b"permessage-deflate; " * 1500),
        allowed=(101, 400, 431),
    ),
    http(
        "ws",
        "a key that is no key",
        get(OWN, UPGRADE[:-2].replace(b"AAAA==", b"A")),
        allowed=(400,),
    ),
    http(
        "ws",
        "a body with the handshake",
        get(OWN, UPGRADE + b"Content-Length: 70000"),
        b"x" * 70_000,
        allowed=(0, 101, 400, 413),
    ),
    socket("a frame of 2^63 bytes", OWN, b"\x81\xff\x80" + bytes(11), allowed=(1002, 1009)),
    socket(
        "a message in 5,000 fragments of a byte",
        OWN,
        frame(1, b"x", fin=False) + frame(0, b"x", fin=False) * 5_000,
        allowed=(1009, 4429),
    ),
    socket(
        "10,000 empty fragments",
        OWN,
        frame(1, b"", fin=False) + frame(0, b"", fin=False) * 10_000,
        allowed=(4429,),
    ),
    socket("200 pings", OWN, frame(9, b"x" * 125) * 200, allowed=(4429,)),
    socket("a compressed frame", OWN, frame(1, b"x", rsv=4), allowed=(1002,)),
    socket("text that is not UTF-8", OWN, frame(1, b"\xff\xfe"), allowed=(0, 1007, 4400)),
    # Messages that change subscriptions.
    socket("a heartbeat", OWN, say({"op": 3}), allowed=(0,)),
    socket("three heartbeats", OWN, say({"op": 3}) * 3, allowed=(4400,)),
    socket("JSON of 3,000 brackets", OWN, frame(1, b"[" * 3_000), allowed=(0,)),
    socket(
        "a subscribe to 150 users",
        OWN,
        say({"op": "subscribe", "user_ids": _strangers(150)}),
        allowed=(0,),
    ),
    socket(
        "3 subscribes to 50 unknown users",
        EMPTY,
        *[
            say({"op": "subscribe", "user_ids": _strangers(50, 50 * at)})
            + say({"op": "unsubscribe", "user_ids": _strangers(50, 50 * at)})
            for at in range(3)
        ],
        allowed=(0,),
    ),
    socket(
        "3 subscribes to 50 known users each",
        EMPTY,
        *[
            say(
                {
                    "op": "subscribe",
                    "user_ids": [str(ID + 50 * at + number) for number in range(50)],
                }
            )
            for at in range(3)
        ],
        allowed=(0,),
    ),
    socket(
        "3 subscribes to 50 unknown users, and no unsubscribe",
        EMPTY,
        *[say({"op": "subscribe", "user_ids": _strangers(50, 50 * at)}) for at in range(3)],
        allowed=(0,),
    ),
    socket(
        "ids of 900 characters, markup and spaces",
        EMPTY,
        say({"op": "subscribe", "user_ids": ["x" * 900, "<b>1</b>", " 1", ""]}),
        allowed=(0,),
    ),
    socket(
        "200 subscribes to the same user",
        EMPTY,
        say({"op": "subscribe", "user_ids": [str(ID)]}) * 200,
        allowed=(4429,),
    ),
    socket(
        "Lanyard: 3,000 unknown ids in one message",
        LANYARD,
        say({"op": 2, "d": {"subscribe_to_ids": _strangers(3_000)}}),
        allowed=(0, 1009, 4004, 4429),
    ),
    socket(
        "Lanyard: the same 300 ids 100 times",
        LANYARD,
        say({"op": 2, "d": {"subscribe_to_ids": _strangers(300)}}) * 100,
        allowed=(0, 4429),
    ),
    socket(
        "Lanyard: 40 x 300 unknown ids",
        LANYARD,
        *[
            say({"op": 2, "d": {"subscribe_to_ids": _strangers(300, 10_000 * at)}})
            for at in range(40)
        ],
        allowed=(0, 4004, 4429),
    ),
    socket(
        "Lanyard: JSON of 3,000 brackets",
        LANYARD,
        frame(1, b"[" * 3_000),
        allowed=(0, 1009, 4004, 4005, 4006),
    ),
    socket(
        "Lanyard: numbers and nulls as ids",
        LANYARD,
        say({"op": 2, "d": {"subscribe_to_ids": [1, None, {}, [], "x" * 900, -1, 1e308]}}),
        allowed=(0, 4004, 4005, 4006),
    ),
    socket(
        "Lanyard: subscribe_to_all",
        LANYARD,
        say({"op": 2, "d": {"subscribe_to_all": True}}),
        allowed=(0, 4004, 4006),
    ),
    socket("Lanyard: 200 heartbeats", LANYARD, say({"op": 3}) * 200, allowed=(0, 4429)),
    socket(
        "Lanyard: an op of 10^300",
        LANYARD,
        frame(1, b'{"op":1' + b"0" * 300 + b"}"),
        allowed=(0, 4004, 4005, 4006),
    ),
    # Many users at once, and the check of an id.
    http("api", "users: 8,000 commas", get("/users?ids=" + "," * 8_000), allowed=(400,)),
    http("api", "users: 15,000 short ids", get("/users?ids=" + "1," * 15_000), allowed=(400,)),
    http("api", "users: 51 ids", get("/users?ids=" + f"{ID}," * 51), allowed=(400,)),
    http(
        "api",
        "check: markup and line breaks in the place of the id",
        get("/check/%3Cscript%3Ealert(1)%3C/script%3E%0d%0aX:%20y"),
        allowed=(200,),
        forbidden=b"<script",
    ),
    http("api", "check: 30 KB of slashes", get("/check/" + "/" * 30_000), allowed=(200,)),
    http("api", "check: 10 KB of encoded slashes", get("/check/" + "%2f" * 10_000), allowed=(200,)),
    # Event streams.
    http(
        "ws", "events: an id 1,500 times", get("/events?user_id=" + f"{ID}," * 1500), allowed=(414,)
    ),
    http(
        "ws",
        "events: line ends in an id",
        get("/events?user_id=1%0a%0adata:%20x%0d%0a"),
        allowed=(400,),
        forbidden=b"\ndata: x",
    ),
    http(
        "ws",
        "events: a body of 1 MB",
        get("/events?user_id=1", b"Content-Length: 1048576", method="POST") + bytes(1_048_576),
        allowed=(0, 405),
    ),
    http(
        "ws",
        "events: a preflight that asks for 30 KB of headers",
        get(
            "/events?user_id=1",
            b"Origin: x",
            b"Access-Control-Request-Headers: " + b"a," * 15_000,
            method="OPTIONS",
        ),
        allowed=(204, 431),
    ),
    http(
        "api",
        "through the api: a second request behind an event stream",
        get("/events?user_id=1") + get("/health"),
        allowed=(400,),
        forbidden=b'"status":"ok"',
    ),
    # The WebSocket at the api's port, which passes it on.
    socket(
        "through the api: 200 pings", OWN, frame(9, b"x" * 125) * 200, allowed=(4429,), where="api"
    ),
    socket(
        "through the api: a frame of 2^63 bytes",
        OWN,
        b"\x81\xff\x80" + bytes(11),
        allowed=(1002, 1009),
        where="api",
    ),
    http(
        "api",
        "through the api: a body with the handshake",
        get(OWN, UPGRADE + b"Content-Length: 70000"),
        b"x" * 70_000,
        allowed=(0, 101, 400, 413),
    ),
    http(
        "api",
        "through the api: a second request behind the handshake",
        get(OWN, UPGRADE[:-2]) + get("/health"),
        allowed=(101, 400),
        forbidden=b'"status":"ok"',
    ),
    http(
        "api",
        "through the api: a request before the handshake",
        get("/health") + get(OWN, UPGRADE[:-2]),
        allowed=(200, 400),
    ),
    http(
        "api",
        "through the api: the handshake of an unknown path",
        get("/v1/users/1/kv/a?user_id=1", UPGRADE[:-2]),
        allowed=(101, 400, 404),
    ),
    # METRICS_PORT.
    http(
        "metrics",
        "1,000 names of metrics",
        get("/metrics?" + "name[]=x&" * 800),
        allowed=(200, 400, 414, 431),
    ),
    http(
        "metrics",
        "a head of 100 KB",
        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000,
        allowed=(0, 400, 413, 414, 431),
    ),
    http(
        "metrics",
        "a body of 1 MB",
        get("/health", b"Content-Length: 1048576", method="POST") + bytes(1_048_576),
        allowed=(0, 200, 404, 405, 501),
    ),
    http(
        "metrics",
        "6,000 commas in Accept",
        get("/metrics", b"Accept: " + b"," * 6_000),
        allowed=(0, 200, 400, 431),
    ),
    http("metrics", "markup in the path", get("/<script>"), allowed=(404,), forbidden=b"<script"),
)


async def run(target: Target) -> list[Outcome]:
    """Each variant; the answers beside their names. What is wrong with one is part of its row."""
    services = {
        "api": target.api,
        "ws": target.ws,
        "cards": target.cards,
        "metrics": target.api,
    }
    return [await _check(variant, services[variant.where]) for variant in VARIANTS]


async def _check(variant: Variant, service: Service) -> Outcome:
    process = service.process
    port = service.metrics_port if variant.where == "metrics" else service.port
    memory, lines = process.memory(), process.logged()
    answers: set[int] = set()
    is_forbidden = False
    cpu = process.cpu()
    for number in range(TIMES):
        answer, received = await _answer(variant, port)
        answers.add(answer)
        is_forbidden = is_forbidden or variant.forbidden in received
        if not number:
            cpu = process.cpu()  # the first one may load what the others use
    cost = (process.cpu() - cpu) / (TIMES - 1)
    most = MAX_CPU_S + MAX_CPU_S_PER_BYTE * sum(map(len, variant.pieces))
    ready = await raw_http.send(service.port, get("/ready"))
    wrong = [
        *(f"answered {answer}" for answer in answers - set(variant.allowed)),
        *(["reflected"] if is_forbidden else []),
        *([f"{cost * 1e3:.1f} ms of CPU"] if cost > most else []),
        *(["grew"] if process.memory() - memory > MAX_GROWTH_BYTES else []),
        *(["logged"] if process.logged() - lines > MAX_LOG_LINES else []),
        *([f"then {ready.status}"] if ready.status != 200 else []),
    ]
    shown = ", ".join(map(str, sorted(answers)))
    return Outcome(
        attack=f"{variant.where}: {variant.name}",
        figure="; ".join([f"answered {shown}, {cost * 1e6:.0f} µs of CPU", *wrong]),
        value=len(wrong),
        bound=0,
    )


async def _answer(variant: Variant, port: int) -> tuple[int, bytes]:
    pieces = [_with_address(variant.pieces[0]), *variant.pieces[1:]]
    if not variant.socket:
        reply = await raw_http.send(port, *pieces)
        return reply.status, reply.head + reply.body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with suppress(OSError, TimeoutError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        while True:
            async with asyncio.timeout(QUIET_S):
                piece = await reader.read(65_536)
            if not piece:
                break
            received += piece
            if raw_http.is_closing(received):
                break
    writer.transport.abort()
    return raw_http.close_code(received) if raw_http.is_closing(received) else 0, received


def _with_address(piece: bytes) -> bytes:
    """The proxy names another client each time, so that no budget hides what a request costs."""
    line = b"\r\nHost: x\r\nX-Forwarded-For: " + address().encode() + b"\r\n"
    return piece.replace(b"\r\nHost: x\r\n", line, 1)
