"""What the load programs share that stand in for the C ones where there is no compiler.

They speak the same lines. They are slower, so time that passes says less; CPU of a server is its
own all the same.
"""

from __future__ import annotations

import os
import resource
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

UPGRADE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


def say(answer: dict[str, Any]) -> None:
    print(msgspec.json.encode(answer).decode(), flush=True)


def latencies(samples: Sequence[int]) -> dict[str, float]:
    """Of nanoseconds, in microseconds."""
    by_size = sorted(samples) or [0]

    def at(share: float) -> float:
        return by_size[int((len(by_size) - 1) * share)] / 1000

    return {"samples": len(samples), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}


def allow_many_sockets() -> None:
    """As many as the hard limit has."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect_to(port: int, number: int) -> socket.socket:
    """From 127.0.0.<2…>: the ports of one address run out. A close resets it: no TIME_WAIT."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ip(7)
    made.bind((f"127.0.0.{2 + number % 8}", 0))
    made.connect(("127.0.0.1", port))
    return made


def now() -> int:
    """CLOCK_MONOTONIC in nanoseconds, the same in every process."""
    return time.monotonic_ns()


def command() -> list[str]:
    """The next line's words, byte by byte: nothing of the line after it is taken. [] at the end."""
    line = bytearray()
    while byte := os.read(sys.stdin.fileno(), 1):
        if byte == b"\n":
            return line.decode().split()
        line += byte
    return []
