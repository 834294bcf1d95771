"""`python -m bench.scale`: Grux in its large form on this machine, bounded, with all that it starts
ended at the end. Exits with status 1 if anything was lost."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import figures, kernel, table
from bench.__main__ import machine
from bench.child import ProcessFailed
from bench.figures import Figure, Results
from bench.harness import HERE, Harness
from bench.params import QUICK, Params
from bench.scale import changes, crowds, masters, sockets
from bench.scale.changes import ChangesPlan
from bench.scale.masters import MastersPlan
from bench.scale.sockets import SocketsPlan

SOCKETS: Final = 100_000
QUICK_SOCKETS: Final = 200
USERS: Final = 100_000
QUICK_USERS: Final = 100
WS: Final = 6


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    if not kernel.IS_LINUX:
        print("scale: Linux is needed, because CPU time is read from /proc", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="grux-scale-") as folder:
        try:
            harness = Harness(QUICK if asked.quick else Params(), Path(folder), HERE.parent)
            found = asyncio.run(_until_stopped(harness, asked))
        except ProcessFailed as error:
            print(f"scale: {error}", file=sys.stderr)
            return 2
        except TimeoutError:
            print("scale: this machine is too slow for so many", file=sys.stderr)
            return 2
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("scale: stopped", file=sys.stderr)
            return 130
    results = Results(
        quick=asked.quick,
        machine=machine() | {"load": round(load)},
        left_out=harness.left_out,
        figures=found,
    )
    if asked.json:
        asked.json.write_bytes(figures.encode(results))
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load:.1f} before the run\n")
    print(table.drawn(results))
    return 1 if any(figure.reached is False for figure in found) else 0


async def _until_stopped(harness: Harness, asked: argparse.Namespace) -> list[Figure]:
    """SIGTERM does what Ctrl-C does: everything that was started is ended."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    run: Callable[[Harness, argparse.Namespace], Awaitable[list[Figure]]] = asked.run
    return await run(harness, asked)


async def _sockets(harness: Harness, asked: argparse.Namespace) -> list[Figure]:
    count = asked.sockets or (QUICK_SOCKETS if asked.quick else SOCKETS)
    proxied, tls = crowds.haproxy() is not None, not asked.plain
    if not proxied:
        harness.left_out.append("HAProxy: not installed (Debian: apt install haproxy)")
    elif tls:
        try:
            harness.compile_tls([crowds.CLIENTS])
        except ProcessFailed as error:
            harness.left_out.append(f"TLS: {error}")
            tls = False
    crowds.check_tracking(count)
    harness.compile([crowds.CLIENTS])
    layout = crowds.layout(
        count, kernel.files_limit(), ws=2 if asked.quick else WS, proxied=proxied, tls=tls
    )
    plan = SocketsPlan(change_every=max(0.1, count / 2_000))
    if asked.quick:
        layout = msgspec.structs.replace(layout, return_after=20, drain_seconds=0)
        plan = SocketsPlan(rest=0.2, changes=2, settles=0.2, change_every=0.1)
    return await sockets.run(harness, layout, plan)


async def _changes(harness: Harness, asked: argparse.Namespace) -> list[Figure]:
    plan = ChangesPlan(users=asked.users or USERS, minutes=asked.minutes)
    if asked.quick:
        plan = ChangesPlan(users=asked.users or QUICK_USERS, minutes=2, minute=0.5, ws=2)
    harness.compile([crowds.CLIENTS])
    return await changes.run(harness, plan)


async def _masters(harness: Harness, asked: argparse.Namespace) -> list[Figure]:
    plan = MastersPlan(masters=(0, 2), users=100, rounds=1, valkey=False)
    if not asked.quick:
        plan = MastersPlan()
    return await masters.run(harness, plan)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    every.add_argument("--quick", action="store_true", help="tiny numbers: shows that it works")
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    runs = parser.add_subparsers(required=True)
    one = runs.add_parser("sockets", parents=[every], help="many live WebSockets behind HAProxy")
    one.add_argument("--sockets", type=int, default=0, metavar="COUNT")
    one.add_argument("--plain", action="store_true", help="without TLS")
    one.set_defaults(run=_sockets)
    one = runs.add_parser("changes", parents=[every], help="many users who change once a minute")
    one.add_argument("--users", type=int, default=0, metavar="COUNT")
    one.add_argument("--minutes", type=int, default=10)
    one.set_defaults(run=_changes)
    one = runs.add_parser("masters", parents=[every], help="saves a second, by masters of Redis")
    one.set_defaults(run=_masters)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
