"""Items 2, 3, 6, 8 and 9: requests that cost the api memory, time, its limits or its log."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from typing import Final

from bench import people
from bench.attacks import raw_http
from bench.attacks.outcome import Outcome, percentile
from bench.attacks.target import Service, Target, address

MEGABYTE: Final = 1024 * 1024
HEAD_BYTES: Final = 32_000  # just below the limit
FORGED: Final = 4_000
TRAILERS: Final = 1_300  # more than an address may send in a minute
READ: Final = f"/user/{people.FIRST}"
LARGEST: Final = "/preview.png"

WORST_HEADERS: Final[dict[str, tuple[bytes, ...]]] = {
    "Accept": (b",", b"text/html;q=0.1,", b"*/*,", b"a;q="),
    "Accept-Encoding": (b",", b"gzip;q=0,", b"*;q=0.0,"),
    "Accept-Language": (b",", b"a;q=0.1,"),
    "If-None-Match": (b'"a",', b'"', b"W/", b","),
    "X-Forwarded-For": (b",", b"127.0.0.1,", b"["),
    "Cookie": (b";", b"a=b;"),
    "Origin": (b"a", b"."),
    "Access-Control-Request-Headers": (b",", b"a,"),
    "Range": (b"bytes=0-1,", b","),
    "Forwarded": (b"for=1.1.1.1,", b";"),
    "Transfer-Encoding": (b",", b"chunked,"),
    "Connection": (b",", b"close,"),
    "Upgrade": (b",", b"websocket,"),
    "Expect": (b"100-continue,", b","),
}


async def forged_addresses(target: Target) -> list[Outcome]:
    """Item 2: a client behind an appending proxy makes up long X-Forwarded-For headers."""
    api, attacker = target.api, address()
    before = api.process.memory()

    async def attack(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        for number in range(first, first + FORGED // 20):
            made_up = b"%d, " % number + b"9.9.9.9, " * 3_300
            line = b"X-Forwarded-For: " + made_up + attacker.encode()
            writer.write(raw_http.get(READ, line))
            await raw_http.receive(reader, 0.0)
        writer.transport.abort()

    await asyncio.gather(*(attack(one * FORGED) for one in range(20)))
    return [
        Outcome(
            attack=f"{FORGED} requests with made-up X-Forwarded-For of 30 KB",
            figure="growth of api",
            value=(api.process.memory() - before) / MEGABYTE,
            unit="MB",
            bound=10,
        )
    ]


async def trailers(target: Target) -> list[Outcome]:
    """Item 3: trailers that would become headers, and escape the limit of an address."""
    attacker, statuses = address(), Counter[int]()

    async def attack(number: int) -> None:
        for at in range(number, TRAILERS, 20):
            trailer = b"0\r\nX-Forwarded-For: 9.9.%d.%d\r\n\r\n" % (at >> 8, at & 255)
            request = raw_http.get(READ, b"Transfer-Encoding: chunked", address=attacker)
            statuses[(await raw_http.send(target.api.port, request + trailer)).status] += 1

    await asyncio.gather(*(attack(number) for number in range(20)))
    return [
        Outcome(
            attack=f"{TRAILERS} requests whose trailers forge an address",
            figure="answered with 200",
            value=statuses[200],
            bound=0,
        )
    ]


async def worst_headers(target: Target) -> list[Outcome]:
    """Item 6: each header with its worst value, and others meanwhile."""
    costs: list[tuple[float, str]] = []
    for name, parts in WORST_HEADERS.items():
        for part in parts:
            line = name.encode() + b": " + (part * HEAD_BYTES)[:HEAD_BYTES]
            costs.append((await _cost(target.api, line), name))
    waited: list[float] = []
    commas = raw_http.get("/", b"Accept: " + b"," * HEAD_BYTES, address=address())

    async def attack() -> None:
        while True:
            await raw_http.send(target.api.port, commas)
            await asyncio.sleep(0.05)

    attacker = asyncio.create_task(attack())
    for _ in range(100):
        waited.append((await raw_http.send(target.api.port, raw_http.get(READ))).seconds)
        await asyncio.sleep(0.02)
    attacker.cancel()
    cost, name = max(costs)
    return [
        Outcome(
            attack=f"{len(costs)} worst values of {len(WORST_HEADERS)} headers, 32 KB each",
            figure=f"CPU of api for a request, the most expensive ({name})",
            value=cost * 1e6,
            unit="µs",
            bound=3000,
        ),
        Outcome(
            attack="20 requests/s with 32,000 commas in Accept",
            figure="others' GET /user, p50",
            value=percentile(waited, 0.5) * 1e3,
            unit="ms",
            bound=10,
        ),
    ]


async def _cost(api: Service, line: bytes) -> float:
    """Seconds of CPU for one request with this header, over connections of their own."""
    before, times = api.process.cpu(), 20
    for _ in range(times):
        await raw_http.send(api.port, raw_http.get("/", line, address=address()))
    return (api.process.cpu() - before) / times


async def malformed_heads(target: Target) -> list[Outcome]:
    """Item 8: heads that a server must refuse."""
    too_long = b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"
    cases = {
        "a head of 100 KB in one write": (too_long, 431),
        "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
        "two Hosts": (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        "an encoded slash in the route": (raw_http.get(f"/user%2F{people.FIRST}"), 404),
    }
    wrong = [
        name
        for name, (head, status) in cases.items()
        if (await raw_http.send(target.api.port, head)).status != status
    ]
    return [
        Outcome(
            attack="; ".join(cases),
            figure="accepted" + (f": {', '.join(wrong)}" if wrong else ""),
            value=len(wrong),
            bound=0,
        )
    ]


async def silent_metrics_connections(target: Target) -> list[Outcome]:
    """Item 8: connections to METRICS_PORT that say nothing, and the liveness probe beside them."""
    outcomes = []
    for service in (target.api, target.ws, target.cards):
        silent = [
            await asyncio.open_connection("127.0.0.1", service.metrics_port) for _ in range(64)
        ]
        waited = []
        for _ in range(20):
            reply = await raw_http.send(service.metrics_port, raw_http.get("/health"))
            waited.append(reply.seconds if reply.status == 200 else raw_http.ANSWER_TIMEOUT_S)
        for _, writer in silent:
            writer.transport.abort()
        outcomes.append(
            Outcome(
                attack=f"64 silent connections to METRICS_PORT of {service.process.name}",
                figure="slowest probe",
                value=max(waited) * 1e3,
                unit="ms",
                bound=1000,
            )
        )
    return outcomes


async def pipelined_and_reset(target: Target) -> list[Outcome]:
    """Item 9: large responses are requested ahead, and the connection is reset."""
    before = target.api.process.logged()
    for _ in range(100):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.api.port)
        writer.write(raw_http.get(LARGEST, address=address()) * 16)
        with suppress(OSError, EOFError):
            await reader.readexactly(1000)
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    await asyncio.sleep(0.5)
    return [
        Outcome(
            attack="100 times 16 pipelined requests of 240 KB and a reset",
            figure="lines in the log of api",
            value=target.api.process.logged() - before,
            bound=5,
        )
    ]


async def large_files(target: Target) -> list[Outcome]:
    """Item 9: the largest file, as often as an address gets it in a minute."""
    attacker, received, began = address(), 0, time.monotonic()
    request = raw_http.get(LARGEST, address=attacker)
    for _ in range(1_300):
        reply = await raw_http.send(target.api.port, request)
        if reply.status != 200:
            break
        received += len(reply.body)
    return [
        Outcome(
            attack="the largest file, without a pause",
            figure="sent to one address in a minute",
            value=received / MEGABYTE if time.monotonic() - began < 60 else float("inf"),
            unit="MB",
            bound=160,  # twice the budget: a new minute may begin meanwhile
        )
    ]
