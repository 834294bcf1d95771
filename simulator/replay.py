"""``python -m simulator.replay FILE``: post a file of dispatches to a running simulator.

FILE holds JSON lines, a JSON list, or an object whose ``cases`` have a ``payload`` each. An
entry is a gateway message ``{"t", "d", …}`` or has one under ``payload``; op and s do not
matter. Order is kept. ``-`` reads from standard input.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec


class NotReplayable(ValueError):
    """Raised when a file has no dispatches where they should be."""


class Message(msgspec.Struct):
    """What is posted. ``d`` stays byte for byte as it is in the file."""

    t: str
    d: msgspec.Raw


def messages(text: bytes) -> Iterator[Message]:
    """The dispatches of a file, in order. Raises :class:`NotReplayable`."""
    for number, entry in enumerate(_entries(text), start=1):
        try:
            wrapped = msgspec.json.decode(entry, type=dict[str, msgspec.Raw])
            yield msgspec.json.decode(wrapped.get("payload", entry), type=Message)
        except msgspec.MsgspecError as wrong:
            raise NotReplayable(f"entry {number}: {wrong}") from wrong


def _entries(text: bytes) -> list[msgspec.Raw]:
    stripped = text.strip()
    try:
        if stripped.startswith(b"["):
            return msgspec.json.decode(stripped, type=list[msgspec.Raw])
        whole = msgspec.json.decode(stripped, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        # More than one object: one a line.
        return [msgspec.Raw(line) for line in stripped.splitlines() if line.strip()]
    if "cases" in whole:
        return msgspec.json.decode(whole["cases"], type=list[msgspec.Raw])
    return [msgspec.Raw(stripped)]


async def replay(url: str, entries: Iterator[Message], *, rate: float | None = None) -> int:
    """Post each to ``url`` (the simulator's), so many a second; returns how many.

    Raises :class:`aiohttp.ClientError` if the simulator cannot be reached or refuses one.
    """
    count = 0
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        for message in entries:
            body: Any = msgspec.json.encode(message)
            async with http.post(f"{url}/control/dispatch", data=body) as response:
                await response.read()
            count += 1
            if rate is not None:
                await asyncio.sleep(1 / rate)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulator.replay", description=__doc__)
    parser.add_argument("file", help="the file, or - for standard input")
    parser.add_argument("--url", default="http://127.0.0.1:8100", help="the simulator's address")
    parser.add_argument("--rate", type=float, default=None, help="dispatches a second")
    given = parser.parse_args(arguments)
    try:
        text = sys.stdin.buffer.read() if given.file == "-" else Path(given.file).read_bytes()
        count = asyncio.run(replay(given.url, messages(text), rate=given.rate))
    except (OSError, NotReplayable, aiohttp.ClientError) as error:
        print(f"simulator.replay: {error}", file=sys.stderr)
        return 1
    print(f"simulator.replay: posted {count} dispatches to {given.url}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
