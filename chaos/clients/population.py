"""The crowd in front of the ws processes: hundreds of clients of all manners, from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from chaos.clients import hostile
from chaos.clients.changing import ChangingReader
from chaos.clients.events import EventReader
from chaos.clients.lanyard import LanyardReader
from chaos.clients.reader import ClientPopulation, ClientProfile, Reader
from chaos.history import History

_MANNERS: Final = (
    (0.55, ClientProfile("normal")),
    (0.12, ClientProfile("many-user", users=20)),
    (0.08, ClientProfile("slow", users=5, pause=0.4)),
    (0.05, ClientProfile("overtaken", users=50, pause=2.0, small_buffer=True)),
    (0.12, ClientProfile("restless", users=2, reconnect_after=2.0)),
    (0.08, ClientProfile("large", users=50)),
)
_LANYARD: Final = (
    (0.06, ClientProfile("lanyard", users=8)),
    (0.03, ClientProfile("restless lanyard", users=4, reconnect_after=2.0)),
)
_EVENTS: Final = (
    (0.06, ClientProfile("event-stream")),
    (0.03, ClientProfile("many-user event-stream", users=20)),
    (0.02, ClientProfile("overtaken event-stream", users=50, pause=2.0, small_buffer=True)),
    (0.03, ClientProfile("restless event-stream", users=2, reconnect_after=2.0)),
)
_CHANGING: Final = (
    (0.06, ClientProfile("changing", users=10)),
    (0.02, ClientProfile("slow changing", users=20, pause=0.4)),
)
_RUDE: Final = (hostile.never_reads, hostile.half_open, hostile.garbage, hostile.changes)


def readers(crowd: ClientPopulation, number: int, seed: int) -> list[Reader]:
    """Well-behaved clients, some of which watch users who may leave."""
    rng = random.Random(seed + 1)
    ids = sorted(crowd.history.members())
    found: list[Reader] = []
    for kind, manners in (
        (Reader, _MANNERS),
        (LanyardReader, _LANYARD),
        (EventReader, _EVENTS),
        (ChangingReader, _CHANGING),
    ):
        for share, profile in manners:
            for _ in range(round(number * share)):
                some = rng.sample(ids, rng.randint(1, profile.users))
                found.append(kind(crowd, len(found), profile, tuple(some), seed))
    return found


def hostile_clients(
    history: History, ports: Sequence[int], number: int, seed: int
) -> list[Coroutine[Any, Any, None]]:
    """So many clients that want nothing good."""
    rng = random.Random(seed + 2)
    ids = sorted(history.members())
    return [
        _RUDE[index % len(_RUDE)](
            ports[index % len(ports)], tuple(rng.sample(ids, 30)), random.Random(seed + index)
        )
        for index in range(number)
    ]


def start(work: Sequence[Coroutine[Any, Any, None]]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(one) for one in work]
