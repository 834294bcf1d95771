"""Items 7 and 9: cards of other people kept busy, and images that fill the render process."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from bench import kernel, people
from bench.attacks import raw_http
from bench.attacks.outcome import Outcome
from bench.attacks.rest import MEGABYTE
from bench.attacks.target import Target, address, service
from simulator.png import SIGNATURE

VARIANTS: Final = 90  # of one person's card, more than are drawn for an address in a minute
CROWD: Final = 64  # people whose cards one address requests at the same time
VISITS: Final = 10
WIDE: Final = 12_000_000  # pixels


def _card(number: int, attacker: str, *, variant: int | None = None) -> bytes:
    query = "" if variant is None else f"?accent={variant:06x}"
    return raw_http.get(f"/card/{people.FIRST + number}.svg{query}", address=attacker)


def _is_busy(reply: raw_http.Reply) -> bool:
    return reply.status != 200 or b"\r\nx-grux-problem:" in reply.head.lower()


async def one_person(target: Target) -> list[Outcome]:
    """Item 7: an address varies the parameters of one person's card; others look at it."""
    attacker, port, busy = address(), target.cards.port, 0
    for variant in range(VARIANTS):
        await raw_http.send(port, _card(1, attacker, variant=variant))
    for _ in range(VISITS):
        await people.change(target.redis.store, people.FIRST + 1, variant := variant + 1)
        busy += _is_busy(await raw_http.send(port, _card(1, address())))
    return [
        Outcome(
            attack=f"{VARIANTS} variants of one person's card from one address",
            figure=f"of {VISITS} visitors, saw no card",
            value=busy,
            bound=0,
        )
    ]


async def many_people(target: Target) -> list[Outcome]:
    """Item 7: an address requests many cards at once, without a pause; others want new ones."""
    attacker, port, stop = address(), target.cards.port, asyncio.Event()

    async def attack(number: int) -> None:
        variant = number
        while not stop.is_set():
            await raw_http.send(port, _card(100 + number, attacker, variant=variant))
            variant += CROWD

    attackers = [asyncio.create_task(attack(number)) for number in range(CROWD)]
    await asyncio.sleep(1.0)
    busy, slowest = 0, 0.0
    for number in range(VISITS):
        reply = await raw_http.send(port, _card(500 + number, address()))
        busy += _is_busy(reply)
        slowest = max(slowest, reply.seconds)
    stop.set()
    await asyncio.gather(*attackers)
    attack_name = f"cards of {CROWD} people at a time from one address"
    return [
        Outcome(
            attack=attack_name, figure=f"of {VISITS} visitors, saw no card", value=busy, bound=0
        ),
        Outcome(attack=attack_name, figure="slowest card", value=slowest, unit="s", bound=5),
    ]


async def wide_image(target: Target) -> list[Outcome]:
    """Item 9: a PNG of 1 x 12,000,000 pixels is an avatar."""
    async with (
        _serving(_png(WIDE, 1)) as cdn,
        service(target.harness, target.redis, "cards", DISCORD_CDN_URL=cdn) as cards,
    ):
        most, done = 0, asyncio.Event()

        async def look() -> None:
            nonlocal most
            while not done.is_set():
                for pid in children(cards.process.pid):
                    with suppress(OSError, LookupError):
                        most = max(most, kernel.most_memory(pid))
                await asyncio.sleep(0.02)

        looking = asyncio.create_task(look())
        replies = [
            await raw_http.send(cards.port, _card(1, address(), variant=variant))
            for variant in range(3)
        ]
        done.set()
        await looking
        answered = sum(reply.status == 200 for reply in replies)
    return [
        Outcome(
            attack=f"an avatar of 1 x {WIDE:,} pixels",
            figure=f"memory of the render process at most ({answered} of 3 answered)",
            value=most / MEGABYTE,
            unit="MB",
            bound=150,
        )
    ]


def children(pid: int) -> list[int]:
    """The process ids of its children."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(one) for one in (task / "children").read_text().split()]
    return found


@asynccontextmanager
async def _serving(image: bytes) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % len(image) + image)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _png(width: int, height: int) -> bytes:
    """Valid, grey, and small in spite of its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(data, zlib.crc32(kind))
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((1 + width) * height), 9)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
