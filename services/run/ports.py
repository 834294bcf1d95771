"""Which ports are free, asked before anything starts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection
from typing import Final

from shared.net.listen import listen_problem, port_taken

NEAR: Final = 100  # ports that are tried


class PortUnusable(Exception):
    """Raised when a process could not listen where its settings say; the text names them."""


def check(host: str, port: int, setting: str) -> None:
    """Raise PortUnusable unless a server could listen on `host` and `port` now.

    `setting` is the name of the port's variable, such as API_PORT; "" when nobody chose it.
    """
    if _answers(host, port):
        raise PortUnusable(str(port_taken(port, setting)))
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
                probe.bind(address)
    except OSError as error:
        raise PortUnusable(str(listen_problem(error, host, port, setting))) from None


def free(preferred: int) -> int:
    """`preferred` on 127.0.0.1 if it is free, else any port that is."""
    with contextlib.suppress(PortUnusable):
        check("127.0.0.1", preferred, "")
        return preferred
    return any_free()


def row(host: str, preferred: int, length: int, *, but: Collection[int]) -> int:
    """The first of so many free ports in a row, from `preferred` on; 0 where there are none near.

    `but`: these are promised to others.
    """
    for first in range(preferred, preferred + NEAR, length):
        wanted = range(first, first + length)
        if any(port in but for port in wanted):
            continue
        with contextlib.suppress(PortUnusable):
            for port in wanted:
                check(host, port, "")
            return first
    return 0


def any_free() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(host: str, port: int) -> bool:
    """Some systems let two servers have one port on different addresses: so ask as well."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
