"""probe.c in Python: `python -m bench.load.probe PORT`. See there."""

from __future__ import annotations

import sys
import time

from bench.load.wire import UPGRADE, command, connect_to, latencies, now, say


def once(port: int, number: int, mark: bytes, target: str) -> int:
    """Nanoseconds from connect() until the mark has come."""
    more = UPGRADE if "?" in target else ""
    began = now()
    with connect_to(port, number) as made:
        made.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode())
        answer = b""
        while mark not in answer:
            data = made.recv(1 << 16)
            if not data:
                sys.exit("no answer")
            answer += data
        return now() - began


def main() -> None:
    while words := command():
        count, every, mark, target = words
        samples = []
        for number in range(int(count)):
            samples.append(once(int(sys.argv[1]), number, mark.encode(), target))
            time.sleep(int(every) / 1000)
        say(latencies(samples))


if __name__ == "__main__":
    main()
