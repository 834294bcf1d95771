"""Which master of a Redis Cluster has which slots. Slots move, so it is asked again and again.

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

POLL_INTERVAL_S: Final = 0.5
ANSWER_TIMEOUT_S: Final = 0.5  # of each server: a silent one must not hide the next

Range = tuple[int, int, Address]


class Slots(Struct, frozen=True):
    """The masters of all slots, at one moment."""

    ranges: tuple[Range, ...]

    @property
    def masters(self) -> frozenset[Address]:
        return frozenset(master for _, _, master in self.ranges)

    def owner(self, user_id: int) -> Address | None:
        """The master that has this user; None while the slot has no master."""
        slot = key_slot(keys.presence(user_id).encode())
        for first, last, master in self.ranges:
            if first <= slot <= last:
                return master
        return None


NO_SLOTS: Final = Slots(())


class ClusterTopology:
    """Polls the slots while `run` runs, and reports when they have changed."""

    def __init__(self, target: RedisTarget, on_change: Callable[[Slots], None]) -> None:
        self._target = target
        self._on_change = on_change
        self._known = list(target.hosts)
        self._poll_now = asyncio.Event()
        self.slots = NO_SLOTS
        self.asked = float("-inf")  # time.monotonic(): just before the newest answer was asked for

    def ask_now(self) -> None:
        """Something suggests that the slots have changed."""
        self._poll_now.set()

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
                    self._on_change(slots)
            self._poll_now.clear()
            try:
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._poll_now.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(POLL_INTERVAL_S / 10)

    def pool(self, address: Address) -> ConnectionPool:
        """Makes connections to this one server."""
        return clients.server_pool(self._target, address, timeout=1.0)

    async def _ask(self) -> Slots | None:
        """The answer of a server that is with the majority; None when there is none."""
        for address in list(self._known):
            answer = await self._ask_server(address)
            if answer is None:
                continue
            masters = sorted(answer.masters - {address})
            given = [one for one in self._target.hosts if one not in masters and one != address]
            self._known = [*masters, *given, address]  # in turn: each may be wrong for a while
            return answer
        return None

    async def _ask_server(self, address: Address) -> Slots | None:
        redis = Redis.from_pool(self.pool(address))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), redis:
                state = await redis.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
                found = await redis.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError):
            return None
        if b"cluster_state:ok" not in state:
            return None
        return Slots(tuple(_range(answer, address) for answer in found))


def _range(answer: Sequence[Any], asked: Address) -> Range:
    """`[first, last, [host, port, id], replicas…]`; no host: the one that was asked."""
    first, last, (host, port, *_), *_ = answer
    return first, last, (host.decode() if host else asked[0], port)
