"""Pictures of what plays, /oembed and /history: random ids, parameters and sizes, from a crowd.

Each request of /oembed and /history comes from another address, so that no budget of an address
hides what it costs. The pictures are requested by one: several could keep all renderers busy.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from bench import kernel, people
from bench.attacks import raw_http
from bench.attacks.outcome import Outcome
from bench.attacks.pictures import CROWD, children
from bench.attacks.raw_http import Reply
from bench.attacks.rest import MEGABYTE
from bench.attacks.target import USERS, Service, Target, address, service

SECONDS: Final = 8.0
VISIT_EVERY_S: Final = 0.2
MAX_GROWTH_MB: Final = 64.0  # caches that fill
MAX_WAIT_S: Final = 5.0
MAX_CPU_S: Final = 0.003  # for a request with its connection; a picture that is drawn is not one
PUBLIC_URL: Final = "https://presence.example.org"
PAGE: Final = f"{PUBLIC_URL}/u/"
WORDS: Final = ("theme", "accent", "bg", "width", "idleMessage", "borderRadius", "lang", "layout")

Request = Callable[[random.Random], str]
"""Makes the path of the next request."""


class Storm(Struct):
    """What has come of it. Bytes, and seconds."""

    statuses: Counter[int]
    waits: list[float]  # of the visitors
    disappointed: int  # visitors that got something else
    growth: int
    cpu: float  # of the service, for a request


def _picture(chance: random.Random) -> str:
    """Of strangers and of people, in any size and colour, with parameters that are none."""
    known = people.FIRST + chance.randrange(USERS // 2)
    user_id = chance.choice((known, chance.randrange(10**17, 10**18)))
    values = (str(chance.randrange(10**4)), f"{chance.getrandbits(24):06x}", "x" * 200, "-1", "1e9")
    some = chance.sample(WORDS, chance.randrange(len(WORDS)))
    query = "&".join(f"{word}={chance.choice(values)}" for word in some)
    return f"/now-playing/{user_id}.{chance.choice(('svg', 'png'))}?{query}"


def _oembed(chance: random.Random) -> str:
    """Pages of people, of strangers, of other hosts; each within another, and far too long ones."""
    page = chance.choice(
        (
            f"{PAGE}{people.FIRST + chance.randrange(USERS)}",
            f"{PAGE}{chance.randrange(10**17, 10**18)}",
            f"https://{chance.getrandbits(64):x}.example/u/{people.FIRST}",
            f"{PUBLIC_URL}@evil.example/u/{people.FIRST}",
            f"{PAGE}{'1' * 30_000}",
            f"{PUBLIC_URL}/oembed?url=" * 300 + f"{PAGE}{people.FIRST}",
            f"{PAGE}{people.FIRST}" + "%2f" * 5_000,
        )
    )
    size = chance.choice(("", "&maxwidth=1", "&maxwidth=99999&maxheight=0", "&format=xml"))
    return f"/oembed?url={page}{size}"


def _history(chance: random.Random) -> str:
    """Of people without one, and of strangers: both are looked up in the durable Redis."""
    known = people.FIRST + chance.randrange(USERS)
    return f"/history/{chance.choice((known, chance.randrange(10**17, 10**18)))}"


async def pictures(target: Target) -> list[Outcome]:
    attacker = address()

    def visit(number: int) -> str:
        return f"/now-playing/{people.FIRST + USERS // 2 + number}.svg"

    warm = [raw_http.get(visit(number), address=address()) for number in range(-8, 0)]
    await asyncio.gather(*(raw_http.send(target.cards.port, one) for one in warm))
    storm = await _storm(target.cards, _picture, visit, lambda: attacker)
    name = f"pictures of what plays, {CROWD} at a time from one address, any ids and parameters"
    return _outcomes(name, "cards", storm, cpu=None)


async def oembed(target: Target) -> list[Outcome]:
    async with service(target.harness, target.redis, "api", PUBLIC_URL=PUBLIC_URL) as api:
        storm = await _storm(
            api, _oembed, lambda number: f"/oembed?url={PAGE}{people.FIRST + number}"
        )
    name = f"/oembed, {CROWD} at a time: foreign hosts, nested and endless addresses"
    return _outcomes(name, "api", storm, cpu=MAX_CPU_S)


async def history(target: Target) -> list[Outcome]:
    storm = await _storm(target.api, _history, lambda number: f"/user/{people.FIRST + number}")
    name = f"/history, {CROWD} at a time, of strangers and of people without one"
    return _outcomes(name, "api", storm, cpu=MAX_CPU_S)


async def _storm(
    attacked: Service,
    request: Request,
    visit: Callable[[int], str],
    attacker: Callable[[], str] = address,
) -> Storm:
    """A crowd that asks without a pause, and a visitor now and then."""
    process, stop = attacked.process, asyncio.Event()
    statuses: Counter[int] = Counter()

    async def attack(number: int) -> None:
        chance = random.Random(number)
        while not stop.is_set():
            sent = raw_http.get(request(chance), address=attacker())
            statuses[(await raw_http.send(attacked.port, sent)).status] += 1

    memory, cpu = _memory(process.pid), process.cpu()
    attackers = [asyncio.create_task(attack(number)) for number in range(CROWD)]
    replies: list[Reply] = []
    loop = asyncio.get_running_loop()
    until = loop.time() + SECONDS
    while loop.time() < until:
        sent = raw_http.get(visit(len(replies)), address=address())
        replies.append(await raw_http.send(attacked.port, sent))
        await asyncio.sleep(VISIT_EVERY_S)
    stop.set()
    await asyncio.gather(*attackers)
    return Storm(
        statuses,
        [reply.seconds for reply in replies],
        sum(map(_is_disappointing, replies)),
        _memory(process.pid) - memory,
        (process.cpu() - cpu) / statuses.total(),
    )


def _is_disappointing(reply: Reply) -> bool:
    return reply.status != 200 or b"\r\nx-grux-problem:" in reply.head.lower()


def _memory(pid: int) -> int:
    """Bytes, with its children: they draw."""
    return sum(map(kernel.memory, (pid, *children(pid))))


def _outcomes(attack: str, name: str, storm: Storm, *, cpu: float | None) -> list[Outcome]:
    answers = ", ".join(f"{status}: {number}" for status, number in sorted(storm.statuses.items()))
    rows: Sequence[tuple[str, float, str, float]] = (
        (f"failed, of {storm.statuses.total()} ({answers})", _failures(storm), "", 0),
        (f"of {len(storm.waits)} visitors, not served", storm.disappointed, "", 0),
        ("slowest answer to a visitor", max(storm.waits), "s", MAX_WAIT_S),
        (f"growth of {name}", storm.growth / MEGABYTE, "MB", MAX_GROWTH_MB),
        *([(f"CPU of {name} for a request", storm.cpu * 1e6, "µs", cpu * 1e6)] if cpu else []),
    )
    return [
        Outcome(attack=attack, figure=figure, value=value, unit=unit, bound=bound)
        for figure, value, unit, bound in rows
    ]


def _failures(storm: Storm) -> int:
    """Answers which say that the server failed. An attacker's own pictures may wait for long."""
    return sum(storm.statuses[status] for status in (500, 502, 504))
