"""Ports of this machine that nobody else takes between being found and being listened on.

Each of the processes that run tests side by side has a thousand of its own. They lie below those
that the system gives to connections: a client's socket would take one at any moment.
"""

from __future__ import annotations

import os
import socket
from itertools import count
from typing import Final

_EACH: Final = 1_000
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST: Final = 10_100 + _WORKER * _EACH
_numbers = count(os.getpid() * 50)  # two runs at the same time begin elsewhere


def free_port() -> int:
    """Each is given once, until all have been."""
    while True:
        port = _FIRST + next(_numbers) % _EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
