"""Finds free ports, and checks the chosen ones, before anything starts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection
from typing import Final

from shared.net.listen import listen_problem, port_taken

RANGE_PORTS: Final = 100
"""How many ports `free_range` searches."""

CONNECT_TIMEOUT_S: Final = 0.5


class PortUnusable(Exception):
    """Raised when a process could not listen at the address in its settings; the text names it."""


def check(host: str, port: int, setting: str) -> None:
    """Raise PortUnusable unless a server could listen on `host` and `port` now.

    `setting` is the name of the port's variable, such as API_PORT; "" for a port that no setting
    gives.
    """
    if _accepts(host, port):
        raise PortUnusable(str(port_taken(port, setting)))
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
                probe.bind(address)
    except OSError as error:
        raise PortUnusable(str(listen_problem(error, host, port, setting))) from None


def free(preferred: int, *, reserved: Collection[int]) -> int:
    """`preferred` on 127.0.0.1 if it is free, else any free port. `reserved` count as taken."""
    with contextlib.suppress(PortUnusable):
        if preferred not in reserved:
            check("127.0.0.1", preferred, "")
            return preferred
    return any_free(reserved=reserved)


def free_range(host: str, preferred: int, length: int, *, reserved: Collection[int]) -> int:
    """The first of `length` consecutive free ports, searched from `preferred` on; 0: none found.

    `reserved`: ports that count as taken.
    """
    for first in range(preferred, preferred + RANGE_PORTS, length):
        candidates = range(first, first + length)
        if any(port in reserved for port in candidates):
            continue
        with contextlib.suppress(PortUnusable):
            for port in candidates:
                check(host, port, "")
            return first
    return 0


def any_free(*, reserved: Collection[int]) -> int:
    """A port of 127.0.0.1 that is free at this moment, and not one of `reserved`.

    The system may give one port twice as long as nothing listens on it.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in reserved:
            return port


def _accepts(host: str, port: int) -> bool:
    """Whether a server accepts connections there.

    Binding alone does not tell: some systems let two servers share a port on different addresses.
    """
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False
