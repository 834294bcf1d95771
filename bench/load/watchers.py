"""watchers.c in Python: `python -m bench.load.watchers PORT [modest]`. See there."""

from __future__ import annotations

import re
import select
import socket
import sys
from collections.abc import Iterator
from typing import Final

from bench.load.wire import UPGRADE, allow_many_sockets, command, connect_to, latencies, now, say

AT_ONCE: Final = 64
PONG: Final = b"\x8a\x80\x00\x00\x00\x00"
STAMP: Final = re.compile(rb'"@([0-9]{7,})')


class Client:
    """One connection."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self.began = now()
        self.greeted = False
        self.shown = False
        self.unread = bytearray()

    def frames(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Opcode and size of each frame that is complete now."""
        self.unread += data
        if not self.greeted:
            _, found, rest = self.unread.partition(b"\r\n\r\n")
            if not found:
                return
            self.greeted, self.unread = True, rest
        while len(self.unread) >= 2:
            start, size = 2, self.unread[1] & 127
            if size == 126:
                start, size = 4, int.from_bytes(self.unread[2:4])
            elif size == 127:
                start, size = 10, int.from_bytes(self.unread[2:10])
            if len(self.unread) < start + size:
                return
            opcode = self.unread[0] & 15
            del self.unread[: start + size]
            yield opcode, size


class Watchers:
    """All of them, and the command under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._clients: dict[int, Client] = {}
        self._opened = 0
        self._samples: list[int] = []
        self._frames = self._bytes = self._under_way = 0
        self._to_open: list[int] = []  # users, the next one last
        self._opening = False
        self._opening_since = 0
        self._wanted: int | None = None  # frames that are awaited
        self._deadline = 0

    def run(self) -> None:
        """Until stdin ends."""
        while True:
            busy = self._opening or self._wanted is not None
            for fd, _ in self._epoll.poll(0.01 if busy else -1):
                if fd != sys.stdin.fileno():
                    self._readable(fd)
                elif not self._obey(command()):
                    return
            while self._to_open and self._under_way < AT_ONCE:
                self._connect(self._to_open.pop())
            if self._opening and not self._to_open and not self._under_way:
                self._opening = False
                self._answer((now() - self._opening_since) / 1e9)
            if self._wanted is not None and (
                self._frames >= self._wanted or now() > self._deadline
            ):
                self._wanted = None
                self._answer()

    def _obey(self, words: list[str]) -> bool:
        match words:
            case ["open", count, first, step]:
                self._to_open = [int(first) + i * int(step) for i in range(int(count))][::-1]
                self._opening, self._opening_since = True, now()
            case ["await", frames, milliseconds]:
                self._wanted = int(frames)
                self._deadline = now() + int(milliseconds) * 1_000_000
            case ["mark"]:
                self._frames = self._bytes = 0
                self._answer()
            case ["close"]:
                for fd in list(self._clients):
                    self._hang_up(fd)
                self._answer()
        return bool(words)

    def _connect(self, user_id: int) -> None:
        made = connect_to(self._port, self._opened)
        made.sendall(
            f"GET /?user_id={user_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n{UPGRADE}\r\n".encode()
        )
        made.setblocking(False)
        self._clients[made.fileno()] = Client(made)
        self._epoll.register(made.fileno(), select.EPOLLIN)
        self._opened += 1
        self._under_way += 1

    def _readable(self, fd: int) -> None:
        client = self._clients.get(fd)
        if client is None:
            return
        try:
            data = client.socket.recv(1 << 17)
        except ConnectionError:
            data = b""
        if not data:
            self._hang_up(fd)
            return
        if self._wanted is not None:
            self._samples += [now() - int(made) for made in STAMP.findall(data)]
        for opcode, size in client.frames(data):
            if opcode == 9:
                client.socket.send(PONG)
            elif opcode == 1:
                self._text(client, size)

    def _text(self, client: Client, size: int) -> None:
        self._frames += 1
        self._bytes += size
        if not client.shown:
            client.shown = True
            self._under_way -= 1
            if self._opening:
                self._samples.append(now() - client.began)

    def _hang_up(self, fd: int) -> None:
        client = self._clients.pop(fd)
        client.socket.close()
        self._under_way -= not client.shown

    def _answer(self, seconds: float = 0.0) -> None:
        counted = {"frames": self._frames, "bytes": self._bytes, "alive": len(self._clients)}
        say({**counted, "seconds": seconds, **latencies(self._samples)})
        self._samples = []


if __name__ == "__main__":
    allow_many_sockets()
    Watchers(int(sys.argv[1])).run()
