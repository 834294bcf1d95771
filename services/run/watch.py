"""Prints every frame of a Grux WebSocket, one on a line, until Ctrl-C.

    .venv/bin/python -m services.run.watch 'ws://127.0.0.1:8001/?user_id=161092844126208001'

websockets' own command line is for a person at a keyboard: it ends when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

USAGE = "Give one URL: python -m services.run.watch 'ws://127.0.0.1:8001/?user_id=...'"


async def watch(url: str) -> int:
    """The exit status: 1 when the server hung up or there is none."""
    try:
        async with connect(url, proxy=None) as socket:
            async for frame in socket:
                print(inert(str(frame)), flush=True)
            reason = "the server hung up"
    except ConnectionClosed as closed:
        reason = str(closed)
    except (OSError, InvalidHandshake, InvalidURI) as error:
        reason = str(error)
    print(f"No more frames: {inert(reason)}", file=sys.stderr)
    return 1


def inert(text: str) -> str:
    """Names and statuses are other people's text: no character of theirs commands the terminal."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


async def main(url: str) -> int:
    """`watch` until it ends or is told to: a Ctrl-C is the usual end, not a failure."""
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
