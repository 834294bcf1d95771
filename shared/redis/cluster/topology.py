"""Which server of a Redis Cluster has which users, asked again and again: slots move.

Redis Cluster Specification: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct
from redis.asyncio import ConnectionPool, Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from shared.redis import clients, keys
from shared.redis.url import Address, RedisTarget

log = logging.getLogger(__name__)

ASK_EVERY: Final = 0.5  # seconds
ASK_FOR: Final = 0.5  # seconds for each server: a silent one must not hide the next

Range = tuple[int, int, Address]


class Slots(Struct, frozen=True):
    """The masters of all slots, at one moment."""

    ranges: tuple[Range, ...]

    @property
    def masters(self) -> frozenset[Address]:
        return frozenset(master for _, _, master in self.ranges)

    def owner(self, user_id: int) -> Address | None:
        """Who has this user; None while nobody does."""
        slot = key_slot(keys.presence(user_id).encode())
        for first, last, master in self.ranges:
            if first <= slot <= last:
                return master
        return None


NOWHERE: Final = Slots(())


class ClusterTopology:
    """Asks while `run` runs, and tells when the answer is another one."""

    def __init__(self, place: RedisTarget, told: Callable[[Slots], None]) -> None:
        self._place = place
        self._told = told
        self._known = list(place.hosts)
        self._now = asyncio.Event()
        self.slots = NOWHERE
        self.asked = float("-inf")  # time.monotonic(): before the newest answer was asked for

    def ask_now(self) -> None:
        """Something has shown that the answer may be old."""
        self._now.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            asked = time.monotonic()
            slots = await self._ask()
            if slots is not None:
                self.asked = asked
                if slots != self.slots:
                    self.slots = slots
                    log.info("the Redis Cluster has %d masters", len(slots.masters))
                    self._told(slots)
            self._now.clear()
            try:
                async with asyncio.timeout(ASK_EVERY):
                    await self._now.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(ASK_EVERY / 10)

    async def _ask(self) -> Slots | None:
        """The word of a server that is with the majority; None when there is none."""
        for address in list(self._known):
            answer = await self._word_of(address)
            if answer is None:
                continue
            masters = sorted(answer.masters - {address})
            given = [one for one in self._place.hosts if one not in masters and one != address]
            self._known = [*masters, *given, address]  # in turn: each may be wrong for a while
            return answer
        return None

    async def _word_of(self, address: Address) -> Slots | None:
        redis = Redis.from_pool(self.line(address))
        try:
            async with asyncio.timeout(ASK_FOR), redis:
                state = await redis.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
                found = await redis.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError):
            return None
        if b"cluster_state:ok" not in state:
            return None
        return Slots(tuple(_range(answer, address) for answer in found))

    def line(self, address: Address) -> ConnectionPool:
        """For connections to this one server."""
        return clients.line_to(self._place, address, timeout=1.0)


def _range(answer: Sequence[Any], asked: Address) -> Range:
    """`[first, last, [host, port, id], replicas…]`; no host: the one that was asked."""
    first, last, (host, port, *_), *_ = answer
    return first, last, (host.decode() if host else asked[0], port)
