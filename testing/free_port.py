"""Ports for processes that a test starts, kills and starts again on the same port.

Each process that asks has a block of its own, whatever else runs on this machine. The blocks lie
below the ports that the system gives to connections: a client's socket could take one of those at
any moment.
"""

from __future__ import annotations

import atexit
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import Final

_BLOCK_PORTS: Final = 200
_BLOCKS: Final = range(10_000, 20_000, _BLOCK_PORTS)


def free_port() -> int:
    """A port of 127.0.0.1. Each is given once, until all of the block have been.

    Raises RuntimeError where every block is taken.
    """
    _, ports = _block()
    return next(port for port in ports if _is_free(port))


@cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """The socket that holds the block by its first port until this process ends; the others."""
    for first in _BLOCKS:
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", first))
        except OSError:
            holder.close()
            continue
        atexit.register(holder.close)
        return holder, cycle(range(first + 1, first + _BLOCK_PORTS))
    raise RuntimeError(f"every block of ports from {_BLOCKS.start} on is taken: end other runs")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
