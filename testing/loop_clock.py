"""Simulated time: an event loop whose clock jumps to the next timer instead of waiting for it.

Eight seconds of a lease pass in microseconds, in the same order on every machine. The fixture
`clock` of tests/conftest.py installs it on the loop of one test.

Timers must not depend on the answer of a real socket: the clock does not wait for one, and a
timeout would expire at once. Use fakeredis and streams in memory. Threads are waited for
(`asyncio.to_thread`, name resolution).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from selectors import BaseSelector, SelectorKey
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

_NS: Final = 1_000_000_000  # nanoseconds per second
_SELF_PIPE: Final = 1  # file descriptors that every loop watches for itself


class NothingLeftToHappen(Exception):
    """Raised when every task waits and no timer, socket or thread can wake one: a deadlock."""


class LoopClock:
    """The clock of one event loop, and of the module `time`. Use `installed`.

    `time.time`, `time.monotonic` and their `_ns` twins follow, and so the expiry of keys in
    fakeredis. A module that has imported one of these functions by name keeps the real one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._selector: BaseSelector = getattr(loop, "_selector")  # noqa: B009 (private: untyped)
        self._select: Callable[[float | None], list[tuple[SelectorKey, int]]] = (
            self._selector.select
        )
        self._run_in_executor: Callable[..., asyncio.Future[Any]] = loop.run_in_executor
        self._began = time.monotonic()
        self._began_wall = time.time()
        self._passed = 0.0  # seconds
        self._threads = 0  # that are at work

    @classmethod
    @contextmanager
    def installed(cls) -> Iterator[LoopClock]:
        """Simulate time on the running loop until the block ends."""
        loop = asyncio.get_running_loop()
        clock = cls(loop)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock._selector, "select", clock._wait)
            patch.setattr(loop, "time", clock.now)
            patch.setattr(loop, "run_in_executor", clock._count_thread)
            patch.setattr(time, "monotonic", clock.now)
            patch.setattr(time, "monotonic_ns", lambda: int(clock.now() * _NS))
            patch.setattr(time, "time", clock.wall)
            patch.setattr(time, "time_ns", lambda: int(clock.wall() * _NS))
            yield clock

    def now(self) -> float:
        """Seconds, as `loop.time()` and `time.monotonic()` give them."""
        return self._began + self._passed

    def wall(self) -> float:
        """Seconds since 1970, as `time.time()` gives them."""
        return self._began_wall + self._passed

    @property
    def passed(self) -> float:
        """Simulated seconds since the clock was installed."""
        return self._passed

    def stop_process(self, seconds: float) -> None:
        """Let time pass while nothing runs, as between SIGSTOP and SIGCONT."""
        self._passed += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass, with all timers that fall into it."""
        await asyncio.sleep(seconds)

    def _wait(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """The selector's `select`: `timeout` is the time to the next timer, None without one."""
        if self._threads:
            return self._select(timeout)
        if ready := self._select(0):
            return ready
        if timeout is not None:
            self._passed += max(0.0, timeout)
            return []
        if len(self._selector.get_map()) <= _SELF_PIPE:
            raise NothingLeftToHappen
        return self._select(None)

    def _count_thread(
        self, executor: Any, function: Callable[..., T], *arguments: Any
    ) -> asyncio.Future[T]:
        future = self._run_in_executor(executor, function, *arguments)
        self._threads += 1
        future.add_done_callback(self._uncount_thread)
        return future

    def _uncount_thread(self, _: object) -> None:
        self._threads -= 1
