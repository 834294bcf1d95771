"""Ports that stay reserved for a run while it kills and restarts their listeners.

Other runs at the same time have others, and none is one that the system gives to connections.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Final

_EACH: Final = 100
_BLOCKS: Final = range(20_000, 32_000, _EACH)


def free_port() -> int:
    """The next free port. Raises RuntimeError if other runs hold all of them."""
    _, ports = _block()
    return next(port for port in ports if _bound(port, close=True))


@cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """What holds the block's first port, and so the block, until this process ends; the others."""
    for first in _BLOCKS:
        if holder := _bound(first):
            return holder, cycle(range(first + 1, first + _EACH))
    raise RuntimeError(f"every hundredth port from {_BLOCKS.start} is taken: end the other runs")


def _bound(port: int, *, close: bool = False) -> socket.socket | None:
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", port))
    except OSError:
        held.close()
        return None
    if close:
        held.close()
    return held
