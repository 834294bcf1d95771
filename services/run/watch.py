"""Prints every frame of a Grux WebSocket, one per line, until Ctrl-C.

    .venv/bin/python -m services.run.watch 'ws://127.0.0.1:8001/?user_id=161092844126208001'

The command line of websockets is interactive: it exits when its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

USAGE = "Usage: python -m services.run.watch 'ws://127.0.0.1:8001/?user_id=...'"


async def watch(url: str) -> int:
    """Returns the exit status: always 1, because the connection failed or was closed."""
    try:
        async with connect(url, proxy=None) as socket:
            async for frame in socket:
                print(printable(str(frame)), flush=True)
            reason = "the server closed the connection"
    except ConnectionClosed as closed:
        reason = str(closed)
    except (OSError, InvalidHandshake, InvalidURI) as error:
        reason = str(error)
    print(f"Disconnected: {printable(reason)}", file=sys.stderr)
    return 1


def printable(text: str) -> str:
    """Escape control characters: text from users must not control the terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


async def main(url: str) -> int:
    """`watch` until it ends. Returns the exit status: 0 after SIGINT or SIGTERM, the usual end."""
    watching = asyncio.create_task(watch(url))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await watching
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(USAGE)
    with contextlib.suppress(BrokenPipeError):  # as in `... | head -3`
        sys.exit(asyncio.run(main(sys.argv[1])))
