"""http_load.c in Python: `python -m bench.load.http_load PORT`. See there."""

from __future__ import annotations

import re
import select
import socket
import sys
from collections import Counter
from typing import Final

from bench.load.wire import command, connect_to, latencies, now, say

LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)", re.IGNORECASE)
TAG: Final = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)


class Connection:
    """One request at a time."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self.number = 0  # which path it waits for
        self.asked = 0
        self.unread = b""

    def answer(self, data: bytes) -> tuple[int, bytes, int] | None:
        """Status, ETag and size of the response, once it is complete."""
        self.unread += data
        head, found, body = self.unread.partition(b"\r\n\r\n")
        status = int(head[9:12]) if found else 0
        length = LENGTH.search(head)
        if not found or (status != 304 and length and len(body) < int(length[1])):
            return None
        size, self.unread = len(self.unread), b""
        tag = TAG.search(head)
        return status, tag[1] if tag else b"", size


class Run:
    """One line's worth of requests."""

    def __init__(self, prefix: str, first: int, count: int, mode: str) -> None:
        self._prefix, self._first, self._count, self._mode = prefix, first, count, mode
        self._sent = 0
        self._statuses: Counter[int] = Counter()
        self._bytes = 0
        self._samples: list[int] = []

    def of(self, port: int, connections: int, requests: int, tags: dict[int, bytes]) -> None:
        epoll = select.epoll()
        open_ones = {}
        for number in range(connections):
            made = connect_to(port, number)
            open_ones[made.fileno()] = Connection(made)
            epoll.register(made.fileno(), select.EPOLLIN)
        began = now()
        for one in open_ones.values():
            if self._sent < requests:
                self._ask(one, tags)
        while len(self._samples) < requests:
            for fd, _ in epoll.poll():
                one = open_ones[fd]
                answer = one.answer(one.socket.recv(1 << 16))
                if answer is not None:
                    self._take(one, *answer, tags)
                    if self._sent < requests:
                        self._ask(one, tags)
        say({**self._counted(), "seconds": (now() - began) / 1e9, **latencies(self._samples)})
        for one in open_ones.values():
            one.socket.close()

    def _ask(self, one: Connection, tags: dict[int, bytes]) -> None:
        one.number = self._sent % self._count
        self._sent += 1
        tag = tags.get(one.number) if self._mode == "send" else None
        one.asked = now()
        one.socket.sendall(
            b"GET %b%d HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://example.org\r\n%b\r\n"
            % (
                self._prefix.encode(),
                self._first + one.number,
                b"If-None-Match: %b\r\n" % tag if tag else b"",
            )
        )

    def _take(
        self, one: Connection, status: int, tag: bytes, size: int, tags: dict[int, bytes]
    ) -> None:
        self._samples.append(now() - one.asked)
        self._statuses[status] += 1
        self._bytes += size
        if self._mode == "learn":
            tags[one.number] = tag

    def _counted(self) -> dict[str, int]:
        ok, not_modified = self._statuses[200], self._statuses[304]
        done = len(self._samples)
        other = done - ok - not_modified
        return {
            "requests": done,
            "ok": ok,
            "not_modified": not_modified,
            "other": other,
            "bytes": self._bytes,
        }


def main() -> None:
    tags: dict[int, bytes] = {}
    while words := command():
        connections, requests, prefix, first, count, mode = words
        run = Run(prefix, int(first), int(count), mode)
        run.of(int(sys.argv[1]), int(connections), int(requests), tags)


if __name__ == "__main__":
    main()
